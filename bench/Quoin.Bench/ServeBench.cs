using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// The real <c>quoin serve</c>: two hundred followers of its event stream while its coordinator
/// records thousands of events a second, and its pages with a million partitions in the store.
/// </summary>
static class ServeBench
{
    const int Followers = 200, Rate = 5_000, WantEvents = 1_002, Rounds = 3;
    const int Partitions = 1_000_000, Runs = 100_000, Outputs = Partitions / Runs;
    static readonly TimeSpan phase = TimeSpan.FromSeconds(IsSmall ? 3 : 8);
    static readonly DateTimeOffset at = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    // QUOIN_BENCH_SMALL=1 is for trying this program out.
    static bool IsSmall => Environment.GetEnvironmentVariable("QUOIN_BENCH_SMALL") is not null;

    public static void Run()
    {
        var place = Directory.CreateTempSubdirectory("quoin-bench-");
        try
        {
            Stream(Path.Combine(place.FullName, "stream"));
            Pages(Path.Combine(place.FullName, "pages"));
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    // A want of so many partitions becomes so many events: it is accepted, they are planned, it is
    // planned. Nobody runs anything, so nothing but the coordinator works.
    static void Stream(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "quoin.yaml"), """
            quoin: 1
            name: stream
            jobs:
              part:
                outputs: ["part/{want:int}/{n:int}"]
                exec: ["true"]
            """);
        using var server = new ServeProcess(folder, "--no-worker");
        var wants = new Wants(server);
        wants.Ask(TimeSpan.FromSeconds(2)); // Warm.
        List<Phase> alone = [], followed = [];
        for (var round = 0; round < Rounds; round++)
        {
            alone.Add(wants.Ask(phase));
            using var crowd = new Crowd(server, round);
            followed.Add(wants.Ask(phase));
            crowd.End(Position(server));
        }
        Console.WriteLine(Invariant(
            $"{Followers} followers of the event stream; {Rounds} rounds of")
            + Invariant($" {phase.TotalSeconds} s without and with them, in turns\n"));
        Console.WriteLine(
            $"{"",-12} {"events/s",9} {"ms from request to answer",28} {"server's cores",15}");
        foreach (var (name, phases) in (ReadOnlySpan<(string, List<Phase>)>)
            [("alone", alone), ("followed", followed)])
            Console.WriteLine(Invariant(
                $"{name,-12} {phases.Average(p => p.EventsPerSecond),9:N0} ")
                + Invariant($"{Spread([.. phases.SelectMany(p => p.Ms)]),28} ")
                + Invariant($"{phases.Average(p => p.Cores),15:F2}"));
        var slower = BuildBench.Median([.. followed.SelectMany(p => p.Ms)])
            / BuildBench.Median([.. alone.SelectMany(p => p.Ms)]);
        Console.WriteLine(Invariant(
            $"\nthe coordinator's speed with followers: {1 / slower:P0} of that without")
            + " (goal 90 %)");
        Console.WriteLine(Invariant(
            $"events that came: {Crowd.Came:N0}, {Crowd.Bytes >> 20:N0} MiB; missed, repeated or")
            + Invariant($" out of order: {Crowd.Wrong} (goal 0)"));
        Console.WriteLine(Invariant(
            $"the last follower had the last event {Crowd.BehindMs.Max():F0} ms after the position")
            + " was asked for");
        Console.WriteLine(Invariant(
            $"memory of the server: {server.Megabytes("VmRSS")} MB, most")
            + Invariant($" {server.Megabytes("VmHWM")} MB\n"));
    }

    static string Spread(double[] ms) => Invariant(
        $"{BuildBench.Median(ms):F1} (p99 {ms.Order().ElementAt(ms.Length * 99 / 100):F1})");

    static long Position(ServeProcess server) => long.Parse(
        server.Http.GetStringAsync("/api/v1/store/position").GetAwaiter().GetResult(),
        CultureInfo.InvariantCulture);

    sealed record Phase(double EventsPerSecond, double[] Ms, double Cores);

    /// <summary>Asks for wants at the rate; each is answered when the log has it.</summary>
    sealed class Wants(ServeProcess server)
    {
        int number;

        public Phase Ask(TimeSpan time)
        {
            var (first, cpu) = (Position(server), server.Cpu);
            var times = new List<double>();
            var clock = Stopwatch.StartNew();
            var pace = TimeSpan.FromSeconds((double)WantEvents / Rate);
            for (var next = TimeSpan.Zero; clock.Elapsed < time; next += pace)
            {
                if (next > clock.Elapsed)
                    Task.Delay(next - clock.Elapsed).GetAwaiter().GetResult();
                var since = clock.Elapsed;
                Post();
                times.Add((clock.Elapsed - since).TotalMilliseconds);
            }
            while (!IsPlanned()) Task.Delay(TimeSpan.FromMilliseconds(5)).GetAwaiter().GetResult();
            var (seconds, used) = (clock.Elapsed.TotalSeconds, server.Cpu - cpu);
            return new Phase(
                (Position(server) - first) / seconds, [.. times], used.TotalSeconds / seconds);
        }

        bool IsPlanned()
        {
            using var want = JsonDocument.Parse(server.Http.GetStringAsync(
                $"/api/v1/wants/w-{number}").GetAwaiter().GetResult());
            return want.RootElement.TryGetProperty("plan", out _);
        }

        void Post()
        {
            var want = ++number;
            var names = Enumerable.Range(0, WantEvents - 2).Select(n => $"part/{want}/{n}");
            using var body = new StringContent(
                JsonSerializer.Serialize(new { partitions = names }), Encoding.UTF8,
                "application/json");
            using var answer = server.Http.PostAsync("/api/v1/wants", body)
                .GetAwaiter().GetResult();
            if (answer.StatusCode != HttpStatusCode.Created)
                throw new InvalidOperationException(
                    $"{answer.StatusCode}: {answer.Content.ReadAsStringAsync().Result}");
        }
    }

    /// <summary>The followers, in this process.</summary>
    sealed class Crowd : IDisposable
    {
        readonly List<EventFollower> followers = [];
        readonly List<Task> following = [];
        readonly CancellationTokenSource patience = new(TimeSpan.FromMinutes(2));
        readonly long first;
        long end = long.MaxValue;

        public Crowd(ServeProcess server, int round)
        {
            first = round == 0 ? 0 : Position(server); // In the first round from the beginning.
            for (var i = 0; i < Followers; i++)
            {
                var follower = new EventFollower(server.Http.BaseAddress!);
                followers.Add(follower);
                following.Add(follower.FollowAsync(
                    first, () => Volatile.Read(ref end), patience.Token));
            }
        }

        public static long Came { get; private set; }
        public static long Bytes { get; private set; }
        public static int Wrong { get; private set; }
        public static List<double> BehindMs { get; } = [];

        public void End(long last)
        {
            var clock = Stopwatch.StartNew();
            Volatile.Write(ref end, last);
            // Who waits for more when it had the last one already notices with the heartbeat.
            while (!following.TrueForAll(task => task.IsCompleted)
                && !followers.TrueForAll(follower => follower.Last >= last))
                Task.Delay(TimeSpan.FromMilliseconds(1)).GetAwaiter().GetResult();
            BehindMs.Add(clock.Elapsed.TotalMilliseconds);
            foreach (var failed in following.Where(task => task.IsFaulted))
                failed.GetAwaiter().GetResult();
            Came += followers.Sum(follower => follower.Last - first);
            Bytes += followers.Sum(follower => follower.Bytes);
            Wrong += followers.Sum(follower => follower.Wrong);
        }

        public void Dispose()
        {
            patience.Cancel();
            foreach (var follower in followers) follower.Dispose();
            patience.Dispose();
        }
    }

    static void Pages(string folder)
    {
        var events = Make(folder);
        using var server = new ServeProcess(folder, "--no-worker", "--no-coordinator");
        Console.WriteLine(Invariant(
            $"{Partitions:N0} partitions, {Runs:N0} runs, {events:N0} events in the store: listens")
            + Invariant($" after {server.Listening.TotalSeconds:F1} s, is ready after")
            + Invariant($" {server.Ready.TotalSeconds:F1} s with {server.Megabytes("VmRSS")} MB"));
        Console.WriteLine($"\n{"",-42} {"first",8} {"median",8} {"p99",8} {"most",8}   ms");
        var all = new List<double>();
        foreach (var (name, path) in Asked())
        {
            var random = new Random(7);
            var times = new List<double>();
            for (var i = 0; i < (IsSmall ? 50 : 300); i++)
            {
                var asked = path(random);
                var clock = Stopwatch.StartNew();
                var (status, bytes) = server.Get(asked);
                times.Add(clock.Elapsed.TotalMilliseconds);
                if (status != HttpStatusCode.OK || bytes < 20)
                    throw new InvalidOperationException($"{asked}: {status}");
            }
            all.AddRange(times);
            var sorted = times.Order().ToList();
            Console.WriteLine(Invariant(
                $"{name,-42} {times[0],8:F1} {BuildBench.Median(times),8:F1} ")
                + Invariant($"{sorted[sorted.Count * 99 / 100],8:F1} {sorted[^1],8:F1}"));
        }
        var order = all.Order().ToList();
        Console.WriteLine(Invariant(
            $"{"all",-42} {"",8} {BuildBench.Median(all),8:F1} ")
            + Invariant($"{order[order.Count * 99 / 100],8:F1} {order[^1],8:F1}")
            + "   (goal: p99 below 100)");
        Console.WriteLine(Invariant(
            $"\nmemory of the server: {server.Megabytes("VmRSS")} MB, most")
            + Invariant($" {server.Megabytes("VmHWM")} MB"));
    }

    static IEnumerable<(string Name, Func<Random, string> Path)> Asked()
    {
        yield return ("API partitions, a page", r => $"/api/v1/partitions?cursor={Name(r)}");
        yield return ("API partitions below a prefix", r =>
            $"/api/v1/partitions?prefix=daily/c{r.Next(250):000}&limit=1000");
        yield return ("API partitions that failed", _ => "/api/v1/partitions?state=failed");
        yield return ("API one partition", r => $"/api/v1/partition?partition={Name(r)}");
        yield return ("API its history", r => $"/api/v1/partition/history?partition={Name(r)}");
        yield return ("API its lineage", r => $"/api/v1/partition/lineage?partition={Name(r)}");
        yield return ("API runs", r => $"/api/v1/runs?cursor=r-{r.Next(1, Runs)}");
        yield return ("API runs of a job in a state", _ => "/api/v1/runs?job=cell&state=failed");
        yield return ("API wants", _ => "/api/v1/wants?limit=100");
        yield return ("API events of a run", r => $"/api/v1/events?subject=r-{r.Next(1, Runs)}");
        yield return ("API events of a type", r =>
            $"/api/v1/events?type=run-failed&after={r.Next(300_000)}");
        yield return ("API stats", _ => "/api/v1/stats");
        yield return ("page: now", _ => "/");
        yield return ("page: wants", _ => "/wants");
        yield return ("page: a want of 1,000 runs", r => $"/wants/w-{r.Next(1, Runs / 1000)}");
        yield return ("page: runs", r => $"/runs?before={r.Next(1, Runs)}");
        yield return ("page: a run", r => $"/runs/r-{r.Next(1, Runs)}");
        yield return ("page: datasets", _ => "/datasets");
        yield return ("page: a calendar of 500,000", r =>
            $"/datasets/daily?part={r.Next(1, 200)}");
        yield return ("page: a matrix of 10 x 49,000", r =>
            $"/datasets/cell?columns={r.Next(1, 1000)}");
        yield return ("page: a list of a state", _ => "/datasets/daily?state=failed");
        yield return ("page: a partition", r => $"/partitions/{Name(r)}");
        yield return ("page: the log", r => $"/events?before={r.Next(1_000, 300_000)}");
        yield return ("page: the log of a type", r =>
            $"/events?type=run-failed&before={r.Next(1_000, 300_000)}");
        yield return ("page: the graph", _ => "/graph");
        yield return ("metrics", _ => "/metrics");
    }

    static string Name(Random random) => NameOf(random.Next(Partitions));

    // Half a calendar, half a matrix, and ten thousand datasets of one partition.
    static string NameOf(int i) =>
        i < 500_000 ? string.Create(
            CultureInfo.InvariantCulture,
            $"daily/c{i / 2000:000}/{new DateOnly(2020, 1, 1).AddDays(i % 2000):yyyy-MM-dd}")
        : i < 990_000 ? $"cell/r{(i - 500_000) / 49_000}/u{(i - 500_000) % 49_000}"
        : $"user{i - 990_000}/profile";

    // As coordinators of a year would have left it, through the store's own appends.
    static long Make(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, ".quoin"));
        File.WriteAllText(Path.Combine(folder, "quoin.yaml"), """
            quoin: 1
            name: million
            jobs:
              daily:
                outputs: ["daily/{city}/{date:date}"]
                exec: ["true"]
              cell:
                outputs: ["cell/{region}/{user}"]
                exec: ["true"]
              profile:
                outputs: ["{user}/profile"]
                exec: ["true"]
            """);
        var store = SqliteStore.Open(
            Path.Combine(folder, ".quoin", "quoin.db"),
            new StoreOptions { NewId = "bench", Lead = true });
        var names = new PartitionNames();
        Task last = Task.CompletedTask;
        long count = 0;
        foreach (var batch in Events(names).Chunk(10_000))
        {
            count += batch.Length;
            last = store.AppendAsync(
                new AppendBatch { At = at, Names = names, Events = batch }, CancellationToken.None);
        }
        last.GetAwaiter().GetResult();
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return count;
    }

    static IEnumerable<BuildEvent> Events(PartitionNames names)
    {
        const int runsOfWant = 1_000;
        var worker = new WorkerId("host/1/a");
        var digest = new Digest(DigestAlgorithm.Xxh3, new byte[16]);
        yield return new WorkerAdded(worker, 16);
        for (var run = 1; run <= Runs; run++)
        {
            var want = new WantId(((run - 1) / runsOfWant) + 1);
            var first = (run - 1) * Outputs;
            ImmutableArray<PartitionId> outputs =
                [.. Enumerable.Range(first, Outputs).Select(i => names.Intern(NameOf(i)))];
            if (run % runsOfWant == 1)
                yield return new WantAccepted(want,
                    [.. Enumerable.Range(first, runsOfWant * Outputs)
                        .Select(i => names.Intern(NameOf(i)))])
                {
                    Request = $"build part {want}",
                };
            // Of a calendar each day's inputs are the days before it.
            PartitionId[] inputs = first is > 20 and < 500_000
                ? [names.Intern(NameOf(first - 10)), names.Intern(NameOf(first - 20))]
                : [];
            var job = first < 500_000 ? "daily" : first < 990_000 ? "cell" : "profile";
            yield return new PartitionPlanned(want, job, outputs, [.. inputs]);
            if (run % runsOfWant == 0)
                yield return new WantPlanned(
                    want, new PlanCounts(10_000, 0, 10_000, 0, 0));
        }
        for (var run = 1; run <= Runs; run++)
        {
            var first = (run - 1) * Outputs;
            ImmutableArray<PartitionId> outputs =
                [.. Enumerable.Range(first, Outputs).Select(i => names.Intern(NameOf(i)))];
            yield return new RunScheduled(new RunId(run), outputs, []);
            if (run > Runs - 2_000) continue; // Queued.
            yield return new RunLeased(new RunId(run), worker, 1);
            if (run > Runs - 2_500) continue; // Running.
            if (run % 97 == 0 && first >= 500_000)
                yield return new RunFailed(
                    new RunId(run), 1, new RunFailure(FailureCategory.Failed, "exit code 1"));
            else
                yield return new RunCompleted(
                    new RunId(run), 1, [.. outputs.Select(p => new OutputManifest(p, digest, 10))])
                {
                    Usage = new RunUsage(at.AddMilliseconds(run), 20 + (run % 31), 11, 4_096),
                };
        }
    }

    static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
