using System.Collections.Immutable;
using System.CommandLine;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// The arguments and options that say which partitions are meant, the same everywhere.
/// </summary>
sealed class Selectors
{
    readonly Argument<string[]> selectors = new("SEL")
    {
        Description = "Partitions: daily/2026-01-31, daily/2026-01-01..2026-01-31, daily/2026-*,"
            + " daily/**, job:NAME (default: the graph's targets)",
        Arity = ArgumentArity.ZeroOrMore,
    };

    readonly Option<string[]> tags = new("--tag")
    {
        Description = "Known outputs of jobs with this tag; may be repeated",
        HelpName = "TAG",
    };

    readonly Option<bool> all = new("--all") { Description = "All known partitions" };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(selectors);
        command.Options.Add(tags);
        command.Options.Add(all);
    }

    /// <summary>What was typed, as it was typed.</summary>
    public Asked Read(ParseResult parsed) => new(
        [.. parsed.GetValue(selectors) ?? []], [.. parsed.GetValue(tags) ?? []],
        parsed.GetValue(all));

    /// <summary>What was typed.</summary>
    public sealed record Asked(
        ImmutableArray<string> Selectors, ImmutableArray<string> Tags, bool All)
    {
        /// <summary>For people: <c>daily/** --tag nightly</c>.</summary>
        public string Text => string.Join(
            ' ', Selectors.Concat(Tags.Select(tag => $"--tag {tag}")).Concat(All ? ["--all"] : []));
    }

    /// <summary>
    /// The partitions. Throws <see cref="BadSelectionException"/> with every selector that means
    /// nothing. <paramref name="recorded"/> is asked only where a pattern has to be matched.
    /// </summary>
    public static ImmutableArray<string> Find(
        Workspace workspace, Graph graph, Asked asked, IEnumerable<string> recorded,
        bool orTargets = true)
    {
        var known = new KnownPartitions(
            graph, glob => Glob.Files(workspace.Root, glob), recorded);
        if (asked.All)
        {
            return [.. known.All.Where(name => HasJob(graph, name))];
        }
        var selectors = asked.Selectors;
        if (selectors.IsEmpty && asked.Tags.IsEmpty)
        {
            if (!orTargets || graph.Targets.IsEmpty)
            {
                throw new UsageException(
                    "nothing-selected",
                    orTargets
                        ? "nothing is selected: name partitions, or give the graph `targets: [...]`"
                        : "name the partitions that are meant");
            }
            selectors = graph.Targets;
        }
        var names = new PartitionNames();
        var selection = Selection.Of(graph, selectors, asked.Tags, names, known);
        if (!selection.Problems.IsEmpty) throw new BadSelectionException(selection.Problems);
        return [.. selection.Partitions.Select(names.Text)];
    }

    /// <summary>A job makes it; it is not a source.</summary>
    public static bool HasJob(Graph graph, string name) =>
        graph.FindProducer(Encoding.UTF8.GetBytes(name)).Job is not null;

    /// <summary>
    /// The partitions that a store has a state for, read when they are asked for.
    /// </summary>
    public static IEnumerable<string> Recorded(IBuildStore? store)
    {
        if (store is null) yield break;
        var state = StateLoader.Load(store, new PartitionNames()).State;
        for (var id = 0; id < state.CellCount; id++)
        {
            var partition = new PartitionId(id);
            if (state.PlaceOf(partition) is PartitionPlace.Live or PartitionPlace.Tainted)
                yield return state.Names.Text(partition);
        }
    }
}

/// <summary>Selectors that mean nothing: exit code 2, all of them printed.</summary>
sealed class BadSelectionException(ImmutableArray<SelectionProblem> problems)
    : Exception("the selection has problems")
{
    /// <summary>All problems, in the order of the selectors.</summary>
    public ImmutableArray<SelectionProblem> Problems { get; } = problems;
}
