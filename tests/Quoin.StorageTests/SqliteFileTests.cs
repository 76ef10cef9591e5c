using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What may lie where the store should be, and what a person is told.</summary>
public sealed class SqliteFileTests : IDisposable
{
    readonly TempFolder folder = new();
    readonly PartitionNames names = new();

    string Db => folder.File("quoin.db");

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    static StoreOptions Options => new() { NewId = "store-1", BusyTimeoutMs = 50 };

    static StoreOptions ReadOnly => new() { NewId = "", ReadOnly = true, BusyTimeoutMs = 50 };

    AppendBatch Batch(params BuildEvent[] events) =>
        new() { At = DateTimeOffset.UnixEpoch, Names = names, Events = events };

    async Task MakeAsync(int events = 3)
    {
        await using var store = SqliteStore.Open(Db, Options);
        for (var i = 1; i <= events; i++)
            await store.AppendAsync(Batch(new WantSucceeded(new(i))), Ct);
    }

    /// <summary>Another program with the file open, as <c>sqlite3</c> would be.</summary>
    SqliteConnection Other() => SqliteConnection.Open(
        Db, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 0);

    StoreException Refused(StoreOptions options, string code)
    {
        var refused = Assert.Throws<StoreException>(() => SqliteStore.Open(Db, options));
        Assert.Equal(code, refused.Code);
        Assert.Contains(Db, refused.Message, StringComparison.Ordinal);
        return refused;
    }

    [Fact]
    public async Task A_new_store_has_its_id_its_time_and_the_newest_schema()
    {
        await using var store = SqliteStore.Open(
            Db, Options with { NewId = "kite-7", Time = new FixedTime(1_769_860_800_123) });

        Assert.Equal("kite-7", store.Id);
        Assert.Equal(new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero), store.CreatedAt);
        using var other = Other();
        Assert.Equal(
            SqliteSchema.Scripts.Length, other.Number("SELECT max(version) FROM schema_version"u8));
        Assert.Equal(0, other.Number("PRAGMA user_version"u8));
    }

    [Fact]
    public async Task The_id_stays_when_the_store_is_opened_with_another()
    {
        await MakeAsync();
        await using var store = SqliteStore.Open(Db, Options with { NewId = "other" });
        Assert.Equal("store-1", store.Id);
    }

    [Fact]
    public async Task The_event_table_refuses_update_delete_replace_and_gaps()
    {
        await MakeAsync();
        using var other = Other();
        string Refuse(string sql) => Assert.Throws<StoreException>(
            () => other.Execute(System.Text.Encoding.UTF8.GetBytes(sql))).Message;

        Assert.Contains("append only", Refuse("UPDATE event SET at = 1"));
        Assert.Contains("append only", Refuse("UPDATE event SET at = 1 WHERE position = 2"));
        Assert.Contains("append only", Refuse("DELETE FROM event WHERE position = 3"));
        Assert.Contains("append only", Refuse("DELETE FROM event"));
        Assert.Contains("no gaps", Refuse("REPLACE INTO event VALUES (3, 0, 'x', 'y', x'')"));
        Assert.Contains(
            "no gaps", Refuse("INSERT OR IGNORE INTO event VALUES (2, 0, 'x', 'y', x'')"));
        Assert.Contains("no gaps", Refuse("INSERT INTO event VALUES (5, 0, 'x', 'y', x'')"));
        Assert.Contains("no gaps", Refuse("INSERT INTO event VALUES (0, 0, 'x', 'y', x'')"));
        Assert.Contains("NOT NULL", Refuse("INSERT INTO event VALUES (4, 0, NULL, 'y', x'')"));
        Assert.Contains("TEXT", Refuse("INSERT INTO event VALUES (4, 0, 'x', 'y', 'text')"));

        other.Execute("INSERT INTO event VALUES (4, 0, 'want-succeeded', 'w-4', x'0804')"u8);
        await using var store = SqliteStore.Open(Db, ReadOnly);
        Assert.Equal(
            [1, 2, 3, 4],
            store.Read(0, names).Select(e => ((WantSucceeded)e.Event).Want.Value));
    }

    [Fact]
    public void A_folder_that_is_missing_is_named()
    {
        var refused = Assert.Throws<StoreException>(
            () => SqliteStore.Open(folder.File("no/where/quoin.db"), Options));

        Assert.Equal("store-unavailable", refused.Code);
        Assert.Equal(
            $"{folder.File("no/where/quoin.db")} cannot be made: the folder "
            + $"{folder.File("no/where")} does not exist",
            refused.Message);
    }

    [Fact]
    public void A_missing_store_is_not_made_by_somebody_who_only_reads()
    {
        var refused = Refused(ReadOnly, "store-unavailable");

        Assert.Equal(
            $"{Db} does not exist: nothing was built here yet. Run quoin build", refused.Message);
        Assert.False(File.Exists(Db));
    }

    [Fact]
    public void A_folder_in_its_place_cannot_be_opened()
    {
        Directory.CreateDirectory(Db);
        Refused(Options, "store-unavailable");
    }

    [Theory]
    [InlineData("hello, this is a text and no database, and long enough to be looked at")]
    [InlineData("x")]
    public void A_file_that_is_no_database_is_refused_and_left_alone(string text)
    {
        File.WriteAllText(Db, text);

        var refused = Refused(Options, "store-corrupt");

        Assert.StartsWith($"{Db} is not an SQLite database; move it away", refused.Message);
        Assert.Equal(text, File.ReadAllText(Db));
        Refused(ReadOnly, "store-corrupt");
    }

    [Theory]
    [InlineData("CREATE TABLE event (id INTEGER)")]
    [InlineData("CREATE TABLE customers (id INTEGER)")]
    [InlineData("CREATE TABLE schema_version (installed_rank INTEGER, description TEXT)")]
    public void A_database_of_another_program_is_refused_and_left_alone(string sql)
    {
        using (var other = Other())
            other.Execute(System.Text.Encoding.UTF8.GetBytes(sql));

        Assert.Contains("another program", Refused(Options, "store-foreign").Message);
        Refused(ReadOnly, "store-foreign");
        using var look = Other();
        Assert.Equal(1, look.Number("SELECT count(*) FROM sqlite_schema"u8));
    }

    [Fact]
    public async Task A_newer_schema_is_refused_naming_the_version_that_is_needed()
    {
        await MakeAsync();
        using (var other = Other())
            other.Execute("INSERT INTO schema_version VALUES (99, '7.3.0', 0)"u8);

        var refused = Refused(Options, "store-newer");

        Assert.Equal(
            $"{Db} was written by quoin 7.3.0 (schema 99), this one knows schema "
            + $"{SqliteSchema.Scripts.Length}: use quoin 7.3.0 or newer",
            refused.Message);
        Refused(ReadOnly, "store-newer");
    }

    [Fact]
    public async Task A_file_that_was_cut_off_is_corrupt()
    {
        await MakeAsync(2000);
        using (var file = new FileStream(Db, FileMode.Open))
            file.SetLength(file.Length / 2);

        Assert.Contains("damaged", Refused(Options, "store-corrupt").Message);
        Refused(ReadOnly, "store-corrupt");
    }

    [Fact]
    public async Task Pages_that_were_overwritten_are_found_while_reading()
    {
        await MakeAsync(2000);
        using (var file = new FileStream(Db, FileMode.Open))
        {
            var garbage = new byte[8192];
            new Random(1).NextBytes(garbage);
            file.Position = file.Length - 8192;
            for (var page = 1; page <= 3; page++, file.Position -= 2 * 8192) file.Write(garbage);
        }

        var refused = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            await using var store = SqliteStore.Open(Db, Options);
            Assert.Equal(2000, store.Read(0, names).Count());
        });

        Assert.Equal("store-corrupt", refused.Code);
        Assert.StartsWith(Db, refused.Message);
    }

    [Fact]
    public async Task An_event_whose_bytes_are_wrong_is_named_by_file_and_position()
    {
        await MakeAsync();
        using (var other = Other())
            other.Execute("INSERT INTO event VALUES (4, 0, 'want-succeeded', 'w-4', x'08')"u8);
        await using var store = SqliteStore.Open(Db, Options);

        var refused = Assert.Throws<StoreException>(() => store.Read(0, names).Count());

        Assert.Equal("store-corrupt", refused.Code);
        Assert.StartsWith(
            $"{Db}: event 4 (want-succeeded) cannot be read: a number is cut off", refused.Message);
    }

    [Fact]
    public async Task A_table_that_is_gone_is_corrupt_with_a_remedy()
    {
        await MakeAsync();
        using (var other = Other()) other.Execute("DROP TABLE file_stamp"u8);
        await using var store = SqliteStore.Open(Db, Options);

        var refused = Assert.Throws<StoreException>(() => store.FileStamps().ToList());

        Assert.Equal("store-corrupt", refused.Code);
        Assert.StartsWith(
            $"{Db} has not the tables that its schema version promises; restore it from a backup",
            refused.Message);
        Assert.Contains("no such table: file_stamp", refused.Message);
    }

    [Fact]
    public async Task A_store_that_another_program_locks_is_refused_and_usable_later()
    {
        await MakeAsync();
        await using var store = SqliteStore.Open(Db, Options);
        using var other = Other();
        other.Execute("BEGIN IMMEDIATE"u8);

        var refused = await Assert.ThrowsAsync<StoreException>(
            () => store.SendAsync(new("id", "cancel-all", default), Ct));

        Assert.Equal("store-locked", refused.Code);
        Assert.StartsWith($"{Db} is locked by another program", refused.Message);
        other.Execute("COMMIT"u8);
        Assert.True(await store.SendAsync(new("id", "cancel-all", default), Ct));
    }

    [Fact]
    public async Task After_a_failed_append_nothing_of_it_is_there_and_every_later_one_fails()
    {
        await MakeAsync();
        await using var store = SqliteStore.Open(Db, Options);
        using (var other = Other())
        {
            other.Execute("BEGIN IMMEDIATE"u8);
            var first = await Assert.ThrowsAsync<StoreException>(() => store.AppendAsync(
                Batch(new WantSucceeded(new(4)), new WantSucceeded(new(5))), Ct));
            other.Execute("COMMIT"u8);

            var second = await Assert.ThrowsAsync<StoreException>(
                () => store.AppendAsync(Batch(new WantSucceeded(new(6))), Ct));

            Assert.Same(first, second);
            Assert.Equal("store-locked", first.Code);
        }
        Assert.Equal(3, store.LastPosition);
        Assert.Equal(3, store.Read(0, names).Count());
    }

    [Fact]
    public async Task An_event_that_cannot_be_encoded_fails_its_append_and_the_later_ones()
    {
        await using var store = SqliteStore.Open(Db, Options);
        var unknown = new PartitionId(12345); // Nobody interned it: our bug.

        await Assert.ThrowsAsync<StoreException>(() => store.AppendAsync(
            Batch(new WantSucceeded(new(1)), new PartitionCurrent(unknown)), Ct));
        await Assert.ThrowsAsync<StoreException>(
            () => store.AppendAsync(Batch(new WantSucceeded(new(2))), Ct));

        Assert.Equal(0, store.LastPosition);
    }

    [Fact]
    public async Task A_second_appender_is_refused_before_it_can_fork_the_log()
    {
        await MakeAsync();
        await using var one = SqliteStore.Open(Db, Options);
        await using var two = SqliteStore.Open(Db, Options);
        await one.AppendAsync(Batch(new WantSucceeded(new(4))), Ct);

        var refused = await Assert.ThrowsAsync<StoreException>(
            () => two.AppendAsync(Batch(new WantSucceeded(new(5))), Ct));

        Assert.Equal("store-locked", refused.Code);
        Assert.StartsWith(
            $"another quoin process appended to {Db} (the log ends at 4, here it ended at 3)",
            refused.Message);
        Assert.Equal(5, await one.AppendAsync(Batch(new WantSucceeded(new(6))), Ct));
    }

    [Fact]
    public async Task Who_has_read_what_others_appended_may_append_after_it()
    {
        await MakeAsync();
        await using var two = SqliteStore.Open(Db, Options);
        await using (var one = SqliteStore.Open(Db, Options))
            await one.AppendAsync(Batch(new WantSucceeded(new(4))), Ct);

        Assert.Equal(4, two.Read(0, names).Count());

        Assert.Equal(5, await two.AppendAsync(Batch(new WantSucceeded(new(5))), Ct));
    }

    [Fact]
    public async Task One_process_leads_and_the_next_is_told_which()
    {
        var lead = Options with { Lead = true };
        await using (SqliteStore.Open(Db, lead))
        {
            var refused = Refused(lead, "store-locked");
            Assert.StartsWith($"{Db} is in use by another quoin process", refused.Message);
            await using var reader = SqliteStore.Open(Db, Options);
            Assert.Equal(0, reader.LastPosition);
            Assert.False(reader.LeadMayBeFree());
        }
        await using (var after = SqliteStore.Open(Db, ReadOnly)) Assert.True(after.LeadMayBeFree());
        await using var next = SqliteStore.Open(Db, lead);
        Assert.Equal(1, await next.AppendAsync(Batch(new WantSucceeded(new(1))), Ct));
    }

    [Fact]
    public async Task The_change_version_moves_when_another_process_commits_and_not_before()
    {
        await MakeAsync();
        await using var store = SqliteStore.Open(Db, Options);
        var before = store.ChangeVersion();
        Assert.Equal(before, store.ChangeVersion());

        using (var other = Other())
            other.Execute("INSERT INTO inbox VALUES (1, 'a', 0, 'x', x'')"u8);

        Assert.NotEqual(before, store.ChangeVersion());
    }

    [Fact]
    public async Task A_snapshot_that_is_ahead_of_the_log_is_ignored()
    {
        await MakeAsync();
        await using var store = SqliteStore.Open(Db, Options);
        await store.SaveSnapshotAsync(new StoredSnapshot(4, 1, new byte[] { 1 }), Ct);

        Assert.Null(store.LatestSnapshot(1));
    }

    [Fact]
    public async Task A_clean_close_leaves_the_database_as_one_file()
    {
        await MakeAsync();

        Assert.Equal(["quoin.db"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_store_opened_to_read_refuses_to_write()
    {
        await MakeAsync();
        await using var store = SqliteStore.Open(Db, ReadOnly);

        var refused = await Assert.ThrowsAsync<StoreException>(
            () => store.AppendAsync(Batch(new WantSucceeded(new(4))), Ct));

        Assert.Equal("store-read-only", refused.Code);
        Assert.Equal(3, store.Read(0, names).Count());
    }

    sealed class FixedTime(long unixMs) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() =>
            DateTimeOffset.FromUnixTimeMilliseconds(unixMs);
    }
}
