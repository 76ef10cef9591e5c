using Quoin.Bench;

// The host of all measurements: `./dev bench` runs all of them, `./dev bench builds spawn` some.
// What a measurement prints is kept in bench/RESULTS.md, with the machine and the day; those that
// were not run keep what they had.
Measurement[] all =
[
    new("builds", "whole builds of tiny commands, beside Ninja and Make", BuildBench.Run),
    new("nothing", "builds of 10,000 tasks with nothing to do, beside Ninja and Make",
        BuildBench.RunNothing),
    new("gaps", "from the end of a run to the start of the next", GapBench.Run),
    new("kernel", "decisions and their events, in memory", KernelBench.Run),
    new("plan", "analysis of a million partitions, the test of 10,000", PlanBench.Run),
    new("schedule", "the end of random builds over the lower bound", ScheduleBench.Run),
    new("spawn", "starting /bin/true: Process against posix_spawn", SpawnBench.Run),
    new("job", "what the wrapper adds to a tiny process", JobBench.Run),
    new("digests", "XXH3-128 against SHA-256", DigestBench.Run),
    new("artifacts", "1 GiB restored from the local store, beside cp", ArtifactsBench.Run),
    new("store", "appends beside bare SQLite, and the replay of a log", StoreBench.Run),
    new("hosts", "workers on PostgreSQL, from a want to a process, idle processes", HostsBench.Run),
    new("queue", "claims and ends of runs, beside other queues", QueueBench.Run),
    new("sleepers", "things outside that sleep, wake and are looked at", SleepersBench.Run),
    new("supervisor", "feeds and line workers, beside a Python supervisor", SupervisorBench.Run),
    new("supervisor-flat", "a supervisor with a million lines out, and idle workers",
        SupervisorBench.RunFlat),
    new("serve", "followers of the event stream, and pages with a million partitions",
        ServeBench.Run),
    new("startup", "how long `quoin` takes to start", StartupBench.Run),
];

if (args is ["queue-runs", .. var queue]) return QueueBench.RunQuoin(queue);
if (args is ["queue-workers", var place, var count]) return QueueRuns.Work(place, int.Parse(count));
if (args is ["-l" or "--list" or "-h" or "--help", ..])
{
    foreach (var measurement in all)
        Console.WriteLine($"  {measurement.Name,-16} {measurement.Title}");
    return 0;
}
var unknown = args.Except(all.Select(measurement => measurement.Name)).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"no measurement \"{unknown[0]}\"; ./dev bench -l lists them");
    return 2;
}
var results = ResultsFile.Load();
foreach (var measurement in all.Where(one => args.Length == 0 || args.Contains(one.Name)))
{
    var copy = new StringWriter();
    var terminal = Console.Out;
    Console.SetOut(new TeeWriter(terminal, copy));
    Console.WriteLine($"== {measurement.Name}: {measurement.Title}");
    try
    {
        copy.GetStringBuilder().Clear();
        measurement.Run();
    }
    finally
    {
        Console.SetOut(terminal);
    }
    results.Replace(measurement.Name, measurement.Title, copy.ToString());
    results.Save(all.Select(one => one.Name));
}
return 0;

/// <summary>One measurement: it prints what it finds.</summary>
sealed record Measurement(string Name, string Title, Action Run);
