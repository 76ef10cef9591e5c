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
    readonly Option<int> jobs = new("--jobs", "-j")
    {
        Description = "How many runs at a time (default: the number of cores)",
        HelpName = "N",
        DefaultValueFactory = _ => Environment.ProcessorCount,
    };

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
    public Slots Read(ParseResult parsed, int least)
    {
        var count = parsed.GetValue(jobs);
        if (count < least || count > 10_000)
            throw new UsageException("usage", $"-j {count}: write a number from {least} to 10000");
        return new Slots(count, ThisMachine.Labels(parsed.GetValue(labels) ?? []));
    }
}
