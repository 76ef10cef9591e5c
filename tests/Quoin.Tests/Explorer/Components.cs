using System.Buffers;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// A marking cut into the tokens that footprints name: one number for the value of each. Two
/// markings are the same when all their numbers are. Letters, wants and runs may be renamed on the
/// way, which gives the marking's image under a symmetry of the instance.
/// </summary>
sealed class Components(Instance instance)
{
    readonly Dictionary<string, int> values = [];
    readonly ArrayBufferWriter<byte> buffer = new();

    int PartitionCount => instance.Partitions.Length;
    int WantCount => instance.Wants.Length;
    int RunCount => instance.Jobs.Length * Marking.RunsMax;

    /// <summary>Partitions, wants, runs, worker, order, runs so far of each job.</summary>
    public int Count => PartitionCount + WantCount + RunCount + 2 + instance.Jobs.Length;

    /// <summary>What is counted and not named: free slots, then the budgets.</summary>
    public static int[] Counters(Marking m)
    {
        var worker = m.Kernel.Workers.Values.FirstOrDefault();
        var free = worker is null ? 0 : worker.Slots - worker.Busy;
        return [free, .. Enum.GetValues<Budget>().Select(budget => (int)m.Left(budget))];
    }

    public int IndexOf(TokenRef token) => token.Kind switch
    {
        TokenKind.Partition => token.Id,
        TokenKind.Want => PartitionCount + token.Id - 1,
        TokenKind.Run => PartitionCount + WantCount + token.Id - 1,
        TokenKind.Worker => PartitionCount + WantCount + RunCount,
        TokenKind.Order => PartitionCount + WantCount + RunCount + 1,
    };

    public int IndexOfJob(int job) => PartitionCount + WantCount + RunCount + 2 + job;

    /// <summary>The values of all tokens, each a small number.</summary>
    public int[] Of(Marking m, Symmetry? renaming = null)
    {
        var map = renaming ?? Symmetry.Identity(instance);
        var all = new int[Count];
        foreach (var p in m.All)
            all[map.P(p.Value)] = Value(() => Partition(m, map, p));
        for (var w = 0; w < WantCount; w++)
            all[PartitionCount + map.W(w)] = Value(() => Want(m, map, w));
        for (var r = 1; r <= RunCount; r++)
            all[IndexOf(new(TokenKind.Run, map.R(r)))] = Value(() => Run(m, map, r));
        all[IndexOf(new(TokenKind.Worker, 0))] = m.Kernel.Workers.Count;
        all[IndexOf(new(TokenKind.Order, 0))] = Value(() => Order(m, map));
        for (var job = 0; job < instance.Jobs.Length; job++)
            all[IndexOfJob(map.J(job))] = m.RunsOf(job);
        return all;
    }

    int Value(Action write)
    {
        buffer.ResetWrittenCount();
        write();
        var text = Convert.ToBase64String(buffer.WrittenSpan);
        if (!values.TryGetValue(text, out var value)) values.Add(text, value = values.Count);
        return value;
    }

    void Put(params ReadOnlySpan<int> numbers)
    {
        foreach (var number in numbers) buffer.Write([(byte)number, (byte)(number >> 8)]);
    }

    void PutSet(IEnumerable<int> numbers)
    {
        foreach (var number in numbers.Order()) Put(number);
        Put(-1);
    }

    void PutConfig(ConfigToken? config, Symmetry map)
    {
        Put(config is null ? -1 : map.J(Planner.JobNamed(config.Job)));
        if (config is null) return;
        Put(map.W(config.For.Value - 1));
        PutSet(config.Inputs.Select(p => map.P(p.Value)));
    }

    void Partition(Marking m, Symmetry map, PartitionId p)
    {
        var s = m.Kernel;
        Put((int)s.PlaceOf(p), (int)s.PreviousPlaceOf(p), s.OutstandingInputs(p));
        Put(map.R((s.HolderOf(p) ?? s.LifeOf(p))?.Id.Value ?? 0), s.IsResource(p) ? 1 : 0);
        var earlier = s.LivesTable.GetValueOrDefault(p.Value);
        Put(earlier.Failures, earlier.NextAt is null ? 0 : 1);
        PutConfig(s.ConfigOf(p), map);
        if (s.TryGetManifest(p, out var manifest))
            Put(map.R(manifest.Run.Value), manifest.Fingerprint == default ? 0 : 1);
        if (s.TryGetFailure(p, out var failure))
            Put(-2, (int)failure.Cause, map.R(failure.Run.Value),
                (int?)failure.RunFailure?.Category ?? -1);
        PutSet(s.FoundInputs(p).Select(found => map.P(found.Value)));
        var demands = new List<int>();
        for (var d = s.CellOf(p).DemandHead; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
        {
            ref var demand = ref s.Demands[d];
            demands.Add(demand.IsWant
                ? 1000 + (map.W(demand.Want.Value - 1) * 2) + (demand.Settled ? 1 : 0)
                : (map.P(demand.Requester) * 2) + (demand.Settled ? 1 : 0));
        }
        PutSet(demands);
    }

    void Want(Marking m, Symmetry map, int w)
    {
        Put((int)m[w]);
        if (m.Kernel.Cleanups.TryGetValue(w + 1, out var cleanup))
            Put(-3, cleanup.Owed, cleanup.IsIncomplete ? 1 : 0);
        if (!m.Kernel.Wants.TryGetValue(w + 1, out var want)) return;
        Put(want.IsPlanned ? 1 : 0, want.Remaining);
        Put(want.IsReady ? 1 : 0, want.IsReleasing ? 1 : 0);
        PutSet(want.Failed.Select(p => map.P(p.Value)));
    }

    void Run(Marking m, Symmetry map, int id)
    {
        PutSet(m.Zombies.Where(zombie => zombie.Run == id).Select(zombie => zombie.Epoch));
        Put(m.Kernel.Interventions.ContainsKey(id) ? 1 : 0);
        if (!m.Kernel.Runs.TryGetValue(id, out var run)) return;
        Put((int)run.Place, run.Epoch, run.Failures, run.Losses, run.RetryAt is null ? 0 : 1);
        PutSet(run.Claims.Select(p => map.P(p.Value)));
        PutConfig(run.Config, map);
        Put(run.Doom is null ? 0 : 1);
        if (run.Life is { } life) PutLife(life, map);
        PutSet(run.InputRuns.Select((publisher, i) =>
            (map.P(run.Config.Inputs[i].Value) * 1000) + map.R(publisher)));
    }

    void PutLife(ResourceLife life, Symmetry map)
    {
        Put(life.IsReentry ? 1 : 0, life.IsInDoubt ? 1 : 0, life.IsWoken ? 1 : 0);
        Put(life.IsLaunched ? 1 : 0);
        Put(life.IsFailed ? 1 : 0, life.Until is null ? 0 : 1, life.KeptUntil is null ? 0 : 1);
        Put((int)life.Direction, life.Hook, life.Claims, life.Polls, life.Unknowns);
        Put(life.ReleaseFailures, life.LetGoBy is { } want ? map.W(want.Value - 1) : -1);
        Put(life.RoundSince is null ? 0 : 1, life.ExternalId.Length, life.Extra.Length);
    }

    // What is remembered as failed, and which wants came after it: they try it again.
    void Order(Marking m, Symmetry map)
    {
        PutSet(m.Kernel.FailureTable.Keys.Select(map.P));
        PutSet(from want in m.Kernel.Wants.Values
               from failure in m.Kernel.FailureTable
               where failure.Value.At < want.AcceptedAt
               select (map.W(want.Id.Value - 1) * 1000) + map.P(failure.Key));
    }
}
