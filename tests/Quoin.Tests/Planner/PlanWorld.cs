using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Planner;

/// <summary>
/// A small world to plan in: source files and published outputs are texts in memory, and a run
/// makes its output from the texts of its inputs. Says what ran.
/// </summary>
sealed class PlanWorld : IPlanFacts
{
    static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    readonly Dictionary<Digest, byte[]> fingerprints = [];
    readonly Dictionary<PartitionId, PartitionFact> facts = [];
    int runs;

    public PlanWorld(params IEnumerable<object> declarations) => Declare(declarations);

    public PartitionNames Names { get; } = new();
    public Graph Graph { get; private set; } = null!;
    public DateTimeOffset Now { get; set; } = Start;

    /// <summary>Source files by path.</summary>
    public Dictionary<string, string> Files { get; } = [];

    /// <summary>Code and probes by job name.</summary>
    public Dictionary<string, JobFact> JobFacts { get; } = [];

    /// <summary>What a file check answers, by partition; Ok when not listed.</summary>
    public Dictionary<string, OutputCheck> Checks { get; } = [];

    /// <summary>What a job writes instead of something made from its inputs.</summary>
    public Dictionary<string, string> Writes { get; } = [];

    /// <summary>What ran in the last build, by first output, in order.</summary>
    public List<string> Ran { get; } = [];

    public void Declare(params IEnumerable<object> declarations)
    {
        var builder = new GraphBuilder("test");
        foreach (var (i, declaration) in declarations.Index())
        {
            var place = new SourceLocation("quoin.yaml", 14 + i, 3);
            if (declaration is JobDeclaration job)
                builder.Add(job with { Name = job.Name with { At = place } });
            else builder.Add((DatasetDeclaration)declaration);
        }
        var problems = new List<GraphProblem>();
        Graph = builder.Build(default, problems)!;
        Assert.Empty(problems);
    }

    public static JobDeclaration Job(string name, string output, params string[] inputs) => new()
    {
        Name = At(name),
        Outputs = [.. output.Split(' ').Select(At)],
        Inputs = [.. inputs.Select(At)],
        Exec = [At("make"), At("{out...}")],
    };

    public static DatasetDeclaration Source(string pattern, string path) => new()
    {
        Pattern = At(pattern),
        Path = At(path),
        IsSource = true,
    };

    public static Written At(string text) => new(text, new SourceLocation("quoin.yaml", 14, 3));

    public PartitionId P(string name) => Names.Intern(name);

    public ref PartitionFact Fact(string name) =>
        ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(
            facts, P(name), out _);

    public JobGraph Analyze(params string[] targets) => Analyze(AnalysisOptions.Default, targets);

    public JobGraph Analyze(AnalysisOptions options, params string[] targets)
    {
        var analysis = new Analysis(Graph, Names, options);
        analysis.Start([.. targets.Select(P)]);
        Assert.Empty(analysis.Requests);
        return analysis.Finish();
    }

    public Plan Plan(params string[] targets) => Plan(new PlanOptions { Now = Now }, targets);

    public Plan Plan(PlanOptions options, params string[] targets) =>
        Core.Plan.Make(Analyze(targets), this, options);

    /// <summary>
    /// Builds: plans, and does what the plan says, with the second test at its turn.
    /// </summary>
    public Plan Build(params string[] targets) => Build(new PlanOptions { Now = Now }, targets);

    public Plan Build(PlanOptions options, params string[] targets)
    {
        Ran.Clear();
        Now = Now.AddMinutes(1);
        var plan = Plan(options with { Now = Now }, targets);
        foreach (var node in plan.Graph.Order)
        {
            if (!plan.IsPlanned(node)) continue;
            if (plan.VerdictOf(node) == Verdict.Maybe
                && plan.Test.Retest(node).Verdict == Verdict.Current) continue;
            Run(plan, node);
        }
        return plan;
    }

    public string Verdicts(Plan plan) => string.Join('\n', plan.Graph.Order.ToArray()
        .Select(node => $"{Names.Text(plan.Graph.Outputs(node)[0])} {plan.VerdictOf(node)}"
            + (plan.ReasonOf(node) == StaleReason.None ? "" : $" {plan.ReasonOf(node)}")
            + (plan.DetailOf(node) is { Length: > 0 } detail ? $": {detail}" : "")));

    public static Digest DigestOf(string text) =>
        new(DigestAlgorithm.Xxh3, SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(..16));

    void Run(Plan plan, int node)
    {
        var graph = plan.Graph;
        var text = plan.Test.Fingerprints.TextOf(node).ToArray();
        var digest = Fingerprint.DigestOf(text);
        fingerprints[digest] = text;
        var job = graph.JobOf(node).Name;
        runs++;
        foreach (var output in graph.Outputs(node))
        {
            var name = Names.Text(output);
            Checks.Remove(name);
            facts[output] = new PartitionFact(Standing.Published)
            {
                Fingerprint = digest,
                Output = DigestOf(Writes.GetValueOrDefault(job, $"{name} {digest}")),
                Bytes = 1,
                PublishedAt = Now,
                Run = new RunId(runs),
                ElapsedMs = 38_000,
            };
        }
        Ran.Add(Names.Text(graph.Outputs(node)[0]));
    }

    PartitionFact IPlanFacts.Partition(PartitionId partition) =>
        facts.GetValueOrDefault(partition);

    SourceFact IPlanFacts.Source(PartitionId source)
    {
        var path = Graph.PathOf(Names.Utf8(source));
        return new SourceFact(
            path, Files.TryGetValue(path, out var text) ? DigestOf(text) : default);
    }

    JobFact IPlanFacts.Job(Job job) => JobFacts.GetValueOrDefault(job.Name, JobFact.Empty);

    OutputCheck IPlanFacts.CheckOutput(PartitionId partition, in PartitionFact fact) =>
        Checks.GetValueOrDefault(Names.Text(partition));

    ReadOnlyMemory<byte> IPlanFacts.FingerprintText(Digest fingerprint) =>
        fingerprints.GetValueOrDefault(fingerprint);

    /// <summary>Keeps a fingerprint as if an earlier run had stored it.</summary>
    public Digest Store(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var digest = Fingerprint.DigestOf(bytes);
        fingerprints[digest] = bytes;
        return digest;
    }
}
