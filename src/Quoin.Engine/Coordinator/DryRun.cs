using System.Security.Cryptography;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What a build would do now, with the state that says so.</summary>
/// <param name="Plan">A verdict and a reason for each partition.</param>
/// <param name="State">What is recorded.</param>
/// <param name="History">Durations of successful attempts.</param>
/// <param name="Estimates">How long each run would take.</param>
/// <param name="Estimate">How long it would take; null when too little is known.</param>
public sealed record DryPlan(
    Plan Plan, KernelState State, DurationHistory History, PlanEstimates Estimates,
    TimeLeft? Estimate);

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
        TimeProvider time, CancellationToken ct, ArtifactStore? artifacts = null)
    {
        using var guardian = GuardianOf(workspace, time);
        var (planning, loaded) = Open(workspace, graph, store, guardian, time, artifacts);
        var plan = planning.Make(request, ct);
        var room = new TimetableRoom(
            Math.Max(1, slots), MemoryBytes: 0, graph.Pools, loaded.State.Names);
        var ranked = planning.Rank(
            plan, new WantId(loaded.State.LastWant + 1), request.Options, room);
        return new DryPlan(
            plan, loaded.State, loaded.History, ranked.Estimates.All,
            ranked.Estimates.TimeLeft(Math.Max(1, slots)));
    }

    /// <summary>
    /// Which jobs would make these partitions, and from what, by the graph of today; nothing is
    /// tested.
    /// </summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static JobGraph Analyze(
        Workspace workspace, Graph graph, IBuildStore? store, IEnumerable<string> partitions,
        TimeProvider time, CancellationToken ct)
    {
        using var guardian = GuardianOf(workspace, time);
        var (planning, loaded) = Open(workspace, graph, store, guardian, time);
        return planning.Analyze(
            [.. partitions.Distinct().Select(name => loaded.State.Names.Intern(name))], ct);
    }

    /// <summary>
    /// What building these partitions and all that they need takes by what is known today, if all
    /// of it runs, on so many slots.
    /// </summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static Func<int, Timetable> Usual(
        Workspace workspace, Graph graph, IBuildStore? store, IEnumerable<string> partitions,
        TimeProvider time, CancellationToken ct)
    {
        using var guardian = GuardianOf(workspace, time);
        var (planning, loaded) = Open(workspace, graph, store, guardian, time);
        var jobs = planning.Analyze(
            [.. partitions.Distinct().Select(name => loaded.State.Names.Intern(name))], ct);
        var hostSpeed = new HostSpeed(workspace);
        var durations = new DurationEstimates(graph, loaded.History, () => hostSpeed.Known);
        return slots =>
        {
            var room = new TimetableRoom(slots, MemoryBytes: 0, graph.Pools, jobs.Names);
            return PlanEstimates.Of(jobs, _ => true, durations, room).Timetable(jobs, room);
        };
    }

    static Guardian GuardianOf(Workspace workspace, TimeProvider time) =>
        new(Path.Combine(workspace.QuoinDirectory, "guard"), time);

    static (Planning Planning, LoadedState Loaded) Open(
        Workspace workspace, Graph graph, IBuildStore? store, Guardian guardian, TimeProvider time,
        ArtifactStore? artifacts = null)
    {
        store ??= new MemoryStore();
        var reading = new ReadingStore(store);
        var files = FileStampCache.ReadAhead(workspace.Root, reading, time);
        var loaded = StateLoader.Load(store, new PartitionNames());
        var calls = new ConfigCalls(workspace, reading, files, new ConfigProcess(guardian));
        var facts = new WorkspaceFacts(workspace, graph, loaded.State, files, reading, calls)
        {
            Artifacts = artifacts,
            Fingerprints = loaded.Fingerprints,
            Secrets = SecretDigests.OfProcess(workspace, keeps: false),
        };
        return (
            new Planning(
                graph, loaded.State, facts, calls, loaded.History, time,
                () => new HostSpeed(workspace).Known),
            loaded);
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
