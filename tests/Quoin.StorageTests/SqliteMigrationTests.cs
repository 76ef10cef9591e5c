using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>Migrations: numbered, forward only, each atomic with its version.</summary>
public sealed class SqliteMigrationTests : IDisposable
{
    static readonly StoreOptions options = new() { NewId = "store-1" };

    readonly TempFolder folder = new();
    readonly SqliteConnection connection;

    public SqliteMigrationTests() => connection = SqliteConnection.Open(
        folder.File("quoin.db"), SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 1000);

    public void Dispose()
    {
        connection.Dispose();
        folder.Dispose();
    }

    // A history of our own on top of the real first script.
    static string Script(int version) => version switch
    {
        1 => SqliteSchema.Script(1),
        2 => "CREATE TABLE two (x INTEGER); INSERT INTO two VALUES (2);",
        3 => "ALTER TABLE two ADD COLUMN y INTEGER; CREATE TABLE three (x INTEGER); no such words;",
        _ => throw new ArgumentOutOfRangeException(nameof(version)),
    };

    long?[] Versions() =>
    [
        connection.Number("SELECT count(*) FROM schema_version"u8),
        connection.Number("SELECT max(version) FROM schema_version"u8),
    ];

    [Fact]
    public void Every_script_in_the_folder_is_listed_once_and_in_order()
    {
        var resources = typeof(SqliteStore).Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

        Assert.Equal(resources, SqliteSchema.Scripts.Concat(PostgresSchema.Scripts));
        Assert.All(
            SqliteSchema.Scripts.Index(),
            script => Assert.StartsWith($"{script.Index + 1:D4}_", script.Item));
    }

    [Fact]
    public void An_empty_file_is_brought_to_the_newest_version()
    {
        Assert.False(SqliteSchema.IsCurrent(connection));

        SqliteSchema.Migrate(connection, options);

        Assert.True(SqliteSchema.IsCurrent(connection));
        Assert.Equal([SqliteSchema.Scripts.Length, SqliteSchema.Scripts.Length], Versions());
        Assert.Equal(1, connection.Number("SELECT count(*) FROM store WHERE id = 'store-1'"u8));
    }

    [Fact]
    public void An_older_file_gets_only_what_it_lacks()
    {
        SqliteSchema.Migrate(connection, options, 1, Script);
        SqliteSchema.Migrate(connection, options, 2, Script);
        SqliteSchema.Migrate(connection, options, 2, Script);

        Assert.Equal([2, 2], Versions());
        Assert.Equal(1, connection.Number("SELECT count(*) FROM two"u8));
    }

    [Fact]
    public void A_script_that_fails_leaves_the_version_before_it_and_nothing_of_itself()
    {
        var refused = Assert.Throws<StoreException>(
            () => SqliteSchema.Migrate(connection, options, 3, Script));

        Assert.Contains("syntax error", refused.Message);
        Assert.False(connection.InTransaction);
        Assert.Equal([2, 2], Versions());
        Assert.Equal(1, connection.Number("SELECT count(*) FROM pragma_table_info('two')"u8));
        Assert.Equal(
            0, connection.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'three'"u8));
    }

    [Fact]
    public async Task A_store_of_the_first_version_is_brought_up_to_date()
    {
        SqliteSchema.Migrate(connection, options, 1, SqliteSchema.Script);
        connection.Execute("INSERT INTO inbox VALUES (1, 'a', 0, 'b', x'')"u8);
        Assert.Throws<StoreException>(() => SqliteSchema.Migrate(
            connection, options, 2, version => SqliteSchema.Script(version) + "no such words;"));
        Assert.Equal([1, 1], Versions());

        await using var store = SqliteStore.Open(folder.File("quoin.db"), options);

        Assert.Equal([SqliteSchema.Scripts.Length, SqliteSchema.Scripts.Length], Versions());
        Assert.Equal(["a"], store.Waiting().Select(command => command.Id));
        Assert.Empty(store.Workers());
    }

    [Fact]
    public async Task Processes_that_open_a_new_store_at_once_make_it_once()
    {
        var path = folder.File("new.db");

        var stores = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(
            () => SqliteStore.Open(path, new StoreOptions { NewId = $"store-{i}" }),
            TestContext.Current.CancellationToken)));

        Assert.Single(stores.Select(store => store.Id).Distinct());
        foreach (var store in stores) await store.DisposeAsync();
    }
}
