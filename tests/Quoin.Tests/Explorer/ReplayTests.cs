using System.Buffers;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// I7, for every state: the log of the way there gives it, and so does a snapshot at any point of
/// that way with the rest of the log.
/// </summary>
public sealed class ReplayTests
{
    [Theory]
    [InlineData("A"), InlineData("A+"), InlineData("B"), InlineData("C"), InlineData("G")]
    [InlineData("H"), InlineData("J"), InlineData("K1"), InlineData("S"), InlineData("F")]
    [InlineData("U")]
    public void A_state_is_what_its_log_says(string name)
    {
        var instance = Instances.All.Single(instance => instance.Name == name);
        var found = Explored.Right(instance);
        var model = new KernelModel(instance);
        for (var i = 0; i < found.States; i++) Check(model, found, found.PathTo(i), i);
        // Shortest ways do things in a few orders only; these do them in any.
        var random = new Random(1);
        var ways = found.Edges.ToLookup(edge => edge.From);
        for (var walk = 0; walk < 300; walk++)
        {
            var path = new List<Move>();
            var at = 0;
            for (var steps = random.Next(4, 40); steps > 0 && ways[at].Any(); steps--)
            {
                var edges = ways[at].ToArray();
                var edge = edges[random.Next(edges.Length)];
                path.Add(edge.Move);
                at = edge.To;
            }
            Check(model, found, path, at);
        }
    }

    static void Check(KernelModel model, Exploration<Move> found, List<Move> path, int state)
    {
        var log = new List<BuildEvent> { new WorkerAdded(Marking.Worker, model.Instance.Slots) };
        var m = model.After(path, (_, e) => log.Add(e));
        var lived = Bytes(Replayed(m, log, log.Count));
        for (var at = 0; at < log.Count; at += 1 + (log.Count / 4))
            Assert.Equal(lived, Bytes(Replayed(m, log, at)));
        Assert.Equal(found[state], m.With(Replayed(m, log, log.Count / 2)).Save());
        Assert.Equal(found[state], m.Save());
    }

    // Leaves memory through a snapshot at one point, and goes on from what was read.
    static KernelState Replayed(Marking m, List<BuildEvent> log, int snapshotAt)
    {
        var state = Empty(m);
        for (var i = 0; i < log.Count; i++)
        {
            if (i == snapshotAt) state = KernelSnapshot.Read(Bytes(state), m.Names);
            Evolve.Apply(state, log[i]);
        }
        state.LastWant = m.Instance.Wants.Length;
        state.LastRun = m.Instance.Jobs.Length * Marking.RunsMax;
        state.LastIntervention = state.LastRun;
        return state;
    }

    static KernelState Empty(Marking m)
    {
        var state = new KernelState(m.Names);
        state.CellOf(new PartitionId(m.Instance.Partitions.Length - 1));
        return state;
    }

    static byte[] Bytes(KernelState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        KernelSnapshot.Write(state, buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
