using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Quoin.Core;

/// <summary>
/// The marking: one token for every partition, open want and active run of a store, with the
/// indexes that make each transition cost what it touches. It is changed by
/// <see cref="Evolve.Apply"/> alone, and by nothing but events; it knows no clock and no file.
/// </summary>
public sealed class KernelState(PartitionNames names)
{
    Cell[] cells = NewCells(256, 0);
    readonly int[] placeCounts = new int[11];
    readonly List<Manifest> manifests = [];
    readonly Stack<int> freeManifests = new();
    readonly Dictionary<int, WantToken> wants = [];
    readonly Dictionary<int, RunToken> runs = [];
    readonly Dictionary<string, WorkerToken> workers = [];
    readonly Dictionary<int, Failure> failures = [];
    readonly Dictionary<int, PartitionId[]> found = [];
    readonly Dictionary<int, InterventionToken> interventions = [];
    readonly Dictionary<int, CleanupToken> cleanups = [];
    readonly Dictionary<int, EarlierLives> lives = [];

    internal DemandPool Demands { get; } = new();
    internal ConfigTable Configs { get; } = new();
    internal Cascade Cascade { get; } = new();

    /// <summary>The names behind the ids.</summary>
    public PartitionNames Names { get; } = names;

    /// <summary>
    /// Events applied so far: the order in which wants were accepted and runs failed.
    /// </summary>
    public long Sequence { get; internal set; }

    /// <summary>The highest want id used so far.</summary>
    public int LastWant { get; internal set; }

    /// <summary>The highest run id used so far.</summary>
    public int LastRun { get; internal set; }

    /// <summary>The highest intervention id used so far.</summary>
    public int LastIntervention { get; internal set; }

    /// <summary>Open wants by id.</summary>
    public IReadOnlyDictionary<int, WantToken> Wants => wants;

    /// <summary>Active runs by id.</summary>
    public IReadOnlyDictionary<int, RunToken> Runs => runs;

    /// <summary>Workers by owner.</summary>
    public IReadOnlyDictionary<string, WorkerToken> Workers => workers;

    /// <summary>What followed from the events since it was last taken.</summary>
    public KernelNotices Notices { get; } = new();

    internal Dictionary<int, WantToken> WantTable => wants;
    internal Dictionary<int, RunToken> RunTable => runs;
    internal Dictionary<string, WorkerToken> WorkerTable => workers;
    internal Dictionary<int, Failure> FailureTable => failures;
    internal Dictionary<int, PartitionId[]> FoundTable => found;
    internal Dictionary<int, InterventionToken> InterventionTable => interventions;
    internal Dictionary<int, CleanupToken> CleanupTable => cleanups;

    /// <summary>What is known of a resource's earlier lives, while it is tried.</summary>
    internal Dictionary<int, EarlierLives> LivesTable => lives;

    /// <summary>When a resource whose earlier life failed may begin its next one.</summary>
    public DateTimeOffset? NextLifeAt(PartitionId p) =>
        lives.TryGetValue(p.Value, out var earlier) ? earlier.NextAt : null;

    /// <summary>Open interventions by id.</summary>
    public IReadOnlyDictionary<int, InterventionToken> Interventions => interventions;

    /// <summary>What wants let go that is not released yet, by want.</summary>
    public IReadOnlyDictionary<int, CleanupToken> Cleanups => cleanups;

    /// <summary>
    /// How many partitions lie in a place. Missing counts only those ever touched.
    /// </summary>
    public int Count(PartitionPlace place) => placeCounts[(int)place];

    /// <summary>Where a partition's token lies.</summary>
    public PartitionPlace PlaceOf(PartitionId p) =>
        p.Value < cells.Length ? cells[p.Value].Place : PartitionPlace.Missing;

    /// <summary>The run that holds a Building partition.</summary>
    public RunToken? HolderOf(PartitionId p) =>
        PlaceOf(p) == PartitionPlace.Building ? runs[cells[p.Value].Run] : null;

    /// <summary>The run of a resource that is there, or may be.</summary>
    public RunToken? LifeOf(PartitionId p) =>
        IsResource(p) && HasRun(p) ? runs.GetValueOrDefault(cells[p.Value].Run) : null;

    /// <summary>True when its cell names a run.</summary>
    internal bool HasRun(PartitionId p) =>
        PlaceOf(p) is PartitionPlace.Building
        || (IsResource(p) && PlaceOf(p) is (PartitionPlace.Live or PartitionPlace.Releasing
            or PartitionPlace.Quarantined));

    /// <summary>True when it was planned as a thing that is held and released.</summary>
    public bool IsResource(PartitionId p) => p.Value < cells.Length && cells[p.Value].IsResource;

    /// <summary>True when somebody demands a resource, or holds it.</summary>
    public bool IsNeeded(PartitionId p) =>
        p.Value < cells.Length && cells[p.Value].DemandHead != DemandPool.None;

    /// <summary>True when somebody counts on it being Live: of a resource, holds it.</summary>
    public bool IsHeld(PartitionId p)
    {
        if (p.Value >= cells.Length) return false;
        for (var d = cells[p.Value].DemandHead; d != DemandPool.None; d = Demands[d].NextOnTarget)
            if (Demands[d].Settled) return true;
        return false;
    }

    /// <summary>The open wants and the partitions that hold a resource.</summary>
    public (IReadOnlyList<WantId> Wants, IReadOnlyList<PartitionId> Partitions) Holders(
        PartitionId p)
    {
        var wantsHolding = new List<WantId>();
        var partitions = new List<PartitionId>();
        if (p.Value >= cells.Length) return (wantsHolding, partitions);
        for (var d = cells[p.Value].DemandHead; d != DemandPool.None; d = Demands[d].NextOnTarget)
        {
            if (!Demands[d].Settled) continue;
            if (Demands[d].IsWant) wantsHolding.Add(Demands[d].Want);
            else partitions.Add(new PartitionId(Demands[d].Requester));
        }
        return (wantsHolding, partitions);
    }

    /// <summary>
    /// What was published last: of a Live or Tainted partition, and of one that is being rebuilt or
    /// failed since.
    /// </summary>
    public bool TryGetManifest(PartitionId p, out Manifest manifest)
    {
        manifest = default;
        if (p.Value >= cells.Length || cells[p.Value].Manifest < 0) return false;
        manifest = manifests[cells[p.Value].Manifest];
        return true;
    }

    /// <summary>Where the token goes back to when nobody demands it any more.</summary>
    public PartitionPlace PreviousPlaceOf(PartitionId p) =>
        p.Value < cells.Length ? cells[p.Value].Previous : PartitionPlace.Missing;

    /// <summary>The config of a Planned, Building or Waiting partition.</summary>
    public ConfigToken? ConfigOf(PartitionId p) =>
        p.Value < cells.Length && cells[p.Value].Config is >= 0 and var c ? Configs[c] : null;

    /// <summary>Inputs of a Planned or Waiting partition that are not Live.</summary>
    public int OutstandingInputs(PartitionId p) =>
        p.Value < cells.Length ? cells[p.Value].Outstanding : 0;

    /// <summary>True when the partition is planned and all its inputs are Live.</summary>
    public bool IsReady(PartitionId p) =>
        PlaceOf(p) == PartitionPlace.Planned && cells[p.Value].Outstanding == 0;

    /// <summary>Why a partition failed last; forgotten when it is published.</summary>
    public bool TryGetFailure(PartitionId p, [NotNullWhen(true)] out Failure? failure) =>
        failures.TryGetValue(p.Value, out failure);

    /// <summary>
    /// Inputs that runs of this partition asked for while running; empty when none did.
    /// </summary>
    public IReadOnlyList<PartitionId> FoundInputs(PartitionId p) =>
        found.TryGetValue(p.Value, out var list) ? list : [];

    /// <summary>True when a want or a waiting partition asks for it.</summary>
    public bool IsDemanded(PartitionId p)
    {
        if (p.Value >= cells.Length) return false;
        for (var d = cells[p.Value].DemandHead; d != DemandPool.None; d = Demands[d].NextOnTarget)
            if (!Demands[d].Settled) return true;
        return false;
    }

    /// <summary>The open wants and the partitions that ask for it.</summary>
    public (IReadOnlyList<WantId> Wants, IReadOnlyList<PartitionId> Partitions) Requesters(
        PartitionId p)
    {
        var byWants = new List<WantId>();
        var byPartitions = new List<PartitionId>();
        if (p.Value >= cells.Length) return (byWants, byPartitions);
        for (var d = cells[p.Value].DemandHead; d != DemandPool.None; d = Demands[d].NextOnTarget)
        {
            if (Demands[d].Settled) continue;
            if (Demands[d].IsWant) byWants.Add(Demands[d].Want);
            else byPartitions.Add(new PartitionId(Demands[d].Requester));
        }
        return (byWants, byPartitions);
    }

    /// <summary>What an open want still asks for, so many of it at most.</summary>
    public IReadOnlyList<PartitionId> OutstandingTargets(
        WantToken want, int most = int.MaxValue)
    {
        var targets = new List<PartitionId>();
        for (var d = want.RequestHead; d != DemandPool.None && targets.Count < most;
            d = Demands[d].NextOfRequester)
            if (!Demands[d].Settled) targets.Add(new PartitionId(Demands[d].Target));
        return targets;
    }

    /// <summary>
    /// Gets every partition whose token moves, for whoever keeps an index of them; null: nobody
    /// does.
    /// </summary>
    public List<PartitionId>? Moved { get; set; }

    /// <summary>All partitions that were ever touched, by id.</summary>
    public int CellCount { get; private set; }

    internal ref Cell CellOf(PartitionId p)
    {
        if (p.Value >= cells.Length)
        {
            var length = Math.Max(cells.Length * 2, p.Value + 1);
            var more = NewCells(length, cells.Length);
            cells.CopyTo(more, 0);
            cells = more;
        }
        while (CellCount <= p.Value)
        {
            CellCount++;
            placeCounts[(int)PartitionPlace.Missing]++;
        }
        return ref cells[p.Value];
    }

    /// <summary>The only place where a partition's token moves.</summary>
    internal void Move(PartitionId p, PartitionPlace to)
    {
        ref var cell = ref CellOf(p);
        if (!PartitionMoves.Allows(cell.Place, to))
            throw new UnreachableException($"{Names.Text(p)}: {cell.Place} -> {to}");
        placeCounts[(int)cell.Place]--;
        placeCounts[(int)to]++;
        if (to == PartitionPlace.Live) failures.Remove(p.Value);
        cell.Place = to;
        Moved?.Add(p);
    }

    internal void SetManifest(PartitionId p, in Manifest manifest)
    {
        ref var cell = ref CellOf(p);
        if (cell.Manifest < 0)
        {
            if (freeManifests.TryPop(out var slot))
            {
                cell.Manifest = slot;
            }
            else
            {
                cell.Manifest = manifests.Count;
                manifests.Add(manifest);
                return;
            }
        }
        CollectionsMarshal.AsSpan(manifests)[cell.Manifest] = manifest;
    }

    internal void RestoreCell(PartitionId p, PartitionPlace place)
    {
        ref var cell = ref CellOf(p);
        placeCounts[(int)cell.Place]--;
        placeCounts[(int)place]++;
        cell.Place = place;
    }

    internal ref int RequestHeadOf(int requester)
    {
        if (requester >= 0) return ref CellOf(new PartitionId(requester)).RequestHead;
        return ref wants[~requester].RequestHead;
    }

    static Cell[] NewCells(int length, int from)
    {
        var array = new Cell[length];
        for (var i = from; i < length; i++) array[i] = Cell.Empty;
        return array;
    }

    /// <summary>A partition's token, packed: 32 bytes.</summary>
    internal struct Cell
    {
        public static readonly Cell Empty = new()
        {
            Manifest = -1,
            Config = -1,
            DemandHead = DemandPool.None,
            RequestHead = DemandPool.None,
        };

        public PartitionPlace Place;
        public PartitionPlace Previous; // Missing, Live, Tainted, Failed or Released
        public bool IsResource; // as it was planned last
        public int Manifest;
        public int Config;
        public int Run; // the holder while Building, of a resource until it is Released
        public int DemandHead; // who asks for this partition
        public int RequestHead; // what this partition asks for
        public int Outstanding; // how many of those are not Live
    }
}
