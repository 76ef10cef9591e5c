using System.CommandLine;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary><c>quoin runs</c>: what was executed, how it ended, what it took.</summary>
static class RunsCommand
{
    public const string Summary = "List runs, newest last";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var last = new Option<int>("--last")
        {
            Description = "Only the newest N (default 20; 0: all)",
            HelpName = "N",
            DefaultValueFactory = _ => 20,
        };
        var failed = new Option<bool>("--failed") { Description = "Only those that failed" };
        var job = new Option<string?>("--job")
        {
            Description = "Only of this job",
            HelpName = "JOB",
        };
        var command = new Command("runs", Summary) { last, failed, job };
        command.SetAction((parsed, _) => RunAsync(
            cli(parsed), parsed.GetValue(last), parsed.GetValue(failed), parsed.GetValue(job)));
        return command;
    }

    /// <summary>Prints the runs that fit.</summary>
    public static async Task<int> RunAsync(Cli cli, int last, bool onlyFailed, string? job)
    {
        await using var store = Project.OpenForReading(cli, Project.FindOrStore(cli));
        var names = new PartitionNames();
        var runs = RunHistory.Read(store, names)
            .Where(run => (!onlyFailed || run.Standing == RunStanding.Failed)
                && (job is null || run.Job == job))
            .ToList();
        var shown = last > 0 ? runs.TakeLast(last).ToList() : runs;
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json => Write(json, shown, names)));
            return ExitCode.Ok;
        }
        var table = new Table(
            new TableColumn("run", 10), new TableColumn("when", 3),
            new TableColumn("outcome", 9), new TableColumn("elapsed", 6) { AlignRight = true },
            new TableColumn("cpu", 2) { AlignRight = true }, new TableColumn("job", 5),
            new TableColumn("what", 8) { ShrinkTo = 14 },
            new TableColumn("why", 4) { ShrinkTo = 16, HideEmpty = true });
        foreach (var run in shown) table.Add(Cells(cli, run, names));
        foreach (var line in table.Lines(cli.OutScreen.Width)) cli.Print(line);
        if (shown.Count < runs.Count)
            cli.Say($"the newest {shown.Count} of {runs.Count}; --last 0 shows all");
        return ExitCode.Ok;
    }

    static (string, Style)[] Cells(Cli cli, RunRecord run, PartitionNames names)
    {
        var claims = BuildPhrases.Some(
            [.. run.Claims.Take(3).Select(names.Text)], run.Claims.Length);
        var attempt = run.Attempt > 1 ? $" (attempt {run.Attempt})" : "";
        return
        [
            ($"{run.Id}", Style.Bold),
            (run.StartedAt is { } at ? Units.DayAndSecond(at, cli.Time) : "", Style.Dim),
            (Name(run.Standing) + attempt, StyleOf(run.Standing)),
            (Took(run.Usage.ElapsedMs), Style.Plain), (Took(run.Usage.CpuMs), Style.Dim),
            (run.Job, Style.Plain), (claims, Style.Plain),
            (run.Failure is { } f ? Units.Describe(f) + Units.Reason(f) : "", Style.Plain),
        ];
    }

    static string Took(int ms) => ms > 0 ? Units.Duration(TimeSpan.FromMilliseconds(ms)) : "";

    static string Name(RunStanding standing) => standing switch
    {
        RunStanding.Queued => "queued",
        RunStanding.Running => "running",
        RunStanding.Built => "built",
        RunStanding.Failed => "failed",
        RunStanding.Cancelled => "cancelled",
        RunStanding.NeedsInputs => "needs-inputs",
        RunStanding.Restored => "restored",
    };

    static Style StyleOf(RunStanding standing) => standing switch
    {
        RunStanding.Built or RunStanding.Restored => Style.Green,
        RunStanding.Failed => Style.Red,
        RunStanding.Cancelled => Style.Yellow,
        RunStanding.Queued or RunStanding.Running or RunStanding.NeedsInputs => Style.Plain,
    };

    static void Write(Utf8JsonWriter json, IEnumerable<RunRecord> runs, PartitionNames names)
    {
        json.WriteStartObject();
        json.WriteStartArray("runs");
        foreach (var run in runs)
        {
            json.WriteStartObject();
            json.WriteString("run", run.Id.ToString());
            json.WriteString("job", run.Job);
            JsonParts.Write(json, "outputs", run.Claims.Select(names.Text));
            json.WriteString("outcome", Name(run.Standing));
            json.WriteNumber("attempt", run.Attempt);
            JsonParts.Time(json, "started_at", run.StartedAt);
            json.WriteNumber("elapsed_ms", run.Usage.ElapsedMs);
            json.WriteNumber("cpu_ms", run.Usage.CpuMs);
            json.WriteNumber("memory_kb", run.Usage.MemoryKb);
            if (run.Failure is { } failure) JsonParts.Write(json, failure);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
