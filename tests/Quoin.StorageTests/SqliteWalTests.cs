using System.Text;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// A connection that gathers what a commit writes: files and other connections see what they
/// would see of any other, only with fewer calls.
/// </summary>
public sealed class SqliteWalTests : IDisposable
{
    readonly TempFolder folder = new();
    readonly SqliteConnection connection;
    readonly SqliteStatement begin, commit, insert;

    public SqliteWalTests()
    {
        connection = SqliteConnection.Open(
            folder.File("it.db"), SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 1000,
            gathers: true);
        connection.Execute("""
            PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE t (i INTEGER PRIMARY KEY, body BLOB NOT NULL);
            """u8);
        begin = connection.Prepare("BEGIN IMMEDIATE"u8);
        commit = connection.Prepare("COMMIT"u8);
        insert = connection.Prepare("INSERT INTO t (body) VALUES (randomblob(?1))"u8);
    }

    public void Dispose()
    {
        connection.Dispose();
        folder.Dispose();
    }

    void Insert(int rows, int bytes = 1500)
    {
        for (var i = 0; i < rows; i++) insert.Bind(1, bytes).Run();
    }

    void Commit(int rows, bool isSynced = true)
    {
        begin.Run();
        Insert(rows);
        connection.Commit(commit, isSynced);
    }

    // What is there after kill -9: the files as they are now.
    long CountAfterKill()
    {
        foreach (var end in (string[])["", "-wal"])
            File.Copy(folder.File("it.db" + end), folder.File("copy.db" + end), overwrite: true);
        using var copy = SqliteConnection.Open(
            folder.File("copy.db"), SqliteNative.OpenReadWrite, 1000);
        Assert.Equal("ok", Text(copy, "PRAGMA integrity_check"));
        return copy.Number("SELECT count(*) FROM t"u8)!.Value;
    }

    static string Text(SqliteConnection connection, string sql)
    {
        using var statement = connection.PrepareOnce(Encoding.UTF8.GetBytes(sql));
        return statement.Step() ? statement.Text(0) : "";
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_commit_is_in_the_files_when_it_returns(bool isSynced)
    {
        var rows = 0;
        foreach (var count in (int[])[1, 1, 30, 31, 32, 500, 1, 62, 3])
        {
            Commit(count, isSynced);
            Assert.Equal(rows += count, CountAfterKill());
        }
    }

    [Fact]
    public void A_small_commit_is_one_write_and_one_sync_or_none()
    {
        Commit(1); // The first of a log writes its header, too.
        var (syncs, writes) = connection.WalCounts;
        Commit(20);
        Assert.Equal((syncs + 1, writes + 1), connection.WalCounts);
        Commit(20, isSynced: false);
        Assert.Equal((syncs + 1, writes + 2), connection.WalCounts);
        Commit(100);
        Assert.InRange(connection.WalCounts.Writes, writes + 4, writes + 6);
        Assert.Equal(syncs + 2, connection.WalCounts.Syncs);
    }

    [Fact]
    public void A_log_that_begins_anew_is_synced_also_where_commits_are_not()
    {
        Commit(10, isSynced: false);
        connection.Execute("PRAGMA wal_checkpoint(RESTART)"u8);
        var syncs = connection.WalCounts.Syncs;
        Commit(1, isSynced: false);
        Assert.Equal(syncs + 1, connection.WalCounts.Syncs);
        Commit(1, isSynced: false);
        Assert.Equal(syncs + 1, connection.WalCounts.Syncs);
        Assert.Equal(12, CountAfterKill());
    }

    [Fact]
    public void A_checkpoint_at_the_end_of_a_commit_is_synced_also_where_commits_are_not()
    {
        Commit(1);
        Commit(5, isSynced: false);
        var syncs = connection.WalCounts.Syncs;
        connection.Execute("PRAGMA wal_autocheckpoint = 20"u8);
        Commit(5, isSynced: false);
        Assert.Equal(syncs, connection.WalCounts.Syncs);
        Commit(20, isSynced: false);
        Assert.Equal(syncs + 1, connection.WalCounts.Syncs);
        Assert.Equal(31, CountAfterKill());
    }

    [Fact]
    public void Pages_that_leave_the_cache_before_their_commit_are_found_again()
    {
        connection.Execute("PRAGMA cache_size = 10"u8);
        for (var round = 1; round <= 5; round++)
        {
            Commit(100);
            begin.Run();
            Insert(100);
            connection.Execute("UPDATE t SET body = randomblob(1400)"u8);
            if (round % 2 == 0) connection.RollBack();
            else connection.Commit(commit, isSynced: false);
            Assert.Equal("ok", Text(connection, "PRAGMA integrity_check"));
        }
        Assert.Equal(800, CountAfterKill());
        connection.Execute("PRAGMA wal_checkpoint(TRUNCATE)"u8);
        Assert.Equal(800, CountAfterKill());
    }

    [Fact]
    public async Task Who_reads_meanwhile_sees_whole_commits_only()
    {
        using var stop = new CancellationTokenSource();
        var looks = 0;
        using var isLooking = new ManualResetEventSlim();
        var reading = Task.Run(() =>
        {
            using var other = SqliteConnection.Open(
                folder.File("it.db"), SqliteNative.OpenReadOnly, 1000);
            using var count = other.PrepareOnce("SELECT count(*), sum(length(body)) FROM t"u8);
            while (!stop.IsCancellationRequested)
            {
                Assert.True(count.Step());
                Assert.Equal(0, count.Int64(0) % 3);
                Assert.Equal(count.Int64(0) * 1500, count.Int64(1));
                count.Reset();
                looks++;
                isLooking.Set();
            }
        }, TestContext.Current.CancellationToken);
        Assert.True(isLooking.Wait(10_000, TestContext.Current.CancellationToken));
        for (var i = 0; i < 300; i++) Commit(i % 20 == 0 ? 60 : 3, isSynced: i % 2 == 0);
        await stop.CancelAsync();
        await reading;
        Assert.True(looks > 1, $"{looks} looks");
        Assert.Equal(15 * 60 + 285 * 3, CountAfterKill());
    }
}
