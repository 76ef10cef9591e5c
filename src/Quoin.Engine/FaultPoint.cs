namespace Quoin.Engine;

/// <summary>
/// Named moments at which tests end a process with SIGKILL: <c>QUOIN_FAULT=appended</c>, or
/// <c>appended:3</c> for its third time. Without the variable they do nothing. The names, and who
/// comes by:
/// <list type="bullet">
/// <item><c>claimed</c>: a worker claimed runs and has started none of them</item>
/// <item><c>launched</c>: a job's process was started (here, or at a worker)</item>
/// <item><c>ended</c>: a job ended and its outputs are in place; nobody was told</item>
/// <item><c>reported</c>: what a worker handed in is committed; it does not know that</item>
/// <item><c>read</c>: the coordinator took a worker's report and has appended nothing</item>
/// <item><c>appended</c>: the coordinator appended and has not acted on it</item>
/// <item><c>offered</c>: runs for workers are committed, on PostgreSQL; nobody was notified</item>
/// <item>Of artifacts: <c>keep.before</c>, <c>keep.after</c>: a run's outputs are in place, and no
/// copy is made, or all are; <c>cas.half</c>, <c>cas.whole</c>, <c>record.half</c>,
/// <c>record.local</c>: a copy, or the record, of the local store is written, or committed;
/// <c>artifact.announced</c>, <c>artifact.chunk</c>, <c>artifact.half</c>,
/// <c>artifact.written</c>, <c>artifact.marked</c>: the same of a shared place; <c>restored</c>: an
/// output was taken, and nobody was told</item>
/// <item>Of things outside, where each call is an activation of its run:
/// <c>claim.before-commit</c> and <c>claim.committed</c>: its intent is not, or is, durable;
/// <c>call.before</c>, <c>call.answered</c>: its program was not started, or has ended;
/// <c>call.accepted</c>, and <c>release.call-accepted</c> of a release: it acted outside and said
/// so, and nothing of that was read; <c>external.inserted</c>: the thing's name is known, not
/// committed; <c>handin.before</c>: nobody heard the answer</item>
/// <item>Of their answers at a worker, which hands them in (the process that decides hears those of
/// its own calls at once): <c>handin.between-writes</c>: its row is gone and the answer is not
/// written (SQLite; on PostgreSQL that is one statement); <c>handin.commit-unanswered</c>: the
/// commit is under way (SQLite: made), and nobody knows; <c>handin.committed</c>: it knows, as at
/// <c>reported</c>. Of those that could not be handed in: <c>journal.written</c>: kept beside the
/// store; <c>handin.row-only</c>: the answer alone is in the inbox, and kept still;
/// <c>journal.imported</c>: not kept any more, and not heard</item>
/// <item>Of what is decided on them: <c>take.before</c>, <c>take.between-writes</c>,
/// <c>take.committed</c>: the answer is heard, half decided on, recorded; <c>hook.between</c>: a
/// start-up hook follows; <c>live.before-commit</c>: the thing is there, and that is not recorded;
/// <c>cancel.between-rows</c>: a want is cancelled, and the next one, and what follows, is not:
/// all of it is one append; <c>release.scheduled</c>: a release is committed and not begun;
/// <c>release.between-two</c>: one thing is released, the next is not;
/// <c>intervention.resolved</c>: a person's answer is recorded and nothing was done</item>
/// <item><c>coordinator.lease-lost</c>: another process may decide now, as this one just learnt
/// (PostgreSQL; on SQLite the lead is a lock, which ends with its process and not before)</item>
/// </list>
/// </summary>
public static class FaultPoint
{
    static readonly string[] words =
        (Environment.GetEnvironmentVariable("QUOIN_FAULT") ?? "").Split(':');
    static readonly bool isOn = words[0].Length > 0;
    static int left = words.Length > 1 && int.TryParse(words[1], out var times) ? times : 1;

    /// <summary>Ends this process if the variable names this moment.</summary>
    public static void Reach(string point)
    {
        if (isOn) Count(point);
    }

    static void Count(string point)
    {
        if (point == words[0] && Interlocked.Decrement(ref left) == 0)
            _ = Libc.kill(Environment.ProcessId, Libc.SigKill); // Does not come back.
    }
}
