using System.Collections.Immutable;
using System.Text.Json;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>Wants: listed, looked at, made, given up, accepted, released, tried again.</summary>
static class WantRoutes
{
    /// <summary>How many selectors, and how many partitions, one want may name.</summary>
    public const int SelectorsMax = 10_000, TargetsShown = 1_000;

    /// <summary>A page of wants, the newest first.</summary>
    public static async Task ListAsync(Request request)
    {
        request.Only("state", "limit", "cursor");
        var (limit, before) = (request.Limit, request.Cursor('w'));
        var standing = request.Word<WantStanding>("state");
        var (page, next) = request.Served.Views.Read(state =>
        {
            var rows = state.Wants.Page(standing, before, limit, out var more);
            return (rows.ConvertAll(want => Picture.Of(state, want)), more);
        });
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("wants");
            foreach (var want in page)
            {
                json.WriteStartObject();
                want.Write(json);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (next is { } more) json.WriteString("next", $"w-{more}");
            json.WriteEndObject();
        });
    }

    /// <summary>One want.</summary>
    public static async Task ShowAsync(Request request)
    {
        request.Only();
        await WriteAsync(request, request.Want(), 200);
    }

    static async Task WriteAsync(Request request, WantId id, int status)
    {
        var facts = Facts(request.Served);
        var (want, more) = request.Served.Views.Read(state =>
        {
            var row = state.Want(id.Value)!;
            var why = state.Kernel.Wants.TryGetValue(id.Value, out var token)
                ? new Holdups(state.Kernel, facts).Of(token)
                : null;
            return (Picture.Of(state, row), new
            {
                Why = why,
                Targets = row.Targets.Take(TargetsShown).Select(state.Names.Text).ToList(),
                Failed = row.Failed.Take(TargetsShown).Select(state.Names.Text).ToList(),
                row.Problems,
                Runs = row.Runs.TakeLast(TargetsShown).Select(run => $"r-{run}").ToList(),
                Delegated = row.Delegated.Take(TargetsShown)
                    .Select(d => (state.Names.Text(d.Partition), d.Run)).ToList(),
            });
        });
        request.Http.Response.Headers.Location = $"/api/v1/wants/{id}";
        await Json.WriteAsync(
            request.Http,
            json =>
            {
                json.WriteStartObject();
                want.Write(json);
                JsonParts.Write(json, "targets", more.Targets);
                JsonParts.Write(json, "failed", more.Failed);
                JsonParts.Write(json, "runs", more.Runs);
                json.WriteStartArray("delegated");
                foreach (var (name, run) in more.Delegated)
                {
                    json.WriteStartObject();
                    json.WriteString("partition", name);
                    json.WriteString("run", $"{run}");
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteStartArray("problems");
                foreach (var problem in more.Problems.Take(TargetsShown))
                    JsonParts.Write(json, problem);
                json.WriteEndArray();
                if (more.Why is { } why) Quoin.Cli.Standing.Write(json, why, null);
                json.WriteEndObject();
            },
            status);
    }

    /// <summary>What the reasons need to know. Asks the store: not under a lock.</summary>
    public static HoldupFacts Facts(Served served)
    {
        var graph = served.Views.Graph;
        return new(
            served.IsLed, job => graph?.FindJob(job), served.Cli.Time.GetUtcNow());
    }

    /// <summary>Makes a want: 201 with it, or 200 when there is nothing to do.</summary>
    public static async Task CreateAsync(Request request)
    {
        request.OnlyFields(
            "partitions", "tags", "exclude", "priority", "deadline", "fresh", "strict",
            "on_failure", "soft", "thorough", "start", "start_slack", "use", "offer", "group");
        var asked = AskedOf(request);
        var options = OptionsOf(request) with { Trace = request.Trace };
        await AnswerAsync(request, () => Api.WantingAsync<StoreCommand>(request, () =>
        {
            var graph = request.Served.Graph.Now.Graph;
            var targets = Selecting.Find(
                request.Served.Cli, request.Served.Workspace, graph, asked,
                request.Served.Store, request.Ct, recorded: Recorded(request));
            if (targets.Length > Api.PartitionsMax)
                throw Request.Bad(
                    $"that selects {targets.Length} partitions; one want may have"
                    + $" {Api.PartitionsMax}");
            return new StoreCommand.Accept(
                new WantRequest
                {
                    Targets = targets,
                    Options = options,
                    Text = $"want {asked.Text}".Trim() is { Length: > 200 } text
                        ? text[..200] + "…"
                        : $"want {asked.Text}".Trim(),
                },
                graph);
        }));
    }

    // What was published once, for patterns: from the fold instead of a state of its own.
    static IEnumerable<string> Recorded(Request request)
    {
        const int step = 20_000;
        var views = request.Served.Views;
        for (var (from, count) = (0, step); from < count; from += step)
        {
            request.Ct.ThrowIfCancellationRequested();
            var ids = new List<PartitionId>();
            count = views.Read(state =>
            {
                var end = Math.Min(from + step, state.Kernel.CellCount);
                for (var id = from; id < end; id++)
                    if (state.Kernel.TryGetManifest(new PartitionId(id), out _)) ids.Add(new(id));
                return state.Kernel.CellCount;
            });
            foreach (var id in ids) yield return views.Names.Text(id);
        }
    }

    /// <summary>What is selected; files and folders of this machine are not read.</summary>
    public static Asked AskedOf(Request request)
    {
        var asked = new Asked
        {
            Selectors = [.. request.Texts("partitions", SelectorsMax)],
            Tags = [.. request.Texts("tags", 100)],
            Excluded = [.. request.Texts("exclude", 100)],
        };
        foreach (var selector in asked.Selectors.Concat(asked.Excluded))
            if (selector is "-" or ['@', ..] or "")
                throw Request.Bad($"\"{selector}\" selects nothing here: name partitions");
        return asked;
    }

    static WantOptions OptionsOf(Request request) => new()
    {
        Priority = request.Integer("priority") ?? 0,
        Deadline = request.Time("deadline"),
        Strict = request.Bool("strict"),
        OnFailure = request.Text("on_failure") is { } failure
            ? Request.Words<FailureMode>("on_failure", failure)
            : FailureMode.KeepGoing,
        Soft = request.Bool("soft"),
        Thorough = request.Bool("thorough"),
        Fresh = request.Text("fresh") is { } fresh
            ? Request.Words<FreshMode>("fresh", fresh)
            : FreshMode.No,
        StartAt = request.Time("start"),
        StartSlack = request.Duration("start_slack") ?? UseOptions.SlackPlain,
        Use = request.Duration("use"),
        Offer = request.Bool("offer"),
        Group = request.Text("group") ?? "",
    };

    static async Task AnswerAsync(Request request, Func<Task<StoreCommand>> make)
    {
        var answer = await Asking.DoAsync(request, make);
        if (answer.Want is { } want)
        {
            await WriteAsync(request, want, 201);
            return;
        }
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteNull("want");
            json.WriteString("result", answer.Code);
            json.WriteEndObject();
        });
    }

    /// <summary>Gives a want up.</summary>
    public static Task CancelAsync(Request request) =>
        ChangeAsync(request, want => new StoreCommand.Cancel(want, request.By));

    /// <summary>Takes an offer.</summary>
    public static Task AcceptAsync(Request request) =>
        ChangeAsync(request, want => new StoreCommand.AcceptOffer(want));

    /// <summary>Ends the use of what it holds.</summary>
    public static Task ReleaseAsync(Request request) =>
        ChangeAsync(request, want => new StoreCommand.Release(want, request.By));

    static async Task ChangeAsync(Request request, Func<WantId, StoreCommand> make)
    {
        request.OnlyFields();
        var want = request.Want();
        await Asking.DoAsync(request, () => make(want));
        await WriteAsync(request, want, 200);
    }

    /// <summary>A new want for what this one did not get.</summary>
    public static async Task RetryAsync(Request request)
    {
        request.OnlyFields();
        var id = request.Want();
        await AnswerAsync(request, () =>
        {
            var targets = request.Served.Views.Read(state =>
                state.Want(id.Value) is { } want
                    ? (want.Standing == WantStanding.Cancelled ? want.Targets : want.Failed)
                        .Select(state.Names.Text).ToImmutableArray()
                    : []);
            return Task.FromResult<StoreCommand>(Again(request, targets, $"retry {id}"));
        });
    }

    /// <summary>A new want for what a run failed to make.</summary>
    public static async Task RetryRunAsync(Request request)
    {
        request.OnlyFields();
        var id = request.Run();
        await AnswerAsync(request, () =>
        {
            var targets = request.Served.Views.Read(state =>
                state.Run(id.Value) is { State: RunState.Failed or RunState.Cancelled } run
                    ? run.Claims.Select(state.Names.Text).ToImmutableArray()
                    : []);
            return Task.FromResult<StoreCommand>(Again(request, targets, $"retry {id}"));
        });
    }

    static StoreCommand.Accept Again(
        Request request, ImmutableArray<string> targets, string text) =>
        targets.IsEmpty
            ? throw new ApiException(409, "not-failed", $"{text}: it failed to make nothing")
            : new StoreCommand.Accept(
                new WantRequest
                {
                    Targets = targets,
                    Text = text,
                    Options = WantOptions.Default with { Trace = request.Trace },
                },
                request.Served.Graph.Now.Graph);

    /// <summary>A want as it was at one moment.</summary>
    sealed record Picture(
        WantId Id, WantStanding Standing, string Request, int Wanted, int Left, int Priority,
        DateTimeOffset AcceptedAt, DateTimeOffset? EndedAt)
    {
        PlanCounts counts;
        bool isPlanned;
        int runs, done;
        string by = "";

        public static Picture Of(StoreState state, WantRow want) => new(
            want.Id, want.Standing, want.Request, want.Targets.Length,
            state.Kernel.Wants.TryGetValue(want.Id.Value, out var token) ? token.Remaining : 0,
            want.Options.Priority, want.AcceptedAt, want.EndedAt)
        {
            counts = want.Counts,
            isPlanned = want.IsPlanned,
            runs = want.Runs.Count,
            done = want.RunsDone,
            by = want.By,
        };

        public void Write(Utf8JsonWriter json)
        {
            json.WriteString("want", $"{Id}");
            json.WriteString("state", Api.Name(Standing));
            json.WriteString("request", Request);
            json.WriteNumber("wanted", Wanted);
            json.WriteNumber("left", Left);
            json.WriteNumber("priority", Priority);
            JsonParts.Time(json, "accepted_at", AcceptedAt);
            JsonParts.Time(json, "ended_at", EndedAt);
            if (by.Length > 0) json.WriteString("by", by);
            if (!isPlanned) return;
            json.WriteStartObject("plan");
            json.WriteNumber("partitions", counts.Total);
            json.WriteNumber("current", counts.Current);
            json.WriteNumber("build", counts.Build);
            json.WriteNumber("maybe", counts.Maybe);
            json.WriteNumber("blocked", counts.Blocked);
            json.WriteNumber("runs", runs);
            json.WriteNumber("runs_done", done);
            json.WriteEndObject();
        }
    }
}
