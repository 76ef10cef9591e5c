using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// All states of small instances, with the production kernel deciding: every rule of
/// <see cref="Invariants"/> and <see cref="Contracts"/> holds in each, and no instance can go on
/// for ever.
/// </summary>
public sealed class InstanceTests
{
    // The first ones are the instances of the kernel's design by their letters. Its own counts
    // (A 88, A+ 2,295, K1 22,662 ...) are of an abstract net that made a new run for each retry and
    // knew no plans; here attempts share a run and its claims, partitions have the place Planned
    // between Wanted and Building, a want that keeps going asks for all that is planned for it, and
    // the instances of the design say less than all about jobs and budgets. What has to be equal is
    // that the rules hold, not the number. K3 is not the square of A: which of two copies'
    // failures came before which of their wants is part of a state.
    [Theory]
    [InlineData("A", 59, 86, 5)]
    [InlineData("A+", 2275, 6390, 161)]
    [InlineData("A+ supersede", 2111, 5502, 177)]
    [InlineData("B", 1248, 3090, 111)]
    [InlineData("C", 1029, 2842, 130)]
    [InlineData("D", 27111, 96110, 829)]
    [InlineData("G", 497, 1155, 12)]
    [InlineData("H", 2309, 8026, 113)]
    [InlineData("J", 3586, 9544, 291)]
    [InlineData("K1", 4237, 12992, 319)]
    [InlineData("K2", 31918, 98784, 332)]
    [InlineData("K3", 7371, 20672, 25)]
    [InlineData("P", 28629, 78095, 94)] // planned and stale
    [InlineData("S", 1316, 2102, 67)] // stale, in one append
    [InlineData("R", 28099, 93509, 268)] // a coordinator is replaced
    [InlineData("F", 1454, 4234, 165)] // analysis fails
    [InlineData("U", 4198, 13457, 30)] // failures from upstream
    [InlineData("V", 114, 183, 28)] // a want that gives up
    [InlineData("N", 902, 2122, 8)] // one slot
    [InlineData("X", 784, 2450, 2)] // siblings that are not planned yet
    [InlineData("Y", 220, 327, 36)] // siblings that wait
    [InlineData("Z", 372, 667, 86)] // what is Live is claimed
    [InlineData("RA", 3388, 7505, 129)] // one thing outside
    [InlineData("RH", 6055, 12938, 182)] // start-up hooks
    [InlineData("RX", 10040, 25445, 116)] // activations without an answer
    [InlineData("RB", 7658, 12782, 709)] // a thing that stands on another
    [InlineData("RC", 850, 1268, 113)] // two wants share a thing
    [InlineData("RS", 741, 1190, 20)] // two things share what they stand on
    [InlineData("RD", 18621, 47066, 763)] // data made with a thing at hand
    [InlineData("RO", 587, 1129, 22)] // offers
    public void Every_state_keeps_the_rules(string name, int states, int edges, int terminals)
    {
        var found = Explored.Right(Instances.All.Single(instance => instance.Name == name));

        Assert.Equal((states, edges, terminals), (found.States, found.EdgeCount, found.Terminals));
        // I9: the graph has no cycle, so with fairness every want ends.
        Assert.Equal(-1, found.FindCycle(_ => true));
    }

    [Fact]
    public void The_large_instances_keep_the_rules_too()
    {
        if (!Long.IsAsked) return;
        foreach (var instance in Instances.Large)
            Assert.Equal(-1, Explored.Right(instance).FindCycle(_ => true));
    }

    [Fact]
    public void Every_transition_of_the_net_happens()
    {
        var happened = Instances.All.SelectMany(i => Explored.Of(i).Model.Events).ToHashSet();

        Assert.Empty(Net.Transitions.Where(row => !happened.Contains(row.Event)));
    }

    // No token ever moves in a way that its row of the table and the cascade do not explain.
    [Fact]
    public void Tokens_move_as_the_table_says()
    {
        var cascade = Net.Cascades.SelectMany(rule => rule.Moves).ToHashSet();
        foreach (var (type, move) in Instances.All.SelectMany(i => Explored.Of(i).Model.Moves))
        {
            var row = Net.Transitions.Single(row => row.Event == type);
            // The event's own move, then any of the cascade's; or the cascade's alone.
            var reached = row.Moves.Where(m => m.Token == move.Token && m.From == move.From)
                .Select(m => m.To).Append(move.From).ToHashSet();
            for (var grown = 0; grown != reached.Count;)
            {
                grown = reached.Count;
                reached.UnionWith(cascade
                    .Where(m => m.Token == move.Token && reached.Contains(m.From))
                    .Select(m => m.To).ToArray());
            }
            Assert.True(reached.Contains(move.To), $"{row.Row} {type.Name}: {move}");
        }
    }

    [Fact]
    public void Every_move_of_the_table_happens()
    {
        var happened = Instances.All.SelectMany(i => Explored.Of(i).Model.Moves).ToHashSet();
        var missing =
            from row in Net.Transitions
            from move in row.Moves
            where !happened.Contains((row.Event, move))
            select $"{row.Row} {row.Name}: {move.Token} {move.From} -> {move.To}";
        Assert.Equal("", string.Join('\n', missing));
    }

    [Fact]
    public void A_way_to_a_state_is_printed_as_a_test()
    {
        var model = new KernelModel(Instances.A);
        Move[] moves =
        [
            new(MoveKind.Accept, 0), new(MoveKind.Schedule, 0), new(MoveKind.Lease, 1),
            new(MoveKind.Fail, 1, 1),
        ];
        Assert.Equal("""
            // I0: for example
            [Fact]
            public void After_6_commands()
            {
                var world = new KernelWorld(slots: 2);
                var w1 = world.Want("a");
                world.Plan(w1, "j0", ["a", "b"]);
                world.Planned(w1);
                var r1 = world.Schedule("a");
                var r1e1 = world.Lease(r1);
                world.Fail(r1, r1e1, retries: 1);
                world.CheckInvariants();
            }
            """, TraceText.Of(model, moves, "I0: for example"));
    }
}
