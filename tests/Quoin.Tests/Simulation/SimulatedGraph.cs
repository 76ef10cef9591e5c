using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>A job: what it declares, and what it reads without saying so.</summary>
/// <param name="Name">Also the start of its outputs' names.</param>
/// <param name="Outputs">All its partitions.</param>
/// <param name="Inputs">References that it declares.</param>
/// <param name="Needs">What it asks for while it runs; null: nothing.</param>
/// <param name="IsCoarse">Most changes of its inputs give the same output.</param>
sealed record SimulatedJob(
    string Name, ImmutableArray<string> Outputs, ImmutableArray<string> Inputs, string? Needs,
    bool IsCoarse)
{
    /// <summary>The file of the workspace that is its program; null: it has none.</summary>
    public string? Tool { get; init; }
}

/// <summary>
/// A small random graph, and what its jobs make: each output is a function of the inputs' contents,
/// so that what a build without faults gives can be said without building.
/// </summary>
sealed class SimulatedGraph : ICommandRunner
{
    const string Tool = "bin/make";

    readonly Random random;
    readonly Dictionary<string, SimulatedJob> jobs = [];
    readonly Dictionary<string, SimulatedJob> producers = [];
    readonly List<string> sources = [];
    readonly List<string> buildable = []; // What later jobs may read.

    public SimulatedGraph(Random random)
    {
        this.random = random;
        var builder = new GraphBuilder("simulation")
        {
            Pools = ImmutableSortedDictionary<string, int>.Empty.Add("one", 1),
        };
        for (var i = random.Next(1, 4); i > 0; i--) AddSource(builder, $"s{i}");
        var count = random.Next(3, 10);
        for (var i = 0; i < count; i++) AddJob(builder, i);
        var problems = new List<GraphProblem>();
        Graph = builder.Build(default, problems)!;
        Assert.Empty(problems);
        Partitions = [.. jobs.Values.SelectMany(job => job.Outputs)];
    }

    public Graph Graph { get; }

    /// <summary>Everything that a job makes.</summary>
    public ImmutableArray<string> Partitions { get; }

    /// <summary>Files that people edit: sources, and a program of some jobs.</summary>
    public IReadOnlyList<string> SourcePaths => [.. sources.Select(PathOfSource), Tool];

    /// <summary>Whether config commands may fail.</summary>
    public bool Faults { get; set; } = true;

    public SimulatedJob Job(string name) => jobs[name];

    public string PathOf(string reference) => Graph.PathOf(Encoding.UTF8.GetBytes(reference));

    /// <summary>What the job writes into an output.</summary>
    public static string Make(
        SimulatedJob job, string output, IReadOnlyDictionary<string, string> inputs)
    {
        var all = string.Join('\n', inputs.OrderBy(input => input.Key, StringComparer.Ordinal)
            .Select(input => $"{input.Key}={input.Value}"));
        var hash = SimulatedDisk.DigestOf(all).Hex();
        return $"{output} {(job.IsCoarse ? hash[..1] : hash)}";
    }

    /// <summary>What a build without faults makes of the sources as they are.</summary>
    public string Expected(string reference, SimulatedDisk disk, Dictionary<string, string> known)
    {
        if (known.TryGetValue(reference, out var text)) return text;
        if (!producers.TryGetValue(reference, out var job))
            return known[reference] = disk.Text(PathOf(reference))!;
        var inputs = InputsOf(job).ToDictionary(input => input, i => Expected(i, disk, known));
        if (job.Tool is { } tool) inputs[tool] = disk.Text(tool)!;
        return known[reference] = Make(job, reference, inputs);
    }

    public static IEnumerable<string> InputsOf(SimulatedJob job) =>
        job.Needs is null ? job.Inputs : job.Inputs.Append(job.Needs);

    public bool SideBySide => false;

    /// <summary>The config command of a job: two neighbours a config, as far as asked.</summary>
    public CommandResult Run(
        ImmutableArray<string> argv, string workingDirectory,
        ImmutableSortedDictionary<string, string> env, ReadOnlySpan<byte> stdin, TimeSpan timeout,
        CancellationToken ct)
    {
        var job = jobs[argv[1]];
        var failed = Faults && random.Next(25) == 0;
        using var question = JsonDocument.Parse(stdin.ToArray());
        var asked = question.RootElement.GetProperty("outputs").EnumerateArray()
            .Select(output => output.GetString()!).ToArray();
        var covered = new HashSet<string>();
        var configs = new List<string>();
        foreach (var output in asked)
        {
            if (covered.Contains(output)) continue;
            string[] outputs = [.. job.Outputs.SkipWhile(o => o != output).Take(2)];
            covered.UnionWith(outputs);
            configs.Add($$"""{"outputs":{{List(outputs)}},"inputs":{{List(job.Inputs)}}}""");
        }
        return new CommandResult
        {
            ExitCode = failed ? 2 : 0,
            StderrTail = failed ? "no idea" : "",
            Stdout = Encoding.UTF8.GetBytes($$"""{"configs":[{{string.Join(',', configs)}}]}"""),
        };
    }

    static string List(IEnumerable<string> texts) => JsonSerializer.Serialize(texts);

    void AddSource(GraphBuilder builder, string name)
    {
        sources.Add(name);
        builder.Add(new DatasetDeclaration
        {
            Pattern = At(name),
            Path = At(PathOfSource(name)),
            IsSource = true,
        });
    }

    static string PathOfSource(string name) => $"src/{name}.txt";

    void AddJob(GraphBuilder builder, int index)
    {
        var name = $"j{index}";
        var kind = random.Next(5); // 0: keyed, 1: its own config, else names in full
        var outputs = kind switch
        {
            0 or 1 => Enumerable.Range(1, 3).Select(key => $"{name}/{key}"),
            _ => Enumerable.Range(1, 1 + (random.Next(3) / 2 * random.Next(1, 3)))
                .Select(key => $"{name}-{key}"),
        };
        var inputs = new HashSet<string>();
        for (var n = random.Next(4); n > 0; n--) inputs.Add(Pick(sources, buildable));
        var needs = random.Next(6) == 0 && buildable.Count > 0
            ? buildable[random.Next(buildable.Count)]
            : null;
        if (kind == 1 || inputs.Contains(needs ?? "")) needs = null;
        var job = new SimulatedJob(
            name, [.. outputs], [.. inputs], needs, IsCoarse: random.Next(4) == 0)
        {
            Tool = random.Next(4) == 0 ? Tool : null,
        };
        jobs.Add(name, job);
        foreach (var output in job.Outputs) producers.Add(output, job);
        // Configs that overlap conflict within one plan, so nobody reads them.
        if (kind != 1) buildable.AddRange(job.Outputs);
        builder.Add(new JobDeclaration
        {
            Name = At(name),
            Outputs = kind <= 1 ? [At($"{name}/{{key:int}}")] : [.. job.Outputs.Select(At)],
            Inputs = kind == 1 ? [] : [.. job.Inputs.Select(At)],
            ConfigCommand = kind == 1 ? [At("config"), At(name)] : [],
            ConfigCache = random.Next(2) == 0,
            Exec = [At(job.Tool ?? "make")],
            Limits = Limits(),
        });
    }

    JobLimits Limits() => new()
    {
        Retries = random.Next(3),
        Timeout = random.Next(3) == 0 ? TimeSpan.FromSeconds(30) : null,
        Supersede = random.Next(5) == 0,
        Resources = ResourceVector.OneCpu with
        {
            Cpu = random.Next(5) == 0 ? 2 : 1,
            Pools = random.Next(5) == 0 ? [new PoolClaim("one", 1)] : [],
        },
    };

    string Pick(params List<string>[] lists)
    {
        var from = lists.Where(list => list.Count > 0).ToArray();
        var list = from[random.Next(from.Length)];
        return list[random.Next(list.Count)];
    }

    static Written At(string text) => new(text, new SourceLocation("quoin.yaml", 1, 1));
}
