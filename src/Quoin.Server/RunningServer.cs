using System.Net;
using Microsoft.AspNetCore.Builder;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>A store that is served: everything of one <c>quoin serve</c>, started.</summary>
sealed class RunningServer : IAsyncDisposable
{
    // Somebody waits for it, and a page that hangs has to be seen.
    static readonly TimeSpan WarmingMax = TimeSpan.FromSeconds(5);

    readonly IBuildStore store;
    readonly Served served;
    readonly ServedGraph graph;
    readonly ArtifactStore? artifacts;
    readonly StoreViews views;
    readonly Standby? standby;
    readonly StoreWorker? worker;
    readonly WebApplication web;
    readonly ServerMeter meter;
    readonly MetricsPage metrics;
    readonly Telemetry? telemetry;
    readonly CancellationTokenSource stopping = new();
    Task working = Task.CompletedTask, warming = Task.CompletedTask;
    bool isDrained, isDisposed;

    RunningServer(
        Cli.Cli cli, ServeOptions options, Workspace workspace, ServedGraph graph,
        IBuildStore store, TokenList tokens)
    {
        (this.graph, this.store) = (graph, store);
        artifacts = ProjectArtifacts.Open(cli, workspace, graph.Now.Graph.Artifacts);
        views = new StoreViews(store, cli.Warn);
        views.SetGraph(graph.Now.Graph);
        graph.OnChange = views.SetGraph;
        meter = new ServerMeter(views, () => store.LastPosition);
        metrics = new MetricsPage(meter);
        views.OnAttemptEnded = meter.Ended;
        telemetry = Telemetry.Open(cli, metrics.Readings);
        standby = options.Coordinates
            ? new Standby(cli, workspace, graph, artifacts, telemetry?.Tracing)
            : null;
        worker = options.Slots is { } slots
            ? SlotWorker.Make(
                cli, workspace, store, slots, new WorkerView(cli, workspace), artifacts: artifacts)
            : null;
        served = new Served
        {
            Cli = cli,
            Workspace = workspace,
            Store = store,
            Tokens = tokens,
            IsBehindTls = options.IsBehindTls,
            Views = views,
            Graph = graph,
            Artifacts = artifacts,
            Stopping = stopping.Token,
            Metrics = metrics,
            Leads = () => standby?.Leads == true,
            Coordinates = standby is not null,
        };
        web = WebHost.Build(options, served);
    }

    /// <summary>Opens the store, making it when it is missing, and serves.</summary>
    public static async Task<RunningServer> StartAsync(Cli.Cli cli, ServeOptions options)
    {
        cli = cli.WithFullDurability().WithoutServer();
        var workspace = Project.Find(cli);
        var graph = new ServedGraph(cli, workspace);
        var store = Project.OpenForAsking(cli, workspace);
        var tokens = new TokenList((IAccessStore)store, cli.Time);
        if (!IPAddress.IsLoopback(options.Listen.Address) && !tokens.IsNeeded)
        {
            graph.Dispose();
            await store.DisposeAsync();
            throw new UsageException(
                "tokens-needed",
                $"{options.Listen} can be reached from other machines, and there are no tokens:"
                    + " anybody could change things here. Make one first (quoin token create NAME"
                    + " --role operate), or listen on 127.0.0.1");
        }
        var server = new RunningServer(cli, options, workspace, graph, store, tokens);
        try
        {
            // A port that is in use is told of before anything is decided or run.
            await server.web.StartAsync();
            if (server.worker is { } worker) server.working = SlotWorker.RunAsync(worker);
            server.standby?.Start(cli.Env("QUOIN_SERVER") ?? server.Address);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary><c>http://127.0.0.1:4680</c>, with the port that it got.</summary>
    public string Address => web.Urls.First();

    /// <summary>
    /// Makes a page of each kind once. Until that is done, <c>/readyz</c> says that it is not
    /// ready: who asks then would wait for code to be compiled.
    /// </summary>
    public Task<IReadOnlyList<(string Path, int Status)>> WarmAsync()
    {
        var asking = Task.Run(() => Warming.AskAsync(web, served, stopping.Token));
        warming = asking;
        served.Warming = asking.WaitAsync(WarmingMax, served.Cli.Time);
        return asking;
    }

    /// <summary>What is served, for tests.</summary>
    public StoreViews Views => views;

    /// <summary>How many runs its worker has.</summary>
    public int Holding => worker?.Holding ?? 0;

    /// <summary>Completes with the error that ended a part of it.</summary>
    public Task Failed => worker is null
        ? Task.Delay(Timeout.InfiniteTimeSpan)
        : FailedAsync();

    // A worker that ends before it is drained has failed.
    async Task FailedAsync()
    {
        await working;
        if (!isDrained) return;
        await Task.Delay(Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ends what runs at once; others run it again.</summary>
    public void Kill() => worker?.Kill();

    /// <summary>
    /// Takes no new runs, waits for those that it has, then closes the connections, then gives the
    /// lead up.
    /// </summary>
    public async Task DrainAsync()
    {
        if (isDrained) return;
        isDrained = true;
        worker?.StepAside();
        await working;
        await stopping.CancelAsync();
        await Task.WhenAny(warming);
        await web.StopAsync();
        if (standby is not null) await standby.DisposeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (isDisposed) return;
        isDisposed = true;
        await DrainAsync();
        await web.DisposeAsync();
        worker?.Dispose();
        stopping.Dispose();
        graph.Dispose();
        telemetry?.Dispose();
        metrics.Dispose();
        meter.Dispose();
        views.Dispose();
        artifacts?.Dispose();
        await store.DisposeAsync();
    }
}
