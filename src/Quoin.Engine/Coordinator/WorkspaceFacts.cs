using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The world as the planner asks about it: the kernel's state, the files of the workspace and the
/// probes of the jobs. Answers about files and jobs are kept until <see cref="Forget"/>, so that
/// one plan sees one world.
/// </summary>
public sealed class WorkspaceFacts(
    Workspace workspace, Graph graph, KernelState state, FileStampCache files,
    IFingerprintStore store, ConfigCalls calls) : IPlanFacts
{
    SourceFact?[] sources = []; // By partition.
    readonly Dictionary<string, JobFact> jobs = [];
    readonly Dictionary<PartitionId, RunId> lost = [];
    Dictionary<PartitionId, bool> restorable = [];
    bool lookedElsewhere; // At folders for what is in them, or for what is not in its place.

    // Slower places are not worth waiting for: what is away is made again.
    static readonly TimeSpan askWithin = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Who has a planned partition now: null when it is left over from another process.
    /// </summary>
    public Func<PartitionId, bool> IsOwned { get; set; } = static _ => false;

    /// <summary>Copies of outputs; null: none are kept.</summary>
    public ArtifactStore? Artifacts { get; init; }

    /// <summary>What stands for the values of secrets.</summary>
    public SecretDigests Secrets { get; init; } = new(
        workspace, static _ => null, static () => [], keeps: false);

    /// <summary>Texts that were digested before.</summary>
    public FingerprintMemo Fingerprints { get; init; } = new();

    /// <summary>With <c>--thorough</c> outputs are hashed, however their stat looks.</summary>
    public bool Thorough { get; set; }

    /// <summary>
    /// What <c>{x:known}</c> runs through: enumerable from the graph, or recorded. Found out when a
    /// plan asks.
    /// </summary>
    public IKnownPartitions Known =>
        new KnownPartitions(graph, FilesOf, Recorded());

    List<string> FilesOf(string glob)
    {
        lookedElsewhere = true;
        return Glob.Files(workspace.Root, glob);
    }

    /// <summary>
    /// The recorded files that the answers since <see cref="Forget"/> were taken from, apart from
    /// <see cref="JobFacts"/>; null: something else was looked at.
    /// </summary>
    internal KeptFiles? KeptFiles => lookedElsewhere || lost.Count > 0 ? null : files.Kept;

    /// <summary>What was told of jobs since <see cref="Forget"/>, by their names.</summary>
    internal IEnumerable<KeyValuePair<string, JobFact>> JobFacts => jobs;

    IEnumerable<string> Recorded()
    {
        for (var id = 0; id < state.CellCount; id++)
        {
            var partition = new PartitionId(id);
            if (state.TryGetManifest(partition, out _)) yield return state.Names.Text(partition);
        }
    }

    /// <summary>Files may have changed: the next plan looks again.</summary>
    public void Forget()
    {
        sources = [];
        jobs.Clear();
        lookedElsewhere = false;
    }

    /// <summary>
    /// A run that reads it found it nowhere, wherever its file and its copies seem to be.
    /// </summary>
    public void Lost(PartitionId partition)
    {
        if (state.TryGetManifest(partition, out var manifest)) lost[partition] = manifest.Run;
    }

    /// <inheritdoc/>
    public PartitionFact Partition(PartitionId partition)
    {
        var place = state.PlaceOf(partition);
        var standing = place switch
        {
            PartitionPlace.Missing or PartitionPlace.Released => Standing.Missing,
            PartitionPlace.Live => Standing.Published,
            PartitionPlace.Tainted => Standing.Tainted,
            PartitionPlace.Failed => Failed(partition),
            PartitionPlace.Building => Standing.Active,
            // It is planned again when it is released, or when a person has said what is with it.
            PartitionPlace.Releasing or PartitionPlace.Quarantined => Standing.Active,
            PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Waiting =>
                IsOwned(partition) ? Standing.Active : Before(partition),
        };
        var fact = new PartitionFact(standing);
        if (state.TryGetManifest(partition, out var manifest))
            fact = fact with
            {
                Fingerprint = manifest.Fingerprint,
                Output = manifest.Digest,
                Bytes = manifest.Bytes,
                Run = manifest.Run,
                ElapsedMs = manifest.ElapsedMs,
                PublishedAt = DateTimeOffset.FromUnixTimeMilliseconds(manifest.PublishedAtMs),
            };
        if (standing == Standing.Failed) fact = fact with { Reason = FailureText(partition) };
        if ((state.HolderOf(partition) ?? state.LifeOf(partition)) is { } run
            && place != PartitionPlace.Live)
            fact = fact with { Run = run.Id };
        return fact;
    }

    Standing Before(PartitionId partition) => state.PreviousPlaceOf(partition) switch
    {
        PartitionPlace.Live => Standing.Published,
        PartitionPlace.Tainted => Standing.Tainted,
        PartitionPlace.Failed => Failed(partition),
        PartitionPlace.Missing or PartitionPlace.Wanted or PartitionPlace.Planned
            or PartitionPlace.Building or PartitionPlace.Waiting or PartitionPlace.Releasing
            or PartitionPlace.Released or PartitionPlace.Quarantined => Standing.Missing,
    };

    // It never ran: an input failed. What was published before that is as good as it was.
    Standing Failed(PartitionId partition) =>
        state.TryGetFailure(partition, out var failure)
        && failure.Cause is FailureCause.Upstream or FailureCause.Config
            ? state.TryGetManifest(partition, out _) ? Standing.Published : Standing.Missing
            : Standing.Failed;

    string? FailureText(PartitionId partition) =>
        state.TryGetFailure(partition, out var failure) && failure.RunFailure is { } run
            ? $"{failure.Run}, {run.Reason}"
            : null;

    /// <inheritdoc/>
    public SourceFact Source(PartitionId source)
    {
        if (source.Value >= sources.Length)
            Array.Resize(ref sources, Math.Max(state.Names.Count, source.Value + 1));
        if (sources[source.Value] is { } fact) return fact;
        var path = PathOf(source);
        var digest = files.DigestOf(path, trustStat: !Thorough);
        return sources[source.Value] = new SourceFact(path, digest);
    }

    /// <inheritdoc/>
    public JobFact Job(Job job)
    {
        if (jobs.TryGetValue(job.Name, out var fact)) return fact;
        return jobs[job.Name] = MakeJobFact(job);
    }

    /// <summary>Tests the nodes of an analyzed graph.</summary>
    public Plan Test(JobGraph jobs, PlanOptions options)
    {
        try
        {
            AskLayers(jobs);
            return Plan.Make(jobs, this, options);
        }
        finally
        {
            files.EndLookAhead(); // What was seen is the past for whoever asks after this plan.
            restorable = [];
        }
    }

    // What is not in its place may be in a layer on another host: all of it is asked for together,
    // before the plan asks one by one.
    void AskLayers(JobGraph jobs)
    {
        if (Artifacts is not { IsShared: true } artifacts) return;
        var (away, asked) = (new List<PartitionId>(), new List<(Digest, string, Digest)>());
        for (var node = 0; node < jobs.Count; node++)
        {
            foreach (var output in jobs.Outputs(node))
            {
                if (!state.TryGetManifest(output, out var known)
                    || files.IsThere(PathOf(output))) continue;
                away.Add(output);
                asked.Add((known.Fingerprint, state.Names.Text(output), known.Digest));
            }
        }
        if (away.Count == 0) return;
        var answers = artifacts.CanRestore(asked, askWithin);
        for (var i = 0; i < answers.Length; i++) restorable[away[i]] = answers[i];
    }

    string PathOf(PartitionId partition) => graph.PathOf(state.Names.Utf8(partition));

    JobFact MakeJobFact(Job job)
    {
        var code = ImmutableArray.CreateBuilder<PathDigest>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var glob in job.Code)
        {
            var paths = CodeFiles.Match(workspace, job.Folder, glob);
            if (paths.Count == 0)
                return Broken("code-missing", $"job {job.Name}: no file matches code: {glob}", job);
            foreach (var path in paths)
                if (seen.Add(path)) code.Add(Digested(path));
        }
        foreach (var argv in (ReadOnlySpan<ImmutableArray<string>>)[job.Exec, job.ConfigCommand])
        {
            if (CodeFiles.Program(workspace, job.Folder, argv) is { } path && seen.Add(path))
                code.Add(Digested(path));
        }
        var conditions = ImmutableArray.CreateBuilder<ConditionFact>();
        foreach (var probe in job.Conditions)
        {
            var name = string.Join(' ', probe);
            var (answer, problem) = calls.Probe(job, probe);
            if (problem is not null)
                return Broken("condition-failed", $"job {job.Name}: {name}: {problem}", job);
            conditions.Add(new ConditionFact(name, answer));
        }
        var secrets = ImmutableArray.CreateBuilder<SecretFact>();
        foreach (var name in job.Secrets)
        {
            try
            {
                if (Secrets.Of(name) is not { } secret)
                    return Broken(
                        "secret-missing", $"job {job.Name}: {name} is not set in the environment "
                        + $"of the process that decides ({Environment.MachineName}, pid "
                        + $"{Environment.ProcessId}); a secret's value comes from there", job);
                // A thing outside stays the same thing when the token it is asked for with does
                // not.
                if (job.Resource is null) secrets.Add(secret);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Broken("secret-key", $"job {job.Name}: {e.Message}", job);
            }
        }
        return new JobFact
        {
            Code = code.ToImmutable(),
            Conditions = conditions.ToImmutable(),
            Secrets = secrets.ToImmutable(),
        };
    }

    PathDigest Digested(string path) => new(path, files.DigestOf(path, trustStat: !Thorough));

    static JobFact Broken(string code, string message, Job job) => new()
    {
        Problem = new PlanProblem(code, $"{message} ({job.Location})"),
    };

    /// <inheritdoc/>
    public OutputCheck CheckOutput(PartitionId partition, in PartitionFact fact)
    {
        if (lost.TryGetValue(partition, out var run) && run == fact.Run)
            return OutputCheck.Missing;
        var digest = files.DigestOf(PathOf(partition), trustStat: !Thorough);
        if (!digest.Exists) return CheckAway(partition, fact);
        return digest == fact.Output ? OutputCheck.Ok : OutputCheck.Modified;
    }

    // It is not in its place: is that right, or can it be had?
    OutputCheck CheckAway(PartitionId partition, in PartitionFact fact)
    {
        lookedElsewhere = true;
        var canHave = restorable.TryGetValue(partition, out var answer)
            ? answer
            : Artifacts?.CanRestore(
                fact.Fingerprint, state.Names.Text(partition), fact.Output) == true;
        if (canHave) return OutputCheck.Restorable;
        return graph.FindProducer(state.Names.Utf8(partition)).Job is { Keep: not KeepRule.All }
            ? OutputCheck.NotKept
            : OutputCheck.Missing;
    }

    /// <inheritdoc/>
    public Digest DigestOf(ReadOnlySpan<byte> fingerprintText) => Fingerprints.Of(fingerprintText);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> FingerprintText(Digest fingerprint) =>
        store.FingerprintText(fingerprint) ?? ReadOnlyMemory<byte>.Empty;
}
