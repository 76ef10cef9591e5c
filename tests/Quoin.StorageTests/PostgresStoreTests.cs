using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>The contract on PostgreSQL, without a lease and with one.</summary>
public class PostgresStoreTests : StoreContract
{
    readonly PostgresAddress address;
    PostgresStore store;

    public PostgresStoreTests(PostgresServer server)
    {
        address = server.NewAddress();
        store = Open();
    }

    protected override IBuildStore Store => store;

    protected virtual bool Lead => false;

    PostgresStore Open() =>
        PostgresStore.Open(address, new StoreOptions { NewId = "store-1", Lead = Lead });

    [Fact]
    public Task Tokens_and_keys_of_requests_are_kept() =>
        AccessContract.HoldAsync(Store, TestContext.Current.CancellationToken);

    protected override async Task ReopenAsync()
    {
        await store.DisposeAsync();
        store = Open();
    }

    public override async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The contract on PostgreSQL for a coordinator.</summary>
public sealed class PostgresLeadingStoreTests(PostgresServer server) : PostgresStoreTests(server)
{
    protected override bool Lead => true;
}
