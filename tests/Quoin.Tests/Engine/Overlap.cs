using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// One job whose runs overlap as a test says: each want's partition is answered by <c>config</c>
/// with the group of outputs that is written beside it, and each attempt waits at its own gate (a
/// named pipe) until the test tells it how to end. Every output holds the attempt that wrote it.
/// </summary>
sealed class Overlap : IDisposable
{
    const string Yaml = """
        quoin: 1
        name: overlap
        jobs:
          j:
            outputs: ["o/{name}"]
            config: [sh, group.sh]
            config_cache: false
            exec: [sh, job.sh, "{out...}"]
            retries: RETRIES
        """;

    const string Group = """
        asked=$(cat)
        while read -r name outputs; do
          case $asked in
            *\"o/$name\"*) echo "{\"configs\":[{\"outputs\":[$outputs]}]}"; exit ;;
          esac
        done < groups
        exit 1
        """;

    // Whoever opens a pipe first waits for the other; a job that is killed leaves the test to its
    // own time limit.
    const string Job = """
        read -r word < "gates/$QUOIN_RUN.$QUOIN_ATTEMPT"
        case $word in
          fail) exit 1 ;;
          later) exit 75 ;;
          zombie)
            env -i PATH="$PATH" setsid sh -c '
              echo away > gates/away
              read -r word < gates/zombie
              (echo zombie > "$0") 2>/dev/null
              echo over > gates/over' "$1" >/dev/null 2>&1 &
            read -r word < gates/away # From now on it is not found with this group.
            read -r word < gates/never ;;
          *) for out; do echo "$QUOIN_RUN.$QUOIN_ATTEMPT" > "$out"; done ;;
        esac
        [ "$word" = ok ] || echo x > "$QUOIN_STAGING/$word"
        """;

    static readonly TimeSpan limit = TimeSpan.FromSeconds(30);
    readonly List<Task<WantReport>> wants = [];
    BuildSession session;

    /// <param name="groups">Lines <c>a: a b</c>: the config asked for a makes both.</param>
    public Overlap(
        string groups, int retries = 0, int slots = 2, ManualTime? clock = null)
    {
        World = new EngineWorld(Yaml.Replace("RETRIES", $"{retries}", StringComparison.Ordinal))
        {
            Slots = slots,
            Clock = clock,
        };
        World.Write("group.sh", Group);
        World.Write("job.sh", Job);
        World.Write("groups", string.Concat(groups.Split('\n').Select(Line)));
        World.Write("gates/here", "");
        foreach (var gate in (string[])["1.1", "1.2", "2.1", "2.2", "3.1", "3.2", "4.1"])
            MakePipe(PathOf($"gates/r-{gate}"));
        session = World.Open();
    }

    static string Line(string group)
    {
        var names = group.Split(": ");
        return $"{names[0]} {string.Join(',', names[1].Split(' ').Select(n => $"\"o/{n}\""))}\n";
    }

    public EngineWorld World { get; }

    public BuildSession Session => session;

    public BuildEvent[] Events => World.Last.Events;

    string PathOf(string path) => Path.Combine(World.Workspace.Root, path);

    /// <summary>A want, accepted and planned when this returns; its number from 0.</summary>
    public async Task<int> WantAsync(params string[] targets)
    {
        var request = new WantRequest { Targets = [.. targets.Select(target => "o/" + target)] };
        wants.Add(session.WantAsync(request));
        await SettledAsync();
        return wants.Count - 1;
    }

    /// <summary>Returns when everything that was posted has been decided.</summary>
    public Task SettledAsync() => session.AskAsync(_ => []).WaitAsync(limit);

    public async Task DoAsync(KernelCommand command) =>
        Assert.Null(await session.AskAsync(_ => [command]).WaitAsync(limit));

    public PartitionId Id(string name) => session.Names.Intern("o/" + name);

    /// <summary>Waits until the attempt runs, and lets it go on when told.</summary>
    public async Task<StreamWriter> AtGateAsync(string attempt)
    {
        var path = PathOf($"gates/{attempt}");
        return await OnThread(() => new StreamWriter(
            new FileStream(path, FileMode.Open, FileAccess.Write)));
    }

    /// <summary>Pipes for a process that nobody can find any more.</summary>
    public void MakeZombieGates()
    {
        foreach (var gate in (string[])["away", "zombie", "over", "never"])
            MakePipe(PathOf($"gates/{gate}"));
    }

    /// <summary>Lets it write where it was told to, and waits until it has tried.</summary>
    public async Task LetZombieWriteAsync()
    {
        await using (var gate = await AtGateAsync("zombie")) await gate.WriteLineAsync("go");
        var over = PathOf("gates/over");
        Assert.Equal("over\n", await OnThread(() => File.ReadAllText(over)));
    }

    /// <summary>Waits until the attempt runs, and tells it how to end.</summary>
    public async Task EndAsync(string attempt, string word = "ok")
    {
        await using var gate = await AtGateAsync(attempt);
        await gate.WriteLineAsync(word);
    }

    public async Task<string> OutcomeAsync(int want) =>
        (await wants[want].WaitAsync(limit)).Outcome?.ToString() ?? "";

    /// <summary>The process is gone with its store; another one finds both in order.</summary>
    public async Task RestartAsync()
    {
        await Assert.ThrowsAnyAsync<StoreException>(async () => await session.DisposeAsync());
        World.Store.Repair();
        session = World.Open();
    }

    /// <summary>Returns when the run's end is in the log.</summary>
    public async Task WhenEndedAsync(int run) => await World.Last.WhenAsync(
        e => e is RunCompleted completed && completed.Run.Value == run).WaitAsync(limit);

    /// <summary>Claims of the runs, in their order: <c>a,b</c>.</summary>
    public string[] Claims() =>
        [.. Events.OfType<RunScheduled>().Select(e => string.Join(',', e.Claims.Select(Name)))];

    public string Name(PartitionId partition) => session.Names.Text(partition)[2..];

    public int IndexOf<T>() where T : BuildEvent => Array.FindIndex(Events, e => e is T);

    /// <summary>Who wrote an output.</summary>
    public string By(string output) => World.Output("o/" + output).TrimEnd('\n');

    // Opening a pipe blocks until the other end is there: never on a thread of the pool, which all
    // tests share.
    static Task<T> OnThread<T>(Func<T> open) => Task.Factory.StartNew(
        open, CancellationToken.None, TaskCreationOptions.LongRunning,
        TaskScheduler.Default).WaitAsync(limit);

    static void MakePipe(string path)
    {
        using var process = Process.Start("mkfifo", path);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    public void Dispose()
    {
        session.Kill();
        session.DisposeAsync().AsTask().Wait(limit);
        World.Dispose();
    }
}
