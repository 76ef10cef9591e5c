using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Server;

/// <summary>A worker in a table.</summary>
public sealed record WorkerLine
{
    /// <summary>Its owner name: host, process, start.</summary>
    public required string Owner { get; init; }

    /// <summary>How many runs it takes at a time.</summary>
    public required int Slots { get; init; }

    /// <summary>When it joined.</summary>
    public required DateTimeOffset JoinedAt { get; init; }

    /// <summary>When it left; null: it is there.</summary>
    public DateTimeOffset? LeftAt { get; init; }

    /// <summary>What it runs.</summary>
    public ImmutableArray<RunLine> Running { get; init; } = [];

    /// <summary>How many runs it has.</summary>
    public int RunningCount { get; init; }

    /// <summary>Attempts that it ended.</summary>
    public int Ended { get; init; }

    /// <summary>The most runs that are named.</summary>
    public const int RunsMax = 32;

    /// <summary>Workers that are there, then those that left last.</summary>
    internal static ImmutableArray<WorkerLine> All(StoreState s, int leftMax = 20)
    {
        var here = s.Workers.Values.Where(worker => worker.LeftAt is null)
            .OrderBy(worker => worker.Owner, StringComparer.Ordinal);
        var left = s.Workers.Values.Where(worker => worker.LeftAt is not null)
            .OrderByDescending(worker => worker.LeftAt).Take(leftMax);
        return [.. here.Concat(left).Select(worker => Of(s, worker))];
    }

    static WorkerLine Of(StoreState s, WorkerRow row) => new()
    {
        Owner = row.Owner,
        Slots = row.Slots,
        JoinedAt = row.JoinedAt,
        LeftAt = row.LeftAt,
        Running = [.. row.Running.Order().Take(RunsMax).Select(s.Run).OfType<RunRow>()
            .Select(run => RunLine.Of(s, run))],
        RunningCount = row.Running.Count,
        Ended = row.Ended,
    };
}

/// <summary>What a feed's store holds.</summary>
/// <param name="Name">The job that it feeds.</param>
/// <param name="Picture">What is there.</param>
public sealed record ShownFeed(string Name, FeedPicture Picture)
{
    /// <summary>The most rows of each table.</summary>
    public const int RowsMax = 50;

    static readonly TimeSpan recent = TimeSpan.FromHours(24);

    /// <summary>The feeds of a project, as the supervisors of it keep them.</summary>
    internal static ImmutableArray<ShownFeed> All(
        Workspace workspace, string? supervisor, DateTimeOffset now)
    {
        var folder = System.IO.Path.Combine(workspace.QuoinDirectory, "feeds");
        var files = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.db").Order(StringComparer.Ordinal)
            : Enumerable.Empty<string>();
        if (supervisor is not null) files = files.Append(supervisor);
        return
        [
            .. from file in files
               where FeedPicture.IsAt(file)
               select new ShownFeed(
                   System.IO.Path.GetFileNameWithoutExtension(file),
                   FeedPicture.Read(
                       file, now.ToUnixTimeMilliseconds(),
                       (now - recent).ToUnixTimeMilliseconds())),
        ];
    }
}

/// <summary>What is asked of the page of the log.</summary>
/// <param name="Type">Only events of this type; empty: all.</param>
/// <param name="Subject">Only events about this; empty: all.</param>
/// <param name="Before">Only events before this position; 0: the newest.</param>
public sealed record EventsQuery(string Type = "", string Subject = "", long Before = 0);

/// <summary>A part of the log, the newest first.</summary>
public sealed record EventsModel
{
    /// <summary>How many events a page has.</summary>
    public const int RowsMax = 200;

    /// <summary>What was asked for.</summary>
    public required EventsQuery Query { get; init; }

    /// <summary>The events.</summary>
    public required ImmutableArray<EventLine> Events { get; init; }

    /// <summary>There may be older ones, before this position; 0: there are none.</summary>
    public required long Next { get; init; }

    /// <summary>All types that there are.</summary>
    public static IEnumerable<string> Types => EventCodec.Types.Order(StringComparer.Ordinal);

    /// <summary>Reads the log; one query, of at most <see cref="RowsMax"/> events.</summary>
    internal static EventsModel Of(StoreViews views, IBuildStore store, EventsQuery query)
    {
        var names = new PartitionNames();
        var filter = new EventFilter(
            query.Subject.Length > 0 ? query.Subject : null,
            EventCodec.Types.Contains(query.Type) ? [query.Type] : []);
        var before = query.Before > 0 ? query.Before : long.MaxValue;
        var events = EventReads.Newest(views, store, filter, before, RowsMax)
            .Select(raw => EventLine.Of(raw, names)).ToImmutableArray();
        var first = events.IsEmpty ? 0 : events[^1].Position;
        return new EventsModel
        {
            Query = query,
            Events = events,
            Next = events.Length == RowsMax && first > 1 ? first : 0,
        };
    }
}
