using System.Collections.Immutable;
using System.CommandLine;

namespace Quoin.Cli;

/// <summary>How much a process runs at a time, and what it can do beside the rest.</summary>
/// <param name="Count">Runs at a time.</param>
/// <param name="Labels">As <c>os=linux</c>, sorted.</param>
sealed record Slots(int Count, ImmutableArray<string> Labels);

/// <summary><c>-j</c> and <c>--label</c> of the commands that run jobs.</summary>
sealed class SlotOptions
{
    readonly Option<int> jobs = Jobs();

    readonly Option<string[]> labels = new("--label")
    {
        Description = "What this process can do: runs of jobs with `labels` need it (gpu=a100)",
        HelpName = "NAME=VALUE",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(jobs);
        command.Options.Add(labels);
    }

    /// <summary>Their values. Throws on fewer than <paramref name="least"/>.</summary>
    public Slots Read(ParseResult parsed, int least) => new(
        Count(parsed, jobs, least), ThisMachine.Labels(parsed.GetValue(labels) ?? []));

    /// <summary><c>-j</c> alone.</summary>
    public static Option<int> Jobs() => new("--jobs", "-j")
    {
        Description = "How many runs at a time (default: the number of cores)",
        HelpName = "N",
        DefaultValueFactory = _ => Environment.ProcessorCount,
    };

    /// <summary>Its value. Throws on fewer than <paramref name="least"/>.</summary>
    public static int Count(ParseResult parsed, Option<int> jobs, int least) =>
        parsed.GetValue(jobs) is var count && count >= least && count <= 10_000
            ? count
            : throw new UsageException(
                "usage", $"-j {count}: write a number from {least} to 10000");
}
