using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>One thing that a caller wants written to SQLite.</summary>
abstract class SqliteWrite : StoreWrite
{
    /// <summary>Writes, within the transaction of its group.</summary>
    public abstract void Write(SqliteWriteStatements statements);
}

/// <summary>
/// A write that answers with a value. Waiters run on their own threads, not the writer's.
/// </summary>
abstract class SqliteWrite<T> : SqliteWrite
{
    readonly TaskCompletionSource<T> answer = new(
        TaskCreationOptions.RunContinuationsAsynchronously);

    protected T Answer { get; set; } = default!;

    public Task<T> Task => answer.Task;

    public override void Complete() => answer.SetResult(Answer);

    public override void Fail(Exception error) => answer.SetException(error);
}

sealed class AppendWrite(AppendBatch batch) : SqliteWrite<long>
{
    public override int Rows => batch.Events.Count + 1; // The rest is in proportion.

    public override bool IsAppend => true;

    public override void Write(SqliteWriteStatements statements)
    {
        statements.Append(batch);
        Answer = statements.LastPosition;
    }
}

sealed class SnapshotWrite(StoredSnapshot snapshot) : SqliteWrite<bool>
{
    public override bool IsAlone => true;

    public override void Write(SqliteWriteStatements statements) => statements.Save(snapshot);
}

sealed class ConfigAnswerWrite(Digest question, ReadOnlyMemory<byte> answer) : SqliteWrite<bool>
{
    public override void Write(SqliteWriteStatements statements) =>
        statements.SaveAnswer(question, answer.Span);
}

sealed class InboxWrite(InboxCommand command, long sentAtMs) : SqliteWrite<bool>
{
    public override void Write(SqliteWriteStatements statements) =>
        Answer = statements.Send(command, sentAtMs);
}

sealed class JoinWrite(WorkerInfo worker, TimeSpan lease, InboxCommand joined, long sentAtMs)
    : SqliteWrite<bool>
{
    public override void Write(SqliteWriteStatements statements)
    {
        Answer = statements.Queue.Join(worker, lease);
        if (Answer) statements.Send(joined, sentAtMs);
    }
}

sealed class TurnWrite(WorkerTurn turn, long sentAtMs) : SqliteWrite<WorkerAnswer>
{
    public override int Rows => (2 * turn.Ended.Count) + (2 * turn.Claim) + 1;

    public override void Write(SqliteWriteStatements statements) =>
        Answer = statements.Queue.Work(turn, sentAtMs);
}

sealed class LeaveWrite(string owner, InboxCommand left, long sentAtMs) : SqliteWrite<bool>
{
    public override void Write(SqliteWriteStatements statements)
    {
        Answer = statements.Queue.Remove(owner);
        if (Answer) statements.Send(left, sentAtMs);
    }
}
