using Quoin.Tests.Tidy;

namespace Quoin.Tests.Explorer;

/// <summary>
/// The explorer itself is checked first: on nets that many tools have counted, it has to count the
/// same. Its verdicts on our own net are worth as much as this.
/// </summary>
public sealed class KnownNetTests
{
    const string Facts = "tests/Quoin.Tests/Explorer/known-nets.tsv";

    // In the table, but only counted by ./dev check --long: they take seconds to a minute.
    const long StatesOfAShortTest = 100_000;

    [Fact]
    public void The_explorer_counts_what_the_model_checking_contest_published()
    {
        var nets = 0;
        foreach (var line in Repository.Read(Facts).Lines)
        {
            if (line.Length == 0 || line[0] == '#') continue;
            var field = line.Split('\t');
            var states = long.Parse(field[1]);
            if (states > StatesOfAShortTest && !Long.IsAsked) continue;
            var net = KnownNets.Of(field[0]);
            var watch = System.Diagnostics.Stopwatch.StartNew();
            var found = new Exploration<int>(net).Run();
            Assert.Equal(
                $"{field[0]} {field[1]} {field[2]} {field[3]} {field[4]}",
                $"{field[0]} {found.States} {found.EdgeCount} {net.MostInAPlace} "
                    + $"{net.MostInAMarking}");
            Long.Say($"{field[0]}: {states} states, {field[2]} edges, "
                + $"{watch.ElapsedMilliseconds} ms");
            nets++;
        }
        Assert.Equal(Long.IsAsked ? 10 : 7, nets);
    }

    [Fact]
    public void The_first_way_to_a_state_is_a_shortest_one()
    {
        var net = new PetriNet();
        net.Mark("a", 1);
        net.Add("a -> b"); // 0
        net.Add("b -> c"); // 1
        net.Add("a -> c"); // 2
        net.Add("c -> d"); // 3
        var found = new Exploration<int>(net).Run();
        Assert.Equal(4, found.States);
        Assert.Equal([2, 3], found.PathTo(3));
    }

    [Fact]
    public void A_cycle_is_found_and_its_absence_too()
    {
        var net = new PetriNet();
        net.Mark("a", 1);
        net.Add("a -> b");
        net.Add("b -> c");
        net.Add("c -> b");
        var found = new Exploration<int>(net) { KeepsEdges = true }.Run();
        Assert.NotEqual(-1, found.FindCycle(_ => true));
        Assert.Equal(-1, found.FindCycle(transition => transition != 2));
    }
}
