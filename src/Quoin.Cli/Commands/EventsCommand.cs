using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary><c>quoin events</c>: the build event log, oldest first.</summary>
static class EventsCommand
{
    public const string Summary = "Show the build event log";

    static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var types = new Option<string[]>("--type")
        {
            Description = "Only events of this type, e.g. run-failed; may be repeated",
            HelpName = "TYPE",
            AllowMultipleArgumentsPerToken = false,
        };
        var subject = new Option<string?>("--subject")
        {
            Description = "Only events about this partition, run, want or worker",
            HelpName = "S",
        };
        var after = new Option<long>("--after")
        {
            Description = "Only events behind this position",
            HelpName = "POSITION",
        };
        var last = new Option<int?>("--last") { Description = "Only the newest N", HelpName = "N" };
        var follow = new Option<bool>("--follow", "-f")
        {
            Description = "Go on as they are logged",
        };
        var command = new Command("events", Summary) { types, subject, after, last, follow };
        command.SetAction((parsed, _) => RunAsync(
            cli(parsed),
            new EventQuery
            {
                Types = [.. parsed.GetValue(types) ?? []],
                Subject = parsed.GetValue(subject),
                After = parsed.GetValue(after),
                Last = parsed.GetValue(last),
            },
            parsed.GetValue(follow)));
        return command;
    }

    static async Task<int> RunAsync(Cli cli, EventQuery query, bool follow)
    {
        if (Unknown(query.Types) is { } problem)
            return cli.Error("usage", problem, ExitCode.Usage);
        await using var store = Project.OpenForReading(cli, Project.FindOrStore(cli));
        var position = Print(cli, store, query);
        if (!follow) return ExitCode.Ok;
        using var interruption = new Interruption();
        var rest = query with { Last = null };
        using var changes = new StoreChanges(store);
        while (!cli.OutIsClosed())
        {
            if (changes.HasNew())
            {
                position = Print(cli, store, rest with { After = position });
                cli.Out.Flush();
            }
            try
            {
                await changes.WaitAsync(LookAgain, interruption.Stop);
            }
            catch (OperationCanceledException)
            {
                return interruption.ExitCodeOfSignal ?? ExitCode.Ok;
            }
        }
        return ExitCode.Ok;
    }

    /// <summary>Prints what a query finds; returns the last position, found or asked for.</summary>
    public static long Print(Cli cli, IEventLog store, EventQuery query)
    {
        var names = new PartitionNames();
        var position = query.After;
        var width = cli.OutScreen.Width;
        foreach (var raw in store.Query(query))
        {
            position = raw.Position;
            if (cli.OutIsClosed()) break;
            if (cli.Options.Json) cli.Print(EventJson.ToJson(raw));
            else cli.Print(LineOf(raw, names, cli.Time).Cut(width));
        }
        return position;
    }

    /// <summary>
    /// <c>  17  2026-01-31 12:00:05  run-leased      r-7  attempt 1 by host-a/1</c>
    /// </summary>
    public static Line LineOf(RawEvent raw, PartitionNames names, TimeProvider time)
    {
        var line = new Line($"{raw.Position,6}", Style.Dim)
            .Add($"  {Units.DayAndSecond(raw.At, time)}  ", Style.Dim)
            .Add(raw.Type.PadRight(18), EventText.StyleOf(raw.Type))
            .Add($"  {raw.Subject}", Style.Bold);
        var type = System.Text.Encoding.UTF8.GetBytes(raw.Type);
        if (!EventCodec.Types.Contains(raw.Type)) return line; // Of a newer quoin.
        var rest = EventText.Of(
            EventCodec.Decode(raw.Position, type, raw.Body.Span, names), names);
        return rest.Length > 0 ? line.Add("  " + rest) : line;
    }

    static string? Unknown(IEnumerable<string> types)
    {
        foreach (var type in types)
        {
            if (EventCodec.Types.Contains(type)) continue;
            var near = Nearest.To(type, EventCodec.Types) is { } name
                ? $"; did you mean {name}?"
                : "";
            return $"--type {type}: there is no such event{near}"
                + $" (all: {string.Join(' ', EventCodec.Types)})";
        }
        return null;
    }
}
