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
            .Order(StringComparer.Ordinal);
        Assert.Equal(events, rows);
    }

    [Fact]
    public void A_transition_names_only_places_that_exist()
    {
        var places = Enum.GetNames<PartitionPlace>().Select(name => $"Partition.{name}")
            .Concat(Enum.GetNames<RunPlace>().Select(name => $"Run.{name}"))
            .Concat(["Want.Open", "Demand", "Slot"])
            .ToHashSet();
        foreach (var row in Net.Transitions)
            foreach (var place in row.Consumes.Concat(row.Reads).Concat(row.Produces))
                Assert.Contains(place, places);
    }

    // The moves that the code checks at run time are those that the table can explain: an event
    // that consumes the one place and produces the other, or the cascade's return to before.
    [Fact]
    public void Every_allowed_move_is_explained_by_a_transition_or_by_the_cascade()
    {
        string[] withdrawn = ["Missing", "Live", "Tainted", "Failed"];
        foreach (var from in Enum.GetValues<PartitionPlace>())
        {
            foreach (var to in Enum.GetValues<PartitionPlace>())
            {
                if (!PartitionMoves.Allows(from, to)) continue;
                var byEvent = Net.Transitions.Any(row =>
                    row.Consumes.Contains($"Partition.{from}")
                    && row.Produces.Contains($"Partition.{to}"));
                var byCascade = from is PartitionPlace.Wanted or PartitionPlace.Planned
                    or PartitionPlace.Waiting && withdrawn.Contains(to.ToString());
                var unblocked = from == PartitionPlace.Waiting && to == PartitionPlace.Wanted;
                Assert.True(byEvent || byCascade || unblocked, $"{from} -> {to}");
            }
        }
    }
}
