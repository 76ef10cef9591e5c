using System.Diagnostics.Metrics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// What a served store measures: counts since its log began, so that they go on where they were
/// after a restart, whichever process decided, and how much there is of everything now. Each
/// instrument is declared here, so that the names are on one screen.
/// </summary>
sealed class ServerMeter : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Quoin.Server";

    readonly Meter meter = new(Name);
    readonly StoreViews views;
    readonly Histogram<double> attempts;
    readonly HashSet<string> names = ["quoin_attempt_seconds", "quoin_lag_events"];

    /// <summary>Measures from now on.</summary>
    public ServerMeter(StoreViews views, Func<long> lastPosition)
    {
        this.views = views;
        attempts = meter.CreateHistogram<double>(
            "quoin_attempt_seconds", "s", "How long attempts took that ended since the start");
        Count("quoin_events_total", "Events of the log", state => [One(state.Position)]);
        Count("quoin_wants_total", "Wants by how they ended", state =>
            from standing in new[]
            {
                WantStanding.Succeeded, WantStanding.Failed, WantStanding.Cancelled,
                WantStanding.Expired,
            }
            select One(state.Wants.Count(standing), "outcome", Api.Name(standing)));
        Count("quoin_runs_total", "Runs by how they ended", state =>
            from standing in Enum.GetValues<RunState>()
            where standing is not (RunState.Queued or RunState.Running or RunState.Deferred)
            select One(state.CountRuns(standing), "outcome", Api.Name(standing)));
        Count("quoin_attempts_total", "Attempts by how they ended", state =>
            from ended in state.AttemptsEnded
            select One(ended.Value, "outcome", ended.Key));
        Count("quoin_leases_lost_total", "Leases that ended before their runs did", state =>
            [One(state.AttemptsEnded.GetValueOrDefault("lost"))]);
        Count("quoin_questions_total", "Questions that only a person can answer", state =>
            [One(state.Questions.Count)]);
        Gauge("quoin_wants_open", "Wants that are not over", state =>
            [One(state.Kernel.Wants.Count)]);
        Gauge("quoin_runs_active", "Runs that are not over", state =>
            from standing in new[] { RunState.Queued, RunState.Running, RunState.Deferred }
            select One(state.CountRuns(standing), "state", Api.Name(standing)));
        Gauge("quoin_queue_length", "Runs that wait for a worker", state =>
            [One(state.CountRuns(RunState.Queued))]);
        Gauge("quoin_partitions", "Partitions by where they are", state =>
            from place in Enum.GetValues<PartitionPlace>()
            where place != PartitionPlace.Missing
            select One(state.Kernel.Count(place), "state", Api.Name(place)));
        Gauge("quoin_workers", "Workers that are there", state =>
            [One(state.Kernel.Workers.Values.Count(worker => worker.Slots > 0))]);
        Gauge("quoin_slots", "Slots of workers that are there", state =>
            [One(state.Kernel.Workers.Values.Sum(worker => (long)worker.Slots))]);
        Gauge("quoin_questions_open", "Questions that wait for a person", state =>
            [One(state.Kernel.Interventions.Count)]);
        meter.CreateObservableGauge(
            "quoin_lag_events", () => Math.Max(0, lastPosition() - views.Position), "{event}",
            "Events that are recorded and not read here yet");
    }

    /// <summary>True: it is one of this server, not of another one in this process.</summary>
    public bool Has(Instrument instrument) => instrument.Meter == meter;

    /// <summary>It counts the same for the store that another meter counts for a process.</summary>
    public bool HasTwinOf(string name) => names.Contains(name);

    /// <summary>An attempt ended.</summary>
    public void Ended(string job, AttemptRow attempt) => attempts.Record(
        attempt.Usage.ElapsedMs / 1000.0,
        new KeyValuePair<string, object?>("job", job),
        new KeyValuePair<string, object?>("outcome", attempt.Outcome));

    void Count(
        string name, string what, Func<StoreState, IEnumerable<Measurement<long>>> read)
    {
        names.Add(name);
        meter.CreateObservableCounter(
            name, () => views.Read(state => read(state).ToList()), null, what);
    }

    void Gauge(
        string name, string what, Func<StoreState, IEnumerable<Measurement<long>>> read)
    {
        names.Add(name);
        meter.CreateObservableGauge(
            name, () => views.Read(state => read(state).ToList()), null, what);
    }

    static Measurement<long> One(long value) => new(value);

    static Measurement<long> One(long value, string tag, string text) =>
        new(value, new KeyValuePair<string, object?>(tag, text));

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();
}
