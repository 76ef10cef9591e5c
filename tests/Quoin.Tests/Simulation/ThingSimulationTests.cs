using System.Diagnostics;
using System.Globalization;

namespace Quoin.Tests.Simulation;

/// <summary>
/// Things outside under faults, many seeds: fresh ones where QUOIN_SEED says from where on, and
/// 1,000 wants each with QUOIN_LONG_TESTS. (43.)
/// </summary>
public sealed class ThingSimulationTests(ITestOutputHelper output)
{
    static readonly bool isLong = Environment.GetEnvironmentVariable("QUOIN_LONG_TESTS") == "1";

    [Fact]
    public async Task Whatever_fails_and_dies_every_want_ends_and_nothing_is_left()
    {
        var first = int.TryParse(
            Environment.GetEnvironmentVariable("QUOIN_SEED"), CultureInfo.InvariantCulture,
            out var number) ? number : 1;
        var (seeds, wants) = isLong ? (5, 1000) : (12, 60);
        var (watch, steps, deaths, calls) = (Stopwatch.StartNew(), 0, 0, 0);
        for (var seed = first; seed < first + seeds; seed++)
        {
            await using var simulation = new ThingSimulation(seed, wants);
            simulation.Run();
            steps += simulation.Steps;
            deaths += simulation.Deaths;
            calls += simulation.World.Service.Calls.Count;
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"things: seeds {first} to {first + seeds - 1}, {wants} wants each, {steps} steps, ")
            + string.Create(CultureInfo.InvariantCulture,
                $"{calls} calls, {deaths} deaths, {watch.Elapsed.TotalSeconds:0} s"));
    }
}
