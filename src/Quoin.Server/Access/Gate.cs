using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// What every request passes first: which host it was sent to, who sent it, whether another site
/// made a browser send it, and whether who sent it may. Its answers carry the headers that keep a
/// browser from running what is only shown.
/// </summary>
sealed class Gate(
    TokenList tokens, IPEndPoint listen, IReadOnlyCollection<string> hosts, TimeProvider time)
{
    /// <summary>The cookie of a session.</summary>
    public const string SessionCookie = "quoin-session";

    // A stream has no end of its own: so often it is asked whether its token still holds.
    static readonly TimeSpan StillKnown = TimeSpan.FromSeconds(3);

    const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; "
        + "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        + "frame-ancestors 'none'";

    /// <summary>Lets a request through to <paramref name="next"/>, or answers it.</summary>
    public async Task PassAsync(HttpContext http, RequestDelegate next)
    {
        try
        {
            await AdmitAsync(http, next);
        }
        catch (StoreException e) when (!http.Response.HasStarted)
        {
            await RefuseAsync(http, 503, e.Code, e.Message); // Who asks is in the store.
        }
    }

    async Task AdmitAsync(HttpContext http, RequestDelegate next)
    {
        Protect(http.Response.Headers);
        if (!IsHostKnown(http.Request.Host.Host))
        {
            await RefuseAsync(
                http, 421, "host-unknown",
                "this server is not known by that name; --host NAME makes it known");
            return;
        }
        if (IsOpen(http.Request))
        {
            await next(http);
            return;
        }
        var who = WhoOf(http);
        if (who() is not { } visitor)
        {
            await AskForTokenAsync(http);
            return;
        }
        visitor.Enter(http);
        http.Response.OnStarting(() =>
        {
            if (IsStream(http.Response)) EndWith(who, http);
            return Task.CompletedTask;
        });
        if (IsWrite(http.Request))
        {
            if (!visitor.MayOperate)
            {
                await RefuseAsync(
                    http, 403, "forbidden", $"the token {visitor.Name} may only read");
                return;
            }
            if (!IsOwnSite(http.Request))
            {
                await RefuseAsync(
                    http, 403, "cross-site", "a page of another site may not change things here");
                return;
            }
        }
        await next(http);
    }

    static void Protect(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    // A name of another site that leads to loopback is how its pages would reach this server.
    bool IsHostKnown(string host)
    {
        if (host.Length == 0 || hosts.Contains(host, StringComparer.OrdinalIgnoreCase)) return true;
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return true;
        // Pages of another site have a name, not an address; where tokens are needed, its name
        // has no cookie of ours.
        return IPAddress.TryParse(host.Trim('[', ']'), out _)
            || !IPAddress.IsLoopback(listen.Address);
    }

    // A wake-up of a service brings the run's own token.
    static bool IsOpen(HttpRequest request) =>
        request.Path.Value is "/healthz" or "/readyz" or "/login"
        || request.Path.StartsWithSegments("/assets")
        || (request.Path.StartsWithSegments("/api/v1/runs", out var rest)
            && rest.Value?.EndsWith("/wake", StringComparison.Ordinal) == true
            && request.Query.ContainsKey("token"));

    // Who sent it, as of when it is asked; the request itself is read once, now.
    Func<Visitor?> WhoOf(HttpContext http)
    {
        var isLocal = IPAddress.IsLoopback(listen.Address) && !IsForwarded(http.Request.Headers);
        var header = http.Request.Headers.Authorization is [{ } one] ? one : null;
        var session = http.Request.Cookies[SessionCookie];
        return () =>
        {
            if (!tokens.IsNeeded) return isLocal ? Visitor.Local : null;
            if (header is not null)
                return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
                    ? tokens.Find(header["Bearer ".Length..].Trim())
                    : null;
            return session is { Length: 64 } ? tokens.FindSession(session) : null;
        };
    }

    /// <summary>It goes on until somebody ends it.</summary>
    public static bool IsStream(HttpResponse response) => response.ContentType
        is "text/event-stream" or "application/x-ndjson; charset=utf-8";

    // A token that is revoked ends what was begun with it.
    void EndWith(Func<Visitor?> who, HttpContext http) =>
        http.Response.RegisterForDispose(time.CreateTimer(
            _ =>
            {
                try
                {
                    if (who() is null) http.Abort();
                }
                catch (Exception e) when (e is StoreException or ObjectDisposedException)
                {
                    // Nobody can say now, and the next look may; or it has just ended by itself.
                }
            },
            null, StillKnown, StillKnown));

    /// <summary>
    /// A browser reached it over TLS: here, or at the proxy before it, as that says or as was
    /// configured. Who makes that up only makes his own cookies narrower.
    /// </summary>
    public static bool IsSecure(HttpContext http, bool isBehindTls) => isBehindTls
        || http.Request.IsHttps
        || http.Request.Headers["X-Forwarded-Proto"] is [{ } scheme]
            && scheme.Equals("https", StringComparison.OrdinalIgnoreCase);

    // A proxy on this machine speaks for others, whoever they are.
    static bool IsForwarded(IHeaderDictionary headers) =>
        headers.ContainsKey("Forwarded") || headers.ContainsKey("Via")
        || headers.Keys.Any(
            name => name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
                || name.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase));

    // A plan records nothing, and everybody may leave.
    static bool IsWrite(HttpRequest request) =>
        !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)
        && request.Path.Value is not ("/api/v1/plan" or "/logout");

    /// <summary>
    /// False when a browser says that another site made it send this. Programs say nothing.
    /// </summary>
    public static bool IsOwnSite(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"] is [{ } site]
            && site is not ("same-origin" or "none")) return false;
        if (request.Headers.Origin is not [{ } origin]) return request.Headers.Origin.Count == 0;
        return Uri.TryCreate(origin, UriKind.Absolute, out var from)
            && from.Authority.Equals(AuthorityOf(request), StringComparison.OrdinalIgnoreCase);
    }

    static string AuthorityOf(HttpRequest request) =>
        Uri.TryCreate($"{request.Scheme}://{request.Host.Value}", UriKind.Absolute, out var own)
            ? own.Authority
            : "";

    static async Task AskForTokenAsync(HttpContext http)
    {
        var accepts = http.Request.Headers.Accept.ToString();
        var isPage = HttpMethods.IsGet(http.Request.Method)
            && !http.Request.Path.StartsWithSegments("/api")
            && accepts.Contains("text/html", StringComparison.Ordinal);
        if (isPage)
        {
            var back = Uri.EscapeDataString(http.Request.Path + http.Request.QueryString);
            http.Response.Redirect($"/login?next={back}");
            return;
        }
        http.Response.Headers.WWWAuthenticate = "Bearer";
        await RefuseAsync(
            http, 401, "unauthorized",
            "this server asks for a token: Authorization: Bearer TOKEN; quoin token create makes "
            + "one");
    }

    static Task RefuseAsync(HttpContext http, int status, string code, string message) =>
        Json.ProblemAsync(http, status, code, message);
}
