using System.Security.Cryptography;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Serves the feeds of a graph: for each job that gets lines a supervisor with a database of its
/// own below <c>.quoin/feeds</c>. For those without line workers each line is built here, by a
/// process of its own: it takes the lead of the store, or asks who has it, as any build does.
/// </summary>
sealed class FeedGraphRunner(Cli cli, Workspace workspace, GraphLoad load, int slots)
{
    const int SocketPathBytesMax = 107;

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
                var options = OptionsOf(job);
                servers.Add((job, new Supervisor(cli, options), options.Socket));
            }
            var serving = servers.Select(it => Start(() => it.Server.Run(end.Token), stopped));
            var threads = serving.ToList();
            var working = servers.Where(it => it.Job.Socket is null)
                .Select(it => Start(() => Work(it.Socket, stopped.Token), stopped));
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

    void Work(string socket, CancellationToken stop) =>
        new LineWorkerRunner(
            cli,
            new LineWorkerOptions(socket, slots, Timeout: null, BuildOfLine) { Shared = shared },
            stop).Run();

    // As somebody would type it. A line is made whatever is there: it was written to be.
    string[] BuildOfLine
    {
        get
        {
            var options = cli.Options;
            List<string> argv =
            [
                Environment.ProcessPath!, "build", "{key}", "--payload={payload}", "--fresh",
                "-j", "1", "-q", "-C", options.Directory, "--graph", workspace.GraphFile,
            ];
            if (!options.NormalDurability) argv.AddRange(["--durability", "full"]);
            if (options.Store is { } store) argv.AddRange(["--store", store]);
            if (options.Server is { Length: > 0 } server) argv.AddRange(["--server", server]);
            return [.. argv];
        }
    }

    SupervisorOptions OptionsOf(FeedJob job)
    {
        var folder = Path.Combine(workspace.QuoinDirectory, "feeds");
        Directory.CreateDirectory(folder);
        var socket = job.Socket is { } named
            ? Path.Combine(workspace.Root, named)
            : OwnSocket(Path.Combine(folder, job.Name + ".sock"));
        return new SupervisorOptions(
            Path.Combine(folder, job.Name + ".db"), Path.Combine(workspace.Root, job.FeedFolder),
            socket, job.Rules)
        {
            LineBytesMax = job.LineBytesMax,
            Dataset = job.Dataset,
            IsMade = name => IsMade(job, name),
        };
    }

    // Of the same name each time, so that what a kill leaves is replaced by the next one. Below a
    // long path, which no socket can have, it lies with the temporary files.
    static string OwnSocket(string path)
    {
        if (Encoding.UTF8.GetByteCount(path) <= SocketPathBytesMax) return path;
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(path));
        return Path.Combine(
            Path.GetTempPath(), $"quoin-feed-{Convert.ToHexStringLower(digest.AsSpan(0, 8))}");
    }

    bool IsMade(FeedJob job, string name)
    {
        var reference = job.Rules.Dataset is null
            ? $"{job.Dataset}/{PartitionRef.EncodeSegment(name)}"
            : name;
        var path = load.Graph!.PathOf(Encoding.UTF8.GetBytes(reference));
        return Path.Exists(Path.Combine(workspace.Root, path));
    }
}
