using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// What is selected, where feeds ask for some of it: such a partition is made with a payload, that
/// of the newest line that lists it or one that was typed. One that is named and has none is
/// refused; of those that a pattern selects the plan says so.
/// </summary>
static class FedTargets
{
    /// <summary>
    /// As <see cref="Selecting.Find"/>. With a <paramref name="payload"/> one partition is named,
    /// as it is: keys may hold what selects several elsewhere.
    /// </summary>
    public static ImmutableArray<string> Find(
        Cli cli, Workspace workspace, Graph graph, Asked asked, IBuildStore? store, string payload,
        CancellationToken ct)
    {
        if (payload.Length > 0) return [One(graph, asked)];
        var targets = Selecting.Find(cli, workspace, graph, asked, store, ct);
        // The files may lie where the server is, which looks for itself.
        if (cli.Options.Server is not { Length: > 0 })
            Check(workspace, graph, targets, asked.Selectors);
        return targets;
    }

    static string One(Graph graph, Asked asked)
    {
        var name = asked.Selectors is [var only] && !asked.NeedsRelatives
            ? only
            : throw new UsageException("usage", "--payload TEXT is for one partition; name it");
        return FeedOf(graph, name) is not null
            ? name
            : throw new UsageException("usage", $"--payload TEXT: no feed asks for {name}");
    }

    static string? FeedOf(Graph graph, string name) => PartitionRef.Check(name) is null
        ? graph.FindProducer(Encoding.UTF8.GetBytes(name)).Job?.FeedFolder
        : null;

    static void Check(
        Workspace workspace, Graph graph, ImmutableArray<string> targets,
        ImmutableArray<string> typed)
    {
        if (!graph.Jobs.Any(job => job.FeedFolder is not null)) return;
        var named = typed.ToHashSet();
        foreach (var folder in targets.Where(named.Contains).GroupBy(name => FeedOf(graph, name)))
        {
            if (folder.Key is null) continue;
            var payloads = FeedPayloads.Newest(
                workspace.Absolute(folder.Key), [.. folder.Select(FeedPayloads.KeyOf)]);
            foreach (var name in folder)
            {
                if (payloads.ContainsKey(FeedPayloads.KeyOf(name))) continue;
                throw new RefusedException(
                    FeedPayloads.Missing, FeedPayloads.MissingText(name, folder.Key));
            }
        }
    }
}
