using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.StorageTests;

/// <summary>How often the line server has its store write: once for all that is there.</summary>
public sealed class LineServerTests
{
    [Fact]
    public void All_that_waits_is_one_transaction_and_is_written_before_any_answer()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", [.. Enumerable.Range(0, 100).Select(i => $"key-{i} {i}")]);
        world.WorkToEnd();
        using var serving = new LineServing(world);
        using var client = serving.Connect();
        var keys = Ask(client, string.Concat(Enumerable.Repeat("READY\n", 50)), 50);
        Assert.Equal(50, world.Query("SELECT 1 FROM log", 1).Count);
        Assert.Equal(1, serving.Store.Writes);
        Ask(client, string.Concat(keys.Select(key => $"DONE {key} 0\n")), 50);
        Assert.Equal(50, world.Query("SELECT 1 FROM log WHERE exit_code = 0", 1).Count);
        Assert.Equal(100, world.Query("SELECT 1 FROM log", 1).Count);
        Assert.Equal(2, serving.Store.Writes);
    }

    [Theory]
    [InlineData(Durability.Full, 1)] // What `quoin supervisor` asks for if not told otherwise.
    [InlineData(Durability.Normal, 0)]
    public void What_is_answered_is_synced_as_somebody_asked_for(Durability durability, int syncs)
    {
        using var world = new FeedWorld(durability: durability);
        world.Put("f.1.txt", "alpha 1", "bravo 2", "charlie 3", "delta 4");
        var client = world.Client();
        // The first of a write-ahead log, which begins anew when all is settled, is always synced.
        world.Ask(client, "READY");
        var before = world.Store.Syncs;
        world.Ask(client, "READY");
        Assert.Equal(before + syncs, world.Store.Syncs);
        world.WorkToEnd();
        world.Ask(client, "DONE alpha 0");
        before = world.Store.Syncs;
        world.Ask(client, "DONE bravo 0");
        Assert.Equal(before + syncs, world.Store.Syncs);
    }

    [Fact]
    public void While_a_reader_holds_the_database_DONE_is_answered_within_a_tenth_of_a_second()
    {
        using var world = new FeedWorld();
        world.Put("f.1.txt", [.. Enumerable.Range(0, 100).Select(i => $"key-{i} {i}")]);
        world.WorkToEnd();
        using var serving = new LineServing(world);
        using var client = serving.Connect();
        using var reader = SqliteConnection.Open(world.Path, SqliteNative.OpenReadOnly, 100);
        reader.Execute("BEGIN"u8);
        Assert.Equal(0, reader.Number("SELECT count(*) FROM log"u8));
        var took = new List<TimeSpan>();
        var key = Ask(client, "READY\n", 1)[0];
        for (var i = 0; i < 80; i++) // Enough for a checkpoint.
        {
            var since = Stopwatch.GetTimestamp();
            key = Ask(client, $"DONE {key} 0\n", 1)[0];
            took.Add(Stopwatch.GetElapsedTime(since));
        }
        Assert.Equal(0, reader.Number("SELECT count(*) FROM log"u8)); // It held it all the time.
        Assert.Equal(81, world.Query("SELECT 1 FROM log", 1).Count);
        // A busy machine is late with some; whoever waits for the reader is so by seconds.
        Assert.True(took.Order().ElementAt(40) < TimeSpan.FromMilliseconds(100), $"{took.Max()}");
        Assert.True(took.Max() < TimeSpan.FromSeconds(4), $"{took.Max()}");
    }

    // The keys of the jobs in the answers.
    static List<string> Ask(Socket client, string lines, int answers)
    {
        client.Send(Encoding.ASCII.GetBytes(lines));
        var text = new StringBuilder();
        var room = new byte[4096];
        while (text.ToString().Count(c => c == '\n') < answers)
            text.Append(Encoding.ASCII.GetString(room, 0, client.Receive(room)));
        return [.. text.ToString().Split('\n')[..answers].Select(line => line.Split(' ')[1])];
    }
}
