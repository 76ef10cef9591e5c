using System.Collections.Concurrent;
using System.Diagnostics;

namespace Quoin.Tests.Explorer;

/// <summary>Instances with all their states, explored once for all tests that ask.</summary>
static class Explored
{
    static readonly ConcurrentDictionary<string, Lazy<(KernelModel, Exploration<Move>)>> all = [];

    public static (KernelModel Model, Exploration<Move> Found) Of(Instance instance) =>
        all.GetOrAdd(instance.Name, _ => new(() =>
        {
            var watch = Stopwatch.StartNew();
            var model = new KernelModel(instance);
            var found = new Exploration<Move>(model) { KeepsEdges = true }.Run();
            Long.Say($"{instance}: {found.States} states, {found.EdgeCount} edges, "
                + $"{found.Terminals} terminal, {watch.ElapsedMilliseconds} ms");
            return (model, found);
        })).Value;

    /// <summary>Fails with a test that shows the fault, if there is one.</summary>
    public static Exploration<Move> Right(Instance instance)
    {
        var (model, found) = Of(instance);
        if (found.Fault is { } fault)
            Assert.Fail($"{instance}: {fault.Fault.Rule}\n\n"
                + TraceText.Of(model, found.PathToFault(), fault.Fault.Rule));
        return found;
    }
}
