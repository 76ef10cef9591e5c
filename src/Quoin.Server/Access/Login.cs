using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Quoin.Server;

/// <summary>
/// Where a browser shows a token, and gets a session for it: a cookie that no script reads and no
/// other site's page sends.
/// </summary>
static class Login
{
    /// <summary>Adds <c>/login</c> and <c>/logout</c>.</summary>
    public static void Map(WebApplication web, Served served)
    {
        var tokens = served.Tokens;
        web.MapGet("/login", http => ShowAsync(http, NextOf(http.Request.Query["next"]), ""));
        web.MapPost("/login", http => EnterAsync(http, served));
        web.MapPost("/logout", http =>
        {
            if (http.Request.Cookies[Gate.SessionCookie] is { } session) tokens.End(session);
            http.Response.Cookies.Delete(Gate.SessionCookie);
            See(http, "/login");
            return Task.CompletedTask;
        });
    }

    static async Task EnterAsync(HttpContext http, Served served)
    {
        var tokens = served.Tokens;
        if (!Gate.IsOwnSite(http.Request))
        {
            await Json.ProblemAsync(http, 403, "cross-site", "this form is not from here");
            return;
        }
        if (await ReadFormAsync(http) is not { } form) return;
        var next = NextOf(form["next"]);
        if (tokens.Find($"{form["token"]}".Trim()) is not { } visitor)
        {
            http.Response.StatusCode = 403;
            await ShowAsync(http, next, "That is not a token of this server.");
            return;
        }
        http.Response.Cookies.Append(Gate.SessionCookie, tokens.Begin(visitor), new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = Gate.IsSecure(http, served.IsBehindTls),
            Path = "/",
        });
        See(http, next);
    }

    /// <summary>
    /// A form as our own pages send it (the other kind can be malformed in more ways); null: it is
    /// none, and was answered.
    /// </summary>
    public static async Task<IFormCollection?> ReadFormAsync(HttpContext http)
    {
        var (status, problem) = (415, "this address takes a form of a page of this server");
        try
        {
            if (http.Request.ContentType?.StartsWith(
                "application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) == true)
                return await http.Request.ReadFormAsync(http.RequestAborted);
        }
        catch (InvalidDataException e)
        {
            (status, problem) = (400, e.Message);
        }
        await Json.ProblemAsync(http, status, "usage", problem);
        return null;
    }

    static void See(HttpContext http, string path)
    {
        http.Response.Redirect(path);
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
    }

    // Only a place of this server: //example.org/ and /\example.org are none.
    static string NextOf(string? text) =>
        text is ['/', ..] and not ['/', '/' or '\\', ..]
            && text.All(c => c is > ' ' and < '\x7f')
            ? text
            : "/";

    static Task ShowAsync(HttpContext http, string next, string problem)
    {
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        var told = problem.Length == 0
            ? ""
            : $"<p role=\"alert\">{WebUtility.HtmlEncode(problem)}</p>";
        return http.Response.WriteAsync(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Sign in - Quoin</title>
            {Head}
            </head>
            <body>
            <main class="login">
            <h1>Quoin</h1>
            {told}
            <form method="post" action="/login">
            <input type="hidden" name="next" value="{WebUtility.HtmlEncode(next)}">
            <p><label for="token">Token</label>
            <input id="token" name="token" type="password" autocomplete="current-password"
              required autofocus></p>
            <p><button>Sign in</button></p>
            </form>
            <p><code>quoin token create NAME --role operate</code> makes one.</p>
            </main>
            </body>
            </html>
            """,
            http.RequestAborted);
    }

    /// <summary>What the page has in its head beside its title: the style sheet.</summary>
    public static string Head { get; set; } = "";
}
