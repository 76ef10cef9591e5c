using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>A want that a test made.</summary>
sealed class ScriptedWant(Task<WantReport> report)
{
    /// <summary>How it ended; null: it is open.</summary>
    public WantOutcome? Outcome => report.IsCompleted ? report.Result.Outcome : null;
}

/// <summary>
/// The coordinator on the simulated machine, with a test that says what happens: what is posted
/// before a turn, how each run ends. What was found by the simulation is kept in these words.
/// </summary>
sealed class ScriptedBuild : ICommandRunner
{
    readonly SimulatedMachine machine;
    readonly SimulatedProcess process;
    readonly Dictionary<string, LaunchRequest> running = [];

    public ScriptedBuild(int slots, GraphBuilder graph)
    {
        var problems = new List<GraphProblem>();
        var time = new SimulatedTime();
        machine = new SimulatedMachine
        {
            Time = time,
            Disk = new SimulatedDisk(time),
            Slots = slots,
            Commands = this,
            Graph = graph.Build(default, problems)!,
            Launch = Started,
        };
        Assert.Empty(problems);
        process = new SimulatedProcess(machine, 1);
        process.Coordinator.Begin();
    }

    public ScriptedBuild(
        int slots, params (string Name, string[] Outputs, string[] Inputs)[] jobs)
        : this(slots, TestGraph.Builder([], jobs)) { }

    public SimulatedTime Time => machine.Time;

    /// <summary>What a config command answers; null: it exits with 2.</summary>
    public string? ConfigAnswer { get; set; }

    /// <summary>First outputs of what runs, in order of their start.</summary>
    public string Running => string.Join(' ', running.Keys);

    public PartitionPlace this[string reference] =>
        process.State.PlaceOf(process.Names.Intern(reference));

    /// <summary>What was let go, in that order: <c>a b</c>.</summary>
    public string Dropped => string.Join(' ', machine.Store.Read(0, process.Names)
        .Select(logged => logged.Event).OfType<OutputsRemoved>()
        .SelectMany(e => e.Partitions).Select(process.Names.Text));

    public ScriptedWant Want(params string[] targets) => Want(FailureMode.KeepGoing, targets);

    public ScriptedWant Want(FailureMode mode, params string[] targets)
    {
        var report = new TaskCompletionSource<WantReport>();
        process.Coordinator.Post(new Message.Wanted(
            new WantRequest
            {
                Targets = [.. targets],
                Options = new WantOptions { OnFailure = mode },
            },
            report));
        return new ScriptedWant(report.Task);
    }

    public void Cancel(int want) =>
        process.Coordinator.Post(new Message.Cancel(new WantId(want), "test"));

    public void Taint(string reference) => process.Coordinator.Post(new Message.Ask(
        state => [new Taint(state.Names.Intern(reference), "test", "")],
        new TaskCompletionSource<Refusal?>()));

    public void Turn()
    {
        while (process.Coordinator.Turn(wait: false)) { }
    }

    /// <summary>Publishes a run's claims with this content, and says so.</summary>
    public void Complete(string first, string content = "")
    {
        var request = Take(first);
        var outputs = request.Claims.Select(claim =>
        {
            var reference = process.Names.Text(claim);
            var path = machine.Graph.PathOf(Encoding.UTF8.GetBytes(reference));
            var text = $"{reference} {content}";
            return new PublishedOutput(
                reference, path, SimulatedDisk.DigestOf(text), text.Length,
                machine.Disk.Replace(path, text), null);
        });
        End(request, new JobResult { End = JobEnd.Completed, Outputs = [.. outputs] });
    }

    public void Fail(string first, FailureCategory category = FailureCategory.Failed) =>
        End(Take(first), new JobResult
        {
            End = JobEnd.Failed,
            Failure = new RunFailure(category, "test"),
        });

    public void Miss(string first, params string[] needs) => End(
        Take(first), new JobResult { End = JobEnd.NeedsInputs, Needs = [.. needs] });

    bool ICommandRunner.SideBySide => false;

    CommandResult ICommandRunner.Run(
        ImmutableArray<string> argv, string workingDirectory,
        ImmutableSortedDictionary<string, string> env, ReadOnlySpan<byte> stdin,
        TimeSpan timeout, CancellationToken ct) => new()
        {
            ExitCode = ConfigAnswer is null ? 2 : 0,
            StderrTail = "",
            Stdout = Encoding.UTF8.GetBytes(ConfigAnswer ?? ""),
        };

    void Started(SimulatedProcess by, LaunchRequest request) =>
        running.Add(process.Names.Text(request.Claims[0]), request);

    LaunchRequest Take(string first)
    {
        Assert.True(running.Remove(first, out var request), $"{first} does not run");
        return request!;
    }

    void End(LaunchRequest request, JobResult result) =>
        process.Coordinator.Post(new Message.Ended(request, result));
}
