using Quoin.Core;

namespace Quoin.Engine;

/// <summary>One call of a resource's run on its way to a slot.</summary>
sealed record Activation
{
    /// <summary>The run, and the number that its log is kept under.</summary>
    public required AttemptId Id { get; init; }

    /// <summary>The epoch that it was claimed with.</summary>
    public required int Epoch { get; init; }

    /// <summary>The recipe of the run: to read it again takes longer than the answer.</summary>
    public required ResourceRecipe Recipe { get; init; }

    /// <summary>What is called, with the argv of the call.</summary>
    public required AttemptSpec Attempt { get; init; }

    /// <summary>What the call is about.</summary>
    public ResourceCall Call => Attempt.Call!;

    /// <summary>How it is told to stop.</summary>
    public required JobControl Control { get; init; }

    /// <summary>What a run knows of a thing outside that it reads; null: it is data.</summary>
    public static HeldInput? HeldOf(KernelState state, PartitionId input) =>
        state.LifeOf(input) is { Life: { } life }
            ? new HeldInput(
                life.ExternalId, life.Connections.Length == 0 ? null : life.Connections)
            : null;

    /// <summary>The call as a process in this workspace needs it.</summary>
    public JobSpec In(Workspace workspace) => Attempt.In(workspace, Epoch);
}
