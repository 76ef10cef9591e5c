using Quoin.Core;

namespace Quoin.Server;

/// <summary>
/// What is still to be done for an open want, from the tokens that are planned for it: a walk from
/// what it wants to the inputs that are not there, bounded, because somebody waits for the page.
/// </summary>
sealed class WantWork
{
    /// <summary>The most configs that are looked at for one page, whatever it shows.</summary>
    public const int ConfigsMax = 20_000;

    readonly Dictionary<PartitionId, Node> nodes = [];
    int most;

    /// <summary>How many configs were looked at.</summary>
    public int Looked => nodes.Count;

    /// <summary>Partitions that are neither there nor failed.</summary>
    public int Left { get; private set; }

    /// <summary>There is more than was looked at.</summary>
    public bool IsCut { get; private set; }

    /// <summary>How long it will still take; null: nobody knows.</summary>
    public TimeLeft? Time { get; private set; }

    /// <summary>How many configs of each job are left.</summary>
    public SortedDictionary<string, int> ByJob { get; } = new(StringComparer.Ordinal);

    sealed class Node(ConfigToken config)
    {
        public ConfigToken Config { get; } = config;
        public long? PathMs { get; set; } // Null: its inputs are not looked at yet.
        public bool IsOpen { get; set; }
    }

    /// <summary>Looks at what an open want still asks for, at so many configs.</summary>
    public static WantWork Of(
        StoreState s, WantToken want, Graph? graph, DateTimeOffset now, int most = ConfigsMax)
    {
        var work = new WantWork { most = most };
        var penalty = 1.0;
        long total = 0, path = 0;
        var estimates = graph is null ? null : new DurationEstimates(graph, s.History);
        var stack = new Stack<PartitionId>();
        foreach (var target in s.Kernel.OutstandingTargets(want, most + 1)) stack.Push(target);
        while (stack.TryPeek(out var p))
        {
            if (work.NodeOf(s, p) is not { PathMs: null } node)
            {
                stack.Pop();
                continue;
            }
            if (!node.IsOpen)
            {
                node.IsOpen = true;
                foreach (var input in node.Config.Inputs)
                    if (work.NodeOf(s, input) is { PathMs: null, IsOpen: false }) stack.Push(input);
                continue;
            }
            stack.Pop();
            var job = graph?.FindJob(node.Config.Job);
            var ms = 0L;
            if (estimates is not null && job is not null)
            {
                var estimate = estimates.Of(job, node.Config.Outputs[0]);
                (ms, penalty) = (estimate.Milliseconds, Math.Max(penalty, estimate.Penalty));
                if (s.Kernel.HolderOf(node.Config.Outputs[0]) is { } run
                    && s.Run(run.Id.Value)?.Last is { EndedAt: null } attempt)
                    ms = Math.Max(0, ms - (long)(now - attempt.LeasedAt).TotalMilliseconds);
            }
            var before = node.Config.Inputs.Select(input => work.NodeOf(s, input)?.PathMs ?? 0)
                .DefaultIfEmpty().Max();
            node.PathMs = before + ms;
            path = Math.Max(path, node.PathMs.Value);
            total += ms;
            work.Left += node.Config.Outputs.Length;
            work.ByJob[node.Config.Job] = work.ByJob.GetValueOrDefault(node.Config.Job) + 1;
        }
        var slots = s.Workers.Values.Where(worker => worker.LeftAt is null)
            .Sum(worker => worker.Slots);
        // What takes longer than was thought has no time left that anybody knows.
        if (estimates is not null && slots > 0 && total > 0
            && work is { IsCut: false, Left: > 0 })
            work.Time = TimeLeft.Of(total, path, slots, penalty);
        return work;
    }

    /// <summary>
    /// Lines of several wants, which share what may be looked at: the first ones get it.
    /// </summary>
    public static List<WantLine> Lines(
        StoreState s, IEnumerable<WantRow> wants, Holdups holdups, Graph? graph,
        DateTimeOffset now)
    {
        var lines = new List<WantLine>();
        var most = ConfigsMax;
        foreach (var want in wants)
        {
            var open = s.Kernel.Wants.GetValueOrDefault(want.Id.Value);
            var work = open is null ? null : Of(s, open, graph, now, most);
            most -= work?.Looked ?? 0;
            lines.Add(WantLine.Of(s, want, work, open is null ? null : holdups.Of(open)));
        }
        return lines;
    }

    // The config that will make a partition; null: it is there, has failed, or has none yet.
    Node? NodeOf(StoreState s, PartitionId p)
    {
        if (s.Kernel.ConfigOf(p) is not { } config) return null;
        var key = config.Outputs[0];
        if (nodes.TryGetValue(key, out var node)) return node;
        if (nodes.Count == most)
        {
            IsCut = true;
            return null;
        }
        return nodes[key] = new Node(config);
    }
}
