using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Offers: wants that ask for nothing until somebody accepts them.</summary>
public static class Offers
{
    /// <summary>How long an offer stands.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(5);

    /// <summary>Who cancelled the others of a group.</summary>
    public const string SiblingAccepted = "sibling-accepted";

    /// <summary>The offer that a request asks for.</summary>
    public static OfferWant Of(WantRequest request, PartitionNames names, DateTimeOffset now) =>
        new([.. request.Targets.Select(name => names.Intern(name))], request.Options, now + Life)
        {
            Request = request.Text,
        };

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
