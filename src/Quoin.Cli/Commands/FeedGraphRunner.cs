using System.Security.Cryptography;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Serves the feeds of a graph: for each job that gets lines a supervisor with a database of its
/// own below <c>.quoin/feeds</c>. Each line is built by a process of its own: it takes the lead of
/// the store, or asks who has it, as any build does. For those of line workers there is a second
/// supervisor, whose feed are the requests of such builds, the lines' and other people's.
/// </summary>
sealed class FeedGraphRunner(Cli cli, Workspace workspace, GraphLoad load, int slots)
{
    const int SocketPathBytesMax = 107, BuildsMax = 100, TimesMax = 200;

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
        var servers = new List<Supervisor>();
        var workers = new List<LineWorkerOptions>();
        try
        {
            foreach (var job in load.FeedJobs)
            {
                LookAhead? ahead = null;
                LineRequests? requests = null;
                if (job.Socket is { } socket)
                {
                    ahead = new LookAhead(Math.Max(2, slots));
                    requests = new LineRequests(LineRequests.FolderOf(workspace, job.Name));
                    servers.Add(new Supervisor(cli, RequestsOf(job, socket, requests, ahead)));
                }
                var options = LinesOf(job, requests);
                servers.Add(new Supervisor(cli, options));
                workers.Add(new LineWorkerOptions(
                    options.Socket, ahead is null ? slots : BuildsMax, Timeout: null, BuildOfLine)
                {
                    Shared = ahead is null ? shared : null,
                    Ahead = ahead,
                });
            }
            var threads = servers.Select(it => Start(() => it.Run(end.Token), stopped)).ToList();
            var working = workers.Select(it => Start(
                () => new LineWorkerRunner(cli, it, stopped.Token).Run(), stopped));
            foreach (var worker in working.ToList()) worker.Join();
            stopped.Token.WaitHandle.WaitOne();
            end.Cancel();
            foreach (var thread in threads) thread.Join();
        }
        finally
        {
            foreach (var server in servers) server.Dispose();
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
            // What variables say it hears by itself; there may be a password in it, and everybody
            // can read arguments.
            if (options.Store is { } store && store != cli.Env("QUOIN_STORE"))
                argv.AddRange(["--store", store]);
            if (options.Server is { Length: > 0 } server && server != cli.Env("QUOIN_SERVER"))
                argv.AddRange(["--server", server]);
            return [.. argv];
        }
    }

    // The lines of the feed, for the builds of this process.
    SupervisorOptions LinesOf(FeedJob job, LineRequests? requests)
    {
        var folder = Path.Combine(workspace.QuoinDirectory, "feeds");
        Directory.CreateDirectory(folder);
        return new SupervisorOptions(
            Path.Combine(folder, job.Name + ".db"), Path.Combine(workspace.Root, job.FeedFolder),
            OwnSocket(Path.Combine(folder, job.Name + ".sock")),
            new LineRules
            {
                Dataset = job.Dataset,
                Feed = new FeedRules
                {
                    Order = job.Rules.Feed.Order,
                    // Each start of this process is one; what is lost is said by the requests.
                    AttemptsMax = job.Socket is null ? job.Rules.Feed.AttemptsMax : TimesMax,
                },
            })
        {
            LineBytesMax = job.LineBytesMax,
            Dataset = job.Dataset,
            Deciding = requests is null ? null : requests.Hold,
        };
    }

    // What builds ask line workers for.
    SupervisorOptions RequestsOf(
        FeedJob job, string socket, LineRequests requests, LookAhead ahead)
    {
        requests.Open();
        var path = Path.Combine(workspace.Root, socket);
        LineServer.CheckFree(path);
        File.WriteAllText(requests.SocketFile, path);
        return new SupervisorOptions(
            requests.Database, requests.Asked, path,
            job.Rules with { Feed = job.Rules.Feed with { HasPriorities = true } })
        {
            LineBytesMax = int.MaxValue, // A payload was accepted already.
            Dataset = job.Dataset,
            IsMade = name => IsMade(job, name),
            Deciding = book =>
            {
                requests.Note(book);
                ahead.Given(book.Flights.Count);
            },
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
