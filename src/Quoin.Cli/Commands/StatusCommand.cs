using System.CommandLine;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary><c>quoin status</c>: open wants, active runs, and what is there.</summary>
static class StatusCommand
{
    public const string Summary = "Show open wants, active runs and what is there";

    const int FailedShown = 10, WaitingShown = 10, SinceMax = 1000;

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var command = new Command("status", Summary);
        command.SetAction((parsed, _) => RunAsync(cli(parsed)));
        return command;
    }

    /// <summary>Reads the state at one position of the log, and prints it.</summary>
    public static async Task<int> RunAsync(Cli cli)
    {
        if (FeedReport.PathOf(cli) is { } feeds) return FeedReport.Status(cli, feeds);
        var workspace = Project.Find(cli);
        if (!Project.HasStore(cli, workspace))
        {
            var none = new PartitionNames();
            var nothing = new LoadedState(new KernelState(none), new DurationHistory(none), 0, 0);
            if (cli.Options.Json) cli.Print(JsonText.Write(json => Write(json, nothing, null)));
            else cli.Print("nothing was built here yet");
            return ExitCode.Ok;
        }
        await using var store = Project.OpenForReading(cli, workspace);
        var loaded = StateLoader.Load(store, new PartitionNames());
        var standing = new Standing(
            loaded.State, store, GraphOf(cli, workspace), !store.LeadMayBeFree(),
            cli.Time.GetUtcNow());
        if (cli.Options.Json) cli.Print(JsonText.Write(json => Write(json, loaded, standing)));
        else
            foreach (var line in Lines(loaded.State, cli.OutScreen.Width, standing, cli.Time))
                cli.Print(line);
        foreach (var (job, count) in LineRequests.Unserved(workspace))
            cli.Say($"{Units.Count(count, "run")} of {job}: {LineRequests.Unheard(job)}");
        return ExitCode.Ok;
    }

    // Status has to work when the graph cannot be used, too.
    static Graph? GraphOf(Cli cli, Workspace workspace)
    {
        try
        {
            return Project.LoadGraph(cli, workspace);
        }
        catch (BadGraphException)
        {
            return null;
        }
    }

    /// <summary>The state in a few lines.</summary>
    public static IEnumerable<Line> Lines(
        KernelState state, int width, Standing standing, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var places = Enum.GetValues<PartitionPlace>()
            .Where(place => place != PartitionPlace.Missing && state.Count(place) > 0)
            .Select(place => $"{state.Count(place)} {Name(place)}").ToList();
        yield return new Line("partitions  ", Style.Bold)
            .Add(places.Count == 0 ? "none" : string.Join(", ", places));
        foreach (var want in state.Wants.Values.OrderBy(want => want.Id.Value))
        {
            yield return new Line($"{want.Id}", Style.Bold)
                .Add($"  {PhaseOf(want)}  {want.Remaining} of {want.Targets.Length} left  "
                    + want.Request)
                .Cut(width);
            yield return Standing.LineOf(
                standing.Holdups.Of(want), standing.Since($"{want.Id}"), now, time).Cut(width);
        }
        foreach (var (want, cleanup) in Cleanups(state))
            yield return new Line($"{want}", Style.Bold)
                .Add($"  over, {Units.Count(cleanup.Owed, "thing")} still to release");
        foreach (var run in state.Runs.Values.OrderBy(run => run.Id.Value))
        {
            var claims = BuildPhrases.Some(
                [.. run.Claims.Take(3).Select(state.Names.Text)], run.Claims.Length);
            yield return new Line($"{run.Id}", Style.Bold)
                .Add($"  {Name(run.Place)}  attempt {run.Attempt}  {run.Config.Job}  {claims}"
                    + (run.Life is { ExternalId: { Length: > 0 } id } ? $"  {id}" : ""))
                .Cut(width);
            yield return Standing.LineOf(
                standing.Holdups.Of(run), standing.Since($"{run.Id}"), now, time).Cut(width);
        }
        var waiting = standing.Holdups.Partitions()
            .Where(p => state.HolderOf(p) is null && state.LifeOf(p) is null).ToList();
        foreach (var p in waiting.Take(WaitingShown))
        {
            yield return new Line(state.Names.Text(p), Style.Bold)
                .Add($"  {Name(state.PlaceOf(p))}: {standing.Holdups.Of(p).Text}").Cut(width);
        }
        if (waiting.Count > WaitingShown)
            yield return new Line(
                $"… and {waiting.Count - WaitingShown} more wait (--json lists all)", Style.Dim);
        var failed = Failed(state).ToList();
        foreach (var (name, failure) in failed.Take(FailedShown))
        {
            yield return new Line("failed  ", Style.Red).Add($"{name}  {WhyOf(failure)}")
                .Cut(width);
        }
        if (failed.Count > FailedShown)
            yield return new Line($"… and {failed.Count - FailedShown} more failed", Style.Dim);
    }

    // Wants that are over and whose things are still being released.
    static IEnumerable<(WantId Want, CleanupToken Cleanup)> Cleanups(KernelState state) =>
        from entry in state.Cleanups
        where entry.Value.Owed > 0 && !state.Wants.ContainsKey(entry.Key)
        orderby entry.Key
        select (new WantId(entry.Key), entry.Value);

    static string PhaseOf(WantToken want) =>
        want.OfferedUntil is not null ? "offered"
        : want.IsReleasing ? "releasing"
        : want.IsReady ? "ready"
        : "open";

    static IEnumerable<(string Name, Failure? Failure)> Failed(KernelState state)
    {
        for (var id = 0; id < state.CellCount; id++)
        {
            var partition = new PartitionId(id);
            if (state.PlaceOf(partition) == PartitionPlace.Failed)
                yield return (
                    state.Names.Text(partition),
                    state.TryGetFailure(partition, out var failure) ? failure : null);
        }
    }

    static string WhyOf(Failure? failure) => failure switch
    {
        null => "",
        { RunFailure: { } run } => $"{failure.Run} {Units.Describe(run)}{Units.Reason(run)}",
        _ => Name(failure.Cause),
    };

    static string Name(FailureCause cause) => cause switch
    {
        FailureCause.Run => "its run failed",
        FailureCause.Upstream => "an input failed",
        FailureCause.Config => "analysis could not say how to make it",
        FailureCause.Cycle => "its inputs need it",
        FailureCause.Vanished => "a resource that it held is gone",
    };

    static string Name(PartitionPlace place) => place switch
    {
        PartitionPlace.Missing => "missing",
        PartitionPlace.Wanted => "wanted",
        PartitionPlace.Planned => "planned",
        PartitionPlace.Building => "building",
        PartitionPlace.Waiting => "waiting",
        PartitionPlace.Live => "live",
        PartitionPlace.Tainted => "tainted",
        PartitionPlace.Failed => "failed",
        PartitionPlace.Releasing => "releasing",
        PartitionPlace.Released => "released",
        PartitionPlace.Quarantined => "quarantined",
    };

    static string Name(RunPlace place) => place switch
    {
        RunPlace.Queued => "queued",
        RunPlace.Running => "running",
        RunPlace.Cancelling => "cancelling",
        RunPlace.Deferred => "deferred",
    };

    static void Write(Utf8JsonWriter json, LoadedState loaded, Standing? standing)
    {
        var state = loaded.State;
        json.WriteStartObject();
        json.WriteNumber("position", loaded.Position);
        json.WriteStartObject("places");
        foreach (var place in Enum.GetValues<PartitionPlace>())
            if (place != PartitionPlace.Missing) json.WriteNumber(Name(place), state.Count(place));
        json.WriteEndObject();
        json.WriteStartArray("wants");
        foreach (var want in state.Wants.Values.OrderBy(want => want.Id.Value))
        {
            json.WriteStartObject();
            json.WriteString("want", want.Id.ToString());
            json.WriteString("request", want.Request);
            json.WriteNumber("wanted", want.Targets.Length);
            json.WriteNumber("left", want.Remaining);
            json.WriteNumber("priority", want.Options.Priority);
            json.WriteString("phase", PhaseOf(want));
            JsonParts.Time(json, "start", want.Options.StartAt);
            if (standing is not null)
                Standing.Write(json, standing.Holdups.Of(want), standing.Since($"{want.Id}"));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("runs");
        foreach (var run in state.Runs.Values.OrderBy(run => run.Id.Value))
        {
            json.WriteStartObject();
            json.WriteString("run", run.Id.ToString());
            json.WriteString("place", Name(run.Place));
            json.WriteString("job", run.Config.Job);
            json.WriteNumber("attempt", run.Attempt);
            JsonParts.Write(json, "outputs", run.Claims.Select(state.Names.Text));
            if (run.Life is { } life) Standing.Write(json, life);
            if (standing is not null)
                Standing.Write(json, standing.Holdups.Of(run), standing.Since($"{run.Id}"));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("partitions");
        foreach (var (i, p) in (standing?.Holdups.Partitions() ?? []).Index())
        {
            json.WriteStartObject();
            json.WriteString("partition", state.Names.Text(p));
            json.WriteString("place", Name(state.PlaceOf(p)));
            // Each is a question to the store: of very many the first ones have to do.
            Standing.Write(
                json, standing!.Holdups.Of(p), i < SinceMax ? standing.Since(p) : null);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("cleanups");
        foreach (var (want, cleanup) in Cleanups(state))
        {
            json.WriteStartObject();
            json.WriteString("want", $"{want}");
            json.WriteNumber("owed", cleanup.Owed);
            json.WriteBoolean("is_incomplete", cleanup.IsIncomplete);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("failed");
        foreach (var (name, failure) in Failed(state))
        {
            json.WriteStartObject();
            json.WriteString("partition", name);
            json.WriteString("why", WhyOf(failure));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
