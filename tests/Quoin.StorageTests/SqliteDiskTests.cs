using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// Disks that are full or read-only: small file systems of our own. Mounting needs root.
/// </summary>
public sealed class SqliteDiskTests : IDisposable
{
    readonly TempFolder folder = new();
    readonly PartitionNames names = new();

    string Db => folder.File("quoin.db");

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static StoreOptions Options => new() { NewId = "store-1" };

    public void Dispose()
    {
        Run("umount", folder.Path);
        folder.Dispose();
    }

    static bool Run(string program, params string[] args)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    void Mount(string size) => Assert.SkipUnless(
        Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder.Path),
        "SKIPPED: a tmpfs cannot be mounted here (needs root), so a full disk is not tested");

    AppendBatch Batch(int first, int count) => new()
    {
        At = DateTimeOffset.UnixEpoch,
        Names = names,
        Events =
        [
            .. Enumerable.Range(first, count)
                .Select(i => new WantCancelled(new(i), new string('x', 500))),
        ],
    };

    [Theory]
    [InlineData(Durability.Normal)]
    [InlineData(Durability.Full)]
    public async Task A_full_disk_fails_the_append_and_loses_nothing_that_was_acknowledged(
        Durability durability)
    {
        Mount("3m");
        var options = Options with { Durability = durability };
        long acknowledged = 0;
        await using (var store = SqliteStore.Open(Db, options))
        {
            var refused = await Assert.ThrowsAsync<StoreException>(async () =>
            {
                for (var i = 0; i < 10_000; i++)
                    acknowledged = await store.AppendAsync(Batch((i * 10) + 1, 10), Ct);
            });
            Assert.Equal("disk-full", refused.Code);
            Assert.StartsWith(
                $"the disk of {Db} is full; nothing recorded is lost", refused.Message);
            Assert.InRange(acknowledged, 1000, 5000);

            var again = await Assert.ThrowsAsync<StoreException>(
                () => store.AppendAsync(Batch(1, 1), Ct));
            Assert.Same(refused, again);
            Assert.Equal(acknowledged, store.LastPosition);
        }

        Assert.True(Run("mount", "-o", "remount,size=20m", folder.Path));
        await using var reopened = SqliteStore.Open(Db, options);
        Assert.Equal(
            Enumerable.Range(1, (int)acknowledged),
            reopened.Read(0, names).Select(e => ((WantCancelled)e.Event).Want.Value));
        Assert.Equal(
            acknowledged + 1, await reopened.AppendAsync(Batch((int)acknowledged + 1, 1), Ct));
    }

    [Fact]
    public void A_disk_that_is_full_from_the_start_is_named()
    {
        Mount("64k");
        File.WriteAllBytes(folder.File("ballast"), new byte[56 * 1024]);

        var refused = Assert.Throws<StoreException>(() => SqliteStore.Open(Db, Options));

        Assert.Equal("disk-full", refused.Code);
        Assert.StartsWith($"the disk of {Db} is full", refused.Message);
    }

    [Fact]
    public async Task A_read_only_file_system_is_named_and_can_still_be_read()
    {
        Mount("3m");
        await using (var store = SqliteStore.Open(Db, Options))
            await store.AppendAsync(Batch(1, 3), Ct);
        Assert.True(Run("mount", "-o", "remount,ro", folder.Path));

        foreach (var lead in new[] { false, true })
        {
            var refused = Assert.Throws<StoreException>(
                () => SqliteStore.Open(Db, Options with { Lead = lead }));
            Assert.Equal("store-read-only", refused.Code);
            Assert.StartsWith(
                $"{Db} cannot be written: the file, its folder or the file system is read-only",
                refused.Message);
        }
        await using var reader = SqliteStore.Open(Db, Options with { ReadOnly = true });
        Assert.Equal(3, reader.Read(0, names).Count());
    }

    [Fact]
    public void A_missing_store_on_a_read_only_file_system_cannot_be_made()
    {
        Mount("3m");
        Assert.True(Run("mount", "-o", "remount,ro", folder.Path));

        var refused = Assert.Throws<StoreException>(() => SqliteStore.Open(Db, Options));

        Assert.Equal("store-read-only", refused.Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_commit_that_is_gathered_fails_on_a_full_disk_and_the_next_one_finds_its_place(
        bool isSynced)
    {
        Mount("2m");
        using var connection = SqliteConnection.Open(
            Db, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 1000, gathers: true);
        connection.Execute("""
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE t (i INTEGER PRIMARY KEY, body BLOB NOT NULL);
            """u8);
        var begin = connection.Prepare("BEGIN IMMEDIATE"u8);
        var commit = connection.Prepare("COMMIT"u8);
        var insert = connection.Prepare("INSERT INTO t (body) VALUES (randomblob(3000))"u8);
        var rows = 0;
        void Commit(int count)
        {
            begin.Run();
            for (var i = 0; i < count; i++) insert.Run();
            connection.Commit(commit, isSynced);
            rows += count;
        }
        void Fill()
        {
            while (rows < 10_000) Commit(7);
        }
        var refused = Assert.Throws<StoreException>(Fill);
        connection.RollBack();
        Assert.Equal("disk-full", refused.Code);
        Assert.InRange(rows, 100, 600);
        Assert.Equal(rows, connection.Number("SELECT count(*) FROM t"u8));

        Assert.True(Run("mount", "-o", "remount,size=8m", folder.Path));
        Commit(1);
        Commit(50);

        Assert.Equal(rows, connection.Number("SELECT count(*) FROM t"u8));
        File.Copy(Db, folder.File("copy.db"));
        File.Copy(Db + "-wal", folder.File("copy.db-wal"));
        using var copy = SqliteConnection.Open(
            folder.File("copy.db"), SqliteNative.OpenReadWrite, 1000);
        Assert.Equal(rows, copy.Number("SELECT count(*) FROM t"u8));
        using var check = copy.PrepareOnce("PRAGMA integrity_check"u8);
        Assert.True(check.Step());
        Assert.Equal("ok", check.Text(0));
    }
}
