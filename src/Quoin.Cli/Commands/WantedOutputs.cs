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
        if (request.Restore == RestoreMode.None) return;
        var away = request.Targets.Where(IsAway).ToList();
        if (away.Count == 0) return;
        var state = StateLoader.Load(store, new PartitionNames()).State;
        foreach (var name in away)
        {
            if (!state.Names.TryFind(name, out var id) || state.PlaceOf(id) != PartitionPlace.Live
                || !state.TryGetManifest(id, out var manifest)) continue;
            var path = PathOf(name);
            var from = artifacts.Bring(
                manifest.Fingerprint, name, manifest.Digest, path, () => Path.Exists(path));
            if (from is { Length: > 0 }) cli.Say($"restored {name} (from {from})");
            else if (from is null)
                cli.Say($"warning: {name} was made on another host, and no layer of artifacts has "
                    + "it whole; `quoin build` makes it again");
        }

        string PathOf(string name) =>
            workspace.Absolute(graph.PathOf(Encoding.UTF8.GetBytes(name)));

        bool IsAway(string name) =>
            graph.FindProducer(Encoding.UTF8.GetBytes(name)).Job is
                { Resource: null, Keep: not KeepRule.Check }
            && !Path.Exists(PathOf(name));
    }
}
