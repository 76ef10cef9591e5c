using System.Buffers;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A want's plan log, <c>.quoin/log/w-17/plan.jsonl</c>: what analysis found and decided, one JSON
/// line an entry, for people who ask later. Nothing reads it to decide anything.
/// </summary>
sealed class PlanLog(TimeProvider time, Action<WantId, ReadOnlyMemory<byte>> append)
{
    /// <summary>The want was planned: how much, and every problem with its chain.</summary>
    public void Planned(WantId want, WantToken? token, Plan plan)
    {
        if (token is not null)
            Add(want, "selected", json =>
            {
                json.WriteString("request", token.Request);
                json.WriteNumber("wanted", token.Targets.Length);
            });
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
        Add(want, "unresolved", json =>
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
