using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// A build as JSON lines on stdout: every event of the log from the want's acceptance on, as it is
/// logged, and a summary as the last line.
/// </summary>
sealed class JsonBuildView(Cli cli, BuildProgress progress) : IBuildView
{
    byte[] buffer = [];

    /// <inheritdoc/>
    public void Show(LoggedEvent logged, IReadOnlyList<ProgressNotice> notices) =>
        cli.Print(EventJson.ToJson(RawEvents.Of(logged, progress.Names, ref buffer)));

    /// <inheritdoc/>
    public void Say(string message) => cli.Say(message);

    /// <inheritdoc/>
    public void Tick(DateTimeOffset now) => cli.Out.Flush();

    /// <inheritdoc/>
    public void End(DateTimeOffset now, int exitCode)
    {
        cli.Print(JsonText.Write(json => Write(json, now, exitCode)));
        cli.Out.Flush();
    }

    void Write(Utf8JsonWriter json, DateTimeOffset now, int exitCode)
    {
        var elapsed = (progress.EndedAt ?? now) - progress.StartedAt;
        json.WriteStartObject();
        json.WriteString("type", "summary");
        json.WriteString("want", progress.Want.ToString());
        json.WriteString("outcome", BuildPhrases.Outcome(progress.Phase).Replace(' ', '-'));
        json.WriteNumber("exit_code", exitCode);
        json.WriteNumber("wanted", progress.Wanted);
        json.WriteNumber("partitions", progress.Counts.Total);
        json.WriteNumber("current", progress.Current);
        json.WriteNumber("built", progress.Built);
        json.WriteNumber("delegated", progress.DelegatedDone);
        json.WriteNumber("failed", progress.Failed);
        json.WriteNumber("cancelled", progress.Cancelled);
        json.WriteNumber("blocked", progress.Counts.Blocked);
        json.WriteNumber("elapsed_ms", (long)elapsed.TotalMilliseconds);
        json.WriteNumber("cpu_ms", (long)progress.Cpu.TotalMilliseconds);
        if (BuildPhrases.BoundedBy(progress, elapsed) is { } bound)
            json.WriteString("bounded_by", bound);
        json.WriteStartArray("failures");
        foreach (var failure in progress.Failures) Write(json, failure);
        json.WriteEndArray();
        json.WriteStartArray("problems");
        foreach (var problem in progress.Problems) JsonParts.Write(json, problem);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    void Write(Utf8JsonWriter json, BuildFailure failure)
    {
        json.WriteStartObject();
        json.WriteString("run", failure.Attempt.Run.ToString());
        json.WriteNumber("attempt", failure.Attempt.Attempt);
        json.WriteString("job", failure.Task.Job);
        json.WriteStartArray("outputs");
        foreach (var output in failure.Task.Outputs) json.WriteStringValue(progress.NameOf(output));
        json.WriteEndArray();
        JsonParts.Write(json, failure.Failure);
        json.WriteNumber("elapsed_ms", (long)failure.Elapsed.TotalMilliseconds);
        json.WriteStartArray("blocks");
        foreach (var task in failure.Blocks) json.WriteStringValue(progress.NameOf(task.Name));
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
