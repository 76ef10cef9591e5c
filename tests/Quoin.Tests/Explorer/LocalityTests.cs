using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// The footprints that the net's table declares are complete: what they do not name makes no
/// difference. All that is said about concurrency rests on this.
/// </summary>
public sealed class LocalityTests
{
    [Theory]
    [InlineData("A", 6, 48)]
    [InlineData("A+", 3617, 558)]
    [InlineData("A+ supersede", 2781, 486)]
    [InlineData("B", 1032, 818)]
    [InlineData("C", 1626, 638)]
    [InlineData("G", 566, 177)]
    [InlineData("H", 6789, 411)]
    [InlineData("J", 5099, 1147)]
    [InlineData("K1", 8785, 1237)]
    [InlineData("S", 485, 598)]
    [InlineData("F", 1174, 1002)]
    [InlineData("U", 5055, 3111)]
    [InlineData("RS", 238, 280)]
    [InlineData("RO", 182, 417)]
    public void Independent_events_commute_and_the_net_of_the_footprints_has_our_graph(
        string name, int pairs, int transitions) => Check(name, pairs, transitions);

    [Theory]
    [InlineData("D", 73363, 6190)]
    [InlineData("P", 18323, 14682)]
    [InlineData("R", 83124, 2309)]
    public void The_large_graphs_are_local_too(string name, int pairs, int transitions)
    {
        if (Long.IsAsked) Check(name, pairs, transitions);
    }

    static void Check(string name, int pairs, int transitions)
    {
        var graph = new LocalGraph(Instances.All.Single(instance => instance.Name == name));
        // The tokens are all there is to a state.
        Assert.Equal(graph.Found.States, graph.Distinct);
        var commuting = graph.CheckDiamonds();
        var net = graph.CheckSynthesis();
        Assert.Null(net.Wrong);
        Assert.Equal((pairs, transitions), (commuting, net.Transitions));
        Long.Say($"{name}: {pairs} independent pairs commute, net of {transitions} transitions");
    }

    // What is left out of a footprint has to be missed: otherwise the check above shows nothing.
    [Theory]
    [InlineData(MoveKind.Accept, TokenKind.Partition)]
    [InlineData(MoveKind.Accept, TokenKind.Want)]
    [InlineData(MoveKind.Accept, TokenKind.Order)]
    [InlineData(MoveKind.Schedule, TokenKind.Partition)]
    [InlineData(MoveKind.Schedule, TokenKind.Run)]
    [InlineData(MoveKind.Lease, TokenKind.Run)]
    [InlineData(MoveKind.Complete, TokenKind.Partition)]
    [InlineData(MoveKind.Complete, TokenKind.Want)]
    [InlineData(MoveKind.Complete, TokenKind.Run)]
    [InlineData(MoveKind.Fail, TokenKind.Partition)]
    [InlineData(MoveKind.Fail, TokenKind.Want)]
    [InlineData(MoveKind.Fail, TokenKind.Order)]
    [InlineData(MoveKind.CancelWant, TokenKind.Partition)]
    [InlineData(MoveKind.RequestCancel, TokenKind.Partition)]
    [InlineData(MoveKind.Expire, TokenKind.Run)]
    [InlineData(MoveKind.Taint, TokenKind.Partition)]
    public void A_footprint_that_names_too_little_is_noticed(MoveKind kind, TokenKind token)
    {
        var graph = new LocalGraph(
            Instances.APlus, (move, t) => move.Kind == kind && t.Kind == token);

        Assert.NotNull(graph.CheckSynthesis().Wrong);
    }
}
