namespace Quoin.Core;

/// <summary>
/// An expected "no": a command that the state does not allow. <see cref="Code"/> is stable (people
/// and programs match on it), <see cref="Message"/> is a sentence that names what to do.
/// </summary>
public sealed record Refusal(string Code, string Message)
{
    /// <summary>The line that the command line prints.</summary>
    public override string ToString() => $"error[{Code}]: {Message}";
}
