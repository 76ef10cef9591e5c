using System.Globalization;
using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.StorageTests;

/// <summary>What a feed store keeps, shows to others and takes over.</summary>
public sealed class FeedStoreTests
{
    const long Hour = 3600;

    [Fact]
    public void The_log_and_the_marks_are_exact_at_once_and_the_rest_follows()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "alpha 1", "bravo 2");
        Assert.Equal("JOB alpha 1", world.Ready());
        Assert.Equal(["alpha|1800000000||"], world.Jobs());
        Assert.Equal(
            ["f|1|alpha|1|1|1800000000|-1555884244"], world.Lines());
        Assert.Equal(["0"], world.Query("SELECT is_complete FROM fetcher_runs", 1));
        world.WorkToEnd();
        Assert.Equal(
            ["f|1|alpha|1|1|1800000000|-1555884244", "f|1|bravo|2|0||515152637"],
            world.Lines());
        Assert.Equal(["1"], world.Query("SELECT is_complete FROM fetcher_runs", 1));
        world.Advance(5);
        Assert.Equal("JOB bravo 2", world.Done("alpha", 7));
        Assert.Equal(["alpha|1800000000|1800000005|7", "bravo|1800000005||"], world.Jobs());
        Assert.Equal(["bravo|1"], world.Query(
            "SELECT attr_path, is_dequeued FROM queue WHERE last_started IS NULL", 2));
        world.WorkToEnd();
        Assert.Empty(world.Query("SELECT 1 FROM queue WHERE last_started IS NULL", 1));
    }

    [Fact]
    public void Rows_lie_in_the_order_in_which_they_go_out_and_count_wherever_they_lie()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", [.. Enumerable.Range(0, 300).Select(i => $"key-{i} {i}")]);
        world.WorkToEnd();
        var rows = world.Query("SELECT attr_path FROM queue ORDER BY rowid", 1);
        Assert.Equal(world.Query("SELECT attr_path FROM queue ORDER BY order_jitter", 1), rows);
        using (var other = SqliteConnection.Open(world.Path, SqliteNative.OpenReadWrite, 5000))
        {
            other.SwitchTriggersOff();
            other.Execute("PRAGMA foreign_keys = OFF; UPDATE queue SET rowid = -rowid"u8);
            using var taken = other.PrepareOnce("""
                INSERT INTO queue (rowid, fetcher_run_started, fetcher_id, attr_path, payload)
                VALUES (?1, 2, 1, 'other', '')
                """u8);
            taken.Bind(1, new QueuePlace(2, 1, "key-7"u8).RowId).Run();
        }
        Assert.Equal(rows[..2], [Key(world.Ready()), Key(world.Ready())]);
        Assert.Equal(rows[..2], world.Query(
            "SELECT attr_path FROM queue WHERE is_dequeued ORDER BY rowid DESC", 1));
        world.Put("f.2.txt", "key-7 again");
        world.WorkToEnd();
        Assert.Equal(["key-7|again", "other|"], world.Query(
            "SELECT attr_path, payload FROM queue WHERE fetcher_run_started = 2 ORDER BY 1", 2));

        static string Key(string answer) => answer.Split(' ')[1];
    }

    [Fact]
    public void What_was_not_delivered_is_as_before_in_the_tables()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1");
        world.Ready();
        world.Done("a", 3);
        var (log, position) = (world.Jobs(), "SELECT max(position) FROM event");
        world.Put("f.2.txt", "a 2");
        world.WorkToEnd();
        var queue = world.Lines();
        var rude = world.Client();
        world.Advance(60);
        Assert.Equal("JOB a 2", world.Ask(rude, "READY"));
        world.Close(rude, isUnread: true);
        Assert.Equal(log, world.Jobs());
        world.WorkToEnd();
        Assert.Equal(queue, world.Lines());
        Assert.NotEqual(["0"], world.Query(position, 1));
        world.Restart();
        Assert.Equal("JOB a 2", world.Ready());
    }

    [Fact]
    public void Payloads_are_right_of_lines_of_all_lengths_and_more_than_memory_keeps()
    {
        using var world = new FeedWorld();
        // A piece each, more than there are places for them; among them some that are never kept.
        static string Payload(int line) =>
            $"{line} " + new string((char)('a' + line % 26), line % 100 == 7 ? 9000 : 3900);
        var lines = Enumerable.Range(0, 2200).Select(line => $"key-{line} {Payload(line)}");
        world.Put("f.1.txt", [.. lines]);
        world.Put("g.1.txt", [.. lines]);
        var client = world.Client();
        var given = new HashSet<int>();
        while (world.Ask(client, "READY") is var answer && answer != "NOJOBS")
        {
            var line = int.Parse(
                answer.AsSpan(8, answer.IndexOf(' ', 8) - 8), CultureInfo.InvariantCulture);
            Assert.Equal($"JOB key-{line} {Payload(line)}", answer);
            Assert.True(given.Add(line));
        }
        Assert.Equal(2200, given.Count);
        Assert.Equal($"JOB key-5 {Payload(5)}", world.Ask(client, "DONE key-5 0"));
    }

    [Fact]
    public void Removing_a_file_empties_all_tables_of_it()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", [.. Enumerable.Range(0, 3000).Select(i => $"key-{i} {i}")]);
        world.Put("g.1.txt", "b 1");
        world.WorkToEnd();
        world.Remove("f.1.txt");
        Assert.Equal("JOB b 1", world.Ready());
        world.WorkToEnd();
        Assert.Equal(["b"], world.Query("SELECT attr_path FROM queue", 1));
        Assert.Equal(["g"], world.Query("SELECT name FROM fetchers", 1));
        Assert.Equal(["1"], world.Query("SELECT count(*) FROM feed_piece", 1));
        Assert.Equal("NOJOBS", world.Ready());
    }

    [Fact]
    public void A_restart_in_the_middle_of_forgetting_goes_on_and_a_new_file_waits_for_it()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", [.. Enumerable.Range(0, 500).Select(i => $"key-{i} {i}")]);
        world.WorkToEnd();
        Assert.StartsWith("JOB key-", world.Ready());
        world.Remove("f.1.txt");
        world.Work();
        world.Restart();
        Assert.True(world.Store.IsForgetting(world.Book.FeedOf("f"), 1));
        var given = world.Query("SELECT attr_path FROM log", 1)[0];
        world.Put("f.1.txt", $"{given} new");
        Assert.Equal($"JOB {given} new", world.Done(given));
        world.WorkToEnd();
        Assert.Equal(["1"], world.Query("SELECT count(*) FROM queue", 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_order_and_what_is_out_survive_a_restart_at_any_moment(bool isSettled)
    {
        using var world = new FeedWorld();
        string[] keys = [.. Enumerable.Range(0, 40).Select(i => $"key-{i}")];
        world.Put("f.1.txt", [.. keys.Select(key => $"{key} 1")]);
        var order = keys.Select(_ => world.Ready().Split(' ')[1]).ToList();
        foreach (var key in order.Skip(10)) world.Done(key);
        world.Restart(isSettled);
        world.Put("f.2.txt", [.. keys.Reverse().Select(key => $"{key} 2")]);
        world.Restart(isSettled);
        Assert.Equal(
            order.Skip(10), Enumerable.Range(0, 30).Select(_ => world.Ready().Split(' ')[1]));
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal($"JOB {order[3]} 2", world.Done(order[3]));
    }

    [Fact]
    public void What_ended_before_a_restart_is_not_out_after_the_next_one()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1");
        Assert.Equal("JOB a 1", world.Ready());
        world.WorkToEnd();
        Assert.Equal("NOJOBS", world.Done("a"));
        world.Restart();
        world.Put("f.2.txt", "b 1");
        Assert.Equal("JOB b 1", world.Ready());
        world.WorkToEnd();
        world.Restart();
        Assert.Equal(["b"], world.Book.Flights.Select(
            it => Encoding.UTF8.GetString(world.Book.KeyBytes(it.Key))));
    }

    [Fact]
    public void What_was_not_delivered_keeps_its_place_over_a_restart()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1", "b 1");
        Assert.Equal(["JOB a 1", "JOB b 1"], [world.Ready(), world.Done("a")]);
        world.Done("b");
        world.Put("f.2.txt", "a 2", "b 2");
        var rude = world.Client();
        Assert.Equal("JOB a 2", world.Ask(rude, "READY"));
        world.WorkToEnd();
        world.Close(rude, isUnread: true);
        world.Restart();
        Assert.Equal("JOB a 2", world.Ready());
    }

    [Fact]
    public void What_was_lost_then_not_delivered_leaves_an_older_line_open_over_a_restart()
    {
        using var world = new FeedWorld();
        world.Put("f.2.txt", "a 2");
        Assert.Equal("JOB a 2", world.Ready());
        world.Put("f.1.txt", "a 1"); // It came late: nobody was given it.
        world.Advance((12 * 3600) + 120);
        var client = world.Client();
        Assert.Equal("JOB a 2", world.Ask(client, "READY"));
        world.Close(client, isUnread: true);
        world.Restart(isSettled: true);
        world.Remove("f.2.txt");
        world.WorkToEnd();
        Assert.Equal("JOB a 1", world.Ready());
    }

    [Fact]
    public void A_lost_line_stays_lost_over_a_restart_when_a_newer_one_was_not_delivered()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1");
        Assert.Equal("JOB a 1", world.Ready());
        world.Advance((12 * 3600) + 120);
        Undelivered(world, "JOB a 1"); // So its holder is over.
        world.Put("f.2.txt", "a 2");
        Undelivered(world, "JOB a 2");
        world.Restart(isSettled: true);
        world.Remove("f.2.txt");
        world.WorkToEnd();
        Assert.Equal("JOB a 1", world.Ready());
    }

    static void Undelivered(FeedWorld world, string job)
    {
        var client = world.Client();
        Assert.Equal(job, world.Ask(client, "READY"));
        world.Close(client, isUnread: true);
    }

    [Fact]
    public void What_was_never_delivered_is_new_after_all_restarts()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "new 1");
        var rude = world.Client();
        Assert.Equal("JOB new 1", world.Ask(rude, "READY"));
        world.WorkToEnd();
        world.Close(rude, isUnread: true);
        world.Restart();
        world.Put("g.1.txt", "c 1");
        Assert.Equal("JOB c 1", world.Ready());
        world.WorkToEnd();
        world.Restart();
        Assert.Equal("JOB new 1", world.Ready());
    }

    [Fact]
    public void Slow_work_that_failed_is_done_again()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1", "b 1");
        Assert.Equal("JOB a 1", world.Ready());
        world.Blocked(it => it.WorkToEnd());
        world.WorkToEnd();
        Assert.Equal(["a|1", "b|0"], world.Query(
            "SELECT attr_path, is_dequeued FROM queue ORDER BY 1", 2));
        Assert.Equal(["a|1"], world.Query("SELECT key, is_out FROM feed_key", 2));
        Assert.Equal(["1"], world.Query("SELECT is_complete FROM fetcher_runs", 1));
    }

    [Fact]
    public void A_done_that_cannot_be_stored_counts_later_from_anybody_after_the_connections_end()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", [.. Enumerable.Range(1, 9).Select(i => $"k{i} 1")]);
        var client = world.Client();
        var last = world.Ask(client, "READY").Split(' ')[1];
        // So many that the connection forgets jobs that are over.
        for (var i = 0; i < 7; i++) last = world.Ask(client, $"DONE {last} 0").Split(' ')[1];
        Assert.Equal("closed", world.AskBlocked(client, $"DONE {last} 0"));
        world.Close(client);
        Assert.StartsWith("JOB k", world.Once($"DONE {last} 7"), StringComparison.Ordinal);
        Assert.Equal(
            ["7"], world.Query($"SELECT exit_code FROM log WHERE attr_path = '{last}'", 1));
    }

    [Fact]
    public void A_line_whose_hold_ends_over_a_restart_is_given_again_after_the_others()
    {
        using var world = new FeedWorld();
        world.Put("f1.1.txt", "a 1");
        world.Put("f2.1.txt", "a 2");
        Assert.Equal("JOB a 1", world.Ready());
        world.Advance(11 * Hour);
        world.Restart();
        Assert.Equal("NOJOBS", world.Ready());
        world.Advance(Hour + 120);
        Assert.Equal("JOB a 2", world.Ready());
        world.Restart();
        Assert.Equal("JOB a 1", world.Done("a"));
        Assert.Equal("NOJOBS", world.Done("a"));
    }

    [Theory]
    [InlineData(227 * Hour, true, 0)]
    [InlineData(300, false, 12 * Hour)]
    [InlineData(-11 * Hour, false, Hour)]
    [InlineData(-13 * Hour, true, 0)]
    public void A_stamp_that_lies_ahead_blocks_for_the_hold_at_most(
        long aheadSeconds, bool isFree, long freeAfter)
    {
        using var world = new FeedWorld();
        world.Put("f1.1.txt", "a 1");
        world.Put("f2.1.txt", "a 2");
        Assert.Equal("JOB a 1", world.Ready());
        world.Seconds -= aheadSeconds;
        world.Restart();
        Assert.Equal(isFree ? "JOB a 2" : "NOJOBS", world.Ready());
        if (isFree) return;
        world.Advance(freeAfter + 1);
        Assert.Equal("JOB a 2", world.Ready());
    }

    [Fact]
    public void A_clock_that_jumps_while_it_runs_changes_nothing()
    {
        using var world = new FeedWorld();
        world.Put("f1.1.txt", "a 1");
        world.Put("f2.1.txt", "a 2");
        Assert.Equal("JOB a 1", world.Ready());
        world.Seconds += 1000 * Hour;
        Assert.Equal("NOJOBS", world.Ready());
        world.Seconds -= 5000 * Hour;
        world.NowMs += (12 * Hour * 1000) + 1;
        Assert.Equal("JOB a 2", world.Ready());
    }

    [Fact]
    public void A_named_workers_lease_runs_anew_from_the_start()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1");
        var worker = world.Client();
        Assert.Equal("OK 60", world.Ask(worker, "HELLO w1"));
        Assert.Equal("JOB a 1", world.Ask(worker, "READY"));
        world.Advance(5 * Hour);
        world.Restart();
        Assert.Equal("NOJOBS", world.Ready());
        world.Advance(59);
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("NOJOBS", world.Done("a"));
        Assert.Equal("OK 60 a", world.Ask(world.Client(), "HELLO w1 a"));
        world.Advance(61);
        Assert.Equal("JOB a 1", world.Ready());
    }

    [Fact]
    public void A_reader_of_the_database_stops_nobody()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1", "b 1");
        using var reader = SqliteConnection.Open(world.Path, SqliteNative.OpenReadOnly, 100);
        reader.Execute("BEGIN"u8);
        Assert.Equal(0, reader.Number("SELECT count(*) FROM log"u8));
        Assert.Equal("JOB a 1", world.Ready());
        Assert.Equal("JOB b 1", world.Done("a"));
        world.WorkToEnd();
        Assert.Equal(0, reader.Number("SELECT count(*) FROM log"u8));
    }

    [Fact]
    public void A_writer_that_is_too_slow_for_us_costs_an_answer_and_nothing_else()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", "a 1", "b 1");
        Assert.Equal("JOB a 1", world.Ready());
        using (var writer = SqliteConnection.Open(world.Path, SqliteNative.OpenReadWrite, 100))
        {
            writer.Execute("BEGIN IMMEDIATE"u8);
            world.Store.BusyTimeout(10);
            var client = world.Client();
            var error = Assert.Throws<StoreException>(() => world.Ask(client, "DONE a 0"));
            Assert.Equal("store-locked", error.Code);
            world.Store.RollBack();
            world.Book.TakeBack();
            LineDesk.TakeBack(client, 0);
            Assert.True(client.IsCondemned);
            writer.Execute("ROLLBACK"u8);
        }
        Assert.Equal("JOB b 1", world.Done("a"));
        Assert.Equal(
            ["a|0", "b|"], world.Query("SELECT attr_path, exit_code FROM log ORDER BY 1", 2));
    }
}
