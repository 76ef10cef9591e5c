using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Server.Pages;

namespace Quoin.Server;

/// <summary>
/// The pages of the dashboard: each reads what it shows, under the lock of the views for a moment,
/// and is rendered after that. Reading needs no script.
/// </summary>
static class PageRoutes
{
    const int ListMax = 100;

    /// <summary>Adds all of them, and what they need.</summary>
    public static void Map(WebApplication web, Served served)
    {
        PageAssets.Map(web);
        PageLive.Map(web, served);
        PageActs.Map(web, served);
        Login.Head = $"<link rel=\"stylesheet\" href=\"{PageAssets.Style}\">";
        var grids = new DatasetGrids();
        _ = LearnAsync(served, grids);
        Get(web, served, "/", http => Now(http, served));
        Get(web, served, "/wants", http => Wants(http, served));
        Get(web, served, "/wants/{id}", http => Want(http, served));
        Get(web, served, "/runs", http => Runs(http, served));
        Get(web, served, "/runs/{id}", http => Run(http, served));
        Get(web, served, "/datasets", http => Datasets(http, served));
        Get(web, served, "/datasets/{**name}", http => Dataset(http, served, grids));
        Get(web, served, "/partitions/{**name}", http => PartitionAsync(http, served));
        Get(web, served, "/graph", http => Page<GraphPage>(http, served,
            ("Model", served.Views.Read(s => GraphModel.Of(s, served.Graph.Now.Graph)))));
        Get(web, served, "/machines", http => Machines(http, served));
        Get(web, served, "/workers", http => Page<WorkersPage>(http, served,
            ("Workers", served.Views.Read(s => WorkerLine.All(s)))));
        Get(web, served, "/feeds", http => Page<FeedsPage>(http, served,
            ("Feeds", ShownFeed.All(
                served.Workspace, FeedReport.PathOf(served.Cli), served.Cli.Time.GetUtcNow()))));
        Get(web, served, "/interventions", http => Page<InterventionsPage>(http, served,
            ("Questions", served.Views.Read(s =>
                s.Questions.Values.TakeLast(ListMax).Select(QuestionLine.Of).ToList()))));
        Get(web, served, "/events", http => Events(http, served));
        Get(web, served, "/help", http => Page<HelpPage>(http, served));
        Get(web, served, "/go", http => Go(http, served));
        web.MapFallback(http => Missing(http, served, "there is no such page").ExecuteAsync(http));
    }

    static void Get(
        WebApplication web, Served served, string route, Func<HttpContext, IResult> page) =>
        Get(web, served, route, http => Task.FromResult(page(http)));

    static void Get(
        WebApplication web, Served served, string route, Func<HttpContext, Task<IResult>> page) =>
        web.MapGet(route, async http =>
        {
            // What comes after this is news to the page.
            http.Items[nameof(Frame.Position)] = served.Views.Position;
            var answer = served.Views.IsReady
                ? await page(http)
                : Message(
                    http, served, 503, "Starting", "The log is being read; reload in a moment.");
            await answer.ExecuteAsync(http);
        });

    static RazorComponentResult<T> Page<T>(
        HttpContext http, Served served, params (string Name, object? Value)[] parameters)
        where T : IComponent
    {
        http.Response.Headers.CacheControl = "no-store";
        var all = new Dictionary<string, object?> { ["Frame"] = FrameOf(http, served) };
        foreach (var (name, value) in parameters) all[name] = value;
        return new RazorComponentResult<T>(all);
    }

    static Frame FrameOf(HttpContext http, Served served)
    {
        var views = served.Views;
        var isLed = served.IsLed;
        return new Frame
        {
            Project = served.Graph.Now.Graph.Name,
            Position = http.Items[nameof(Frame.Position)] is long at ? at : views.Position,
            Now = served.Cli.Time.GetUtcNow(),
            Zone = served.Cli.Time.LocalTimeZone,
            Questions = views.Read(s => s.Kernel.Interventions.Count),
            Here = Links.Local(http.Request.Path.ToUriComponent() + http.Request.QueryString),
            Proof = PageGuard.Proof(http, served.IsBehindTls),
            HasSession = Visitor.Of(http)?.HasSession == true,
            Done = One(http, "done") ?? "",
            Alarm = views.Failure is { } failure ? $"The store cannot be read any more: {failure}"
                : !isLed ? "Nobody decides for this store now: nothing is started, and what is "
                    + "asked waits. quoin build or another quoin serve goes on with it."
                : served.Graph.Problems.Count > 0
                    ? $"The graph cannot be used as it is now ({served.Graph.Problems[0]}); the "
                        + "last good one stays."
                : "",
        };
    }

    static Func<StoreState, Holdups> HoldupsOf(Served served)
    {
        var facts = WantRoutes.Facts(served);
        return s => new Holdups(s.Kernel, facts);
    }

    static RazorComponentResult<NowPage> Now(
        HttpContext http, Served served)
    {
        var holdups = HoldupsOf(served);
        var now = served.Cli.Time.GetUtcNow();
        var graph = served.Graph.Now.Graph;
        return Page<NowPage>(http, served,
            ("Model", served.Views.Read(s => NowModel.Of(s, holdups(s), graph, now))));
    }

    static RazorComponentResult<WantsPage> Wants(
        HttpContext http, Served served)
    {
        var standing = Words.Parse<WantStanding>(One(http, "state"));
        var (graph, holdups) = (served.Graph.Now.Graph, HoldupsOf(served));
        var now = served.Cli.Time.GetUtcNow();
        int? next = null;
        var lines = served.Views.Read(s => WantWork.Lines(
            s, s.Wants.Page(standing, IntOf(http, "before"), ListMax, out next), holdups(s), graph,
            now));
        return Page<WantsPage>(http, served,
            ("Wants", lines), ("State", standing is { } s ? Words.Of(s) : null), ("Next", next));
    }

    static IResult Want(HttpContext http, Served served)
    {
        if (!WantId.TryParse(Route(http, "id"), out var id))
            return Missing(http, served, $"\"{Route(http, "id")}\" is not a want (w-17)");
        var (graph, holdups) = (served.Graph.Now.Graph, HoldupsOf(served));
        var now = served.Cli.Time.GetUtcNow();
        return served.Views.Read(s => WantModel.Of(s, id, holdups(s), graph, now)) is { } model
            ? Page<WantPage>(http, served, ("Model", model))
            : Missing(http, served, $"there is no {id}");
    }

    static RazorComponentResult<RunsPage> Runs(
        HttpContext http, Served served)
    {
        var state = Words.Parse<RunState>(One(http, "state"));
        var job = One(http, "job") is { Length: > 0 } name ? name : null;
        var holdups = HoldupsOf(served);
        int? next = null;
        var (lines, states) = served.Views.Read(s =>
        {
            var reasons = holdups(s);
            return (
                s.RunPage(state, job, null, IntOf(http, "before"), ListMax, out next)
                    .ConvertAll(run => RunLine.Of(s, run, reasons)),
                Enum.GetValues<RunState>().Where(word => s.CountRuns(word) > 0)
                    .Select(word => (Words.Of(word), s.CountRuns(word))).ToList());
        });
        return Page<RunsPage>(http, served,
            ("Runs", lines), ("States", states), ("State", state is { } s ? Words.Of(s) : null),
            ("Job", job), ("Next", next));
    }

    static IResult Run(HttpContext http, Served served)
    {
        if (!RunId.TryParse(Route(http, "id"), out var id))
            return Missing(http, served, $"\"{Route(http, "id")}\" is not a run (r-19)");
        var (graph, holdups) = (served.Graph.Now.Graph, HoldupsOf(served));
        if (served.Views.Read(s => RunModel.Of(s, id, holdups(s), graph)) is not { } model)
            return Missing(http, served, $"there is no {id}");
        var asked = IntOf(http, "attempt");
        var attempt = model.Attempts.FirstOrDefault(line => line.Number == asked)
            ?? model.Attempts.FirstOrDefault();
        var number = attempt?.Number ?? 0;
        var log = number == 0 ? new RunLog() : LogOf(http, served, new AttemptId(id, number));
        return Page<RunPage>(http, served,
            ("Model", model), ("LogAttempt", number), ("Time", served.Cli.Time),
            ("Follows", attempt is { Outcome: "running" } && !log.IsPiece), ("Log", log));
    }

    static RunLog LogOf(HttpContext http, Served served, AttemptId attempt) =>
        RunLog.Piece(
            served.Workspace, served.Store, attempt, LongOf(http, "from"), LongOf(http, "to"))
        ?? RunLog.Tail(served.Workspace, served.Store, attempt);

    static RazorComponentResult<DatasetsPage> Datasets(HttpContext http, Served served)
    {
        var page = served.Views.Read(s => DatasetModel.Page(
            s, served.Graph.Now.Graph, One(http, "after")));
        return Page<DatasetsPage>(http, served,
            ("Datasets", page),
            ("Next", page.Length == DatasetModel.DatasetsMax ? page[^1].Name : null));
    }

    static IResult Dataset(HttpContext http, Served served, DatasetGrids grids)
    {
        var name = Route(http, "name");
        var query = new DatasetQuery(
            Words.Parse<PartitionPlace>(One(http, "state")), IntOf(http, "part") ?? 1,
            IntOf(http, "columns") ?? 1, One(http, "after"));
        return DatasetModel.Of(
            served.Views, served.Graph.Now.Graph, grids, HoldupsOf(served), name, query)
            is { } model
            ? Page<DatasetPage>(http, served, ("Model", model))
            : Missing(http, served, $"there is no dataset \"{name}\"");
    }

    // The first look at a grid costs all names; so somebody looks before anybody waits for it.
    static async Task LearnAsync(Served served, DatasetGrids grids)
    {
        try
        {
            await served.Views.ReadyAsync(served.Stopping);
            await Task.Run(() => grids.Learn(served.Views.Names, served.Graph.Now.Graph));
        }
        catch (Exception e) when (e is OperationCanceledException or StoreException)
        {
            // The end, or there is nothing to look at.
        }
    }

    static async Task<IResult> PartitionAsync(HttpContext http, Served served)
    {
        var name = Route(http, "name");
        if (PartitionModel.Of(
            served.Views, served.Store, name, HoldupsOf(served), served.Graph.Now.Graph)
            is not { } model)
            return Missing(http, served, $"nobody ever heard of \"{name}\", and no job makes it");
        // Only for who asks: it looks at files, and calls config commands.
        if (One(http, "explain") is not null && model.Job.Length > 0)
            model = model with
            {
                Explained = await Api.PlanningAsync(
                    () => ExplainCommand.Of(
                        served.Cli, served.Workspace, served.Graph.Now.Graph, served.Store,
                        served.Artifacts, [name], http.RequestAborted)[0].Text(),
                    http.RequestAborted),
            };
        return Page<PartitionPage>(http, served, ("Model", model));
    }

    static RazorComponentResult<MachinesPage> Machines(
        HttpContext http, Served served) => Page<MachinesPage>(http, served,
        ("Charts", served.Views.Read(s => new List<MachineChart>
        {
            MachineChart.Of("Partition", name =>
                Words.Parse<PartitionPlace>(Words.Kebab(name)) is { } place
                    ? s.Kernel.Count(place)
                    : 0),
            MachineChart.Of("Run", Counts(s.Kernel.Runs.Values, run => $"{run.Place}")),
            MachineChart.Of("Want", Counts(s.Kernel.Wants.Values, want =>
                want.OfferedUntil is not null ? "Offered"
                : want.IsReleasing ? "Releasing" : "Open")),
        })));

    static Func<string, int> Counts<T>(IEnumerable<T> tokens, Func<T, string> placeOf)
    {
        var counts = tokens.CountBy(placeOf).ToDictionary();
        return place => counts.GetValueOrDefault(place);
    }

    static RazorComponentResult<EventsPage> Events(
        HttpContext http, Served served)
    {
        var before = long.TryParse(
            One(http, "before"), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;
        var query = new EventsQuery(
            One(http, "type") ?? "", (One(http, "subject") ?? "").Trim(), before);
        return Page<EventsPage>(http, served,
            ("Model", EventsModel.Of(served.Views, served.Store, query)));
    }

    static IResult Go(HttpContext http, Served served)
    {
        var asked = (One(http, "q") ?? "").Trim();
        var path = RunId.TryParse(asked.Split('/')[0], out var run) ? Links.Of(run)
            : WantId.TryParse(asked, out var want) ? Links.Of(want)
            : InterventionId.TryParse(asked, out var question) ? $"/interventions#{question}"
            : null;
        if (path is not null) return Results.Redirect(path);
        if (asked.Length == 0) return Results.Redirect("/");
        var graph = served.Graph.Now.Graph;
        var isDataset = served.Views.Read(s =>
            DatasetModel.Find(s, graph, asked) is { Total: not 1 });
        if (isDataset) return Results.Redirect(Links.Dataset(asked));
        if (graph.FindJob(asked) is not null
            && graph.FindProducer(Encoding.UTF8.GetBytes(asked)).Job is null)
            return Results.Redirect(Links.Job(asked));
        return Results.Redirect(Links.Partition(asked));
    }

    static RazorComponentResult<MessagePage> Missing(
        HttpContext http, Served served, string message) =>
        Message(http, served, StatusCodes.Status404NotFound, "Not there", message);

    static RazorComponentResult<MessagePage> Message(
        HttpContext http, Served served, int status, string title, string text, string back = "")
    {
        http.Response.StatusCode = status;
        var page = Page<MessagePage>(
            http, served, ("Title", title), ("Text", text), ("Back", back));
        page.StatusCode = status;
        return page;
    }

    /// <summary>The page that says why a form was not done.</summary>
    public static Task RefusedAsync(
        HttpContext http, Served served, Refusal refusal, string back) =>
        Message(
            http, served, http.Response.StatusCode, $"Refused: {refusal.Code}", refusal.Message,
            back).ExecuteAsync(http);

    static string Route(HttpContext http, string name) => $"{http.Request.RouteValues[name]}";

    static string? One(HttpContext http, string name) =>
        http.Request.Query[name].FirstOrDefault() is { } text && !text.Contains('\0') ? text : null;

    static long? LongOf(HttpContext http, string name) =>
        long.TryParse(
            One(http, name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    static int? IntOf(HttpContext http, string name) =>
        int.TryParse(
            One(http, name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
