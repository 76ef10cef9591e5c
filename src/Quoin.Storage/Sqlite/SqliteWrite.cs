using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

sealed class AppendWrite(AppendBatch batch) : StoreWrite<SqliteWriteStatements, long>
{
    public override int Rows => batch.Events.Count + 1; // The rest is in proportion.

    public override bool IsAppend => true;

    public override bool IsSynced => batch.IsIntent;

    public override void Write(SqliteWriteStatements statements)
    {
        statements.Append(batch);
        Answer = statements.LastPosition;
    }
}

sealed class SnapshotWrite(StoredSnapshot snapshot) : StoreWrite<SqliteWriteStatements, bool>
{
    public override bool IsAlone => true;

    public override void Write(SqliteWriteStatements statements) => statements.Save(snapshot);
}

sealed class ConfigAnswerWrite(Digest question, ReadOnlyMemory<byte> answer)
    : StoreWrite<SqliteWriteStatements, bool>
{
    public override void Write(SqliteWriteStatements statements) =>
        statements.SaveAnswer(question, answer.Span);
}

sealed class InboxWrite(InboxCommand command, long sentAtMs)
    : StoreWrite<SqliteWriteStatements, bool>
{
    public override void Write(SqliteWriteStatements statements) =>
        Answer = statements.Send(command, sentAtMs);
}

sealed class JoinWrite(WorkerInfo worker, TimeSpan lease, InboxCommand joined, long sentAtMs)
    : StoreWrite<SqliteWriteStatements, bool>
{
    public override void Write(SqliteWriteStatements statements)
    {
        Answer = statements.Queue.Join(worker, lease);
        if (Answer) statements.Send(joined, sentAtMs);
    }
}

sealed class TurnWrite(WorkerTurn turn, long sentAtMs)
    : StoreWrite<SqliteWriteStatements, WorkerAnswer>
{
    public override int Rows => 2 * (turn.Ended.Count + Math.Min(turn.Claim, 1000)) + 1;

    /// <summary>Something is handed in.</summary>
    public bool HasEnds => turn.Ended.Count > 0;

    public override void Write(SqliteWriteStatements statements) =>
        Answer = statements.Queue.Work(turn, sentAtMs);
}

sealed class LeaveWrite(string owner, InboxCommand left, long sentAtMs)
    : StoreWrite<SqliteWriteStatements, bool>
{
    public override void Write(SqliteWriteStatements statements)
    {
        Answer = statements.Queue.Remove(owner);
        if (Answer) statements.Send(left, sentAtMs);
    }
}
