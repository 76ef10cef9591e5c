using System.Collections.Immutable;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Offers: wants that ask for nothing until somebody accepts them.</summary>
public static class Offers
{
    /// <summary>How long an offer stands.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(5);

    /// <summary>Who cancelled the others of a group.</summary>
    public const string SiblingAccepted = "sibling-accepted";

    /// <summary>The offer that a request asks for, and whether its pools have room.</summary>
    public static OfferWant Of(
        WantRequest request, KernelState state, Graph graph, DateTimeOffset now)
    {
        ImmutableArray<PartitionId> targets =
            [.. request.Targets.Select(name => state.Names.Intern(name))];
        return new OfferWant(targets, request.Options, now + Life)
        {
            Request = request.Text,
            NoRoom = NoRoom(state, graph, targets, now),
        };
    }

    // An offer that stands counts like a thing that is there, with all that it stands on: who
    // accepts it shall not wait. What several wants share counts once.
    static Refusal? NoRoom(
        KernelState state, Graph graph, IEnumerable<PartitionId> targets, DateTimeOffset now)
    {
        if (graph.Pools.IsEmpty) return null;
        var before = Things(
            from want in state.Wants.Values
            where want.OfferedUntil is null || want.OfferedUntil > now
            from target in want.Targets
            select state.Names.Text(target));
        before.UnionWith(
            state.Runs.Values.SelectMany(run => run.Claims).Select(state.Names.Text));
        var taken = Places(before);
        var more = Things(targets.Select(state.Names.Text));
        more.ExceptWith(before);
        foreach (var (pool, places) in Places(more))
        {
            var (all, used) = (graph.Pools.GetValueOrDefault(pool), taken.GetValueOrDefault(pool));
            if (used + places <= all) continue;
            return new Refusal(
                "pool-full",
                $"Pool {pool} has {all} places, and {used} of them are taken or offered; "
                + "see: quoin status");
        }
        return null;

        Dictionary<string, int> Places(IEnumerable<string> things) =>
            things.SelectMany(name => JobOf(graph, name)?.Limits.Resources.Pools ?? [])
                .GroupBy(claim => claim.Pool, claim => claim.Places)
                .ToDictionary(pool => pool.Key, pool => pool.Sum());

        HashSet<string> Things(IEnumerable<string> names) => ThingsOf(graph, names);
    }

    static Job? JobOf(Graph graph, string name) =>
        graph.FindProducer(Encoding.UTF8.GetBytes(name)).Job;

    // Things, and what they stand on. Data that they read comes and goes: it holds no place.
    static HashSet<string> ThingsOf(Graph graph, IEnumerable<string> names)
    {
        var things = new HashSet<string>(StringComparer.Ordinal);
        var left = new Stack<string>(names);
        while (left.TryPop(out var name))
        {
            if (JobOf(graph, name) is not { Resource: not null } job || !things.Add(name)) continue;
            // What it stands on is known when that is asked.
            if (!job.ConfigCommand.IsEmpty) continue;
            try
            {
                foreach (var input in job.Configure(name).Inputs) left.Push(input);
            }
            catch (InvalidOperationException)
            {
                // Its plan will say what is wrong with it.
            }
        }
        return things;
    }

    /// <summary>
    /// What accepting an offer asks of the kernel: itself, and that the others of its group are
    /// given up. All or nothing: a refusal comes first.
    /// </summary>
    public static IReadOnlyList<KernelCommand> Accept(
        KernelState state, WantId want, DateTimeOffset now, string command = "")
    {
        var commands = new List<KernelCommand>
        {
            new AcceptOffer(want, now) { Command = command },
        };
        if (state.Wants.TryGetValue(want.Value, out var offer) && offer.Options.Group.Length > 0)
            commands.AddRange(state.Wants.Values
                .Where(other => other.Id != want && other.OfferedUntil is not null
                    && other.Options.Group == offer.Options.Group)
                .Select(other => new CancelWant(other.Id, SiblingAccepted)));
        return commands;
    }
}
