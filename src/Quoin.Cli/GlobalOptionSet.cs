using System.CommandLine;

namespace Quoin.Cli;

/// <summary>The options that every command has, for the parser.</summary>
sealed class GlobalOptionSet
{
    readonly Option<string> directory = new("--directory", "-C")
    {
        Description = "Work as if started in DIR",
        HelpName = "DIR",
        Recursive = true,
    };

    readonly Option<string> graph = new("--graph")
    {
        Description = "The graph file (default: the nearest quoin.yaml upwards)",
        HelpName = "FILE",
        Recursive = true,
    };

    readonly Option<string> store = new("--store")
    {
        Description = "The store: a path of an SQLite file (default: QUOIN_STORE,"
            + " else .quoin/quoin.db beside the graph)",
        HelpName = "S",
        Recursive = true,
    };

    readonly Option<string> server = new("--server")
    {
        Description = "Ask the quoin serve there instead of opening the store (default:"
            + " QUOIN_SERVER); QUOIN_TOKEN has its token",
        HelpName = "URL",
        Recursive = true,
    };

    readonly Option<bool> json = new("--json")
    {
        Description = "Results as JSON: one document, or JSON lines from commands that follow",
        Recursive = true,
    };

    readonly Option<bool> plain = new("--plain")
    {
        Description = "One line per fact, nothing is painted over",
        Recursive = true,
    };

    readonly Option<string> color = new("--color")
    {
        Description = "auto, always or never",
        HelpName = "WHEN",
        Recursive = true,
    };

    readonly Option<bool> verbose = new("--verbose", "-v")
    {
        Description = "Say more",
        Recursive = true,
    };

    readonly Option<bool> quiet = new("--quiet", "-q")
    {
        Description = "Say only results and failures",
        Recursive = true,
    };

    readonly Option<string> durability = new("--durability")
    {
        Description = "normal survives crashes of the process, full also power loss",
        HelpName = "D",
        Recursive = true,
    };

    public GlobalOptionSet()
    {
        color.AcceptOnlyFromAmong("auto", "always", "never");
        durability.AcceptOnlyFromAmong("normal", "full");
    }

    /// <summary>Adds them to the root command; all others inherit them.</summary>
    public void AddTo(RootCommand root)
    {
        foreach (var option in
            (Option[])
            [
                directory, graph, store, server, json, plain, color, verbose, quiet, durability,
            ])
            root.Options.Add(option);
    }

    /// <summary>Throws <see cref="UsageException"/> when <c>-C</c> names no folder.</summary>
    public void Check(ParseResult parsed)
    {
        if (Value(parsed, directory) is { } typed && !Directory.Exists(Path.GetFullPath(typed)))
            throw new UsageException("no-directory", $"-C {typed}: there is no such folder");
    }

    /// <summary>Their values.</summary>
    public GlobalOptions Read(ParseResult parsed, Func<string, string?> env)
    {
        var from = Path.GetFullPath(Value(parsed, directory) ?? ".");
        return new GlobalOptions
        {
            Directory = from,
            GraphFile = Value(parsed, graph) is { } file ? Path.GetFullPath(file, from) : null,
            Store = Value(parsed, store) ?? env("QUOIN_STORE"),
            Server = Value(parsed, server)
                ?? (Value(parsed, store) is null ? env("QUOIN_SERVER") : null),
            Json = parsed.GetValue(json),
            Plain = parsed.GetValue(plain),
            Color = Value(parsed, color) switch
            {
                "always" => ColorMode.Always,
                "never" => ColorMode.Never,
                _ => ColorMode.Auto,
            },
            Verbose = parsed.GetValue(verbose),
            Quiet = parsed.GetValue(quiet),
            FullDurability = Value(parsed, durability) == "full",
            NormalDurability = Value(parsed, durability) == "normal",
        };
    }

    // A value that the parser could not read is reported as misuse; here it counts as not given.
    static string? Value(ParseResult parsed, Option<string> option) =>
        parsed.GetResult(option) is { Tokens: [{ Value: { Length: > 0 } value }, ..] }
            ? value
            : null;
}
