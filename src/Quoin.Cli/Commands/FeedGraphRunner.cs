using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Serves the feeds of a graph: for each job that gets lines a supervisor with a database of its
/// own below <c>.quoin/feeds</c>, and for those without line workers the job's command, run here.
/// </summary>
sealed class FeedGraphRunner(Cli cli, Workspace workspace, GraphLoad load, int slots)
{
    readonly SharedSlots shared = new(slots);
    Exception? failure;

    /// <summary>Until a signal; then what runs here ends first.</summary>
    public static int Run(Cli cli, int slots)
    {
        var workspace = Project.Find(cli);
        var load = GraphLoader.Load(workspace.Root, workspace.GraphFile);
        if (load.Graph is null) throw new BadGraphException(load.Problems);
        foreach (var warning in load.Problems) cli.Say(ProblemText.LineOf(warning));
        if (load.FeedJobs.IsEmpty)
            throw new UsageException("no-feeds", "the graph has no feeds; see docs/supervisor.md");
        using var interruption = new Interruption();
        try
        {
            new FeedGraphRunner(cli, workspace, load, slots).Serve(interruption.Stop);
            return ExitCode.Ok;
        }
        catch (StoreException e)
        {
            return cli.Error(e.Code, e.Message, ExitCode.Failed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return cli.Error("environment", e.Message, ExitCode.Failed);
        }
    }

    void Serve(CancellationToken stop)
    {
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var end = new CancellationTokenSource();
        var servers = new List<(FeedJob Job, Supervisor Server, string Socket)>();
        try
        {
            foreach (var job in load.FeedJobs)
            {
                var options = OptionsOf(job, servers.Count);
                servers.Add((job, new Supervisor(cli, options), options.Socket));
            }
            var serving = servers.Select(it => Start(() => it.Server.Run(end.Token), stopped));
            var threads = serving.ToList();
            var working = servers.Where(it => it.Job.Socket is null)
                .Select(it => Start(() => Work(it.Job, it.Socket, stopped.Token), stopped));
            foreach (var worker in working.ToList()) worker.Join();
            stopped.Token.WaitHandle.WaitOne();
            end.Cancel();
            foreach (var thread in threads) thread.Join();
        }
        finally
        {
            foreach (var (_, server, _) in servers) server.Dispose();
        }
        if (failure is not null) throw failure;
    }

    // What ends one of them ends all.
    Thread Start(Action run, CancellationTokenSource stopped)
    {
        var thread = new Thread(() =>
        {
            try
            {
                run();
            }
            catch (Exception e) when (e is StoreException or IOException)
            {
                failure ??= e;
                stopped.Cancel();
            }
        });
        thread.Start();
        return thread;
    }

    void Work(FeedJob job, string socket, CancellationToken stop) =>
        new LineWorkerRunner(
            cli,
            new LineWorkerOptions(socket, slots, job.Timeout, [.. job.Exec])
            {
                Capture = job.Capture,
                Shared = shared,
                Folder = Path.Combine(workspace.Root, job.Folder),
                Env = job.Env,
            },
            stop).Run();

    SupervisorOptions OptionsOf(FeedJob job, int index)
    {
        var folder = Path.Combine(workspace.QuoinDirectory, "feeds");
        Directory.CreateDirectory(folder);
        // A socket's path is short; those of our own need no name that anybody knows.
        var socket = job.Socket is { } named
            ? Path.Combine(workspace.Root, named)
            : Path.Combine(Path.GetTempPath(), $"quoin-{Environment.ProcessId}-{index}");
        return new SupervisorOptions(
            Path.Combine(folder, job.Name + ".db"), Path.Combine(workspace.Root, job.FeedFolder),
            socket, job.Rules)
        {
            LineBytesMax = job.LineBytesMax,
            Dataset = job.Dataset,
            IsMade = name => IsMade(job, name),
        };
    }

    bool IsMade(FeedJob job, string name)
    {
        var reference = job.Rules.Dataset is null
            ? $"{job.Dataset}/{PartitionRef.EncodeSegment(name)}"
            : name;
        var path = load.Graph!.PathOf(System.Text.Encoding.UTF8.GetBytes(reference));
        return Path.Exists(Path.Combine(workspace.Root, path));
    }
}
