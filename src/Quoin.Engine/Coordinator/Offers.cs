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

    // An offer that stands counts like a thing that is there: who accepts it shall not wait. What
    // several wants share counts once.
    static Refusal? NoRoom(
        KernelState state, Graph graph, IEnumerable<PartitionId> targets, DateTimeOffset now)
    {
        var wanted = from want in state.Wants.Values
                     where want.OfferedUntil is null || want.OfferedUntil > now
                     from target in want.Targets
                     where IsThing(target)
                     select target;
        var before = wanted.Concat(state.Runs.Values.SelectMany(run => run.Claims)).ToHashSet();
        var taken = Places(before);
        foreach (var (pool, places) in Places(targets.Distinct().Where(t => !before.Contains(t))))
        {
            var (all, used) = (graph.Pools.GetValueOrDefault(pool), taken.GetValueOrDefault(pool));
            if (used + places <= all) continue;
            return new Refusal(
                "pool-full",
                $"Pool {pool} has {all} places, and {used} of them are taken or offered; "
                + "see: quoin status");
        }
        return null;

        bool IsThing(PartitionId p) => JobOf(p)?.Resource is not null;

        Job? JobOf(PartitionId p) =>
            graph.FindProducer(Encoding.UTF8.GetBytes(state.Names.Text(p))).Job;

        Dictionary<string, int> Places(IEnumerable<PartitionId> partitions) =>
            partitions.SelectMany(p => JobOf(p)?.Limits.Resources.Pools ?? [])
                .GroupBy(claim => claim.Pool, claim => claim.Places)
                .ToDictionary(pool => pool.Key, pool => pool.Sum());
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
