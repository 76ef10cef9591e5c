using Quoin.Core;
using Xunit;

namespace Quoin.Tests;

/// <summary>Graphs for tests that are not about files: declarations in a few words.</summary>
static class TestGraph
{
    /// <summary>A graph of jobs without problems.</summary>
    public static Graph Of(params (string Name, string[] Outputs, string[] Inputs)[] jobs) =>
        Of([], jobs);

    /// <summary>A graph of sources (pattern, path) and jobs without problems.</summary>
    public static Graph Of(
        (string Pattern, string Path)[] sources,
        params (string Name, string[] Outputs, string[] Inputs)[] jobs)
    {
        var problems = new List<GraphProblem>();
        var graph = Builder(sources, jobs).Build(default, problems);
        Assert.Empty(problems);
        return graph!;
    }

    public static GraphBuilder Builder(
        (string Pattern, string Path)[] sources,
        params (string Name, string[] Outputs, string[] Inputs)[] jobs)
    {
        var builder = new GraphBuilder("test");
        foreach (var (i, (pattern, path)) in sources.Index())
            builder.Add(new DatasetDeclaration
            {
                Pattern = At(pattern, 100 + i),
                Path = At(path, 100 + i),
                IsSource = true,
            });
        foreach (var (i, (name, outputs, inputs)) in jobs.Index())
            builder.Add(new JobDeclaration
            {
                Name = At(name, i + 1),
                Outputs = [.. outputs.Select(text => At(text, i + 1))],
                Inputs = [.. inputs.Select(text => At(text, i + 1))],
                Exec = [At("true", i + 1)],
            });
        return builder;
    }

    static Written At(string text, int line) => new(text, new("quoin.yaml", line, 1));
}
