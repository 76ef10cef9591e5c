using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>What came of a command that only changes what is known.</summary>
/// <param name="Events">What was recorded meanwhile; nothing when it was so already.</param>
/// <param name="Names">The names behind them.</param>
/// <param name="Refusal">Why it was refused; null when it was not.</param>
sealed record Decided(IReadOnlyList<BuildEvent> Events, PartitionNames Names, Refusal? Refusal);

/// <summary>
/// The store for commands that decide without building (want, taint, cancel, clean): decided here
/// when nobody builds, else by the process that does.
/// </summary>
sealed class Deciding : IAsyncDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(15);
    static readonly TimeSpan lookAgain = TimeSpan.FromSeconds(1);

    readonly Cli cli;
    readonly bool asks;

    Deciding(Cli cli, IBuildStore store, bool asks) =>
        (this.cli, Store, this.asks) = (cli, store, asks);

    /// <summary>The open store.</summary>
    public IBuildStore Store { get; }

    /// <summary>The time that all who use the store agree on.</summary>
    public TimeProvider Time => field ??= Store.ClockOn(cli.Time);

    /// <summary>Opens the store; it is made when it is missing.</summary>
    public static Deciding Open(Cli cli, Workspace workspace)
    {
        var (store, holder) = Project.OpenToBuild(cli, workspace);
        return new Deciding(cli, store, asks: holder is not null);
    }

    /// <summary>
    /// Decides on <paramref name="commands"/> here, or asks the process that builds for
    /// <paramref name="requests"/>, which mean the same.
    /// </summary>
    public async Task<Decided> DoAsync(
        Func<KernelState, IReadOnlyList<KernelCommand>> commands,
        IReadOnlyList<StoreCommand> requests, CancellationToken ct)
    {
        if (asks) return await AskAsync(requests, ct);
        var made = await Decisions.MakeAsync(Store, Time, commands, ct);
        return new Decided(made.Events, made.State.Names, made.Refusal);
    }

    async Task<Decided> AskAsync(IReadOnlyList<StoreCommand> requests, CancellationToken ct)
    {
        var names = new PartitionNames();
        var position = Store.LastPosition;
        var open = new HashSet<string>(StringComparer.Ordinal);
        foreach (var request in requests)
        {
            var id = ThisMachine.Hex(16);
            open.Add(id);
            await Store.SendAsync(request.ToInbox(id), ct);
        }
        var events = new List<BuildEvent>();
        Refusal? refusal = null;
        var since = cli.Time.GetTimestamp();
        using var changes = new StoreChanges(Store);
        while (open.Count > 0)
        {
            foreach (var logged in Store.Read(position, names))
            {
                position = logged.Position;
                events.Add(logged.Event);
                if (logged.Event is WantAccepted accepted) open.Remove(accepted.Command);
                if (logged.Event is WantOffered offered) open.Remove(offered.Command);
                if (logged.Event is not CommandAnswered answer || !open.Remove(answer.Command))
                    continue;
                if (answer.Code is not ("done" or "nothing-to-do"))
                    refusal ??= new Refusal(answer.Code, answer.Message);
            }
            if (open.Count == 0) break;
            if (cli.Time.GetElapsedTime(since) > patience)
                throw new StoreException(
                    "store-locked",
                    "the process that builds here does not answer; what was asked stays in the "
                    + "store, and whoever builds next does it");
            await changes.WaitAsync(lookAgain, ct);
        }
        return new Decided(events, names, refusal);
    }

    /// <summary>Records facts that no decision depends on.</summary>
    public async Task NoteAsync(
        PartitionNames names, BuildEvent fact, StoreCommand request, CancellationToken ct)
    {
        if (asks) await AskAsync([request], ct);
        else await Decisions.NotifyAsync(Store, Time, names, [fact], ct);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Store.DisposeAsync();
}
