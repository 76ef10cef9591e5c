using Quoin.Core;

namespace Quoin.Tests.KernelTests;

public sealed class NetTests
{
    [Fact]
    public void Every_event_is_a_transition_or_a_notification()
    {
        var events = typeof(BuildEvent).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(BuildEvent)) && !type.IsAbstract)
            .Select(type => type.Name)
            .Order(StringComparer.Ordinal);
        var rows = Net.Transitions.Select(row => row.Name)
            .Concat(Net.Notifications.Select(type => type.Name))
            .Concat(FeedNet.Transitions.Select(row => row.Event.Name))
            .Distinct()
            .Order(StringComparer.Ordinal);
        Assert.Equal(events, rows);
    }

    [Fact]
    public void A_transition_names_only_places_that_exist()
    {
        var places = Enum.GetNames<PartitionPlace>().Select(name => $"Partition.{name}")
            .Concat(Enum.GetNames<RunPlace>().Select(name => $"Run.{name}"))
            .Concat(["Want.Offered", "Want.Open", "Want.Releasing", "Demand", "Hold", "Slot"])
            .ToHashSet();
        foreach (var row in Net.Transitions)
            foreach (var place in row.Consumes.Concat(row.Reads).Concat(row.Produces))
                Assert.Contains(place, places);
    }

    // What the code allows at run time (the second line of defence) is what the table says.
    [Fact]
    public void A_partition_can_make_the_moves_of_the_table_and_no_others()
    {
        var table = Net.Transitions.SelectMany(row => row.Moves)
            .Concat(Net.Cascades.SelectMany(rule => rule.Moves))
            .Where(move => move.Token == "Partition")
            .Select(move => $"{move.From} -> {move.To}");
        // A plan takes the place of another; and what a run publishes of inputs that moved is Live
        // for a moment before it is Wanted, which the table calls one move.
        string[] besides = ["Planned -> Planned"];
        var code = from place in Enum.GetValues<PartitionPlace>()
                   from other in Enum.GetValues<PartitionPlace>()
                   where PartitionMoves.Allows(place, other)
                   select $"{place} -> {other}";
        Assert.Equal(code.Order(), table.Concat(besides).Distinct().Order());
    }
}
