namespace Quoin.Core;

/// <summary>
/// Something wrong with a graph: a stable code, where, a sentence, and the nearest name that would
/// be right. A warning does not keep the graph from being used.
/// </summary>
public sealed record GraphProblem(
    string Code, SourceLocation Location, string Message, string? Suggestion = null)
{
    /// <summary>True: the graph can be used all the same.</summary>
    public bool IsWarning { get; init; }

    /// <summary>As on the command line: <c>quoin.yaml:3:5: error[unknown-key]: …</c>.</summary>
    public override string ToString() =>
        $"{Location}: {(IsWarning ? "warning" : "error")}[{Code}]: {Message}"
        + (Suggestion is null ? "" : $"; did you mean \"{Suggestion}\"?");
}
