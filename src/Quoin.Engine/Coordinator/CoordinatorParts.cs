using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What a coordinator works with.</summary>
sealed record CoordinatorParts
{
    public required Workspace Workspace { get; init; }
    public required Graph Graph { get; init; }
    public required KernelState State { get; init; }
    public required DurationHistory History { get; init; }
    public required IBuildStore Store { get; init; }
    public required FileStampCache Files { get; init; }
    public required WorkspaceFacts Facts { get; init; }
    public required ConfigCalls Calls { get; init; }

    /// <summary>Which outputs stay where: by default no copies.</summary>
    public Keeping Keeping
    {
        get => field ??= new Keeping(Graph, State, null);
        init;
    }

    /// <summary>Makes the slots of this process; they post what came of an attempt.</summary>
    public required Func<Mailbox, IWorker> MakeWorker { get; init; }

    /// <summary>Takes the lines of plan logs.</summary>
    public required Action<WantId, ReadOnlyMemory<byte>> PlanLines { get; init; }
    public required IBuildObserver Observer { get; init; }
    public required TimeProvider Time { get; init; }
    public required Random Random { get; init; }
    public required WorkerId Worker { get; init; }
    public required int Slots { get; init; }
    public required long MemoryBytes { get; init; }

    /// <summary>Speed of the hosts that runs are estimated for; 0: of those that ran last.
    /// </summary>
    public Func<int> HostSpeed { get; init; } = static () => 0;

    /// <inheritdoc cref="BuildSessionOptions.LeavesLines"/>
    public bool LeavesLines { get; init; }

    /// <summary>A want is posted right after the start.</summary>
    public bool PlansAtOnce { get; init; }

    /// <summary>How many calls about things outside are made at a time.</summary>
    public int CallSlots { get; init; } = ResourceRuns.Slots;

    /// <summary>Jobs whose calls are made by functions of this process, and nowhere else.</summary>
    public ResourceJobs Jobs { get; init; } = new();

    /// <summary>Tells of traced wants and their runs; null: nobody listens.</summary>
    public TraceSpans? Spans { get; init; }

    /// <summary>Makes what a service has to know to wake a run.</summary>
    public Func<string> NewToken { get; init; } = static () => "";

    /// <summary>Address of the server that services can call; null: there is none.</summary>
    public string? Callback { get; init; }

    /// <summary>What this process can do beside the rest, as <c>os=linux</c>.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];
}
