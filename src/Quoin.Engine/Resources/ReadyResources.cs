using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Planned things whose inputs are all there: each is begun when the want's start says so, in its
/// window, and as far as pools have room (N1). Belongs to the coordinator's thread.
/// </summary>
sealed class ReadyResources(
    Coordinator coordinator, CoordinatorParts parts, Planning planning, RunNeeds needs,
    ResourceLedger ledger)
{
    readonly SortedSet<int> ready = [];
    readonly Dictionary<int, DateTimeOffset> begins = []; // Those of later.
    readonly PriorityQueue<int, DateTimeOffset> later = new();
    readonly HashSet<PartitionId> taken = [];
    string? store;

    KernelState State => parts.State;

    /// <summary>It is planned, and all that it stands on is there.</summary>
    public void Add(PartitionId p)
    {
        var begin = BeginOf(p);
        // A life of it failed: its next one begins then, and not before.
        if (State.NextLifeAt(p) is { } again && !(begin > again)) begin = again;
        ready.Remove(p.Value);
        begins.Remove(p.Value);
        if (begin is not { } at || at <= parts.Time.GetUtcNow()) ready.Add(p.Value);
        else
        {
            begins[p.Value] = at;
            later.Enqueue(p.Value, at);
        }
    }

    /// <summary>How long until one is to be begun; null: none waits for its time.</summary>
    public TimeSpan? Next
    {
        get
        {
            while (later.TryPeek(out var id, out var at))
            {
                if (IsValid(id, at)) return at - parts.Time.GetUtcNow();
                later.Dequeue();
            }
            return null;
        }
    }

    bool IsValid(int id, DateTimeOffset at) =>
        begins.TryGetValue(id, out var begin) && begin == at;

    /// <summary>Begins what may be begun now.</summary>
    public void Start()
    {
        var now = parts.Time.GetUtcNow();
        while (later.TryPeek(out var id, out var at) && at <= now)
        {
            later.Dequeue();
            if (!IsValid(id, at)) continue;
            begins.Remove(id);
            ready.Add(id);
        }
        if (ready.Count == 0) return;
        foreach (var id in ready.ToArray())
        {
            var p = new PartitionId(id);
            if (!State.IsReady(p) || Begin(p, now)) ready.Remove(id);
        }
    }

    // As much before the start of the want as its run and what follows take until the target can
    // be launched; the target is scheduled when it is ready, and sleeps until its window.
    DateTimeOffset? BeginOf(PartitionId p)
    {
        if (WantOf(p) is not { Options.StartAt: not null } want
            || !planning.TryGetOwner(p, out var planned, out var node)) return null;
        long? first = null;
        foreach (var target in want.Targets)
        {
            var producer = planned.Plan.Graph.ProducerOf(target);
            if (producer < 0 || producer == node) continue;
            var rank = planned.Estimates.RankMs(producer);
            if (!(first < rank)) first = rank;
        }
        return first is { } targetRank
            ? ResourceBudgets.BeginOf(want.Options, planned.Estimates.RankMs(node), targetRank)
            : null;
    }

    WantToken? WantOf(PartitionId p) => WaitsFor.NewestWant(State, p);

    // False: there is no room for it yet.
    bool Begin(PartitionId p, DateTimeOffset now)
    {
        if (!planning.TryGetOwner(p, out var planned, out var node)) return true;
        var job = planned.Plan.Graph.JobOf(node);
        var (start, notAfter) = WindowOf(p, job);
        if (now > notAfter)
        {
            Miss(p, job, notAfter.Value);
            return true;
        }
        if (!ledger.Take(p, needs.PoolsOf(p), now.ToUnixTimeMilliseconds())) return false;
        taken.Add(p);
        var refusal = coordinator.Do(new ScheduleRun(p, false)
        {
            Activation = start > now ? start : null,
            NotAfter = notAfter,
            Recipe = RecipeOf(p, planned.Plan, node, State.LastRun + 1),
        });
        if (refusal is not null) Give(p);
        else planning.Release(p);
        return true;
    }

    void Miss(PartitionId p, Job job, DateTimeOffset notAfter) =>
        coordinator.Do(new ProposePlan(new ConfigFailed(
            job.Name, [p],
            new PlanProblem("start-window-missed", $"it was to start before {notAfter:O}"))));

    /// <summary>
    /// A start window is over: what still waits for its inputs, or for a place in a pool, will not
    /// be launched any more, and who waits for it learns that now.
    /// </summary>
    public void CloseWindows()
    {
        var now = parts.Time.GetUtcNow();
        foreach (var (p, plan, node) in planning.Owned.ToArray())
        {
            var job = plan.Plan.Graph.JobOf(node);
            if (job.Resource is null || State.PlaceOf(p) != PartitionPlace.Planned) continue;
            if (WindowOf(p, job).NotAfter is { } end && end < now) Miss(p, job, end);
        }
    }

    (DateTimeOffset? Start, DateTimeOffset? NotAfter) WindowOf(PartitionId p, Job job)
    {
        if (job.Resource!.Start != ResourceStart.Window
            || WantOf(p)?.Options is not { StartAt: { } start } options) return (null, null);
        return (start, options.StartUntil);
    }

    string RecipeOf(PartitionId p, Plan plan, int node, int run)
    {
        var graph = plan.Graph;
        var job = graph.JobOf(node);
        var request = new LaunchRequest
        {
            Id = new AttemptId(new RunId(run), 1),
            Epoch = 0,
            Job = job,
            Outputs = [p],
            Claims = [p],
            Inputs = [.. graph.Inputs(node).ToArray().Select(i => InputOf(graph, i))],
            Config = job.ConfigCommand.IsEmpty ? null : graph.ConfigOf(node),
            Fingerprint = plan.Test.Fingerprints.DefinitionOf(node),
            FingerprintText = default,
            Watched = [],
            Control = new JobControl(),
        };
        var attempt = AttemptSpec.Of(request, parts.Graph, State.Names);
        return ResourceRecipe.Of($"{StoreName()}-{run}", parts.NewToken(), job, attempt).ToText();
    }

    LaunchInput InputOf(JobGraph graph, PartitionId input)
    {
        if (graph.ProducerOf(input) == JobGraph.Source)
            return new LaunchInput(input, parts.Facts.Source(input).Digest);
        State.TryGetManifest(input, out var manifest);
        return new LaunchInput(input, manifest.Digest);
    }

    // What tells this store from all others: its first event, who wrote it and when.
    string StoreName()
    {
        if (store is not null) return store;
        var first = parts.Store.Query(new EventQuery()).FirstOrDefault();
        var text = first is null
            ? parts.Worker.Owner
            : $"{first.At:O} {first.Type} {first.Subject}";
        var hash = Fingerprint.DigestOf(System.Text.Encoding.UTF8.GetBytes(text)).ToString();
        return store = hash[(hash.IndexOf(':') + 1)..][..12];
    }

    /// <summary>A run of before this process led holds what its pools have.</summary>
    public void Adopt(RunToken run)
    {
        var need = parts.Graph.FindJob(run.Config.Job)?.Limits.Resources ?? ResourceVector.OneCpu;
        var p = run.Claims[0];
        taken.Add(p);
        ledger.Take(
            p, need with { Cpu = 0, MemoryBytes = 0 },
            parts.Time.GetUtcNow().ToUnixTimeMilliseconds());
    }

    /// <summary>Its life is over: its pools have room again.</summary>
    public void Give(PartitionId p)
    {
        if (taken.Remove(p)) ledger.Give(p);
    }
}
