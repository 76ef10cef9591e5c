using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin stats</c>: what attempts took and how they ended; without a selection a line for each
/// job, and what more slots would change.
/// </summary>
static class StatsCommand
{
    public const string Summary = "Tell what runs took, how they ended, what more slots would do";

    static readonly int[] slotCounts = [1, 2, 4, 8, 16, 32, 64];

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var selectors = new Selectors();
        var last = new Option<int>("--last")
        {
            Description = "Only the newest N attempts (default 20; 0: all)",
            HelpName = "N",
            DefaultValueFactory = _ => 20,
        };
        var host = new Option<string?>("--host")
        {
            Description = "Only attempts on this host",
            HelpName = "HOST",
        };
        var command = new Command("stats", Summary) { last, host };
        selectors.AddTo(command);
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), selectors.Read(parsed), parsed.GetValue(last), parsed.GetValue(host), ct));
        return command;
    }

    /// <summary>Prints the attempts of what is selected, or a line for each job.</summary>
    public static async Task<int> RunAsync(
        Cli cli, Asked asked, int last, string? host, CancellationToken ct)
    {
        if (FeedReport.PathOf(cli) is { } feeds) return FeedReport.Stats(cli, feeds);
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        await using var store = Project.OpenForReading(cli, workspace);
        var names = new PartitionNames();
        var attempts = AttemptHistory.Read(store, names);
        if (host is not null) attempts.RemoveAll(attempt => attempt.Host != host);
        if (asked.IsEmpty)
        {
            var jobs = attempts.GroupBy(attempt => attempt.Job)
                .Select(group => JobStats.Of(group.Key, [.. group]))
                .OrderByDescending(job => job.TotalMs).ToList();
            var slots = SlotsOf(cli, workspace, graph, store, ct);
            if (cli.Options.Json) cli.Print(JsonText.Write(json => Write(json, jobs, slots)));
            else Print(cli, jobs, slots);
            return ExitCode.Ok;
        }
        var selected = Selecting.Find(cli, workspace, graph, asked, store, ct)
            .Select(name => names.Intern(name)).ToHashSet();
        attempts.RemoveAll(attempt => !attempt.Outputs.Any(selected.Contains));
        var shown = last > 0 ? attempts.TakeLast(last).ToList() : attempts;
        if (cli.Options.Json)
            cli.Print(JsonText.Write(json => Write(json, attempts, shown, names)));
        else Print(cli, attempts, shown, names, isOne: selected.Count == 1);
        return ExitCode.Ok;
    }

    // How long everything would take on so many slots, by what is known now.
    static List<(int Slots, Timetable Times)> SlotsOf(
        Cli cli, Workspace workspace, Graph graph, IBuildStore store, CancellationToken ct)
    {
        var all = Selecting.Find(cli, workspace, graph, new Asked { All = true }, store, ct);
        var timesOn = DryRun.Usual(
            workspace, graph, store, all, cli.Time, ct);
        var found = new List<(int Slots, Timetable Times)>();
        foreach (var count in slotCounts)
        {
            var times = timesOn(count);
            if (times.MakespanMs == 0) break;
            found.Add((count, times));
            if (times.MakespanMs <= times.PathMs) break; // No number of slots does better.
        }
        return found;
    }

    static void Print(Cli cli, List<JobStats> jobs, List<(int Slots, Timetable Times)> slots)
    {
        var table = new Table(
            new TableColumn("job", 9), new TableColumn("attempts", 5) { AlignRight = true },
            new TableColumn("built", 6) { AlignRight = true },
            new TableColumn("failed", 6) { AlignRight = true },
            new TableColumn("flaky", 3) { AlignRight = true },
            new TableColumn("median", 8) { AlignRight = true },
            new TableColumn("longest", 4) { AlignRight = true },
            new TableColumn("waits", 2) { AlignRight = true },
            new TableColumn("all", 7) { AlignRight = true });
        foreach (var job in jobs)
        {
            table.Add(
                (job.Name, Style.Bold), ($"{job.Attempts}", Style.Plain),
                ($"{job.Built}", Style.Plain),
                ($"{job.Failed}", job.Failed > 0 ? Style.Red : Style.Dim),
                ($"{job.Flaky}", job.Flaky > 0 ? Style.Yellow : Style.Dim),
                (Took(job.MedianMs), Style.Plain), (Took(job.LongestMs), Style.Dim),
                (Took(job.WaitMs), Style.Dim), (Took(job.TotalMs), Style.Plain));
        }
        foreach (var line in table.Lines(cli.OutScreen.Width)) cli.Print(line);
        if (slots.Count == 0) return;
        cli.Print("all of it again: " + string.Join(", ", slots.Select(
            s => $"{Took(s.Times.MakespanMs)} on {Units.Count(s.Slots, "slot")}"))
            + (slots[^1].Times.MakespanMs <= slots[^1].Times.PathMs
                ? "; more do not help, the longest chain takes that"
                : ""));
    }

    // With the cores of runs that may take several: host-a/4.
    static string PlaceOf(AttemptRecord attempt) => attempt.Usage.Cores > 0
        ? $"{attempt.Host}/{attempt.Usage.Cores}"
        : attempt.Host;

    static void Print(
        Cli cli, List<AttemptRecord> all, List<AttemptRecord> shown, PartitionNames names,
        bool isOne)
    {
        var table = new Table(
            new TableColumn("when", 6), new TableColumn("outcome", 9),
            new TableColumn("elapsed", 8) { AlignRight = true },
            new TableColumn("cpu", 4) { AlignRight = true },
            new TableColumn("factor", 3) { AlignRight = true }, new TableColumn("host", 2),
            new TableColumn("run", 5), new TableColumn("what", 7) { ShrinkTo = 14 },
            new TableColumn("why", 5) { ShrinkTo = 16 });
        foreach (var attempt in shown)
        {
            table.Add(
                (Units.DayAndMinute(attempt.StartedAt, cli.Time), Style.Dim),
                (Name(attempt.Outcome), StyleOf(attempt.Outcome)),
                (Took(attempt.Usage.ElapsedMs), Style.Plain),
                (Took(attempt.Usage.CpuMs), Style.Plain),
                (attempt.HasTime
                    ? attempt.Factor.ToString("F2", CultureInfo.InvariantCulture)
                    : "", Style.Dim),
                (PlaceOf(attempt), Style.Dim), ($"{attempt.Id}", Style.Plain),
                (isOne ? "" : names.Text(attempt.Outputs[0]), Style.Plain),
                (attempt.Failure is { } failure
                    ? Units.Describe(failure) + Units.Reason(failure)
                    : attempt.Why, Style.Plain));
        }
        foreach (var line in table.Lines(cli.OutScreen.Width, " ")) cli.Print(line);
        cli.Print(SummaryOf(cli, all));
        if (FirstFailure(all) is { } first && LastSuccess(all) is not null)
            cli.Print($"  between them: {first.Why}");
        if (shown.Count < all.Count)
            cli.Say($"the newest {shown.Count} of {all.Count}; --last 0 shows all");
    }

    static string SummaryOf(Cli cli, List<AttemptRecord> all)
    {
        var parts = new List<string>();
        var built = all.Where(attempt => attempt.Outcome == AttemptOutcome.Built).ToList();
        if (built.Count > 0)
            parts.Add($"median of {Math.Min(built.Count, DurationHistory.PartitionMax)}: "
                + Took(JobStats.Median(built)));
        if (FirstFailure(all) is { } first)
            parts.Add($"first failure {Units.DayAndMinute(first.StartedAt, cli.Time)}"
                + $" ({first.Id.Run})");
        parts.Add(LastSuccess(all) is { } last
            ? $"last success {Units.DayAndMinute(last.StartedAt, cli.Time)} ({last.Id.Run})"
            : "never built");
        return string.Join("; ", parts);
    }

    // The first of the unbroken failures up to now.
    static AttemptRecord? FirstFailure(List<AttemptRecord> all)
    {
        var last = all.FindLastIndex(attempt => attempt.Outcome == AttemptOutcome.Built);
        return all.Skip(last + 1)
            .FirstOrDefault(attempt => attempt.Outcome == AttemptOutcome.Failed);
    }

    static AttemptRecord? LastSuccess(List<AttemptRecord> all) =>
        all.LastOrDefault(attempt => attempt.Outcome == AttemptOutcome.Built);

    static string Took(long ms) => ms > 0 ? Units.Duration(TimeSpan.FromMilliseconds(ms)) : "";

    static string Name(AttemptOutcome outcome) => outcome switch
    {
        AttemptOutcome.Running => "running",
        AttemptOutcome.Built => "built",
        AttemptOutcome.Failed => "failed",
        AttemptOutcome.Lost => "lost",
        AttemptOutcome.GivenBack => "given back",
        AttemptOutcome.Cancelled => "cancelled",
        AttemptOutcome.NeedsInputs => "needs-inputs",
        AttemptOutcome.Restored => "restored",
    };

    static Style StyleOf(AttemptOutcome outcome) => outcome switch
    {
        AttemptOutcome.Built or AttemptOutcome.Restored => Style.Green,
        AttemptOutcome.Failed or AttemptOutcome.Lost => Style.Red,
        AttemptOutcome.Cancelled or AttemptOutcome.GivenBack => Style.Yellow,
        AttemptOutcome.Running or AttemptOutcome.NeedsInputs => Style.Plain,
    };

    static void Write(
        Utf8JsonWriter json, List<JobStats> jobs, List<(int Slots, Timetable Times)> slots)
    {
        json.WriteStartObject();
        json.WriteStartArray("jobs");
        foreach (var job in jobs)
        {
            json.WriteStartObject();
            json.WriteString("job", job.Name);
            json.WriteNumber("attempts", job.Attempts);
            json.WriteNumber("built", job.Built);
            json.WriteNumber("failed", job.Failed);
            json.WriteNumber("flaky", job.Flaky);
            json.WriteNumber("median_ms", job.MedianMs);
            json.WriteNumber("longest_ms", job.LongestMs);
            json.WriteNumber("wait_ms", job.WaitMs);
            json.WriteNumber("total_ms", job.TotalMs);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("slots");
        foreach (var (count, times) in slots)
        {
            json.WriteStartObject();
            json.WriteNumber("slots", count);
            json.WriteNumber("makespan_s", times.MakespanMs / 1000.0);
            json.WriteNumber("lower_bound_s", times.LowerBoundMs / 1000.0);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(
        Utf8JsonWriter json, List<AttemptRecord> all, List<AttemptRecord> shown,
        PartitionNames names)
    {
        json.WriteStartObject();
        json.WriteStartArray("attempts");
        foreach (var attempt in shown)
        {
            json.WriteStartObject();
            json.WriteString("run", attempt.Id.Run.ToString());
            json.WriteNumber("attempt", attempt.Id.Attempt);
            json.WriteString("job", attempt.Job);
            if (attempt.Want.Value > 0) json.WriteString("want", attempt.Want.ToString());
            JsonParts.Write(json, "outputs", attempt.Outputs.Select(names.Text));
            json.WriteString("outcome", Name(attempt.Outcome));
            json.WriteString("why", attempt.Why);
            JsonParts.Time(json, "ready_at", attempt.ReadyAt);
            JsonParts.Time(json, "started_at", attempt.StartedAt);
            json.WriteNumber("elapsed_ms", attempt.Usage.ElapsedMs);
            json.WriteNumber("cpu_ms", attempt.Usage.CpuMs);
            json.WriteNumber("memory_kb", attempt.Usage.MemoryKb);
            json.WriteString("host", attempt.Host);
            if (attempt.Usage.Cores > 0) json.WriteNumber("cores", attempt.Usage.Cores);
            if (attempt.Failure is { } failure) JsonParts.Write(json, failure);
            if (attempt.Fingerprint.Exists)
                json.WriteString("fingerprint", attempt.Fingerprint.ToString());
            if (attempt.Published.Length > 0)
            {
                JsonParts.Write(
                    json, "digests", attempt.Published.Select(made => made.Digest.ToString()));
                json.WriteNumber("bytes", attempt.Published.Sum(made => made.Bytes));
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (FirstFailure(all) is { } first)
            json.WriteString("first_failure", first.Id.Run.ToString());
        if (LastSuccess(all) is { } last)
            json.WriteString("last_success", last.Id.Run.ToString());
        json.WriteEndObject();
    }
}

/// <summary>The attempts of one job in numbers.</summary>
sealed record JobStats(string Name)
{
    public required int Attempts { get; init; }
    public required int Built { get; init; }
    public required int Failed { get; init; }

    /// <summary>Runs that were built after an attempt of theirs had failed.</summary>
    public required int Flaky { get; init; }
    public required long MedianMs { get; init; }
    public required long LongestMs { get; init; }

    /// <summary>Median of the time from when it could have started until it did.</summary>
    public required long WaitMs { get; init; }
    public required long TotalMs { get; init; }

    public static JobStats Of(string name, ImmutableArray<AttemptRecord> all)
    {
        var built = all.Where(attempt => attempt.Outcome == AttemptOutcome.Built).ToList();
        return new JobStats(name)
        {
            Attempts = all.Length,
            Built = built.Count,
            Failed = all.Count(attempt => attempt.Outcome == AttemptOutcome.Failed),
            Flaky = built.Count(attempt => attempt.Id.Attempt > 1),
            MedianMs = Median(built),
            LongestMs = built.Select(attempt => (long)attempt.Usage.ElapsedMs).DefaultIfEmpty()
                .Max(),
            WaitMs = Median([.. all.Select(
                attempt => (long)(attempt.StartedAt - attempt.ReadyAt).TotalMilliseconds)]),
            TotalMs = all.Sum(attempt => (long)attempt.Usage.ElapsedMs),
        };
    }

    /// <summary>Median of the newest times.</summary>
    public static long Median(List<AttemptRecord> built) => Median(
        [.. built.TakeLast(DurationHistory.PartitionMax).Select(a => (long)a.Usage.ElapsedMs)]);

    static long Median(List<long> values)
    {
        values.Sort();
        return values.Count == 0 ? 0 : values[values.Count / 2];
    }
}
