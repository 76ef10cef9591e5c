using Quoin.Core;

namespace Quoin.Cli;

/// <summary>Problems of a graph or a plan as people read them.</summary>
static class ProblemText
{
    /// <summary><c>quoin.yaml:3:5: error[unknown-key]: …; did you mean "inputs"?</c></summary>
    public static Line LineOf(GraphProblem problem)
    {
        var (word, style) = problem.IsWarning ? ("warning", Style.Yellow) : ("error", Style.Red);
        var line = new Line($"{problem.Location}", Style.Bold).Add(": ")
            .Add($"{word}[{problem.Code}]", style).Add($": {problem.Message}");
        return problem.Suggestion is { } near ? line.Add($"; did you mean \"{near}\"?") : line;
    }

    /// <summary>
    /// <c>error[no-producer]: nothing produces raw/2026-13-01</c> and, below it, the chain of
    /// partitions that leads there.
    /// </summary>
    public static IEnumerable<Line> Lines(PlanProblem problem)
    {
        var message = problem.Message.Split('\n');
        yield return new Line($"error[{problem.Code}]", Style.Red).Add($": {message[0]}");
        if (problem.Chain.Length > 1)
            yield return new Line("  " + string.Join(" <- ", problem.Chain));
        foreach (var more in message.Skip(1)) yield return new Line("  " + more.TrimStart());
    }
}
