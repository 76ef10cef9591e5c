using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.Tests.Explorer;

namespace Quoin.StorageTests;

/// <summary>
/// Seeded histories of files, workers, crashes and clocks: at each step the supervisor must say
/// what the rules, written down simply, say.
/// </summary>
public sealed class FeedSimulationTests
{
    static readonly long firstSeed =
        long.TryParse(Environment.GetEnvironmentVariable("QUOIN_SEED"), out var seed) ? seed : 1;

    [Fact]
    public void Sixty_histories_are_as_the_rules_say() => Run(60);

    [Fact]
    public void Ten_thousand_histories_are_as_the_rules_say() => Run(Long.IsAsked ? 10_000 : 1);

    [Fact]
    public void Two_weeks_of_fetchers_and_six_workers_lose_and_repeat_nothing()
    {
        for (var seed = firstSeed; seed < firstSeed + (Long.IsAsked ? 50 : 1); seed++)
        {
            using var history = new FeedHistory(seed);
            Told(seed, history, history.TwoWeeks);
        }
    }

    static void Run(int count)
    {
        for (var seed = firstSeed; seed < firstSeed + count; seed++)
        {
            using var history = new FeedHistory(seed);
            Told(seed, history, () => history.Run(steps: 150));
        }
    }

    static void Told(long seed, FeedHistory history, Action run)
    {
        try
        {
            run();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"QUOIN_SEED={seed}: {e.Message}\n{string.Join('\n', history.Trace)}", e);
        }
    }
}

/// <summary>One history.</summary>
sealed class FeedHistory : IDisposable
{
    const int Feeds = 3, Keys = 7;

    static readonly LineRules rules = new()
    {
        Feed = new FeedRules { HoldMs = 3600_000, LeaseMs = 60_000, AttemptsMax = 3 },
    };

    readonly long seed;
    readonly FeedWorld world = new(rules);
    readonly FeedReference reference = new(rules.Feed, (int)rules.OneShotMs);
    readonly List<string> files = [];
    readonly List<LineClient> plain = [];
    readonly Dictionary<string, LineClient> named = [];
    ulong state;
    int payloads;

    public FeedHistory(long seed)
    {
        this.seed = seed;
        state = (ulong)seed * 0x9E3779B97F4A7C15 + 1;
        // A feed keeps its number as long as it has a run; these runs never go.
        for (var feed = 0; feed < Feeds; feed++) world.Put($"f{feed}.0.txt");
    }

    /// <summary>What happened last.</summary>
    public IEnumerable<string> Trace =>
    [
        .. world.Trace.TakeLast(200),
        .. world.Query("""
            SELECT 'key', key, sequence, is_out, feed, number, started_at, times FROM feed_key
            UNION ALL SELECT 'lost', key, run, 0, feed, number, started_at, times FROM feed_lost
            UNION ALL SELECT 'event', position, type, subject, '', '', '', '' FROM event
            WHERE position > (SELECT written_to FROM feed_state)
            """, 8),
    ];

    int Roll(int sides)
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (int)((state >> 33) % (ulong)sides);
    }

    public void Run(int steps)
    {
        for (var i = 0; i < steps; i++) Step();
        reference.Expire(world.NowMs);
        world.Book.ExpireDue(world.NowMs, world.Seconds);
        Assert.Equal(
            reference.Outs.Values.Select(it => $"{it.Key} {it.Line.Feed} {it.Times}").Order(),
            world.Book.Flights.Select(it =>
                $"{Encoding.UTF8.GetString(world.Book.KeyBytes(it.Key))} "
                + $"{world.Book.Feeds[it.Feed]} {it.Times}").Order());
    }

    void Step()
    {
        switch (Roll(18))
        {
            case 0 or 1: PutLines(); break;
            case 2: RemoveFile(); break;
            case 3 or 4: Once("READY"); break;
            case 5 or 6 or 7: Plain(); break;
            case 8 or 9: Named(); break;
            case 10: ClosePlain(); break;
            case 11: world.Advance(Roll(4) == 0 ? 3700 : Roll(90)); break;
            case 12: if (Roll(2) == 0) Restart(); break;
            case 13: Rude(); break;
            case 14: Once($"DONE {Key()} {Roll(2)}"); break;
            case 15: Blocked(); break;
            default: world.Work(); break;
        }
    }

    string Key() => $"k{Roll(Keys)}";

    void PutLines()
    {
        var (feed, number) = (Roll(Feeds), 1 + Roll(4));
        var name = $"f{feed}.{number}.txt{(Roll(3) == 0 ? ".part" : "")}";
        if (!files.Contains(name)) files.Add(name);
        var lines = new List<string>();
        for (var i = Roll(4); i >= 0; i--)
        {
            var (key, payload) = (Key(), $"p{++payloads}");
            lines.Add($"{key} {payload}");
        }
        world.Put(name, [.. lines]);
        foreach (var line in lines)
        {
            var words = line.Split(' ');
            reference.Put(name, $"f{feed}", number, feed, words[0], words[1]);
        }
    }

    void RemoveFile()
    {
        if (files.Count == 0) return;
        var name = files[Roll(files.Count)];
        files.Remove(name);
        world.Remove(name);
        while (world.Store.IsForgetting(FeedOf(name), NumberOf(name))) world.Work();
        reference.Remove(name);
    }

    int FeedOf(string name) => world.Book.FeedOf(name.Split('.')[0]);

    static long NumberOf(string name) => long.Parse(name.Split('.')[1]);

    static string Answer(FeedReference.Out? given) =>
        given is null ? "NOJOBS" : $"JOB {given.Key} {given.Line.Payload}";

    void Say(LineClient client, string line, string expected) =>
        Assert.Equal($"{seed}: {expected}", $"{seed}: {world.Ask(client, line)}");

    // A client that ends its side and reads the answer.
    void Once(string line)
    {
        if (line != "READY") EndIf(line, it => it.Holder is null && it.Worker.Length == 0);
        var given = reference.Take(world.NowMs, null, "");
        Assert.Equal($"{seed}: {Answer(given)}", $"{seed}: {world.Once(line)}");
    }

    void EndIf(string done, Func<FeedReference.Out, bool> counts)
    {
        if (reference.Outs.GetValueOrDefault(done.Split(' ')[1]) is { } it && counts(it))
            reference.End(it);
    }

    void Plain()
    {
        if (plain.Count < 3) plain.Add(world.Client());
        var client = plain[Roll(plain.Count)];
        var own = reference.Outs.Values.FirstOrDefault(it => it.Holder == client);
        if (own is not null && Roll(3) > 0)
        {
            reference.End(own);
            Say(client, $"DONE {own.Key} 0", Answer(reference.Take(world.NowMs, client, "")));
            return;
        }
        Say(client, "READY", Answer(reference.Take(world.NowMs, client, "")));
    }

    void ClosePlain()
    {
        if (plain.Count == 0) return;
        var client = plain[Roll(plain.Count)];
        plain.Remove(client);
        var hasOwnDone = client.HasOwnDone;
        world.Close(client);
        reference.Close(client, hasOwnDone, world.NowMs);
    }

    // It asks and is gone: the answer is proven unread.
    void Rude()
    {
        var client = world.Client();
        var given = reference.Take(world.NowMs, client, "");
        Say(client, "READY", Answer(given));
        world.Close(client, isUnread: true);
        if (given is not null) reference.Return(given);
    }

    // Another program writes all the time: who asks has no job, who says DONE says it again.
    void Blocked()
    {
        switch (Roll(3))
        {
            case 0: world.Blocked(it => it.Work()); break;
            case 1: Assert.Equal("NOJOBS", world.AskBlocked(world.Client(), "READY")); break;
            default:
                if (reference.Outs.Values.FirstOrDefault(it => it.Worker == ""
                    && it.DeadlineMs >= world.NowMs) is not { } own) break;
                var client = own.Holder as LineClient ?? world.Client();
                Assert.Equal("closed", world.AskBlocked(client, $"DONE {own.Key} 0"));
                plain.Remove(client);
                var hasOwnDone = client.HasOwnDone;
                world.Close(client);
                reference.Close(client, hasOwnDone, world.NowMs);
                break;
        }
    }

    void Named()
    {
        var name = $"w{Roll(2)}";
        var mine = reference.Outs.Values.Where(it => it.Worker == name).ToList();
        if (!named.TryGetValue(name, out var client) || Roll(8) == 0)
        {
            named[name] = client = world.Client();
            var kept = mine.Where(_ => Roll(2) == 0).ToList();
            foreach (var it in mine.Except(kept)) reference.Lose(it);
            foreach (var it in kept) Renew(it);
            world.Ask(client, string.Join(' ', ["HELLO", name, .. kept.Select(it => it.Key)]));
            return;
        }
        foreach (var it in mine) Renew(it);
        if (mine.Count > 0 && Roll(2) == 0)
        {
            var it = mine[Roll(mine.Count)];
            reference.End(it);
            Say(client, $"DONE {it.Key} 1", Answer(reference.Take(world.NowMs, client, name)));
            return;
        }
        Say(client, "READY", Answer(reference.Take(world.NowMs, client, name)));
    }

    void Renew(FeedReference.Out it)
    {
        it.IsOverdue = false;
        it.DeadlineMs = world.NowMs + rules.Feed.LeaseMs;
    }

    void Restart()
    {
        if (Roll(2) == 0) while (Roll(4) > 0 && world.Work()) { }
        world.Restart(isSettled: Roll(4) == 0);
        plain.Clear();
        named.Clear();
        reference.Restart(world.NowMs);
    }

    /// <summary>
    /// Fetchers every six hours with newer versions of the same names, six workers whose jobs take
    /// minutes to hours, and everything is killed at random. In the end every name was given out
    /// with its newest version, and none was given out twice with one version, but where a worker
    /// was lost.
    /// </summary>
    public void TwoWeeks()
    {
        var end = world.Seconds + (14 * 24 * 3600);
        var (nextFetch, run) = (world.Seconds, 0);
        var busy = new Dictionary<LineClient, (string Key, string Payload, long Until)>();
        var given = new Dictionary<string, int>();
        var lost = new HashSet<string>();
        for (var i = 0; i < 6; i++) busy[world.Client()] = ("", "", 0);
        while (world.Seconds < end)
        {
            if (world.Seconds >= nextFetch && world.Seconds < end - (3 * 24 * 3600))
            {
                Fetch(++run);
                nextFetch += 6 * 3600;
            }
            foreach (var (client, job) in busy.ToList())
            {
                if (job.Until > world.Seconds) continue;
                var answer = world.Ask(client, job.Key == "" ? "READY" : $"DONE {job.Key} 0");
                busy.Remove(client);
                if (Roll(200) == 0 && answer != "NOJOBS") // The worker dies with its job.
                {
                    lost.Add(answer);
                    world.Close(client);
                    busy[world.Client()] = ("", "", 0);
                    Count(given, answer);
                    continue;
                }
                var words = answer.Split(' ');
                busy[client] = answer == "NOJOBS"
                    ? ("", "", world.Seconds + 60)
                    : (words[1], words[2], world.Seconds + 60 + Roll(1200));
                if (answer != "NOJOBS") Count(given, answer);
            }
            if (Roll(400) == 0)
            {
                // Kill -9: workers find the connection gone and say their DONE on a new one.
                world.Restart();
                foreach (var (client, job) in busy.ToList())
                {
                    busy.Remove(client);
                    busy[world.Client()] = job;
                }
            }
            if (Roll(3) == 0) world.Work();
            world.Advance(30 + Roll(60));
        }
        Assert.Equal("NOJOBS", world.Ready());
        Assert.All(given.Where(it => !lost.Contains(it.Key)), it => Assert.Equal(1, it.Value));
        Assert.Equal(2 * FetchKeys, newest.Count);
        Assert.All(newest.Values, job => Assert.Contains(job, given.Keys));
    }

    const int FetchKeys = 120;

    // By feed and key, the newest version that a fetcher wrote down, as a worker gets it.
    readonly Dictionary<string, string> newest = [];

    // A fetcher that is killed leaves what it had written, and what was there before.
    void Fetch(int run)
    {
        foreach (var feed in (string[])["a", "b"])
        {
            var part = $"{feed}.{run}.txt.part";
            var isKilled = false;
            for (var key = 0; key < FetchKeys && !isKilled; key += 40)
            {
                var lines = Enumerable.Range(key, 40).Select(i => $"key{i} {feed}{run}").ToArray();
                world.Put(part, lines);
                foreach (var line in lines)
                    newest[$"{feed} {line.Split(' ')[0]}"] = $"JOB {line}";
                if (Roll(10) == 0) world.Restart();
                isKilled = Roll(30) == 0;
            }
            if (isKilled) continue;
            foreach (var older in world.Sources.Select(it => it.Name).Where(it => it.Feed == feed
                && it.Number > 0 && it.Number < run).ToList()) world.Remove(older.ToString());
        }
    }

    static void Count(Dictionary<string, int> given, string answer) =>
        given[answer] = given.GetValueOrDefault(answer) + 1;

    public void Dispose() => world.Dispose();
}
