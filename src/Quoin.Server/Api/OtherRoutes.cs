using System.Text.Json;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>Workers, questions for people, the graph, dry plans, numbers.</summary>
static class OtherRoutes
{
    /// <summary>Workers that are there.</summary>
    public static async Task WorkersAsync(Request request)
    {
        request.Only();
        var rows = request.Served.Views.Read(state => state.Workers.Values
            .Where(worker => worker.LeftAt is null && worker.Slots > 0) // Not who only decides.
            .Select(worker => (
                worker.Owner, worker.Slots, worker.JoinedAt, worker.Ended,
                Runs: worker.Running.Order().Select(run => $"r-{run}").ToList())).ToList());
        var heard = request.Served.Store.Workers().ToDictionary(worker => worker.Owner);
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("workers");
            foreach (var (owner, slots, joined, ended, runs) in rows)
            {
                json.WriteStartObject();
                json.WriteString("worker", owner);
                json.WriteNumber("slots", slots);
                JsonParts.Time(json, "joined_at", joined);
                JsonParts.Write(json, "runs", runs);
                json.WriteNumber("ended", ended);
                if (heard.TryGetValue(owner, out var worker))
                {
                    json.WriteNumber("silent_ms", (long)worker.Silent.TotalMilliseconds);
                    json.WriteNumber("memory_bytes", worker.MemoryBytes);
                    JsonParts.Write(json, "labels", worker.Labels);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Questions that only a person can answer.</summary>
    public static async Task InterventionsAsync(Request request)
    {
        request.Only("all", "limit");
        var (all, limit) = (request.Flag("all"), request.Limit);
        var rows = request.Served.Views.Read(state => state.Questions.Values.Reverse()
            .Where(question => all || question.Answer is null).Take(limit)
            .Select(q => (q.What, q.Partition, q.OpenedAt, q.AnsweredAt, q.Answer)).ToList());
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("interventions");
            foreach (var (what, partition, opened, answered, answer) in rows)
            {
                json.WriteStartObject();
                json.WriteString("intervention", $"{what.Intervention}");
                json.WriteString("state", answer is null ? "open" : "answered");
                json.WriteString("code", what.Code);
                json.WriteString("partition", partition);
                json.WriteString("run", $"{what.Run}");
                json.WriteString("key", what.Key);
                JsonParts.Write(
                    json, "external_ids", what.ExternalIds.IsDefault ? [] : what.ExternalIds);
                json.WriteString("reason", what.Reason);
                JsonParts.Time(json, "opened_at", opened);
                if (answer is not null)
                {
                    json.WriteString("answer", InterventionsCommand.Word(answer.Answer));
                    json.WriteString("by", answer.By);
                    JsonParts.Time(json, "answered_at", answered);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Answers one: retry, adopt with an id, released or abandon.</summary>
    public static async Task ResolveAsync(Request request)
    {
        request.OnlyFields("answer", "external_id");
        if (!InterventionId.TryParse(request.Part("intervention"), out var id)
            || !request.Served.Views.Read(state => state.Questions.ContainsKey(id.Value)))
            throw new ApiException(
                404, "no-such-intervention", $"there is no {request.Part("intervention")}");
        var word = request.Text("answer")
            ?? throw Request.Bad("answer: write retry, adopt, released or abandon");
        var answer = Request.Words<InterventionAnswer>("answer", word);
        var thing = request.Text("external_id") ?? "";
        if (answer == InterventionAnswer.Closed
            || (answer == InterventionAnswer.Adopt) != (thing.Length > 0))
            throw Request.Bad("answer: retry, released or abandon; or adopt with external_id");
        await Asking.DoAsync(
            request, () => new StoreCommand.Resolve(id, answer, thing, request.By));
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("resolved", $"{id}");
            json.WriteString("answer", word);
            json.WriteEndObject();
        });
    }

    /// <summary>Jobs and datasets, as <c>quoin graph --json</c>.</summary>
    public static async Task GraphAsync(Request request)
    {
        request.Only();
        var graph = request.Served.Graph.Now.Graph;
        await Json.WriteAsync(request.Http, json => GraphCommand.Write(json, graph));
    }

    /// <summary>What a build of a selection would do now; records nothing.</summary>
    public static async Task PlanAsync(Request request)
    {
        request.OnlyFields("partitions", "tags", "exclude", "slots", "soft", "thorough");
        var (asked, served) = (WantRoutes.AskedOf(request), request.Served);
        var slots = request.Integer("slots") ?? Environment.ProcessorCount;
        if (slots is < 1 or > 10_000) throw Request.Bad("slots: write a number from 1 to 10000");
        await Api.AnswerPlannedAsync(request, () =>
        {
            var graph = served.Graph.Now.Graph;
            var targets = Selecting.Find(
                served.Cli, served.Workspace, graph, asked, served.Store, request.Ct);
            var dry = DryRun.Make(
                served.Workspace, graph, served.Store,
                new WantRequest
                {
                    Targets = targets,
                    Options = WantOptions.Default with
                    {
                        Soft = request.Bool("soft"),
                        Thorough = request.Bool("thorough"),
                    },
                },
                slots, served.Cli.Time, request.Ct, served.Artifacts);
            var times = PlanCommand.TimesOf(dry, slots);
            return json => PlanJson.Write(json, dry, times, targets.Length, ExitCode.Ok);
        });
    }

    /// <summary>How much there is of everything.</summary>
    public static async Task StatsAsync(Request request)
    {
        request.Only();
        var served = request.Served;
        var (position, at, wants, workers, places, runs, sets) = served.Views.Read(state => (
            state.Position, state.At, state.Kernel.Wants.Count,
            state.Kernel.Workers.Values.Count(worker => worker.Slots > 0), // Not who only decides.
            Enum.GetValues<PartitionPlace>().Select(p => (p, state.Kernel.Count(p))).ToList(),
            Enum.GetValues<RunState>().Select(r => (r, state.CountRuns(r))).ToList(),
            state.Partitions.DatasetsBehind(null).Take(Api.ListMax)
                .Select(name => (name, state.Partitions.CountsOf(name)!.ToArray())).ToList()));
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("position", position);
            JsonParts.Time(json, "at", position > 0 ? at : null);
            json.WriteBoolean("leads", served.Leads());
            json.WriteNumber("open_wants", wants);
            json.WriteNumber("workers", workers);
            json.WriteStartObject("partitions");
            foreach (var (place, count) in places)
                if (place != PartitionPlace.Missing) json.WriteNumber(Api.Name(place), count);
            json.WriteEndObject();
            json.WriteStartObject("runs");
            foreach (var (state, count) in runs) json.WriteNumber(Api.Name(state), count);
            json.WriteEndObject();
            json.WriteStartArray("datasets");
            foreach (var (name, counts) in sets)
            {
                json.WriteStartObject();
                json.WriteString("dataset", name);
                foreach (var (place, count) in counts.Index())
                    if (count > 0) json.WriteNumber(Api.Name((PartitionPlace)place), count);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }
}
