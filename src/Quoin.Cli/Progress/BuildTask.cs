using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>Where one job config of a plan stands, as the events tell it.</summary>
enum TaskState
{
    /// <summary>Inputs are missing, or no slot is free.</summary>
    Waiting,

    /// <summary>A worker has it.</summary>
    Running,

    /// <summary>An attempt failed; the next one waits for its time.</summary>
    Retrying,

    /// <summary>Published by a run.</summary>
    Built,

    /// <summary>Its inputs came out as they were: nothing to do after all.</summary>
    Current,

    /// <summary>It failed for good.</summary>
    Failed,

    /// <summary>It will not be made: an input failed, or somebody stopped it.</summary>
    Cancelled,
}

/// <summary>One job config of the plan: a row of nothing but facts.</summary>
sealed class BuildTask(
    string job, ImmutableArray<PartitionId> outputs, ImmutableArray<PartitionId> inputs)
{
    public string Job { get; } = job;

    public ImmutableArray<PartitionId> Outputs { get; } = outputs;

    public ImmutableArray<PartitionId> Inputs { get; set; } = inputs;

    public TaskState State { get; set; }

    /// <summary>It belongs to the want that is watched.</summary>
    public bool IsMine { get; set; }

    /// <summary>Another want's plan started its run.</summary>
    public bool IsDelegated { get; set; }

    /// <summary>Its output is a thing outside: called many times, held, released.</summary>
    public bool IsResource { get; set; }

    /// <summary>Its run gives the thing back: its calls do not get it any nearer.</summary>
    public bool IsReleasing { get; set; }

    /// <summary>When its run was called first; only of a resource.</summary>
    public DateTimeOffset? AskedAt { get; set; }

    /// <summary>The run that makes it; null before it was scheduled.</summary>
    public RunId? Run { get; set; }

    /// <summary>The attempt that runs or ran, from 1.</summary>
    public int Attempt { get; set; }

    /// <summary>The layer of artifacts that it was taken from; empty: it was made.</summary>
    public string RestoredFrom { get; set; } = "";

    /// <summary>When that attempt was leased.</summary>
    public DateTimeOffset StartedAt { get; set; }

    /// <summary>Who runs it.</summary>
    public WorkerId? Worker { get; set; }

    /// <summary>Milliseconds of runs on the longest path that ends here, itself included.</summary>
    public long PathMs { get; set; }

    /// <summary>The input task on that path.</summary>
    public BuildTask? PathFrom { get; set; }

    /// <summary>First output: the name that people see.</summary>
    public PartitionId Name => Outputs[0];

    /// <summary>
    /// Everything that reads a partition which cannot be had, and what reads that, nearest first;
    /// whoever gets one says that it is over. Failures are rare, so the way from inputs to readers
    /// is searched, not kept.
    /// </summary>
    public static IEnumerable<(BuildTask Task, PartitionId Input)> Blocked(
        IReadOnlyList<BuildTask> tasks, PartitionId partition)
    {
        var gone = new HashSet<PartitionId> { partition };
        for (var found = true; found;)
        {
            found = false;
            foreach (var task in tasks)
            {
                if (task.IsOver || task.State == TaskState.Running) continue;
                foreach (var input in task.Inputs)
                {
                    if (!gone.Contains(input)) continue;
                    yield return (task, input);
                    gone.UnionWith(task.Outputs);
                    found = true;
                    break;
                }
            }
        }
    }

    public bool IsOver =>
        State is TaskState.Built or TaskState.Current or TaskState.Failed or TaskState.Cancelled;
}
