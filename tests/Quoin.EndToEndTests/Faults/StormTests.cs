using System.Diagnostics;
using Quoin.Core;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Explorer;

namespace Quoin.EndToEndTests.Faults;

/// <summary>
/// The same on PostgreSQL; with <c>QUOIN_LONG_TESTS=1</c> eight workers and 2,000 runs, for about
/// two minutes.
/// </summary>
public sealed class PostgresStormTests(PostgresServer server) : StormTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    private protected override Storm Size => Long.IsAsked
        ? new(Workers: 8, Runs: 2000, RunS: 0.4, Lines: 60)
        : base.Size;
}

/// <summary>
/// kill -9 of workers and of the builds that decide and join, at random moments, each followed by a
/// fresh one: what was wanted is made, with the bytes of a build that nobody hurts, and recorded
/// once.
/// </summary>
public class StormTests
{
    /// <summary>How much of it.</summary>
    /// <param name="Workers">How many at a time, with one slot each.</param>
    /// <param name="Runs">How many partitions there are to make, and one of all of them.</param>
    /// <param name="RunS">How long one takes, in seconds.</param>
    /// <param name="Lines">A worker dies after printing so many lines at most.</param>
    private protected sealed record Storm(int Workers, int Runs, double RunS, int Lines);

    private protected virtual PostgresAddress? NewAddress() => null;

    private protected virtual Storm Size => new(Workers: 3, Runs: 120, RunS: 0.1, Lines: 30);

    [Fact]
    public async Task Random_kills_change_nothing()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("QUOIN_SEED"), out var told)
            ? told
            : Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var (size, since) = (Size, Stopwatch.GetTimestamp());
        using var world = new FaultWorld(NewAddress(), GraphOf(size));
        var storm = new Kills(world);

        var builds = Enumerable.Range(0, 2).Select(i => Task.Run(
            () => storm.Build(new Random(seed + i), size.Runs / 3))).ToList();
        var workers = Enumerable.Range(2, size.Workers).Select(i => Task.Run(
            () => storm.Work(new Random(seed + i), size.Lines))).ToList();
        await Task.WhenAll(builds);
        storm.EndWorkers();
        await Task.WhenAll(workers);

        var log = world.Log();
        Assert.All(log.OfType<WantFailed>(), _ => Assert.Contains(
            log, e => e is LeaseExpired { RetryAt: null })); // Lost too often, by chance.
        world.Finish();
        Assert.Equal(size.Runs + 1, log.OfType<RunCompleted>().Count());
        Long.Say(
            $"storm, seed {seed}: {size.Runs} runs, {storm.Builds} builds and {storm.Workers} "
            + $"workers killed, {log.OfType<LeaseExpired>().Count()} attempts lost, "
            + $"{world.Executions} executions, {Stopwatch.GetElapsedTime(since).TotalSeconds:0} s");
    }

    static string GraphOf(Storm size) => FormattableString.Invariant($$"""
        quoin: 1
        name: storm
        targets: [all]
        jobs:
          one:
            outputs: ["one/{n:int}"]
            exec: [sh, -c, "echo {n} >> ran; [ -e go ] || sleep {{size.RunS}}; echo {n} > {out}"]
          all:
            outputs: [all]
            inputs: ["one/{n:range(1,{{size.Runs}})}"]
            exec: [sh, -c, 'cat .quoin/data/one/*', sh]
            stdout: "{out}"
        """);

    /// <summary>Processes that are killed after some lines of their output.</summary>
    sealed class Kills(FaultWorld world)
    {
        readonly Lock gate = new();
        readonly List<QuoinProcess> workers = [];
        bool isOver;

        public int Builds { get; private set; }

        public int Workers { get; private set; }

        /// <summary>Builds until one comes to its end.</summary>
        public void Build(Random random, int linesMax)
        {
            while (true)
            {
                var build = world.Start("build", "-j", "0");
                var isKilled = build.WaitForLines(random.Next(linesMax)) && !IsOver;
                if (isKilled) build.Kill();
                var end = build.WaitForExit(TimeSpan.FromMinutes(5));
                if (isKilled && end.ExitCode == 137)
                {
                    lock (gate) Builds++;
                    continue;
                }
                if (end.ExitCode == 1) continue;
                end.Expect(0);
                lock (gate) isOver = true;
                return;
            }
        }

        /// <summary>Works until all is built.</summary>
        public void Work(Random random, int linesMax)
        {
            while (Start() is { } worker)
            {
                var isKilled = worker.WaitForLines(1 + random.Next(linesMax)) && !IsOver;
                if (isKilled) worker.Kill();
                var end = worker.WaitForExit(TimeSpan.FromMinutes(5));
                if (!isKilled || end.ExitCode != 137) end.Expect(0);
                else lock (gate) Workers++;
            }
        }

        QuoinProcess? Start()
        {
            lock (gate)
            {
                if (isOver) return null;
                workers.Add(world.Start("worker", "-j", "1"));
                return workers[^1];
            }
        }

        public void EndWorkers()
        {
            lock (gate)
            {
                isOver = true;
                foreach (var worker in workers) worker.Terminate();
            }
        }

        bool IsOver
        {
            get
            {
                lock (gate) return isOver;
            }
        }
    }
}
