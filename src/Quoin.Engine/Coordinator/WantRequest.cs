using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What somebody wants built, and how.</summary>
public sealed record WantRequest
{
    /// <summary>References, each valid.</summary>
    public required ImmutableArray<string> Targets { get; init; }

    /// <summary>Priority, failure mode, and the modes of its plan.</summary>
    public WantOptions Options { get; init; } = WantOptions.Default;

    /// <summary>What was typed.</summary>
    public string Text { get; init; } = "";
}

/// <summary>How a want ended, or why it was not accepted.</summary>
public sealed record WantReport
{
    /// <summary>
    /// Its id; null when nothing had to be accepted (refused, or nothing to build).
    /// </summary>
    public WantId? Want { get; init; }

    /// <summary>How it ended; null when it was refused.</summary>
    public WantOutcome? Outcome { get; init; }

    /// <summary>Why it was not accepted.</summary>
    public Refusal? Refusal { get; init; }

    /// <summary>
    /// It ended before it had a plan (strict, with problems): nothing was started.
    /// </summary>
    public bool NothingPlanned { get; init; }
}

/// <summary>
/// Who watches a build: the terminal. All calls but <see cref="Progress"/> come from the
/// coordinator's thread, after the facts they tell of are committed. Be quick and do not throw.
/// </summary>
public interface IBuildObserver
{
    /// <summary>
    /// A want was planned; <paramref name="want"/> is null when there is nothing to do.
    /// </summary>
    void Planned(WantId? want, Plan plan, TimeLeft? estimate);

    /// <summary>
    /// What is left of a want takes as long as this, by what is known now; null: too little is.
    /// </summary>
    void Estimated(WantId want, TimeLeft? left) { }

    /// <summary>A want of an earlier process is continued.</summary>
    void Continuing(WantToken want);

    /// <summary>Another process joined with a want.</summary>
    void Joined(WantId want, string request) { }

    /// <summary>Facts were committed.</summary>
    void Logged(IReadOnlyList<LoggedEvent> events);

    /// <summary>A run of this process says how far it is; on its slot's thread.</summary>
    void Progress(RunId run, JobProgress progress);

    /// <summary>An attempt of this process ended.</summary>
    void AttemptEnded(AttemptId attempt, JobResult result);

    /// <summary>
    /// Runs could start if there was a worker for them (with these labels); said again every 30 s.
    /// </summary>
    void WaitsForWorkers(int runs, ImmutableArray<string> labels) { }

    /// <summary>Something a person should know and nobody has to act on.</summary>
    void Warn(string message);
}
