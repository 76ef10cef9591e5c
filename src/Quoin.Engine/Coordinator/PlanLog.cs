using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A want's plan log, <c>.quoin/log/w-17/plan.jsonl</c>: what analysis found and decided, one JSON
/// line an entry, for people who ask later. Nothing reads it to decide anything.
/// </summary>
sealed class PlanLog(TimeProvider time, Action<WantId, ReadOnlyMemory<byte>> append)
{
    static readonly TimeSpan standsEvery = TimeSpan.FromSeconds(1);

    PlanStanding stood;
    long? stoodAt;

    /// <summary>
    /// The want was planned: what config commands were asked and said, how much there is to do, and
    /// every problem with its chain.
    /// </summary>
    public void Planned(
        WantId want, WantToken? token, Plan plan, ImmutableArray<AnalysisRound> rounds)
    {
        if (token is not null)
            Add(want, "selected", json =>
            {
                json.WriteString("request", token.Request);
                json.WriteNumber("wanted", token.Targets.Length);
            });
        foreach (var (i, round) in rounds.Index()) Round(want, i + 1, round);
        if (plan.IsRecalled) Add(want, "recalled", _ => { });
        Args(want, plan);
        foreach (var problem in plan.Problems) Problem(want, problem);
        Add(want, token is null ? "extended" : "planned", json =>
        {
            var counts = plan.Counts;
            json.WriteString("graph", plan.Graph.Graph.Digest.ToString());
            json.WriteNumber("partitions", counts.Total);
            json.WriteNumber("current", counts.Current);
            json.WriteNumber("build", counts.Build);
            json.WriteNumber("maybe", counts.Maybe);
            json.WriteNumber("blocked", counts.Blocked);
            json.WriteNumber("delegated", plan.Delegated);
        });
    }

    void Round(WantId want, int number, AnalysisRound round)
    {
        Add(want, "round", json =>
        {
            json.WriteNumber("n", number);
            json.WriteNumber("jobs", round.Asked.Length);
            json.WriteNumber("partitions", round.Asked.Sum(asked => asked.Outputs.Length));
        });
        for (var i = 0; i < round.Asked.Length; i++)
        {
            var (asked, answer) = (round.Asked[i], round.Answers[i]);
            Add(want, "config-called", json =>
            {
                json.WriteString("job", asked.Job.Name);
                json.WriteNumber("count", asked.Outputs.Length);
                json.WriteBoolean("cached", answer.IsKept);
            });
            Add(want, answer.Failure is null ? "config-answered" : "config-failed", json =>
            {
                json.WriteString("job", asked.Job.Name);
                if (answer.Failure is { } why) json.WriteString("message", why);
                else json.WriteNumber("configs", answer.Configs.Length);
            });
        }
    }

    // Which of the names that somebody or some job asked for a pattern takes.
    void Args(WantId want, Plan plan)
    {
        foreach (var problem in plan.Problems.Where(problem => problem.Code == "no-producer"))
            Add(want, "args-rejected", json =>
            {
                json.WriteString("ref", problem.Chain.IsEmpty ? "" : problem.Chain[^1]);
                json.WriteString("message", problem.Message);
            });
        if (plan.Graph.Count == 0) return;
        Add(want, "args-accepted", json =>
            json.WriteNumber("partitions", plan.Graph.OutputCount));
    }

    /// <summary>
    /// What is ready, waits and runs, when that changed; at most once a second. Why nothing starts,
    /// when that changed.
    /// </summary>
    public void Stands(IReadOnlyDictionary<int, WantToken> wants, PlanStanding standing)
    {
        if (standing == stood || wants.Count == 0
            || (standing.WaitsFor == stood.WaitsFor && stoodAt is { } at
                && time.GetElapsedTime(at) < standsEvery)) return;
        var isNew = standing.WaitsFor != stood.WaitsFor && standing.WaitsFor.Length > 0;
        (stood, stoodAt) = (standing, time.GetTimestamp());
        foreach (var want in wants.Values)
        {
            Add(want.Id, "remaining", json => Write(json, want, standing));
            if (isNew)
                Add(want.Id, "waiting", json => json.WriteString("for", standing.WaitsFor));
        }
    }

    /// <summary>A sign of life.</summary>
    public void Beat(WantToken want, PlanStanding standing) =>
        Add(want.Id, "heartbeat", json => Write(json, want, standing));

    static void Write(Utf8JsonWriter json, WantToken want, PlanStanding standing)
    {
        json.WriteNumber("ready", standing.Ready);
        json.WriteNumber("waiting", standing.Waiting);
        json.WriteNumber("running", standing.Running);
        json.WriteNumber("left", want.Remaining);
    }

    /// <summary>
    /// A run could not be scheduled yet; it is tried again, and that is never fatal.
    /// </summary>
    public void Refused(WantId want, string partition, Refusal refusal) =>
        Add(want, "schedule-refused", json =>
        {
            json.WriteString("partition", partition);
            json.WriteString("code", refusal.Code);
            json.WriteString("message", refusal.Message);
        });

    /// <summary>
    /// A run makes what is wanted, but began before something that it reads was edited: what it
    /// publishes is tested when it has ended.
    /// </summary>
    public void Waits(WantId want, RunId run) =>
        Add(want, "outdated-run", json => json.WriteString("run", run.ToString()));

    /// <summary>The want ended.</summary>
    public void Ended(WantId want, WantOutcome outcome) =>
        Add(want, "ended", json => json.WriteString("outcome", outcome switch
        {
            WantOutcome.Succeeded => "succeeded",
            WantOutcome.Failed => "failed",
            WantOutcome.Cancelled => "cancelled",
            WantOutcome.Expired => "expired",
        }));

    void Problem(WantId want, PlanProblem problem) =>
        Add(want, problem.Code == "cycle" ? "cycle" : "unresolved", json =>
        {
            json.WriteString("code", problem.Code);
            json.WriteString("message", problem.Message);
            json.WriteStartArray("chain");
            foreach (var link in problem.Chain) json.WriteStringValue(link);
            json.WriteEndArray();
        });

    void Add(WantId want, string type, Action<Utf8JsonWriter> fields)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("at", time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ"));
            json.WriteString("type", type);
            fields(json);
            json.WriteEndObject();
        }
        line.Write("\n"u8);
        append(want, line.WrittenMemory);
    }

    /// <summary>Appends a line to the file of its want.</summary>
    public static void Write(
        Workspace workspace, WantId want, ReadOnlyMemory<byte> line, Action<string> warn)
    {
        var folder = Path.Combine(workspace.LogDirectory, want.ToString());
        try
        {
            Directory.CreateDirectory(folder);
            using var file = new FileStream(
                Path.Combine(folder, "plan.jsonl"), FileMode.Append, FileAccess.Write,
                FileShare.ReadWrite, bufferSize: 0);
            file.Write(line.Span);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"the plan log cannot be written: {e.Message}");
        }
    }
}

/// <summary>How the work of a coordinator stands.</summary>
/// <param name="Ready">Runs that could start.</param>
/// <param name="Waiting">Runs that wait for the time of their next attempt.</param>
/// <param name="Running">Runs in somebody's hands.</param>
/// <param name="WaitsFor">Why none of the ready ones starts; empty: they do, or none is.</param>
readonly record struct PlanStanding(int Ready, int Waiting, int Running, string WaitsFor);
