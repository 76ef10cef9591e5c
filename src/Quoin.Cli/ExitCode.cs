namespace Quoin.Cli;

/// <summary>
/// What a shell sees, the first that applies, in the order of this list. Documented in docs/cli.md;
/// scripts depend on these numbers.
/// </summary>
static class ExitCode
{
    /// <summary>Interrupted by SIGINT before the end.</summary>
    public const int Interrupted = 130;

    /// <summary>Ended by SIGTERM before the end.</summary>
    public const int Terminated = 143;

    /// <summary>
    /// Usage, bad graph or bad input: nothing was planned (also <c>--strict</c>).
    /// </summary>
    public const int Usage = 2;

    /// <summary>Refused: a command that the state does not allow; nothing changed.</summary>
    public const int Refused = 4;

    /// <summary>
    /// The store or the environment: cannot open, locked, newer schema, disk full.
    /// </summary>
    public const int Store = 5;

    /// <summary>A bug of Quoin.</summary>
    public const int Bug = 70;

    /// <summary>The want did not succeed: failed, blocked, cancelled.</summary>
    public const int Failed = 1;

    /// <summary><c>--no-build</c>, and not everything is current.</summary>
    public const int NotCurrent = 3;

    /// <summary>All else.</summary>
    public const int Ok = 0;
}
