using Quoin.Core;
using Quoin.Tests.Explorer;

namespace Quoin.MutantTests;

/// <summary>
/// The same for the lines of feeds: with any one rule of their book switched off, the exploration
/// of small folders finds a way to something wrong, as short as it says here.
/// </summary>
public sealed class FeedMutantTests
{
    /// <summary>
    /// Name, row of the table, instance, moves of the shortest way, what is broken.
    /// </summary>
    public static readonly TheoryData<string, string, string, int, string> Rows = new()
    {
        { "what-a-sibling-became-is-forgotten", "F1", "FA", 3, "K1" },
        { "older-lines-come-again", "F2", "FC", 3, "K1" },
        { "any-run-counts", "F2", "FC", 3, "F2" },
        { "a-held-key-is-free", "F2", "FB", 4, "K2" },
        { "what-ended-comes-again", "T4", "FB", 3, "K1" },
        { "undelivered-is-given-out", "F3", "FB", 3, "K1" },
        { "undelivered-marks-stay", "F3", "FC", 4, "K1" },
        { "who-left-holds-it-still", "F4", "FB", 3, "F4" },
        { "the-other-file-is-forgotten", "F5", "FA", 4, "K1" },
        { "lines-are-lost-without-end", "T10", "FB", 5, "K1" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_rule_of_feeds_that_is_off_is_missed(
        string mutant, string row, string name, int moves, string rule)
    {
        Assert.Contains(FeedNet.Transitions, it => it.Row == row);
        Mutants.On = mutant;
        try
        {
            var model = new FeedModel(FeedInstance.Small.Single(it => it.Name == name));
            var found = new Exploration<FeedMove>(model) { IsReduced = true }.Run();
            Assert.True(found.Fault is not null, $"{mutant} is not caught in {name}");
            var broken = found.Fault.Value.Fault.Rule;
            Assert.True(
                (moves, rule) == (found.PathToFault().Count, broken.Split(':')[0]),
                $"{mutant} in {name} after {found.PathToFault().Count} moves: {broken}\n"
                    + string.Join('\n', found.PathToFault()));
        }
        finally
        {
            Mutants.On = null;
        }
    }

    [Fact]
    public void Every_row_that_moves_a_line_or_its_holder_has_one() => Assert.Equal(
        ["F1", "F2", "F3", "F4", "F5", "T10", "T4"],
        Rows.Select(row => row.Data.Item2).Distinct().Order(StringComparer.Ordinal));
}
