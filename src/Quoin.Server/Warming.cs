using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Quoin.Server;

/// <summary>
/// Asks a new server for a page and an answer of each kind before anybody else does: the code of
/// what is asked for the first time is compiled meanwhile, which takes longer than the answer. It
/// only reads, and what comes of it goes to nobody.
/// </summary>
static class Warming
{
    /// <summary>What is asked for, each with the status of its answer; 0: it failed.</summary>
    public static async Task<IReadOnlyList<(string Path, int Status)>> AskAsync(
        WebApplication web, Served served, CancellationToken ct)
    {
        await served.Views.ReadyAsync(ct);
        var routes = ((IEndpointRouteBuilder)web).DataSources.SelectMany(source => source.Endpoints)
            .OfType<RouteEndpoint>().Where(IsRead)
            .ToDictionary(endpoint => endpoint.RoutePattern.RawText!);
        var answers = new List<(string Path, int Status)>();
        foreach (var (route, name, query) in Questions(served))
        {
            ct.ThrowIfCancellationRequested();
            answers.Add((route, await AskAsync(web, routes[route], name, query, ct)));
        }
        return answers;
    }

    static bool IsRead(RouteEndpoint endpoint) => endpoint.RoutePattern.RawText is not null
        && endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Contains("GET")
            == true;

    // The newest of everything, as people look at it.
    static IEnumerable<(string Route, string Name, string Query)> Questions(Served served)
    {
        var (want, run, partition) = served.Views.Read(s =>
        {
            var run = s.RunPage(null, null, null, null, 1, out _).FirstOrDefault();
            var want = s.Wants.Page(null, null, 1, out _).FirstOrDefault();
            return (
                want?.Id, run?.Id,
                run is { Claims.IsEmpty: false } ? s.Names.Text(run.Claims[0]) : null);
        });
        yield return ("/", "", "");
        if (want is { } w) yield return ("/wants/{id}", $"{w}", "");
        if (run is { } r) yield return ("/runs/{id}", $"{r}", "");
        if (partition is not null)
        {
            yield return ("/partitions/{**name}", partition, "");
            var asked = $"?partition={Uri.EscapeDataString(partition)}";
            yield return (Api.Root + "/partition", "", asked);
            yield return (Api.Root + "/partition/lineage", "", asked);
        }
        yield return ("/datasets", "", "");
        if (served.Graph.Now.Graph.Jobs.FirstOrDefault() is { } job)
            yield return ("/datasets/{**name}", job.Outputs[0].Dataset.TrimEnd('/'), "");
        foreach (var page in (string[])["/graph", "/machines", "/events", "/metrics"])
            yield return (page, "", "");
        foreach (var list in (string[])["/partitions", "/runs", "/wants", "/events", "/stats"])
            yield return (Api.Root + list, "", "");
    }

    static async Task<int> AskAsync(
        WebApplication web, RouteEndpoint route, string name, string query, CancellationToken ct)
    {
        await using var scope = web.Services.CreateAsyncScope();
        var http = new DefaultHttpContext
        {
            RequestServices = scope.ServiceProvider,
            RequestAborted = ct,
        };
        (http.Request.Method, http.Request.Scheme) = ("GET", "http");
        http.Request.Host = new HostString("localhost");
        http.Request.QueryString = new QueryString(query);
        foreach (var part in route.RoutePattern.Parameters)
            http.Request.RouteValues[part.Name] = name;
        http.SetEndpoint(route);
        Visitor.Local.Enter(http); // With all forms and buttons.
        try
        {
            await route.RequestDelegate!(http);
            return http.Response.StatusCode;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return 0; // Whoever asks for it is told.
        }
    }
}
