using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What a build would do now, with the state that says so.</summary>
/// <param name="Plan">A verdict and a reason for each partition.</param>
/// <param name="State">What is recorded.</param>
/// <param name="History">Durations of successful attempts.</param>
/// <param name="Estimate">How long it would take; null when too little is known.</param>
public sealed record DryPlan(
    Plan Plan, KernelState State, DurationHistory History, TimeLeft? Estimate);

/// <summary>
/// Plans without building: reads the store and the workspace, calls <c>config</c> commands and
/// probes, records nothing. Any number of processes may do this beside one that builds.
/// </summary>
public static class DryRun
{
    /// <summary>Plans a request. Without a store nothing was ever built.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static DryPlan Make(
        Workspace workspace, Graph graph, IBuildStore? store, WantRequest request, int slots,
        TimeProvider time, CancellationToken ct)
    {
        using var guardian = GuardianOf(workspace, time);
        var (planning, loaded) = Open(workspace, graph, store, guardian, time);
        var plan = planning.Make(request, ct);
        var ranked = planning.Rank(plan, new WantId(loaded.State.LastWant + 1));
        return new DryPlan(
            plan, loaded.State, loaded.History, ranked.Estimates.TimeLeft(Math.Max(1, slots)));
    }

    /// <summary>
    /// The recorded partitions that are made from <paramref name="roots"/>, directly or not, after
    /// the roots themselves; by the graph of today.
    /// </summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static IReadOnlyList<string> Descendants(
        Workspace workspace, Graph graph, IBuildStore store, IEnumerable<string> roots,
        TimeProvider time, CancellationToken ct)
    {
        using var guardian = GuardianOf(workspace, time);
        var (planning, loaded) = Open(workspace, graph, store, guardian, time);
        var names = loaded.State.Names;
        var recorded = Enumerable.Range(0, loaded.State.CellCount).Select(id => new PartitionId(id))
            .Where(p => loaded.State.TryGetManifest(p, out _)
                && graph.FindProducer(names.Utf8(p)).Job is not null);
        var all = roots.Select(root => names.Intern(root)).ToList();
        var jobs = planning.Analyze([.. recorded, .. all], ct);
        var seen = all.ToHashSet();
        for (var i = 0; i < all.Count; i++)
        {
            if (jobs.ProducerOf(all[i]) is not (>= 0 and var node)) continue;
            foreach (var consumer in jobs.Consumers(node))
                foreach (var output in jobs.Outputs(consumer))
                    if (seen.Add(output)) all.Add(output);
        }
        return [.. all.Select(names.Text)];
    }

    static Guardian GuardianOf(Workspace workspace, TimeProvider time) =>
        new(Path.Combine(workspace.QuoinDirectory, "guard"), time);

    static (Planning Planning, LoadedState Loaded) Open(
        Workspace workspace, Graph graph, IBuildStore? store, Guardian guardian, TimeProvider time)
    {
        store ??= new MemoryStore();
        var reading = new ReadingStore(store);
        var loaded = StateLoader.Load(store, new PartitionNames());
        var files = new FileStampCache(workspace.Root, reading.FileStamps(), time);
        var calls = new ConfigCalls(workspace, reading, files, new ConfigProcess(guardian));
        var facts = new WorkspaceFacts(workspace, graph, loaded.State, files, reading, calls);
        return (
            new Planning(graph, loaded.State, facts, calls, loaded.History, time), loaded);
    }

    // A store that was opened for reading cannot keep what config commands answered; that only
    // makes the next plan ask again.
    sealed class ReadingStore(IBuildStore inner) : IFingerprintStore
    {
        public IEnumerable<FileStampEntry> FileStamps() => inner.FileStamps();

        public byte[]? FingerprintText(Digest digest) => inner.FingerprintText(digest);

        public byte[]? ConfigAnswer(Digest question) => inner.ConfigAnswer(question);

        public Task SaveConfigAnswerAsync(
            Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct) =>
            Task.CompletedTask;
    }
}
