using System.Collections.Immutable;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>What the forms of the pages do: one command of the store each.</summary>
static class PageActs
{
    /// <summary>Adds the routes that forms are sent to.</summary>
    public static void Map(WebApplication web, Served served)
    {
        Post(web, served, "/wants", BuildAsync);
        Post(web, served, "/wants/{id}/cancel", (http, form) =>
            AskAsync(served, "cancelled", new StoreCommand.Cancel(WantOf(http), By(http)), http));
        Post(web, served, "/wants/{id}/retry", (http, form) => RetryWantAsync(served, http));
        Post(web, served, "/wants/{id}/release", (http, form) =>
            AskAsync(served, "released", new StoreCommand.Release(WantOf(http), By(http)), http));
        Post(web, served, "/wants/{id}/accept", (http, form) =>
            AskAsync(served, "accepted", new StoreCommand.AcceptOffer(WantOf(http)), http));
        Post(web, served, "/runs/{id}/cancel", (http, form) =>
            AskAsync(served, "cancelled", new StoreCommand.CancelRun(RunOf(http), By(http)), http));
        Post(web, served, "/runs/{id}/retry", (http, form) => RetryRunAsync(served, http));
        Post(web, served, "/taint", (http, form) => TaintAsync(served, http, form));
        Post(web, served, "/interventions/{id}", (http, form) => ResolveAsync(served, http, form));

        Task<Done> BuildAsync(HttpContext http, IFormCollection form) =>
            PageActs.BuildAsync(served, http, form);
    }

    /// <summary>What came of a form: a word for the next page, and where that is.</summary>
    sealed record Done(string Word, Refusal? Refusal = null)
    {
        /// <summary>Null: the page that the form was on.</summary>
        public string? GoTo { get; init; }
    }

    sealed class RefusedException(string code, string message) : Exception(message)
    {
        public Refusal Refusal { get; } = new(code, message);
    }

    static void Post(
        WebApplication web, Served served, string route,
        Func<HttpContext, IFormCollection, Task<Done>> act) =>
        web.MapPost(route, http => AnswerAsync(http, served, act));

    static async Task AnswerAsync(
        HttpContext http, Served served, Func<HttpContext, IFormCollection, Task<Done>> act)
    {
        if (await Login.ReadFormAsync(http) is not { } form) return;
        var back = Links.Local(form["back"]);
        var refusal = PageGuard.IsProven(http, form[PageGuard.Field])
            ? null
            : new Refusal("not-proven", "this form did not come from a page of this server, or "
                + "its page is too old; go back, reload it and try again");
        Done? done = null;
        if (refusal is null)
        {
            try
            {
                done = await act(http, form);
                refusal = done.Refusal;
            }
            catch (RefusedException e)
            {
                refusal = e.Refusal;
            }
            catch (StoreException e)
            {
                refusal = new Refusal(e.Code, e.Message);
            }
        }
        if (refusal is null)
        {
            var path = (done!.GoTo ?? back).Split('?', '#')[0];
            var query = done.GoTo is null ? QueryOf(back) : [];
            http.Response.Redirect(
                Links.With(path, [.. query, ("done", (object?)done.Word)]), false, false);
            http.Response.StatusCode = StatusCodes.Status303SeeOther;
            return;
        }
        http.Response.StatusCode = refusal.Code == "not-proven"
            ? StatusCodes.Status403Forbidden
            : StatusCodes.Status409Conflict;
        await PageRoutes.RefusedAsync(http, served, refusal, back);
    }

    static IEnumerable<(string, object?)> QueryOf(string address)
    {
        var query = address.IndexOf('?') is >= 0 and var at ? address[at..] : "";
        foreach (var (name, values) in
            Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(query))
            if (name != "done") yield return (name, values.ToString());
    }

    static Task<Done> BuildAsync(Served served, HttpContext http, IFormCollection form)
    {
        var name = $"{form["partition"]}".Trim();
        var isFresh = form["fresh"] == "true";
        var (graph, _) = served.Graph.Now;
        if (PartitionRef.Check(name) is { } problem) throw new RefusedException("usage", problem);
        if (graph.FindProducer(System.Text.Encoding.UTF8.GetBytes(name)).Job is null)
            throw new RefusedException("no-producer", $"no job of the graph makes {name}");
        return WantAsync(
            served, "wanted", [name], $"build {name}{(isFresh ? " --fresh" : "")}",
            isFresh ? FreshMode.Selected : FreshMode.No, http);
    }

    static Task<Done> RetryRunAsync(Served served, HttpContext http)
    {
        var id = RunOf(http);
        var targets = served.Views.Read(s => s.Run(id.Value) is { } run
            ? run.State is RunState.Failed or RunState.Cancelled
                ? run.Claims.Select(s.Names.Text).ToImmutableArray()
                : throw new RefusedException(
                    "not-failed", $"{id} is {Words.Of(run.State)}: there is nothing to try again")
            : throw new RefusedException("no-such-run", $"there is no {id}"));
        return WantAsync(served, "retried", targets, $"retry {id}", FreshMode.No, http);
    }

    static Task<Done> RetryWantAsync(Served served, HttpContext http)
    {
        var id = WantOf(http);
        var targets = served.Views.Read(s => s.Want(id.Value) is { } want
            ? (want.Standing == WantStanding.Cancelled ? want.Targets : want.Failed)
                .Select(s.Names.Text).ToImmutableArray()
            : throw new RefusedException("no-such-want", $"there is no {id}"));
        if (targets.IsEmpty)
            throw new RefusedException("not-failed", $"{id} failed to make nothing");
        return WantAsync(served, "retried", targets, $"retry {id}", FreshMode.No, http);
    }

    static async Task<Done> WantAsync(
        Served served, string word, ImmutableArray<string> targets, string text, FreshMode fresh,
        HttpContext http)
    {
        var request = new WantRequest
        {
            Targets = targets,
            Text = text,
            Options = WantOptions.Default with { Fresh = fresh },
        };
        var answer = await SendAsync(
            served, new StoreCommand.Accept(request, served.Graph.Now.Graph), http.RequestAborted);
        if (answer.Want is { } want) return new Done(word) { GoTo = Links.Of(want) };
        return answer.Code == "nothing-to-do"
            ? new Done("nothing-to-do")
            : new Done(word, RefusalOf(answer));
    }

    static async Task<Done> TaintAsync(Served served, HttpContext http, IFormCollection form)
    {
        var (name, why) = ($"{form["partition"]}", $"{form["why"]}".Trim());
        if (why.Length == 0)
            throw new RefusedException("usage", "say why: explain and the log tell it to others");
        return await AskAsync(
            served, "tainted", new StoreCommand.Taint([name], By(http), why), http);
    }

    static Task<Done> ResolveAsync(Served served, HttpContext http, IFormCollection form)
    {
        if (!InterventionId.TryParse($"{http.Request.RouteValues["id"]}", out var id))
            throw new RefusedException("usage", "that is not an intervention");
        if (Words.Parse<InterventionAnswer>(form["answer"]) is not { } answer
            || answer == InterventionAnswer.Closed)
            throw new RefusedException("usage", "answer retry, adopt, released or abandon");
        var externalId = answer == InterventionAnswer.Adopt ? $"{form["id"]}".Trim() : "";
        if (answer == InterventionAnswer.Adopt && externalId.Length == 0)
            throw new RefusedException("usage", "say which thing it is: its id");
        return AskAsync(
            served, "answered",
            new StoreCommand.Resolve(id, answer, externalId, By(http)), http);
    }

    static async Task<Done> AskAsync(
        Served served, string word, StoreCommand command, HttpContext http)
    {
        var answer = await SendAsync(served, command, http.RequestAborted);
        return answer.Code switch
        {
            "done" => new Done(word),
            "nothing-to-do" => new Done("nothing-to-do"),
            _ => new Done(word, RefusalOf(answer)),
        };
    }

    static Refusal RefusalOf(CommandAnswer answer) => new(answer.Code, answer.Message);

    // Through the inbox, like everybody who does not decide; the views see the answer in the log.
    static async Task<CommandAnswer> SendAsync(
        Served served, StoreCommand command, CancellationToken ct)
    {
        var id = StoreState.CommandPrefix + RandomNumberGenerator.GetHexString(16, lowercase: true);
        await served.Store.SendAsync(command.ToInbox(id), ct);
        try
        {
            return await Asking.AnswerAsync(served, id, ct);
        }
        catch (ApiException e)
        {
            throw new RefusedException(e.Code, e.Message);
        }
    }

    static string By(HttpContext http) =>
        Visitor.Of(http) is { Name: not "local" and var name } ? name : "dashboard";

    static WantId WantOf(HttpContext http) =>
        WantId.TryParse($"{http.Request.RouteValues["id"]}", out var id)
            ? id
            : throw new RefusedException("usage", "that is not a want (w-17)");

    static RunId RunOf(HttpContext http) =>
        RunId.TryParse($"{http.Request.RouteValues["id"]}", out var id)
            ? id
            : throw new RefusedException("usage", "that is not a run (r-19)");
}
