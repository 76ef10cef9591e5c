using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>The contract on SQLite with <c>--durability normal</c>.</summary>
public class SqliteStoreTests : StoreContract
{
    readonly TempFolder folder = new();
    SqliteStore store;

    public SqliteStoreTests() => store = Open();

    protected override IBuildStore Store => store;

    protected virtual Durability Durability => Durability.Normal;

    SqliteStore Open() => SqliteStore.Open(
        folder.File("quoin.db"), new StoreOptions { NewId = "store-1", Durability = Durability });

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
        folder.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The contract on SQLite with <c>--durability full</c>.</summary>
public sealed class SqliteStoreSyncedTests : SqliteStoreTests
{
    protected override Durability Durability => Durability.Full;
}
