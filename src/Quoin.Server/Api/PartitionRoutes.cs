using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>Partitions: listed, looked at, explained, and no longer trusted.</summary>
static class PartitionRoutes
{
    const int RelativesMax = 1_000, RunsMax = 20;

    /// <summary>A page of partitions in the order of their names.</summary>
    public static async Task ListAsync(Request request)
    {
        request.Only("prefix", "state", "limit", "cursor");
        var (limit, place) = (request.Limit, request.Word<PartitionPlace>("state"));
        var (prefix, after) = (request.One("prefix") ?? "", request.One("cursor"));
        var (page, count) = request.Served.Views.Read(state => (
            state.Partitions.Page(prefix, place, after, limit + 1)
                .Select(p => (Name: state.Names.Text(p), Place: state.Kernel.PlaceOf(p))).ToList(),
            state.Partitions.CountBelow(prefix.TrimEnd('/'), place)));
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("count", count);
            json.WriteStartArray("partitions");
            foreach (var (name, at) in page.Take(limit))
            {
                json.WriteStartObject();
                json.WriteString("partition", name);
                json.WriteString("state", Api.Name(at));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (page.Count > limit) json.WriteString("next", page[limit - 1].Name);
            json.WriteEndObject();
        });
    }

    /// <summary>One partition: where it is, what was published, why it does not go on.</summary>
    public static async Task ShowAsync(Request request)
    {
        request.Only("partition");
        var name = Request.Reference(request.One("partition"));
        var graph = request.Served.Views.Graph;
        var facts = WantRoutes.Facts(request.Served);
        var write = request.Served.Views.Read(state => Picture(state, name, graph, facts));
        if (write is null)
            throw new ApiException(404, "no-such-partition", $"{name} is not known here");
        await Json.WriteAsync(request.Http, write);
    }

    static Action<Utf8JsonWriter>? Picture(
        StoreState state, string name, Graph? graph, HoldupFacts facts)
    {
        var producer = graph?.FindProducer(Encoding.UTF8.GetBytes(name)) ?? default;
        if (!state.Names.TryFind(name, out var p))
        {
            return !producer.Exists ? null : json =>
            {
                json.WriteStartObject();
                json.WriteString("partition", name);
                json.WriteString("state", producer.Source is null ? "missing" : "source");
                json.WriteString("job", producer.Job?.Name ?? "");
                json.WriteEndObject();
            };
        }
        var kernel = state.Kernel;
        var place = kernel.PlaceOf(p);
        var manifest = kernel.TryGetManifest(p, out var published) ? published : (Manifest?)null;
        kernel.TryGetFailure(p, out var failure);
        var run = (kernel.HolderOf(p) ?? kernel.LifeOf(p))?.Id;
        var job = state.JobOf(p);
        var isHeldUp = place is PartitionPlace.Wanted or PartitionPlace.Planned
            or PartitionPlace.Waiting or PartitionPlace.Building or PartitionPlace.Releasing
            or PartitionPlace.Quarantined;
        var why = isHeldUp
            ? new Holdups(kernel, facts).Of(p)
            : null;
        return json =>
        {
            json.WriteStartObject();
            json.WriteString("partition", name);
            json.WriteString("state", Api.Name(place));
            json.WriteString("job", job.Length > 0 ? job : producer.Job?.Name ?? "");
            if (run is { } holder) json.WriteString("run", $"{holder}");
            if (why is not null) Quoin.Cli.Standing.Write(json, why, null);
            if (manifest is { } m) Write(json, m);
            if (failure is not null) Write(json, failure);
            json.WriteEndObject();
        };
    }

    static void Write(Utf8JsonWriter json, Manifest m)
    {
        json.WriteStartObject("manifest");
        json.WriteString("run", $"{m.Run}");
        json.WriteString("digest", $"{m.Digest}");
        json.WriteNumber("bytes", m.Bytes);
        json.WriteString("fingerprint", $"{m.Fingerprint}");
        JsonParts.Time(
            json, "published_at", DateTimeOffset.FromUnixTimeMilliseconds(m.PublishedAtMs));
        json.WriteNumber("elapsed_ms", m.ElapsedMs);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, Failure failure)
    {
        json.WriteStartObject("failure");
        json.WriteString("cause", Api.Name(failure.Cause));
        if (failure.Run.Value > 0) json.WriteString("run", $"{failure.Run}");
        if (failure.RunFailure is { } run) JsonParts.Write(json, run);
        if (failure.Problem is { } problem)
        {
            json.WritePropertyName("problem");
            JsonParts.Write(json, problem);
        }
        json.WriteEndObject();
    }

    /// <summary>Events about a partition and its runs, the newest first.</summary>
    public static async Task HistoryAsync(Request request)
    {
        request.Only("partition", "limit");
        var (name, limit) = (Request.Reference(request.One("partition")), request.Limit);
        var runs = request.Served.Views.Read(state =>
            state.Names.TryFind(name, out var p)
                ? state.RunsOf(p).Take(RunsMax).Select(run => $"{run.Id}").ToList()
                : []);
        var events = runs.Append(name)
            .SelectMany(subject => EventReads.Newest(
                request.Served.Views, request.Served.Store, new EventFilter(subject, []),
                long.MaxValue, limit))
            .OrderByDescending(raw => raw.Position).Take(limit).ToList();
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("partition", name);
            JsonParts.Write(json, "runs", runs);
            json.WriteStartArray("events");
            foreach (var raw in events) json.WriteRawValue(EventJson.ToJson(raw));
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Why a partition is current, or what differs.</summary>
    public static async Task ExplainAsync(Request request)
    {
        request.Only("partition");
        var name = Request.Reference(request.One("partition"));
        var served = request.Served;
        await Api.AnswerPlannedAsync(request, () =>
        {
            var explained = ExplainCommand.Of(
                served.Cli, served.Workspace, served.Graph.Now.Graph, served.Store,
                served.Artifacts, [name], request.Ct);
            return json => ExplainCommand.Write(json, explained[0]);
        });
    }

    /// <summary>What a partition was made from, and what was made from it.</summary>
    public static async Task LineageAsync(Request request)
    {
        request.Only("partition");
        var name = Request.Reference(request.One("partition"));
        var (isKnown, inputs, readers) = request.Served.Views.Read(state =>
            state.Names.TryFind(name, out var p)
                ? (true,
                    state.Lineage.InputsOf(p).Take(RelativesMax).Select(state.Names.Text).ToList(),
                    state.Lineage.ReadersOf(p).Take(RelativesMax).Select(state.Names.Text)
                        .ToList())
                : (false, [], []));
        if (!isKnown)
            throw new ApiException(404, "no-such-partition", $"{name} is not known here");
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("partition", name);
            JsonParts.Write(json, "inputs", inputs);
            JsonParts.Write(json, "readers", readers);
            json.WriteEndObject();
        });
    }

    /// <summary>Published partitions are no longer trusted.</summary>
    public static async Task TaintAsync(Request request)
    {
        request.OnlyFields("partitions", "why");
        var names = request.Texts("partitions", WantRoutes.SelectorsMax)
            .Select(name => Request.Reference(name)).ToImmutableArray();
        if (names.IsEmpty) throw Request.Bad("name the partitions that are meant");
        var why = request.Text("why") is { Length: > 0 } text
            ? text
            : throw Request.Bad("say why: explain and the log tell it to others");
        var answer = await Asking.DoAsync(
            request, () => new StoreCommand.Taint(names, request.By, why));
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            JsonParts.Write(json, "tainted", names);
            json.WriteString("result", answer.Code);
            json.WriteEndObject();
        });
    }
}
