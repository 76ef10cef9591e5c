using Quoin.Core;
using Quoin.Tests.Explorer;

namespace Quoin.MutantTests;

/// <summary>
/// What follows from an event follows in strata; within a stratum, and among those who ask for one
/// partition, the order makes no difference. All orders are tried out, of every edge.
/// </summary>
public sealed class ConfluenceTests
{
    [Theory]
    [InlineData("A"), InlineData("A+"), InlineData("B"), InlineData("C"), InlineData("G")]
    [InlineData("H"), InlineData("J"), InlineData("K1"), InlineData("S"), InlineData("F")]
    [InlineData("U"), InlineData("V"), InlineData("N"), InlineData("RA"), InlineData("RC")]
    [InlineData("RS"), InlineData("RO")]
    public void The_cascade_has_one_normal_form(string name)
    {
        var (orders, wrong) = Check(Instances.All.Single(instance => instance.Name == name));

        Assert.True(wrong is null, wrong);
        Long.Say($"{name}: {orders} orders of the cascade, one result for each edge");
    }

    [Fact]
    public void Without_strata_it_has_two()
    {
        Mutants.On = "unstratified";
        var (_, wrong) = Check(Instances.V);
        Mutants.On = null;

        Assert.NotNull(wrong);
        Assert.StartsWith("// two results", wrong);
    }

    static (int Orders, string? Wrong) Check(Instance instance)
    {
        var model = new KernelModel(instance) { OnlyStates = true };
        var found = new Exploration<Move>(model) { KeepsEdges = true }.Run();
        var orders = 0;
        foreach (var edge in found.Edges)
        {
            for (var reversed = 0; reversed < 2; reversed++)
            {
                Orders.First();
                do
                {
                    orders++;
                    var m = model.Load(found[edge.From]);
                    if (reversed == 1) Reverse(m);
                    model.Make(m, edge.Move, out _);
                    if (m.Save().AsSpan().SequenceEqual(found[edge.To])) continue;
                    return (orders, TraceText.Of(
                        model, [.. found.PathTo(edge.From), edge.Move], "two results"));
                }
                while (Orders.Next());
            }
        }
        return (orders, null);
    }

    // Who asks for a partition is a set; here it is told in the opposite order.
    static void Reverse(Marking m)
    {
        var s = m.Kernel;
        foreach (var p in m.All)
        {
            var demands = new List<(int Requester, bool Settled)>();
            while (s.CellOf(p).DemandHead is var d and not DemandPool.None)
            {
                var (requester, settled) = (s.Demands[d].Requester, s.Demands[d].Settled);
                demands.Add((requester, settled));
                s.Demands.Remove(d, ref s.CellOf(p).DemandHead, ref s.RequestHeadOf(requester));
            }
            foreach (var (requester, settled) in demands)
                s.Demands.Add(
                    requester, p.Value, settled,
                    ref s.CellOf(p).DemandHead, ref s.RequestHeadOf(requester));
        }
    }
}
