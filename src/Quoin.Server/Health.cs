using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Quoin.Server;

/// <summary>What a supervisor of processes and a load balancer ask.</summary>
static class Health
{
    /// <summary><c>/healthz</c>: it runs. <c>/readyz</c>: it answers from the newest state.
    /// </summary>
    public static void Map(WebApplication web, Served served)
    {
        web.MapGet("/healthz", http => Answer(http, 200, "ok"));
        web.MapGet("/readyz", http => served.Views switch
        {
            { Failure: { } failure } => Answer(http, 503, $"the store cannot be read: {failure}"),
            { IsReady: false } => Answer(http, 503, "the log is being read"),
            _ when !served.Warming.IsCompleted => Answer(http, 503, "the first pages are made"),
            _ => Answer(http, 200, "ok"),
        });
    }

    static Task Answer(HttpContext http, int status, string text)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(text + "\n", http.RequestAborted);
    }
}
