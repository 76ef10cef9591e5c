using Quoin.Core;
using Quoin.Tests.Explorer;

namespace Quoin.MutantTests;

/// <summary>
/// The explorer is worth what it finds: with any one guard of the kernel switched off it has to
/// find a way to something wrong, and the shortest one is as long as it says here. mutants.txt says
/// what is switched off.
/// </summary>
public sealed class MutantTests
{
    /// <summary>Name, instance, moves of the shortest way, and the rule that is broken.</summary>
    public static readonly TheoryData<string, string, int, string> Rows = new()
    {
        { "no-claim-guard", "A", 4, "I1" },
        { "claims-what-is-free", "A", 4, "I1" },
        { "claims-wanted-only", "A", 2, "T2" },
        { "claims-one-by-one", "A", 2, "T2" },
        { "takes-any-config", "J", 3, "T2" },
        { "runs-without-inputs", "S", 1, "T2" },
        { "lease-twice", "A", 3, "T3" },
        { "retries-at-once", "A", 4, "T3" },
        { "more-runs-than-slots", "N", 6, "I6" },
        { "epoch-stands-still", "A", 3, "T3" },
        { "adopts-held", "H", 6, "I2" },
        { "replaces-live", "A", 8, "I2" },
        { "half-published", "A", 3, "T4" },
        { "retries-without-end", "A", 6, "T5" },
        { "retries-undemanded", "A+", 5, "T5" },
        { "stopped-run-fails", "A+", 5, "T9" },
        { "cancels-the-demanded", "A", 3, "T8" },
        { "stops-untold", "A", 3, "T9" },
        { "losses-without-end", "R", 6, "T10" },
        { "taints-anything", "A", 0, "T12" },
        { "busy-worker-leaves", "R", 4, "T13" },
        { "current-without-inputs", "S", 9, "P3" },
        { "current-though-tainted", "B", 7, "P3" },
        { "current-though-changed", "S", 5, "P3" },
        { "stale-unasked", "S", 6, "P2" },
        { "queued-run-is-heard", "A", 2, "T11" },
        { "old-epoch-is-heard", "A", 3, "T11" },
        { "plans-without-inputs", "S", 1, "P" },
        { "stale-input-still-counts", "P", 7, "P" },
        { "moved-inputs-ignored", "S", 8, "T4" },
        { "fingerprint-of-what-moved", "S", 8, "T4" },
        { "no-cycle-guard", "D", 7, "I4" },
        { "release-at-cancel-request", "A+", 5, "T8" },
        { "leak-on-cancel", "A+", 4, "I3" },
        { "fails-the-undemanded", "A", 6, "T5" },
        { "retries-final-failures", "U", 7, "P1" },
        { "failed-for-ever", "C", 16, "T1" },
        { "forgets-where-from", "B", 7, "I2" },
        { "satisfied-before-planned", "P", 9, "P5" },
        { "failure-stays-upstream", "A", 6, "I8" },
        { "ends-too-early", "A", 1, "I5" },
        { "no-withdrawal", "A+", 2, "I8" },
        { "acts-while-another-acts", "RA", 3, "N2" },
        { "acts-before-its-time", "RA", 4, "N2" },
        { "acts-while-a-person-thinks", "RX", 9, "N2" },
        { "acts-without-end", "RX", 5, "N2" },
        { "hears-old-answers", "RA", 2, "N15" },
        { "releases-what-is-held", "RA", 4, "N10" },
        { "never-releases", "RA", 5, "J2" },
        { "cancels-what-may-exist", "RA", 4, "T8" },
        { "live-though-unwanted", "RC", 5, "N6" },
        { "forgets-what-it-stands-on", "RB", 5, "J3" },
        { "wants-do-not-hold", "RA", 4, "N6" },
        { "ends-before-all-is-released", "RA", 5, "2.1" },
        { "what-vanished-is-still-counted-on", "RB", 6, "P" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_guard_that_is_off_is_missed(string mutant, string name, int moves, string rule)
    {
        var (found, trace) = Explore(mutant, new KernelModel(Instance(name)));

        Assert.True(found.Fault is not null, $"{mutant} is not caught in {name}");
        var broken = found.Fault.Value.Fault.Rule;
        Assert.True(
            (moves, rule) == (found.PathToFault().Count, broken.Split(':')[0]),
            $"{mutant} in {name} after {found.PathToFault().Count} moves: {broken}\n{trace}");
        Long.Say($"{mutant}: {name}, {moves} moves, {broken}");
    }

    // Without the rule that forbids it at once, stopping runs that are demanded goes on for ever.
    [Fact]
    public void Cancelling_the_later_of_two_runs_has_no_end()
    {
        var (found, trace) = Explore(
            "cancels-the-demanded", new KernelModel(Instance("A")) { OnlyStates = true });

        Assert.Equal("I9: j0 is scheduled without end", found.Fault?.Fault.Rule);
        Assert.Contains("world.Do(new RequestRunCancel(r2, \"test\"));", trace);
    }

    [Fact]
    public void Every_guard_is_in_the_table_and_found_in_the_sources()
    {
        Assert.Empty(Mutants.Lost); // mutants.txt has to follow the core's sources.
        var tested = Rows.Select(row => row.Data.Item1)
            .Concat(FeedMutantTests.Rows.Select(row => row.Data.Item1)).Append("unstratified");
        Assert.Equal(Mutants.Names.Order(), tested.Order());
    }

    static Instance Instance(string name) => Instances.All.Single(i => i.Name == name);

    static (Exploration<Move> Found, string Trace) Explore(string mutant, KernelModel model)
    {
        Mutants.On = mutant;
        try
        {
            var found = new Exploration<Move>(model) { StatesMax = 50_000 }.Run();
            return (found, found.Fault is { } fault
                ? TraceText.Of(model, found.PathToFault(), fault.Fault.Rule)
                : "");
        }
        finally
        {
            Mutants.On = null;
        }
    }
}
