using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Brings wanted outputs here that a worker of another host made or that were current elsewhere: at
/// the end of a build, outside of every lock of the store.
/// </summary>
static class WantedOutputs
{
    /// <summary>
    /// Restores what is wanted and not in its place. What cannot be had is said; the next build
    /// makes it again.
    /// </summary>
    public static void Bring(
        Cli cli, Workspace workspace, Graph graph, IBuildStore store, ArtifactStore artifacts,
        WantRequest request)
    {
        if (request.Options.Restore == RestoreMode.None) return;
        var away = request.Targets.Where(IsAway).ToList();
        if (away.Count == 0) return;
        var state = StateLoader.Load(store, new PartitionNames()).State;
        foreach (var name in away) Bring(cli, workspace, graph, state, artifacts, name);

        bool IsAway(string name) =>
            graph.FindProducer(Encoding.UTF8.GetBytes(name)).Job is
                { Resource: null, Keep: not KeepRule.Check }
            && !Path.Exists(PathOf(workspace, graph, name));
    }

    /// <summary>Brings one of them; says from where, or that no layer has it.</summary>
    public static void Bring(
        Cli cli, Workspace workspace, Graph graph, KernelState state, ArtifactStore artifacts,
        string name)
    {
        if (!state.Names.TryFind(name, out var id) || state.PlaceOf(id) != PartitionPlace.Live
            || !state.TryGetManifest(id, out var manifest)) return;
        var path = PathOf(workspace, graph, name);
        var from = artifacts.Bring(
            manifest.Fingerprint, name, manifest.Digest, path, () => Path.Exists(path));
        if (from is { Length: > 0 }) cli.Say($"restored {name} (from {from})");
        else if (from is null)
            cli.Say($"warning: {name} is not in its place, and no layer of artifacts has it "
                + "whole; `quoin build` makes it again");
    }

    static string PathOf(Workspace workspace, Graph graph, string name) =>
        workspace.Absolute(graph.PathOf(Encoding.UTF8.GetBytes(name)));
}
