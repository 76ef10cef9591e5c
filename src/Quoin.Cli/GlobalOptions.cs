namespace Quoin.Cli;

/// <summary>The options that every command has, as typed.</summary>
sealed record GlobalOptions
{
    /// <summary>
    /// Absolute folder that relative names start from: <c>-C DIR</c> or the current one.
    /// </summary>
    public required string Directory { get; init; }

    /// <summary><c>--graph FILE</c>; null: the nearest <c>quoin.yaml</c> upwards.</summary>
    public string? GraphFile { get; init; }

    /// <summary><c>--store S</c> or <c>QUOIN_STORE</c>; null: <c>.quoin/quoin.db</c>.</summary>
    public string? Store { get; init; }

    /// <summary>
    /// <c>--server URL</c> or <c>QUOIN_SERVER</c>: the store is the one that is served there; null:
    /// it is opened.
    /// </summary>
    public string? Server { get; init; }

    /// <summary>stdout gets JSON: one document, or JSON lines from commands that follow.</summary>
    public bool Json { get; init; }

    /// <summary>No cursor movement, whatever the terminal can do.</summary>
    public bool Plain { get; init; }

    /// <summary>When to use colours.</summary>
    public ColorMode Color { get; init; }

    /// <summary>Say more.</summary>
    public bool Verbose { get; init; }

    /// <summary>Say only results and failures.</summary>
    public bool Quiet { get; init; }

    /// <summary>
    /// True: synced at each group commit; false: survives crashes of the process.
    /// </summary>
    public bool FullDurability { get; init; }

    /// <summary>
    /// Not synced was asked for, of a command that is synced when nothing is said.
    /// </summary>
    public bool NormalDurability { get; init; }
}

/// <summary><c>--color</c>.</summary>
enum ColorMode
{
    /// <summary>On a terminal, unless <c>NO_COLOR</c> is set.</summary>
    Auto,

    /// <summary>Even into a pipe.</summary>
    Always,

    /// <summary>Not at all.</summary>
    Never,
}
