using System.CommandLine;
using System.CommandLine.Parsing;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin supervisor</c>: reads feeds from a folder and gives their lines to line workers, one
/// key to one worker at a time, until it is told to stop.
/// </summary>
static class SupervisorCommand
{
    public const string Summary = "Give the lines of growing files to workers at a socket";

    /// <summary>The keys are partitions of this dataset.</summary>
    public const string Dataset = "update";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var options = new SupervisorOptionSet();
        var command = new Command("supervisor", Summary);
        options.AddTo(command);
        command.SetAction((parsed, _) => Task.FromResult(options.NamesGraph(parsed)
            ? FeedGraphRunner.Run(cli(parsed), options.Slots(parsed))
            : Run(cli(parsed), options.Read(parsed))));
        return command;
    }

    static int Run(Cli cli, SupervisorOptions options)
    {
        using var interruption = new Interruption();
        try
        {
            var server = new Supervisor(cli, options);
            using (server) server.Run(interruption.Stop);
            return ExitCode.Ok;
        }
        catch (StoreException e)
        {
            return cli.Error(e.Code, e.Message, ExitCode.Failed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return cli.Error("environment", e.Message, ExitCode.Failed);
        }
    }
}

/// <summary>What was typed.</summary>
sealed record SupervisorOptions(string Database, string Folder, string Socket, LineRules Rules)
{
    /// <summary>Longer lines are skipped, bytes.</summary>
    public int LineBytesMax { get; init; }

    /// <summary>The keys are partitions of this dataset.</summary>
    public string Dataset { get; init; } = SupervisorCommand.Dataset;

    /// <summary>See <see cref="LineServer.Deciding"/>; also called once at the start.</summary>
    public Action<FeedBook>? Deciding { get; init; }

    /// <summary>Whether the output of a job is there; null: none is to be.</summary>
    public Func<string, bool>? IsMade { get; init; }
}

/// <summary>The arguments and options of <c>quoin supervisor</c>, for the parser.</summary>
sealed class SupervisorOptionSet
{
    readonly Argument<string> database = new("database_file")
    {
        Description = "The SQLite file that holds all state; made when it is missing. Without "
            + "any argument the feeds of quoin.yaml are served",
        Arity = ArgumentArity.ZeroOrOne,
    };

    readonly Argument<string> folder = new("input_dir")
    {
        Description = "The folder of NAME.NUMBER.txt and NAME.NUMBER.txt.part",
        Arity = ArgumentArity.ZeroOrOne,
    };

    readonly Argument<string> socket = new("worker_socket")
    {
        Description = "The path of the Unix socket at which workers ask",
        Arity = ArgumentArity.ZeroOrOne,
    };

    readonly Option<string> hold = Time(
        "--hold", "How long a path stays blocked without DONE (12h)");
    readonly Option<string> lease = Time(
        "--lease", "How long a worker that is not heard of keeps its jobs (60s)");

    readonly Option<string> plain = new("--plain")
    {
        Description = "Who holds the jobs of clients without HELLO: auto, path or connection",
        HelpName = "WHO",
    };

    readonly Option<string> done = new("--done")
    {
        Description = "Whose DONE counts: holder or any",
        HelpName = "WHO",
    };

    readonly Option<int> attempts = new("--attempts")
    {
        Description = "How often a line is given out at most when its workers are lost (3)",
        HelpName = "N",
        DefaultValueFactory = _ => 3,
    };

    readonly Option<string> lineBytes = new("--max-line")
    {
        Description = "Longer lines are skipped (64MB)",
        HelpName = "BYTES",
    };

    readonly Option<int> jobs = SlotOptions.Jobs();

    public SupervisorOptionSet()
    {
        plain.AcceptOnlyFromAmong("auto", "path", "connection");
        done.AcceptOnlyFromAmong("holder", "any");
    }

    static Option<string> Time(string name, string description) =>
        new(name) { Description = description, HelpName = "TIME" };

    public void AddTo(Command command)
    {
        command.Arguments.Add(database);
        command.Arguments.Add(folder);
        command.Arguments.Add(socket);
        foreach (var option in (Option[])[hold, lease, plain, done, attempts, lineBytes, jobs])
            command.Options.Add(option);
    }

    /// <summary>Nothing was named, so the graph says what is served.</summary>
    public bool NamesGraph(ParseResult parsed)
    {
        if (parsed.GetValue(socket) is not null) return false;
        if (parsed.GetValue(database) is not null)
        {
            throw new UsageException(
                "usage", "name database_file, input_dir and worker_socket, or none of them to "
                + "serve the feeds of quoin.yaml");
        }
        return true;
    }

    /// <summary>How many jobs run here at a time.</summary>
    public int Slots(ParseResult parsed) => SlotOptions.Count(parsed, jobs, least: 1);

    public SupervisorOptions Read(ParseResult parsed)
    {
        var often = parsed.GetValue(attempts);
        if (often is < 1 or > 200)
            throw new UsageException("usage", $"--attempts {often}: write a number from 1 to 200");
        var rules = new LineRules
        {
            Feed = new FeedRules
            {
                HoldMs = Milliseconds(parsed, hold, "12h"),
                LeaseMs = Milliseconds(parsed, lease, "60s"),
                AttemptsMax = often,
            },
            Plain = parsed.GetValue(plain) switch
            {
                "path" => PlainClients.Path,
                "connection" => PlainClients.Connection,
                _ => PlainClients.Auto,
            },
            AnyDone = parsed.GetValue(done) == "any",
        };
        return new SupervisorOptions(
            parsed.GetValue(database)!, parsed.GetValue(folder)!, parsed.GetValue(socket)!, rules)
        {
            LineBytesMax = Bytes(parsed),
        };
    }

    static long Milliseconds(ParseResult parsed, Option<string> option, string usual)
    {
        var text = parsed.GetValue(option) ?? usual;
        return Quantities.TryParseDuration(text, out var time)
            && time >= TimeSpan.FromSeconds(1) && time <= TimeSpan.FromDays(365)
            ? (long)time.TotalMilliseconds
            : throw new UsageException(
                "usage", $"{option.Name} {text}: write a time from 1s to 365d, as 60s or 12h");
    }

    int Bytes(ParseResult parsed)
    {
        var text = parsed.GetValue(lineBytes) ?? "64MB";
        return Quantities.TryParseSize(text, out var bytes) && bytes is >= 1024 and <= 1 << 30
            ? (int)bytes
            : throw new UsageException(
                "usage", $"--max-line {text}: write a size from 1kB to 1GB");
    }
}
