using System.Globalization;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// What a worker shows: one line for each run that ended, as JSON where that is asked for.
/// </summary>
sealed class WorkerView(Cli cli, Workspace workspace) : IWorkerObserver
{
    readonly Lock gate = new();
    int succeeded, failed, other;

    /// <inheritdoc/>
    public void Joined(WorkerId worker)
    {
        lock (gate)
        {
            if (cli.Options.Json) Json("joined", json => json.WriteString("worker", worker.Owner));
            else cli.Say($"{worker} waits for runs (Ctrl-C: end after what runs)");
        }
    }

    /// <inheritdoc/>
    public void Started(AttemptId attempt, JobConfig config)
    {
        lock (gate)
        {
            if (cli.Options.Json)
            {
                Json("started", json =>
                {
                    json.WriteString("run", $"{attempt}");
                    json.WriteString("job", config.Job);
                    json.WriteString("output", config.Outputs[0]);
                });
            }
            else if (cli.Options.Verbose) cli.Say(Clock().Add($"  {attempt}  {Name(config)}"));
        }
    }

    /// <inheritdoc/>
    public void Ended(AttemptId attempt, JobConfig config, JobResult result)
    {
        lock (gate)
        {
            if (result.End == JobEnd.Completed) succeeded++;
            else if (result.End == JobEnd.Failed) failed++;
            else other++;
            if (cli.Options.Json) EndedAsJson(attempt, config, result);
            else EndedAsText(attempt, config, result);
        }
    }

    void EndedAsText(AttemptId attempt, JobConfig config, JobResult result)
    {
        var took = Units.Duration(TimeSpan.FromMilliseconds(result.Usage.ElapsedMs));
        var line = Clock();
        switch (result.End)
        {
            case JobEnd.Completed:
                line.Add("  ✔ ", Style.Green).Add($"{attempt}  {Name(config)}  {took}");
                break;
            case JobEnd.Failed:
                var failure = result.Failure!;
                line.Add("  ✘ ", Style.Red).Add($"{attempt}  {Name(config)}  {took}  ")
                    .Add($"{CategoryNames.Of(failure.Category)}: {failure.Reason}");
                break;
            default:
                line.Add("  - ", Style.Yellow).Add($"{attempt}  {Name(config)}  {took}  ")
                    .Add(Word(result.End));
                break;
        }
        cli.Say(line);
        if (result.End != JobEnd.Failed) return;
        foreach (var text in result.LogTail) cli.Say("      " + text);
        cli.Say($"      log {Project.Shown(cli, workspace.LogOf(attempt))}");
    }

    void EndedAsJson(AttemptId attempt, JobConfig config, JobResult result) => Json("ended", json =>
    {
        json.WriteString("run", $"{attempt}");
        json.WriteString("job", config.Job);
        json.WriteString("output", config.Outputs[0]);
        json.WriteString("end", Word(result.End));
        if (result.Failure is { } failure)
        {
            json.WriteString("category", CategoryNames.Of(failure.Category));
            json.WriteString("reason", failure.Reason);
        }
        json.WriteNumber("elapsed_ms", result.Usage.ElapsedMs);
    });

    static string Word(JobEnd end) => end switch
    {
        JobEnd.Completed => "completed",
        JobEnd.Failed => "failed",
        JobEnd.NeedsInputs => "needs more inputs",
        JobEnd.Cancelled => "cancelled",
        JobEnd.Answered => "answered",
        JobEnd.Returned => "given back",
        _ => "given to another worker",
    };

    static string Name(JobConfig config) => config.Outputs.Length == 1
        ? config.Outputs[0]
        : $"{config.Outputs[0]} (+{config.Outputs.Length - 1})";

    /// <inheritdoc/>
    public void Said(string message)
    {
        lock (gate)
        {
            if (cli.Options.Json) Json("said", json => json.WriteString("message", message));
            else cli.Say(Clock().Add("  " + message));
        }
    }

    /// <summary>The last line: what it did.</summary>
    public void Ended()
    {
        lock (gate)
        {
            if (cli.Options.Json)
            {
                Json("left", json =>
                {
                    json.WriteNumber("completed", succeeded);
                    json.WriteNumber("failed", failed);
                });
                return;
            }
            var rest = other > 0 ? $", {other} stopped" : "";
            cli.Say($"worker ended: {Units.Count(succeeded, "run")} completed, {failed} failed"
                + rest);
        }
    }

    void Json(string type, Action<System.Text.Json.Utf8JsonWriter> write)
    {
        cli.Print(JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            write(json);
            json.WriteEndObject();
        }));
        cli.Out.Flush();
    }

    Line Clock() => new(
        TimeZoneInfo.ConvertTime(cli.Time.GetUtcNow(), cli.Time.LocalTimeZone)
            .ToString("HH:mm:ss", CultureInfo.InvariantCulture),
        Style.Dim);
}
