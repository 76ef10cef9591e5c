using System.Runtime.InteropServices;

namespace Quoin.Tests.Explorer;

/// <summary>
/// Instances with symmetries explored up to them: one state stands for all its images. The images
/// of those add up to the full count, which shows that nothing is lost.
/// </summary>
public sealed class SymmetryTests
{
    [Theory]
    [InlineData("B", 2, 1248, 639)]
    [InlineData("K3", 2, 7371, 3715)]
    public void The_orbits_add_up_to_all_states(string name, int group, int states, int orbits) =>
        Check(name, group, states, orbits);

    [Fact]
    public void The_orbits_of_a_large_graph_add_up_too()
    {
        if (Long.IsAsked) Check("D", 2, 27111, 13566);
    }

    static void Check(string name, int group, int states, int orbits)
    {
        var instance = Instances.All.Single(instance => instance.Name == name);
        var model = new ReducedModel(instance);
        var found = new Exploration<Move>(model) { IsReduced = true }.Run();

        Assert.Null(found.Fault);
        Assert.Equal(group, Symmetry.Of(instance).Count);
        Assert.Equal((states, orbits), (model.SumOfOrbits(found), found.States));
        Long.Say($"{name}: {orbits} states up to {group} symmetries, orbits add up to {states}");
    }

    // One partition with its want is in one of 5 states; n of them in 5^n, or, when it does not
    // matter which is which, in as many ways as n can be dealt to 5: C(n+4, n).
    [Theory]
    [InlineData(1, 5, 5)]
    [InlineData(2, 25, 15)]
    [InlineData(3, 125, 35)]
    [InlineData(4, 625, 70)]
    public void Independent_partitions_multiply(int n, int states, int orbits)
    {
        var letters = "abcd"[..n];
        var instance = new Instance($"I{n}", letters)
        {
            Jobs = [.. letters.Select(letter => new JobShape($"{letter}"))],
            Wants = [.. letters.Select(letter => new WantShape($"{letter}"))],
            Slots = n,
            Fails = false,
        };
        var reduced = new ReducedModel(instance);
        var found = new Exploration<Move>(reduced) { IsReduced = true }.Run();

        Assert.Equal(states, new Exploration<Move>(new KernelModel(instance)).Run().States);
        Assert.Equal((states, orbits), (reduced.SumOfOrbits(found), found.States));
    }

    sealed class ReducedModel(Instance instance) : IModel<Move>
    {
        readonly KernelModel model = new(instance);
        readonly Components components = new(instance);
        readonly List<Symmetry> group = Symmetry.Of(instance);

        public byte[] Start() => model.Start();

        public Fault<Move>? Expand(ReadOnlySpan<byte> state, Found<Move> found) =>
            model.Expand(state, found);

        public ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> state) =>
            MemoryMarshal.AsBytes<int>(Images(state).First()).ToArray();

        public int SumOfOrbits(Exploration<Move> found) =>
            Enumerable.Range(0, found.States).Sum(i => Images(found[i]).Count);

        SortedSet<int[]> Images(ReadOnlySpan<byte> state)
        {
            var m = model.Load(state);
            var counters = Components.Counters(m);
            return new(
                group.Select(symmetry => (int[])[.. components.Of(m, symmetry), .. counters]),
                Comparer<int[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)));
        }
    }
}
