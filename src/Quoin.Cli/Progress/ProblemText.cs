using Quoin.Core;

namespace Quoin.Cli;

/// <summary>Problems of a graph or a plan as people read them.</summary>
static class ProblemText
{
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
