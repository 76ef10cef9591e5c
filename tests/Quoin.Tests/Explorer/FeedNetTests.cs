using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Explorer;

/// <summary>Every state of small folders, with the book beside the rules written simply.</summary>
public sealed class FeedNetTests
{
    [Fact]
    public void No_line_is_lost_or_given_out_twice_and_none_moves_but_as_the_table_says()
    {
        var happened = new HashSet<(string Row, NetMove Move)>();
        foreach (var instance in FeedInstance.Small) Explore(instance, happened);
        // Exit codes that mean something are the tests' of the book; T5 moves as T4 and T10 do.
        var table = from row in FeedNet.Transitions
                    where row.Row != "T5"
                    from move in row.Moves
                    select (row.Row, move);
        Assert.Equal(
            string.Join('\n', table.Select(Text).Order(StringComparer.Ordinal)),
            string.Join('\n', happened.Select(Text).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Nor_in_larger_folders()
    {
        if (!Long.IsAsked) return;
        foreach (var instance in FeedInstance.Large) Explore(instance, []);
    }

    static string Text((string Row, NetMove Move) it) => $"{it.Row} {it.Move.From} -> {it.Move.To}";

    static void Explore(FeedInstance instance, HashSet<(string Row, NetMove Move)> happened)
    {
        var model = new FeedModel(instance);
        var found = new Exploration<FeedMove>(model) { IsReduced = true }.Run();
        Assert.True(found.Fault is null, found.Fault is null ? "" :
            $"{instance.Name}: {found.Fault.Value.Fault.Rule}\n"
                + string.Join('\n', found.PathToFault()));
        happened.UnionWith(model.Happened);
        Long.Say($"{instance.Name}: {found.States} states, {found.EdgeCount} edges");
    }
}
