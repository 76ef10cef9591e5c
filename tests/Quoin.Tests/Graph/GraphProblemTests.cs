using Quoin.Engine;
using Quoin.Tests.Tidy;
using Xunit;

namespace Quoin.Tests;

/// <summary>
/// What people read when a graph file is wrong; the cases are in a file of their own.
/// </summary>
public class GraphProblemTests
{
    static readonly string CasesFile =
        Path.Combine(Repository.Root, "tests/Quoin.Tests/Graph/graph-problems.txt");

    [Fact]
    public void Each_wrong_file_says_where_and_what()
    {
        var expected = File.ReadAllText(CasesFile);
        var actual =
            string.Join("\n\n", expected.TrimEnd('\n').Split("\n\n").Select(Answer)) + "\n";
        if (Environment.GetEnvironmentVariable("QUOIN_UPDATE") == "1")
            File.WriteAllText(CasesFile, actual);

        Assert.Equal(expected, actual);
    }

    static string Answer(string section)
    {
        if (section.StartsWith('#')) return section;
        var body = section[..section.IndexOf("\n----", StringComparison.Ordinal)];
        var datasets = body.Contains("datasets:", StringComparison.Ordinal)
            ? ""
            : "datasets: {'raw/{x}': {source: 'raw/{x}'}}\n";
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", $"quoin: 1\n{datasets}{body}\n");
        var load = GraphLoader.Load(folder.Root, "quoin.yaml");
        Assert.Equal(load.Graph is null, load.Problems.Any(problem => !problem.IsWarning));
        return $"{body}\n----\n{string.Join('\n', load.Problems)}".TrimEnd('\n');
    }
}
