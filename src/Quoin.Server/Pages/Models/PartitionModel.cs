using System.Collections.Immutable;
using System.Text;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>An event in a table.</summary>
/// <param name="Position">Its place in the log.</param>
/// <param name="At">When it was recorded.</param>
/// <param name="Type">Kebab-case.</param>
/// <param name="Subject">A partition, run, want or worker.</param>
/// <param name="Text">What it says beside that.</param>
public sealed record EventLine(
    long Position, DateTimeOffset At, string Type, string Subject, string Text)
{
    internal static EventLine Of(RawEvent raw, PartitionNames names)
    {
        var text = "of a newer Quoin";
        if (EventCodec.Types.Contains(raw.Type))
            text = EventText.Of(
                EventCodec.Decode(
                    raw.Position, Encoding.UTF8.GetBytes(raw.Type), raw.Body.Span, names),
                names);
        return new EventLine(raw.Position, raw.At, raw.Type, raw.Subject, text);
    }

    /// <summary>Where its subject's page is; empty: it has none.</summary>
    public string Link =>
        RunId.TryParse(Subject, out var run) ? Links.Of(run)
        : WantId.TryParse(Subject, out var want) ? Links.Of(want)
        : Type.StartsWith("partition-", StringComparison.Ordinal) ? Links.Partition(Subject)
        : "";
}

/// <summary>What was published of a partition.</summary>
public sealed record ManifestFacts(
    RunId Run, string Digest, long Bytes, string Fingerprint, DateTimeOffset At, TimeSpan Took);

/// <summary>
/// A partition: where it is and why, what was published, what changed since the build before, what
/// it was made from and what is made from it.
/// </summary>
public sealed record PartitionModel
{
    /// <summary>The most rows of each table.</summary>
    public const int RowsMax = 60;

    /// <summary>The most runs that are named.</summary>
    public const int RunsMax = 20;

    /// <summary>The most reads of the store that one such page costs.</summary>
    public const int StoreReadsMax = 4;

    /// <summary>Its reference.</summary>
    public required string Name { get; init; }

    /// <summary>Where its token lies; null: it is a source.</summary>
    public required PartitionPlace? Place { get; init; }

    /// <summary>The dataset that it belongs to; empty: to none of the graph.</summary>
    public required string Dataset { get; init; }

    /// <summary>The job that makes it; empty: none.</summary>
    public required string Job { get; init; }

    /// <summary>Where it lies, relative to the workspace.</summary>
    public required string Path { get; init; }

    /// <summary>Why it is where it is: what it waits for, why it failed, who tainted it.</summary>
    public required string Why { get; init; }

    /// <summary>The run that has it, or that failed to make it.</summary>
    public required RunLine? Run { get; init; }

    /// <summary>From this failed partition to the one where it began; empty: it began here.
    /// </summary>
    public required ImmutableArray<PartitionLine> Cause { get; init; }

    /// <summary>What was published; null: nothing was, or it is gone.</summary>
    public required ManifestFacts? Manifest { get; init; }

    /// <summary>The question for a person that it waits for; null: none.</summary>
    public required QuestionLine? Question { get; init; }

    /// <summary>Who asks for it: open wants.</summary>
    public required ImmutableArray<WantId> Wants { get; init; }

    /// <summary>What it is made from.</summary>
    public required ImmutableArray<PartitionLine> Inputs { get; init; }

    /// <summary>How many inputs it has.</summary>
    public required int InputCount { get; init; }

    /// <summary>What is made from it.</summary>
    public required ImmutableArray<PartitionLine> Readers { get; init; }

    /// <summary>There are more than are shown.</summary>
    public required bool HasMoreReaders { get; init; }

    /// <summary>Its runs, the newest first.</summary>
    public required ImmutableArray<RunLine> Runs { get; init; }

    /// <summary>Files that it was made from and that nothing builds.</summary>
    public ImmutableArray<FingerprintItem> Sources { get; init; } = [];

    /// <summary>What decided it: the readable fingerprint.</summary>
    public ImmutableArray<FingerprintItem> Items { get; init; } = [];

    /// <summary>The run whose fingerprint is compared; null: there is only one.</summary>
    public RunId? Before { get; init; }

    /// <summary>What differs between the last two builds.</summary>
    public ImmutableArray<FingerprintChange> Changes { get; init; } = [];

    /// <summary>
    /// What a build would do with it now, and why, as the command line says it; empty: nobody
    /// asked.
    /// </summary>
    public ImmutableArray<string> Explained { get; init; } = [];

    /// <summary>What was recorded of it, the newest first.</summary>
    public ImmutableArray<EventLine> History { get; init; } = [];

    /// <summary>It is there, so it can be tainted.</summary>
    public bool CanTaint => Place == PartitionPlace.Live;

    /// <summary>It is not on its way, so that asking for it makes sense.</summary>
    public bool CanBuild => Place is PartitionPlace.Missing or PartitionPlace.Live
        or PartitionPlace.Tainted or PartitionPlace.Failed or PartitionPlace.Released
        && Job.Length > 0;

    /// <summary>The page of a partition; null: nobody ever heard of it.</summary>
    internal static PartitionModel? Of(
        StoreViews views, IBuildStore store, string name, Func<StoreState, Holdups> holdupsOf,
        Graph? graph)
    {
        var names = new PartitionNames();
        var producer = graph?.FindProducer(Encoding.UTF8.GetBytes(name)) ?? default;
        var model = views.Read(s => Of(s, name, holdupsOf(s), graph, producer));
        if (model is null) return null;
        var about = new EventFilter(name, []);
        var history = EventReads.Newest(views, store, about, long.MaxValue, RowsMax)
            .Select(raw => EventLine.Of(raw, names)).ToImmutableArray();
        model = model with { History = history };
        if (model.Place == PartitionPlace.Tainted
            && history.FirstOrDefault(e => e.Type == "partition-tainted") is { } taint)
            model = model with { Why = $"tainted {taint.Text}" };
        return WithFingerprint(model, views, store);
    }

    static PartitionModel WithFingerprint(
        PartitionModel model, StoreViews views, IBuildStore store)
    {
        if (model.Manifest is not { } manifest
            || TextOf(store, manifest.Fingerprint) is not { } now) return model;
        var items = Fingerprint.Parse(now);
        model = model with
        {
            Items = [.. items.Take(RowsMax)],
            Sources = [.. items.Where(item => item.Kind == "source").Take(RowsMax)],
        };
        // The build before the one that published what is there.
        var before = model.Runs.Where(run => run.State is "built" or "restored"
            && run.Id.Value < manifest.Run.Value).Select(run => (RunId?)run.Id).FirstOrDefault();
        if (before is not { } run || FingerprintOf(views, store, run) is not { } digest
            || TextOf(store, digest) is not { } old) return model;
        return model with
        {
            Before = run,
            Changes = [.. FingerprintDiff.Compare(old, now).Take(RowsMax)],
        };
    }

    static byte[]? TextOf(IBuildStore store, string digest) =>
        Core.Digest.TryParse(digest, out var known) ? store.FingerprintText(known) : null;

    static string? FingerprintOf(StoreViews views, IBuildStore store, RunId run)
    {
        var query = new EventFilter($"{run}", ["run-completed"]);
        if (EventReads.Newest(views, store, query, long.MaxValue, 1) is not [var raw]) return null;
        var names = new PartitionNames();
        return EventCodec.Decode(raw.Position, "run-completed"u8, raw.Body.Span, names)
            is RunCompleted { Fingerprint.Exists: true } completed
            ? $"{completed.Fingerprint}"
            : null;
    }

    static PartitionModel? Of(
        StoreState s, string name, Holdups holdups, Graph? graph, Producer producer)
    {
        var isKnown = s.Names.TryFind(name, out var p);
        if (!isKnown && !producer.Exists) return null;
        if (!isKnown) p = new PartitionId(int.MaxValue); // No cell has this number.
        var kernel = s.Kernel;
        var failure = isKnown && kernel.TryGetFailure(p, out var known) ? known : null;
        var place = kernel.PlaceOf(p);
        var readers = isKnown ? s.Lineage.ReadersOf(p).Take(RowsMax + 1).ToList() : [];
        var inputs = s.Lineage.InputsOf(p);
        var runs = isKnown ? s.RunsOf(p).Take(RunsMax) : [];
        return new PartitionModel
        {
            Name = name,
            Place = producer.Source is not null && place == PartitionPlace.Missing ? null : place,
            Dataset = s.Partitions.DatasetOf(name),
            Job = producer.Job?.Name ?? (isKnown ? s.JobOf(p) : ""),
            Path = graph?.PathOf(Encoding.UTF8.GetBytes(name)) ?? "",
            Why = WhyOf(s, p, place, failure, holdups),
            Run = RunOf(s, p, failure, holdups),
            Cause = failure?.Cause == FailureCause.Upstream ? CauseOf(s, p) : [],
            Manifest = isKnown && kernel.TryGetManifest(p, out var manifest)
                ? Facts(manifest)
                : null,
            Question = kernel.Interventions.Values.Where(open => open.Partition == p)
                .Select(open => QuestionLine.Of(s.Questions[open.Id.Value])).FirstOrDefault(),
            Wants = [.. kernel.Requesters(p).Wants.Concat(kernel.Holders(p).Wants).Distinct()
                .Take(RowsMax)],
            Inputs = [.. inputs.Take(RowsMax).Select(input => PartitionLine.Of(s, input))],
            InputCount = inputs.Length,
            Readers = [.. readers.Take(RowsMax).Select(reader => PartitionLine.Of(s, reader))],
            HasMoreReaders = readers.Count > RowsMax,
            Runs = [.. runs.Select(run => RunLine.Of(s, run, holdups))],
        };
    }

    static ManifestFacts Facts(in Manifest manifest) => new(
        manifest.Run, $"{manifest.Digest}", manifest.Bytes, $"{manifest.Fingerprint}",
        DateTimeOffset.FromUnixTimeMilliseconds(manifest.PublishedAtMs),
        TimeSpan.FromMilliseconds(manifest.ElapsedMs));

    static string WhyOf(
        StoreState s, PartitionId p, PartitionPlace place, Failure? failure, Holdups holdups) =>
        place switch
        {
            PartitionPlace.Failed when failure is not null =>
                NowModel.FailureLine(s, p, failure).Note,
            PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Waiting
                or PartitionPlace.Building or PartitionPlace.Releasing
                or PartitionPlace.Quarantined => RunLine.WithTime(holdups.Of(p)),
            PartitionPlace.Live when s.Kernel.LifeOf(p) is not null =>
                RunLine.WithTime(holdups.Of(p)),
            _ => "",
        };

    static RunLine? RunOf(StoreState s, PartitionId p, Failure? failure, Holdups holdups)
    {
        var id = (s.Kernel.HolderOf(p) ?? s.Kernel.LifeOf(p))?.Id
            ?? (failure is { Run.Value: > 0 } ? failure.Run : null as RunId?);
        return id is { } run && s.Run(run.Value) is { } row ? RunLine.Of(s, row, holdups) : null;
    }

    // From input to input, down to one that failed by itself.
    static ImmutableArray<PartitionLine> CauseOf(StoreState s, PartitionId p)
    {
        const int stepsMax = 20;
        var chain = ImmutableArray.CreateBuilder<PartitionLine>();
        for (var step = 0; step < stepsMax; step++)
        {
            var next = s.Lineage.InputsOf(p).Where(input =>
                s.Kernel.PlaceOf(input) == PartitionPlace.Failed)
                .Select(input => (PartitionId?)input).FirstOrDefault();
            if (next is not { } input || !s.Kernel.TryGetFailure(input, out var failure)) break;
            chain.Add(NowModel.FailureLine(s, input, failure));
            if (failure.Cause != FailureCause.Upstream) break;
            p = input;
        }
        return chain.ToImmutable();
    }

}
