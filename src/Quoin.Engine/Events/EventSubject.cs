using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What kind of thing an event is about.</summary>
public enum EventSubjectKind
{
    /// <summary>About nothing in particular.</summary>
    None,

    /// <summary>A run.</summary>
    Run,

    /// <summary>A want.</summary>
    Want,

    /// <summary>A partition; of an event about several the first.</summary>
    Partition,

    /// <summary>Something with a name: a worker, a feed, a command.</summary>
    Name,
}

/// <summary>
/// What a person asks for when he says "the events of r-19". An event about several partitions
/// stands under the first; the run or want that follows leads to the others.
/// </summary>
/// <param name="Kind">Of what kind.</param>
/// <param name="Id">The number of the run, want or partition.</param>
/// <param name="Name">Of <see cref="EventSubjectKind.Name"/>.</param>
public readonly record struct EventSubject(EventSubjectKind Kind, int Id, string Name)
{
    /// <summary>The subject of an event.</summary>
    public static EventSubject Of(BuildEvent e) => e switch
    {
        RunEvent x => new(EventSubjectKind.Run, x.Run.Value, ""),
        WantEvent x => new(EventSubjectKind.Want, x.Want.Value, ""),
        PartitionPlanned { Outputs: [var it, ..] } => Partition(it),
        PartitionStale x => Partition(x.Partition),
        PartitionCurrent x => Partition(x.Partition),
        ConfigFailed { Outputs: [var it, ..] } => Partition(it),
        PartitionTainted x => Partition(x.Partition),
        OutputsRemoved { Partitions: [var it, ..] } => Partition(it),
        CommandAnswered x => Named(x.Command),
        FeedLinesAccepted x => Named(x.Feed),
        FeedFileRemoved x => Named(x.Feed),
        WorkerAdded x => Named(x.Worker.Owner),
        WorkerRemoved x => Named(x.Worker.Owner),
        _ => default, // A list that is empty has no subject.
    };

    static EventSubject Partition(PartitionId p) => new(EventSubjectKind.Partition, p.Value, "");

    static EventSubject Named(string name) => new(EventSubjectKind.Name, 0, name);
}
