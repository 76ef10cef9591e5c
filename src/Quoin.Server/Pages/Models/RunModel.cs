using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>An attempt in a table.</summary>
public sealed record AttemptLine
{
    /// <summary>Its number, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>Its lease: the fencing number.</summary>
    public required int Epoch { get; init; }

    /// <summary>Who has or had it.</summary>
    public required string Worker { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>A word: <c>failed</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>How long it took; null: it runs.</summary>
    public TimeSpan? Took { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }

    /// <summary>How it failed; empty: it did not.</summary>
    public string Failure { get; init; } = "";

    /// <summary>Processor time over time: how many cores it kept busy; 0: unknown.</summary>
    public double Factor =>
        Usage.ElapsedMs > 0 ? Usage.CpuMs / (double)Usage.ElapsedMs : 0;

    internal static AttemptLine Of(AttemptRow row) => new()
    {
        Number = row.Attempt,
        Epoch = row.Epoch,
        Worker = row.Worker,
        Since = row.LeasedAt,
        Outcome = row.Outcome,
        Took = RunLine.TookOf(row),
        Usage = row.Usage,
        Failure = row.Failure is { } failure ? Words.Failure(failure) : "",
    };
}

/// <summary>A run: its attempts, what they took, what it makes from what.</summary>
public sealed record RunModel
{
    /// <summary>The most rows of each table.</summary>
    public const int RowsMax = 100;

    /// <summary>As in the list of runs.</summary>
    public required RunLine Line { get; init; }

    /// <summary>When it was scheduled.</summary>
    public required DateTimeOffset ScheduledAt { get; init; }

    /// <summary>When it is tried again; null: it is not waiting for that.</summary>
    public required DateTimeOffset? RetryAt { get; init; }

    /// <summary>The layer that its outputs were taken from; empty: they were made.</summary>
    public required string RestoredFrom { get; init; }

    /// <summary>The name outside of the thing that it is about; empty: there is none.</summary>
    public required string ExternalId { get; init; }

    /// <summary>Attempts, the newest first.</summary>
    public required ImmutableArray<AttemptLine> Attempts { get; init; }

    /// <summary>What it makes, with what became of it.</summary>
    public required ImmutableArray<PartitionLine> Outputs { get; init; }

    /// <summary>How many outputs it has.</summary>
    public required int OutputCount { get; init; }

    /// <summary>What it reads.</summary>
    public required ImmutableArray<PartitionLine> Inputs { get; init; }

    /// <summary>How many inputs it has.</summary>
    public required int InputCount { get; init; }

    /// <summary>Partitions that cannot be had because this run failed.</summary>
    public required ImmutableArray<PartitionLine> Blocked { get; init; }

    /// <summary>What its job runs, as written; empty: the graph has no such job.</summary>
    public string Command { get; init; } = "";

    /// <summary>Where the job is declared.</summary>
    public string Declared { get; init; } = "";

    internal static RunModel? Of(StoreState s, RunId id, Holdups holdups, Graph? graph)
    {
        if (s.Run(id.Value) is not { } run) return null;
        var inputs = run.Claims.IsEmpty ? [] : s.Lineage.InputsOf(run.Claims[0]);
        var job = graph?.FindJob(run.Job);
        return new RunModel
        {
            Line = RunLine.Of(s, run, holdups),
            ScheduledAt = run.ScheduledAt,
            RetryAt = run.RetryAt,
            RestoredFrom = run.RestoredFrom,
            ExternalId = run.ExternalId,
            Attempts = [.. run.Attempts.Reverse().Take(RowsMax).Select(AttemptLine.Of)],
            Outputs = [.. run.Claims.Take(RowsMax).Select(p => PartitionLine.Of(s, p))],
            OutputCount = run.Claims.Length,
            Inputs = [.. inputs.Take(RowsMax).Select(p => PartitionLine.Of(s, p))],
            InputCount = inputs.Length,
            Blocked = run.State == RunState.Failed ? BlockedBy(s, run) : [],
            Command = job is null ? "" : string.Join(' ', job.Exec),
            Declared = job is null ? "" : $"{job.Location}",
        };
    }

    // Nearest first; only what failed behind this run.
    static ImmutableArray<PartitionLine> BlockedBy(StoreState s, RunRow run)
    {
        var found = new List<PartitionId>();
        var seen = run.Claims.ToHashSet();
        var next = new Queue<PartitionId>(run.Claims);
        while (found.Count < RowsMax && next.TryDequeue(out var p))
        {
            foreach (var reader in s.Lineage.ReadersOf(p))
            {
                if (!seen.Add(reader) || !s.Kernel.TryGetFailure(reader, out var failure)
                    || failure.Cause != FailureCause.Upstream) continue;
                found.Add(reader);
                next.Enqueue(reader);
            }
        }
        return [.. found.Select(p => PartitionLine.Of(s, p))];
    }
}
