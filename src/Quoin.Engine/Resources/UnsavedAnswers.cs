namespace Quoin.Engine;

/// <summary>
/// Answers of calls that could not be committed: they are kept beside the store, and heard by
/// whoever decides next, so that nothing is asked for once more for it. Belongs to the
/// coordinator's thread.
/// </summary>
sealed class UnsavedAnswers(CoordinatorParts parts)
{
    readonly AnswerJournal journal =
        new(Path.Combine(parts.Workspace.QuoinDirectory, "journal"));

    /// <summary>Those of the facts that are not committed.</summary>
    public List<RunAnswer> Heard { get; } = [];

    /// <summary>Keeps them, and those that nobody will hear any more.</summary>
    public void Keep(Mailbox mailbox)
    {
        foreach (var message in mailbox.Take([], wait: false))
            if (message is Message.Activated m) Heard.Add(RunAnswer.Of(m.Activation, m.Result));
        foreach (var answer in Heard)
        {
            // It was stopped: whatever it did is found by the next call, or by the name it said.
            if (answer.Answer is { Kind: ResourceAnswerKind.Unknown, ExternalId: null }) continue;
            journal.Write(answer.ToInbox());
            FaultPoint.Reach("journal.written");
        }
        Heard.Clear();
    }

    /// <summary>Hands in what was kept by a process before this one.</summary>
    public void Send()
    {
        if (!journal.HasAny) return;
        journal.SendAsync(parts.Store.SendAsync, parts.Observer.Warn, CancellationToken.None)
            .GetAwaiter().GetResult();
        FaultPoint.Reach("journal.imported");
    }
}
