using System.Diagnostics;
using System.Globalization;
using System.Text;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>
/// The engine under faults, many seeds: fresh ones where QUOIN_SEED says from where on, many more
/// with QUOIN_LONG_TESTS. A failure prints the command that replays it.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    const int StepsOfOne = 400;

    static int Number(string variable, int otherwise) =>
        int.TryParse(
            Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture,
            out var number)
            ? number
            : otherwise;

    static bool IsLong => Environment.GetEnvironmentVariable("QUOIN_LONG_TESTS") == "1";

    [Fact]
    public void Faults_at_any_moment_lose_nothing_and_publish_nothing_twice()
    {
        var (first, count) = (Number("QUOIN_SEED", 1), IsLong ? Number("QUOIN_SEEDS", 5_000) : 200);
        var (watch, steps, events) = (Stopwatch.StartNew(), 0L, 0L);
        for (var seed = first; seed < first + count; seed++)
        {
            var world = Play(seed, StepsOfOne);
            (steps, events) = (steps + world.Steps, events + world.Store.LastPosition);
        }
        var summary = string.Create(CultureInfo.InvariantCulture,
            $"simulation: seeds {first} to {first + count - 1}, {steps} steps, {events} events, ")
            + string.Create(CultureInfo.InvariantCulture,
                $"{steps / watch.Elapsed.TotalSeconds:0} steps a second");
        output.WriteLine(summary);
    }

    [Fact]
    public void One_seed_as_somebody_asked_for_it()
    {
        var steps = Number("QUOIN_SIMULATE_STEPS", 0);
        Assert.SkipWhen(steps == 0, "for ./dev simulate");
        var world = Play(Number("QUOIN_SEED", 1), steps);
        output.WriteLine(Last(world));
        output.WriteLine($"{world.Steps} steps, {world.Store.LastPosition} events: all is well");
    }

    [Fact]
    public void The_same_seed_gives_the_same_log()
    {
        foreach (var seed in (ReadOnlySpan<int>)[1, 2, 3])
            Assert.Equal(Log(Play(seed, StepsOfOne)), Log(Play(seed, StepsOfOne)));
    }

    static byte[] Log(SimulatedWorld world)
    {
        using var log = new MemoryStream();
        foreach (var row in world.Store.Query(new EventQuery()))
        {
            log.Write(Encoding.UTF8.GetBytes(FormattableString.Invariant(
                $"{row.Position} {row.At.UtcTicks} {row.Type} {row.Subject}\n")));
            log.Write(row.Body.Span);
        }
        return log.ToArray();
    }

    static string Last(SimulatedWorld world)
    {
        var lines = Number("QUOIN_SIMULATE_TRACE", 60);
        return string.Join('\n', lines == 0 ? world.Trace : world.Trace.TakeLast(lines));
    }

    static SimulatedWorld Play(int seed, int steps)
    {
        var world = new SimulatedWorld(seed);
        try
        {
            world.Run(steps);
        }
        catch (Exception e)
        {
            Assert.Fail($"""
                {e.GetType().Name}: {e.Message}
                Replay it: ./dev simulate --seed {seed} --steps {steps}
                {Last(world)}
                {e.StackTrace}
                """);
        }
        return world;
    }
}
