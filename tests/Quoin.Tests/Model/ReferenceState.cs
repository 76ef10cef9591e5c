using System.Globalization;
using Quoin.Core;

namespace Quoin.Tests.Model;

/// <summary>
/// The marking as the design's page tells it, without any index: what can be counted is counted
/// anew each time. Partitions are ids; a requester is a partition (0 and up) or a want (~id).
/// </summary>
class ReferenceState
{
    public Dictionary<int, Part> Parts { get; } = [];
    public HashSet<(int Requester, int Target)> Demands { get; } = [];
    public Dictionary<int, OpenWant> Wants { get; } = [];
    public Dictionary<int, ActiveRun> Runs { get; } = [];
    public Dictionary<string, int> Workers { get; } = []; // slots by owner
    public long Sequence { get; set; }
    public int LastWant { get; set; }
    public int LastRun { get; set; }

    /// <summary>One partition's token and what hangs on it.</summary>
    public sealed class Part
    {
        public PartitionPlace Place { get; set; }
        public PartitionPlace Previous { get; set; }
        public Manifest? Manifest { get; set; }
        public PartitionPlanned? Config { get; set; }
        public (FailureCause Cause, long At, int Run)? Failure { get; set; }
        public HashSet<int> Found { get; } = [];
    }

    public sealed class OpenWant
    {
        public required long AcceptedAt { get; init; }
        public required FailureMode Mode { get; init; }
        public bool IsPlanned { get; set; }
        public HashSet<int> Failed { get; } = [];
    }

    public sealed class ActiveRun
    {
        public required PartitionPlanned Config { get; init; }
        public required int[] Claims { get; init; }
        public RunPlace Place { get; set; }
        public int Epoch { get; set; }
        public string Worker { get; set; } = "";
        public int Failures { get; set; }
        public int Losses { get; set; }
        public DateTimeOffset? RetryAt { get; set; }
        public int[] InputRuns { get; set; } = [];
    }

    public Part At(int p)
    {
        if (!Parts.TryGetValue(p, out var part)) Parts[p] = part = new Part();
        return part;
    }

    public bool IsLive(int p) => At(p).Place == PartitionPlace.Live;

    /// <summary>Inputs of a partition that are not Live.</summary>
    public int Outstanding(int p) =>
        Demands.Count(d => d.Requester == p && !IsLive(d.Target));

    public bool IsReady(int p) =>
        At(p).Place == PartitionPlace.Planned && Outstanding(p) == 0;

    /// <summary>A partition asks for what is not there; a want, until it is planned.</summary>
    public bool IsDemanded(int p) =>
        Demands.Any(d => d.Target == p && (d.Requester < 0 || !IsLive(p)));

    public bool IsDemanded(ActiveRun run) => run.Claims.Any(IsDemanded);

    public int Busy(string owner) =>
        Runs.Values.Count(run => run.Place != RunPlace.Queued && run.Worker == owner);

    public int Publisher(int p) => IsLive(p) ? At(p).Manifest!.Value.Run.Value : 0;

    /// <summary>Everything that can be told apart, one line each.</summary>
    public string Describe()
    {
        var lines = new List<string> { $"at {Sequence}, last w-{LastWant} r-{LastRun}" };
        foreach (var (id, part) in Parts.OrderBy(x => x.Key))
        {
            var works = part.Place is PartitionPlace.Wanted or PartitionPlace.Planned
                or PartitionPlace.Building or PartitionPlace.Waiting;
            var holder = Runs.FirstOrDefault(run => run.Value.Claims.Contains(id)).Key;
            var line = Text(
                id, part.Place, works ? part.Previous : part.Place, part.Manifest,
                part.Config is null ? "" : ConfigText(
                    part.Config.Job, Ids(part.Config.Inputs), part.Config.For),
                part.Failure is { } f ? $"{f.Cause} at {f.At} r-{f.Run}" : "",
                part.Found, Outstanding(id), holder,
                Demands.Where(d => d.Target == id && (d.Requester < 0 || !IsLive(id)))
                    .Select(d => d.Requester));
            if (line.Length > 0) lines.Add(line);
        }
        foreach (var (id, want) in Wants.OrderBy(x => x.Key))
            lines.Add(WantText(
                id, want.IsPlanned, want.AcceptedAt,
                Demands.Where(d => d.Requester == ~id).Select(d => d.Target), want.Failed));
        foreach (var (id, run) in Runs.OrderBy(x => x.Key))
            lines.Add(RunText(
                id, run.Place, run.Epoch, run.Worker, run.Failures, run.Losses, run.RetryAt,
                run.Claims, ConfigText(run.Config.Job, Ids(run.Config.Inputs), run.Config.For),
                run.InputRuns));
        foreach (var (owner, slots) in Workers.OrderBy(x => x.Key, StringComparer.Ordinal))
            lines.Add($"{owner}: {Busy(owner)} of {slots}");
        return string.Join('\n', lines);
    }

    /// <summary>The same text of the production kernel's state.</summary>
    public static string Describe(KernelState s)
    {
        var lines = new List<string> { $"at {s.Sequence}, last w-{s.LastWant} r-{s.LastRun}" };
        for (var id = 0; id < s.CellCount; id++)
        {
            var p = new PartitionId(id);
            var config = s.ConfigOf(p);
            var requesters = s.Requesters(p);
            var works = s.PlaceOf(p) is PartitionPlace.Wanted or PartitionPlace.Planned
                or PartitionPlace.Building or PartitionPlace.Waiting;
            var line = Text(
                id, s.PlaceOf(p), works ? s.PreviousPlaceOf(p) : s.PlaceOf(p),
                s.TryGetManifest(p, out var m) ? m : null,
                config is null ? "" : ConfigText(config.Job, Ids(config.Inputs), config.For),
                s.TryGetFailure(p, out var f) ? $"{f.Cause} at {f.At} r-{f.Run.Value}" : "",
                Ids(s.FoundInputs(p)), s.OutstandingInputs(p), s.HolderOf(p)?.Id.Value ?? 0,
                requesters.Wants.Select(w => ~w.Value).Concat(Ids(requesters.Partitions)));
            if (line.Length > 0) lines.Add(line);
        }
        foreach (var (id, want) in s.Wants.OrderBy(x => x.Key))
        {
            var targets = s.OutstandingTargets(want);
            Assert.Equal(targets.Count, want.Remaining);
            lines.Add(WantText(
                id, want.IsPlanned, want.AcceptedAt, Ids(targets), Ids(want.FailedTargets)));
        }
        foreach (var (id, run) in s.Runs.OrderBy(x => x.Key))
            lines.Add(RunText(
                id, run.Place, run.Epoch, run.Worker.Owner ?? "", run.Failures, run.Losses,
                run.RetryAt, Ids(run.Claims),
                ConfigText(run.Config.Job, Ids(run.Config.Inputs), run.Config.For),
                run.InputRuns));
        foreach (var (owner, worker) in s.Workers.OrderBy(x => x.Key, StringComparer.Ordinal))
            lines.Add($"{owner}: {worker.Busy} of {worker.Slots}");
        return string.Join('\n', lines);
    }

    protected static IEnumerable<int> Ids(IEnumerable<PartitionId> ids) =>
        ids.Select(id => id.Value);

    static string ConfigText(string job, IEnumerable<int> inputs, WantId want) =>
        $"{job} from {Sorted(inputs)} for {want}";

    static string Sorted(IEnumerable<int> ids) => string.Join(' ', ids.Order());

    static string Text(
        int id, PartitionPlace place, PartitionPlace previous, Manifest? manifest, string config,
        string failure, IEnumerable<int> found, int outstanding, int holder,
        IEnumerable<int> requesters)
    {
        var text = $"{place}, {previous} before; {config}; {failure}; found {Sorted(found)}; "
            + $"{outstanding} open; r-{holder}; asked by {Sorted(requesters)}; ";
        if (manifest is { } m)
            text += $"r-{m.Run.Value} {m.Digest.Short} {m.Bytes} {m.Fingerprint.Short}";
        return text == NothingText ? "" : $"{id}: {text}";
    }

    const string NothingText =
        "Missing, Missing before; ; ; found ; 0 open; r-0; asked by ; ";

    static string WantText(
        int id, bool planned, long at, IEnumerable<int> targets, IEnumerable<int> failed) =>
        $"w-{id}: {(planned ? "planned" : "new")} at {at}, asks {Sorted(targets)}, "
        + $"failed {Sorted(failed)}";

    static string RunText(
        int id, RunPlace place, int epoch, string worker, int failures, int losses,
        DateTimeOffset? retryAt, IEnumerable<int> claims, string config, IEnumerable<int> inputs) =>
        string.Create(CultureInfo.InvariantCulture, $"r-{id}: {place} {epoch} by {worker}, ")
        + $"{failures} failed, {losses} lost, again {retryAt?.UtcTicks}; {Sorted(claims)}; "
        + $"{config}; read {string.Join(' ', inputs)}";
}
