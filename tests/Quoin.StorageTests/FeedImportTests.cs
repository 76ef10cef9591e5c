using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.StorageTests;

/// <summary>What a feed store takes over from others, and what it refuses.</summary>
public sealed class FeedImportTests
{
    [Fact]
    public void A_database_of_the_originals_second_schema_is_kept()
    {
        using var folder = new TempFolder();
        var path = System.IO.Path.Combine(folder.Path, "state.db");
        Original(path, 2, """
            INSERT INTO fetchers (name) VALUES ('f');
            INSERT INTO fetcher_runs VALUES (1, 100, 1);
            INSERT INTO log VALUES ('a', 1799999000, 1799999100, 0), ('b', 1799999900, NULL, NULL);
            INSERT INTO queue (fetcher_id, fetcher_run_started, attr_path, payload, is_dequeued,
              last_started, order_jitter)
            VALUES (1, 100, 'a', '1', 1, 1799999000, 1), (1, 100, 'b', '1', 1, 1799999900, 2),
              (1, 100, 'c', '1', 0, NULL, 3);
            """);
        using var world = new FeedWorld(path: path);
        Assert.Equal(FeedImport.Kept, world.Loaded.Import);
        world.Put("f.100.txt", "a 1", "b 1", "c 1");
        world.Put("g.1.txt", "a 2", "b 2");
        world.Store.Settle(world.Book, world.Sources, 1, 0);
        Assert.Equal(["JOB c 1", "JOB a 2"], [world.Ready(), world.Ready()]);
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("JOB b 2", world.Done("b"));
        Assert.Equal("NOJOBS", world.Ready());
        world.WorkToEnd();
        Assert.Equal(["2"], world.Query("PRAGMA user_version", 1));
        Assert.Equal(["a|1800000000||", "b|1800000000||", "c|1800000000||"], world.Jobs());
        Assert.Equal(["5|5"], world.Query("SELECT count(*), sum(is_dequeued) FROM queue", 2));
    }

    [Fact]
    public void A_database_of_the_originals_first_schema_is_begun_anew_once()
    {
        using var folder = new TempFolder();
        var path = System.IO.Path.Combine(folder.Path, "state.db");
        Original(path, 1, """
            INSERT INTO fetchers (name) VALUES ('f');
            INSERT INTO fetcher_runs VALUES (1, 100, 1);
            INSERT INTO log VALUES ('a', 1799999000, 1799999100, 0);
            INSERT INTO queue (fetcher_id, fetcher_run_started, attr_path, payload, is_dequeued)
            VALUES (1, 100, 'a', '1', 1);
            """);
        using var world = new FeedWorld(path: path);
        Assert.Equal(FeedImport.Reset, world.Loaded.Import);
        Assert.Empty(world.Jobs());
        world.Put("f.100.txt", "alpha 1", "bravo 1");
        Assert.Equal("JOB alpha 1", world.Ready());
        world.Restart();
        Assert.Equal(FeedImport.None, world.Loaded.Import);
        Assert.Equal(["JOB bravo 1", "NOJOBS"], [world.Ready(), world.Ready()]);
        Assert.Equal(["2"], world.Query("PRAGMA user_version", 1));
    }

    [Fact]
    public void What_another_program_wrote_meanwhile_is_taken_over()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1", "b 1", "c 1");
        Assert.Equal("JOB a 1", world.Ready());
        // The original would give out c and record the end of a.
        world.Away(other => other.Execute("""
            PRAGMA foreign_keys = ON;
            UPDATE log SET finished = 1800000001, exit_code = 0 WHERE attr_path = 'a';
            UPDATE queue SET is_dequeued = 1 WHERE attr_path = 'c';
            INSERT INTO log (attr_path, started) VALUES ('c', 1800000002);
            """u8));
        Assert.Equal(FeedImport.Changed, world.Loaded.Import);
        Assert.Empty(world.Sources);
        world.Put("f.1.txt", "a 1", "b 1", "c 1");
        world.Put("g.1.txt", "a 2", "c 2");
        Assert.Equal(["JOB b 1", "JOB a 2"], [world.Ready(), world.Ready()]);
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("JOB c 2", world.Done("c"));
        world.Restart();
        Assert.Equal(FeedImport.None, world.Loaded.Import);
    }

    [Fact]
    public void The_originals_triggers_do_what_theirs_do()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1");
        world.WorkToEnd();
        world.Away(other => other.Execute("""
            PRAGMA foreign_keys = ON;
            INSERT INTO log (attr_path, started) VALUES ('a', 5);
            INSERT INTO fetchers (name) VALUES ('h');
            INSERT INTO fetcher_runs VALUES (last_insert_rowid(), 3, 0);
            INSERT INTO queue (fetcher_id, fetcher_run_started, attr_path, payload, order_jitter)
              SELECT fetcher_id, 3, 'a', 'x', 0 FROM fetchers WHERE name = 'h';
            """u8));
        Assert.Equal(
            ["f|1|a|1|0|5", "h|3|a|x|0|5"], world.Lines(6));
        world.Away(other => other.Execute("""
            PRAGMA foreign_keys = ON;
            UPDATE log SET started = 9 WHERE attr_path = 'a';
            DELETE FROM fetcher_runs WHERE run_started = 3;
            """u8));
        Assert.Equal(["f|1|a|1|0|9"], world.Lines(6));
        Assert.Equal(["f"], world.Query("SELECT name FROM fetchers", 1));
    }

    [Fact]
    public void Unknown_newer_and_foreign_databases_are_refused_untouched()
    {
        using var folder = new TempFolder();
        var path = System.IO.Path.Combine(folder.Path, "state.db");
        Original(path, 2, "PRAGMA user_version = 3;");
        Refused(path, "store-foreign");
        File.Delete(path);
        using (var other = SqliteConnection.Open(
            path, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 100))
            other.Execute("CREATE TABLE mine (x)"u8);
        Refused(path, "store-foreign");
        File.Delete(path);
        new FeedWorld(path: path).Dispose();
        using (var newer = SqliteConnection.Open(path, SqliteNative.OpenReadWrite, 100))
        {
            newer.Execute("""
                INSERT INTO feed_schema (version, quoin, applied_at) VALUES (2, '9', 0)
                """u8);
            newer.Execute("PRAGMA wal_checkpoint(TRUNCATE)"u8);
        }
        Refused(path, "store-newer");
    }

    static void Refused(string path, string code)
    {
        var before = File.ReadAllBytes(path);
        var error = Assert.Throws<StoreException>(
            () => SqliteFeedStore.Open(path, new StoreOptions { NewId = "x" }, "update"));
        Assert.Equal(code, error.Code);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    // As the original makes it, by the definitions of our own first start.
    static void Original(string path, int version, string content)
    {
        using (var connection = SqliteConnection.Open(
            path, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 100))
        {
            connection.Execute(Encoding.UTF8.GetBytes(FeedSchema.OriginalTables(version)));
            connection.Execute(
                Encoding.UTF8.GetBytes($"PRAGMA user_version = {version};" + content));
        }
    }
}
