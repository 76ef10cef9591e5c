using System.Globalization;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>The planner of an instance: each partition by the first job that makes it.</summary>
static class Planner
{
    /// <summary>Wants that ask for a partition, directly or through what they need, by number.
    /// </summary>
    public static SortedSet<int> WantsBehind(Marking m, PartitionId p)
    {
        var wants = new SortedSet<int>();
        var seen = new HashSet<PartitionId>();
        var left = new Stack<PartitionId>([p]);
        while (left.TryPop(out var next))
        {
            if (!seen.Add(next)) continue;
            m.Reads?.Invoke(new(TokenKind.Partition, next.Value));
            var (byWants, byPartitions) = m.Kernel.Requesters(next);
            foreach (var want in byWants) wants.Add(want.Value - 1);
            foreach (var requester in byPartitions) left.Push(requester);
        }
        return wants;
    }

    /// <summary>The wants that a plan of what is wanted now could be for.</summary>
    public static SortedSet<int> Choices(Marking m)
    {
        var wants = new SortedSet<int>();
        foreach (var p in m.All)
            if (m.Kernel.PlaceOf(p) == PartitionPlace.Wanted) wants.UnionWith(WantsBehind(m, p));
        return wants;
    }

    /// <summary>Plans all that is wanted, for the want where it is behind it.</summary>
    public static void PlanAll(Marking m, int preferred)
    {
        // Each step plans one; only ConfigFailed could make a failed one Wanted again, and it does
        // not. The bound is there for mutants.
        for (var steps = 0; steps < 4 * m.Instance.Partitions.Length; steps++)
        {
            var wanted = m.All.Where(p => m.Kernel.PlaceOf(p) == PartitionPlace.Wanted).ToArray();
            if (wanted.Length == 0) return;
            var wants = WantsBehind(m, wanted[0]);
            if (wants.Count == 0) return; // An invariant says so.
            PlanOne(m, wanted[0], wants.Contains(preferred) ? preferred : wants.Min);
        }
    }

    public static Decision PlanOne(Marking m, PartitionId p, int want)
    {
        var letter = m.Instance.Partitions[p.Value];
        var job = m.Instance.Jobs.FirstOrDefault(job => job.Outputs.Contains(letter));
        if (job is null or { ConfigFails: true })
            return m.Do(new ProposePlan(
                new ConfigFailed("", [p], new PlanProblem("no-producer", "none"))));
        var outputs = m.Ps(job.Outputs);
        var inputs = InputsOf(m, job).Distinct();
        if (Reaches(m, inputs, outputs))
            return m.Do(new ProposePlan(
                new ConfigFailed("", [p], new PlanProblem("cycle", "it needs itself"))));
        return m.Do(new ProposePlan(new PartitionPlanned(
            new WantId(want + 1), $"j{m.Instance.Jobs.IndexOf(job)}", outputs,
            [.. inputs.OrderBy(input => input.Value)])
        {
            Resource = !job.Resource ? null : new ResourcePolicy
            {
                Keep = job.Keeps ? TimeSpan.FromHours(1) : TimeSpan.Zero,
            },
        }));
    }

    static IEnumerable<PartitionId> InputsOf(Marking m, JobShape job) =>
        m.Ps(job.Inputs).Concat(m.Ps(job.Outputs).SelectMany(m.Kernel.FoundInputs));

    // What analysis does in production: it walks back from what is wanted, with all inputs that
    // runs ever found. The kernel's own test (T6) sees only who waits at the moment.
    static bool Reaches(
        Marking m, IEnumerable<PartitionId> from, IReadOnlyCollection<PartitionId> goals)
    {
        var seen = new HashSet<PartitionId>();
        var left = new Stack<PartitionId>(from);
        while (left.TryPop(out var p))
        {
            if (goals.Contains(p)) return true;
            m.Reads?.Invoke(new(TokenKind.Partition, p.Value));
            var letter = m.Instance.Partitions[p.Value];
            var job = m.Instance.Jobs.FirstOrDefault(job => job.Outputs.Contains(letter));
            if (!seen.Add(p) || job is null) continue;
            foreach (var input in InputsOf(m, job)) left.Push(input);
        }
        return false;
    }

    public static Decision Finish(Marking m, int want)
    {
        if (m.Reads is { } reads && m.Kernel.Wants.TryGetValue(want + 1, out var token))
            ReadAllBefore(m, reads, m.Kernel.OutstandingTargets(token));
        return m.Do(new ProposePlan(new WantPlanned(new WantId(want + 1), default)));
    }

    // A plan is finished when nothing that its want needs is Wanted any more.
    static void ReadAllBefore(Marking m, Action<TokenRef> reads, IEnumerable<PartitionId> targets)
    {
        var seen = new HashSet<PartitionId>();
        var left = new Stack<PartitionId>(targets);
        while (left.TryPop(out var p))
        {
            if (!seen.Add(p)) continue;
            reads(new(TokenKind.Partition, p.Value));
            var s = m.Kernel;
            var d = s.CellOf(p).RequestHead;
            for (; d != DemandPool.None; d = s.Demands[d].NextOfRequester)
                left.Push(new PartitionId(s.Demands[d].Target));
        }
    }

    public static int JobNamed(string name) =>
        int.Parse(name.AsSpan(1), CultureInfo.InvariantCulture);
}
