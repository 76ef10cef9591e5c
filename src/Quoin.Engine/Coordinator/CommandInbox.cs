using System.Collections.Immutable;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What other processes ask through the store: read when the store changed, carried out once, and
/// taken out of the inbox in the transaction of what came of it. Belongs to the coordinator's
/// thread.
/// </summary>
sealed class CommandInbox(
    Coordinator coordinator, CoordinatorParts parts, Planning planning, Dispatcher dispatcher,
    RemoteRuns remote)
{
    readonly HashSet<string> carried = [];
    readonly HashSet<(RunId Run, int Epoch)> ends = [];
    List<string> taken = [];
    IReadOnlyList<InboxCommand> waited = [];
    long version = -1;

    /// <summary>The rows whose answers are among the next events.</summary>
    public IReadOnlyList<string> Take()
    {
        if (taken.Count == 0) return [];
        var rows = taken;
        taken = [];
        carried.Clear(); // They are gone with the commit that this is for.
        return rows;
    }

    /// <summary>Something was taken, whatever came of it.</summary>
    public bool HasTaken => taken.Count > 0;

    /// <summary>Carries out what is new.</summary>
    public void Look()
    {
        coordinator.CheckLead();
        var now = parts.Store.ChangeVersion();
        if (now == version) return;
        version = now;
        Carry(parts.Store.Waiting());
    }

    /// <summary>
    /// Learns of the workers and of what they claimed: what has to be known before the runs of
    /// whoever led before are given to others.
    /// </summary>
    public void LookForWorkers()
    {
        waited = parts.Store.Waiting();
        Carry(waited.Where(row => row.Type is "worker-joined" or "run-leased"));
        foreach (var row in waited)
        {
            if (row.Type == "run-ended" && StoreCommand.Read(row, out _) is StoreCommand.Ended end)
                ends.Add((end.Attempt.Id.Run, end.Attempt.Epoch));
        }
    }

    /// <summary>Carries out the rest of what waited then.</summary>
    public void CarryRest()
    {
        Carry(waited);
        waited = [];
    }

    /// <summary>The end of this lease waits to be taken.</summary>
    public bool HasEnd(RunId run, int epoch) => ends.Contains((run, epoch));

    void Carry(IEnumerable<InboxCommand> rows)
    {
        foreach (var row in rows)
        {
            if (!carried.Add(row.Id)) continue;
            taken.Add(row.Id);
            if (StoreCommand.Read(row, out var problem) is { } command) Carry(row.Id, command);
            else Answer(row.Id, "bad-command", problem);
        }
    }

    void Carry(string id, StoreCommand command)
    {
        switch (command)
        {
            case StoreCommand.Accept c: Accept(id, c); return;
            case StoreCommand.Cancel c: Do(id, new CancelWant(c.Want, c.By)); return;
            case StoreCommand.CancelAll c:
                Do(id, [.. parts.State.Wants.Values.Select(want => new CancelWant(want.Id, c.By))]);
                return;
            case StoreCommand.CancelRun c:
                if (parts.State.Runs.TryGetValue(c.Run.Value, out var run))
                    Do(id, new CancelWant(run.Config.For, c.By));
                else Answer(id, "no-such-run", $"{c.Run} is not active; see: quoin runs");
                return;
            case StoreCommand.Taint c:
                Do(id, [.. c.Partitions.Select(
                    name => new Taint(parts.State.Names.Intern(name), c.By, c.Why))]);
                return;
            case StoreCommand.Clean c:
                coordinator.Note(new OutputsRemoved(
                    [.. c.Partitions.Select(name => parts.State.Names.Intern(name))], c.By));
                Answer(id, "done", "");
                return;
            case StoreCommand.Release c: Do(id, new RequestWantRelease(c.Want, c.By)); return;
            case StoreCommand.AcceptOffer c:
                coordinator.AcceptOffer(c.Want, id);
                return;
            case StoreCommand.Resolve c:
                Do(id, new ResolveIntervention(c.Intervention, c.Answer, c.By)
                {
                    ExternalId = c.ExternalId,
                });
                return;
            case StoreCommand.Wake c:
                Do(id, c.In(parts.State, parts.Time.GetUtcNow()));
                return;
            case StoreCommand.Named c:
                dispatcher.Holdings.See(c.Run, c.Epoch, c.ExternalId);
                return;
            case StoreCommand.Answered c: dispatcher.Holdings.Take(c.Answer); return;
            case StoreCommand.Joined c: remote.Join(c.Worker); return;
            case StoreCommand.Left c: remote.Leave(c.Worker, isRowThere: false); return;
            case StoreCommand.Leased c:
                dispatcher.TakeLease(c.Run, c.Epoch, new WorkerId(c.Worker));
                return;
            case StoreCommand.Ended { Attempt: var ended } when ended.Answer is not null
                || parts.State.Runs.GetValueOrDefault(ended.Id.Run.Value)?.Life is not null:
                dispatcher.Holdings.TakeResult(ended);
                FaultPoint.Reach("read");
                return;
            case StoreCommand.Ended c:
                dispatcher.TakeResult(c.Attempt);
                FaultPoint.Reach("read");
                return;
            default:
                throw new InvalidOperationException($"unknown command {command}");
        }
    }

    void Accept(string id, StoreCommand.Accept c)
    {
        if (c.Graph != parts.Graph.Digest)
        {
            if (Conflict(c) is { } conflict) Answer(id, "definition-conflict", conflict);
            else Answer(id, "graph-differs", GraphDiffers(c.GraphText));
            return;
        }
        foreach (var target in c.Request.Targets)
        {
            if (PartitionRef.Check(target) is not { } problem) continue;
            Answer(id, "bad-command", $"{target}: {problem}");
            return;
        }
        if (c.Request.Options.Offer)
        {
            var offer = Offers.Of(
                c.Request, parts.State, parts.Graph, parts.Time.GetUtcNow());
            if (coordinator.Do(offer with { Command = id }) is { } refusal)
                Answer(id, refusal.Code, refusal.Message);
            return;
        }
        var report = new TaskCompletionSource<WantReport>();
        coordinator.Accept(new Message.Wanted(c.Request, report) { Command = id });
    }

    // What an open want makes it makes as its own plan defines it.
    string? Conflict(StoreCommand.Accept c)
    {
        foreach (var text in c.Definitions)
        {
            var sent = Encoding.UTF8.GetBytes(text);
            try
            {
                var output = Fingerprint.Parse(sent).FirstOrDefault(item => item.Kind == "output");
                if (output.Name is null || !parts.State.Names.TryFind(output.Name, out var p)
                    || !planning.TryGetOwner(p, out var planned, out var node)) continue;
                var here = planned.Plan.Test.Fingerprints.DefinitionTextOf(node);
                var changes = FingerprintDiff.Compare(here, sent);
                if (!changes.IsEmpty)
                    return Told(output.Name, planned.Want, changes, c.Graph);
            }
            catch (FormatException)
            {
                continue; // Of another version of the program: the graphs differ, that is all.
            }
        }
        return null;
    }

    string Told(
        string name, WantId want, ImmutableArray<FingerprintChange> changes, Digest graph)
    {
        List<string> lines = [$"{name} is being built for {want} with another definition"];
        foreach (var change in changes.Take(DiffLinesMax))
        {
            var what = $"{change.Kind} {change.Name}";
            if (change.Old is { } old)
                lines.Add($"- {$"{what} {old}".TrimEnd()}  ({want}, graph "
                    + $"{parts.Graph.Digest.Short})");
            if (change.New is { } now)
                lines.Add($"+ {$"{what} {now}".TrimEnd()}  (this want, graph {graph.Short})");
        }
        lines.Add($"wait for it (--after {want}) or cancel it (quoin cancel {want})");
        return string.Join("\n  ", lines);
    }

    const int DiffLinesMax = 20;

    string GraphDiffers(string sent)
    {
        var what = "another process builds here with another version of the graph; wait for its "
            + "end, or stop it (quoin cancel --all), and run the command again";
        if (sent.Length == 0) return what;
        var lines = GraphDiff.Lines(parts.Graph.Text, sent, DiffLinesMax);
        return $"{what}. What it has (-) and you have (+):\n  {string.Join("\n  ", lines)}";
    }

    // The first refusal is the answer; then nothing was done.
    void Do(string id, params KernelCommand[] commands)
    {
        var refusal = coordinator.Do(commands);
        Answer(id, refusal?.Code ?? "done", refusal?.Message ?? "");
    }

    /// <summary>Tells the sender what came of its command.</summary>
    public void Answer(
        string id, string code, string message, PlanCounts counts = default) =>
        coordinator.Note(new CommandAnswered(id, code, message) { Counts = counts });
}
