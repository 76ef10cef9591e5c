using Npgsql;
using NpgsqlTypes;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// One thing that a caller wants written to PostgreSQL: statements, and what they answer. Writing
/// twice what was committed already has to be harmless, because a lost connection does not say.
/// </summary>
abstract class PostgresWrite : StoreWrite
{
    /// <summary>How many statements <see cref="Add"/> added.</summary>
    public int Statements { get; private set; }

    /// <summary>Other processes wait for such things.</summary>
    public virtual bool IsNews => true;

    /// <summary>How many events it appends.</summary>
    public virtual int Events => 0;

    /// <summary>
    /// Adds its statements. <paramref name="last"/> is where the log ends before it.
    /// </summary>
    public void AddTo(NpgsqlBatch batch, long last, long? fence)
    {
        var before = batch.BatchCommands.Count;
        Add(batch, last, fence);
        Statements = batch.BatchCommands.Count - before;
    }

    protected abstract void Add(NpgsqlBatch batch, long last, long? fence);

    /// <summary>The answer of the n-th statement: a value, or null when it has none.</summary>
    public virtual void Answered(int statement, object? value, int rows) { }

    /// <summary>It was found committed, with the log ending here.</summary>
    public virtual void FoundCommitted(long last) { }

    protected static void Say(NpgsqlBatch batch, string sql, params NpgsqlParameter[] values)
    {
        var command = batch.CreateBatchCommand();
        command.CommandText = sql;
        foreach (var value in values) command.Parameters.Add(value);
        batch.BatchCommands.Add(command);
    }

    protected static NpgsqlParameter Value(NpgsqlDbType type, object value) =>
        new() { NpgsqlDbType = type, Value = value };

    protected static NpgsqlParameter Bytes(ReadOnlySpan<byte> value) =>
        Value(NpgsqlDbType.Bytea, value.ToArray());

    protected static byte[] Key(Digest digest)
    {
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        return DigestKey.Write(digest, key).ToArray();
    }
}

/// <summary>
/// A write that answers with a value. Waiters run on their own threads, not the writer's.
/// </summary>
abstract class PostgresWrite<T> : PostgresWrite
{
    readonly TaskCompletionSource<T> answer = new(
        TaskCreationOptions.RunContinuationsAsynchronously);

    protected T Answer { get; set; } = default!;

    public Task<T> Task => answer.Task;

    public override void Complete() => answer.SetResult(Answer);

    public override void Fail(Exception error) => answer.SetException(error);
}

sealed class PostgresAppend(AppendBatch batch) : PostgresWrite<long>
{
    byte[] buffer = new byte[4096];

    public override int Rows => batch.Events.Count + 1; // The rest is in proportion.

    public override bool IsAppend => true;

    public override int Events => batch.Events.Count;

    public override void Answered(int statement, object? value, int rows)
    {
        if (statement == 0) Answer = (long)value!;
    }

    public override void FoundCommitted(long last) => Answer = last;

    protected override void Add(NpgsqlBatch commands, long last, long? fence)
    {
        var (types, subjects) = (new string[batch.Events.Count], new string[batch.Events.Count]);
        var bodies = new byte[batch.Events.Count][];
        for (var i = 0; i < batch.Events.Count; i++)
        {
            var e = EventCodec.Encode(batch.Events[i], batch.Names, ref buffer);
            types[i] = System.Text.Encoding.UTF8.GetString(e.Type);
            subjects[i] = System.Text.Encoding.UTF8.GetString(e.Subject);
            bodies[i] = e.Body.ToArray();
        }
        var at = DateTimeOffset.FromUnixTimeMilliseconds(batch.At.ToUnixTimeMilliseconds());
        Say(commands, "SELECT append($1, $2, $3, $4, $5, $6)",
            Value(NpgsqlDbType.Bigint, last), Value(NpgsqlDbType.TimestampTz, at),
            Value(NpgsqlDbType.Array | NpgsqlDbType.Text, types),
            Value(NpgsqlDbType.Array | NpgsqlDbType.Text, subjects),
            Value(NpgsqlDbType.Array | NpgsqlDbType.Bytea, bodies),
            Value(NpgsqlDbType.Bigint, fence is { } held ? held : DBNull.Value));
        if (batch.Fingerprints.Count > 0) AddFingerprints(commands);
        if (batch.Stamps.Count > 0) AddStamps(commands);
        if (batch.InboxTaken.Count > 0)
            Say(commands, "DELETE FROM inbox WHERE id = ANY ($1)",
                Value(NpgsqlDbType.Array | NpgsqlDbType.Text, batch.InboxTaken.ToArray()));
        PostgresQueueCommands.AddChanges(commands, batch);
    }

    void AddFingerprints(NpgsqlBatch commands)
    {
        var (digests, bodies) =
            (new byte[batch.Fingerprints.Count][], new byte[batch.Fingerprints.Count][]);
        var forms = new int[batch.Fingerprints.Count];
        for (var i = 0; i < forms.Length; i++)
        {
            digests[i] = Key(batch.Fingerprints[i].Digest);
            bodies[i] = StoredBytes.Pack(batch.Fingerprints[i].Utf8.Span, out forms[i]).ToArray();
        }
        Say(commands, """
            INSERT INTO fingerprint (digest, form, body)
            SELECT * FROM unnest($1, $2, $3) ON CONFLICT (digest) DO NOTHING
            """,
            Value(NpgsqlDbType.Array | NpgsqlDbType.Bytea, digests),
            Value(NpgsqlDbType.Array | NpgsqlDbType.Integer, forms),
            Value(NpgsqlDbType.Array | NpgsqlDbType.Bytea, bodies));
    }

    void AddStamps(NpgsqlBatch commands)
    {
        // One statement may not touch a row twice: of two stamps of a path the later one counts.
        var newest = new Dictionary<string, FileStampEntry>(StringComparer.Ordinal);
        foreach (var stamp in batch.Stamps) newest[stamp.Path] = stamp;
        var all = newest.Values.ToArray();
        NpgsqlParameter Numbers(Func<FileStampEntry, long> of) => Value(
            NpgsqlDbType.Array | NpgsqlDbType.Bigint, Array.ConvertAll(all, stamp => of(stamp)));
        Say(commands, """
            INSERT INTO file_stamp (path, size, modified_ns, inode, digest, checked_ns)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6)
            ON CONFLICT (path) DO UPDATE SET
              size = excluded.size, modified_ns = excluded.modified_ns, inode = excluded.inode,
              digest = excluded.digest, checked_ns = excluded.checked_ns
            """,
            Value(
                NpgsqlDbType.Array | NpgsqlDbType.Text, Array.ConvertAll(all, stamp => stamp.Path)),
            Numbers(stamp => stamp.Stamp.Size), Numbers(stamp => stamp.Stamp.ModifiedNs),
            Numbers(stamp => stamp.Stamp.Inode),
            Value(
                NpgsqlDbType.Array | NpgsqlDbType.Bytea,
                Array.ConvertAll(all, stamp => Key(stamp.Digest))),
            Numbers(stamp => stamp.CheckedAtNs));
    }
}

sealed class PostgresSnapshot(StoredSnapshot snapshot) : PostgresWrite<bool>
{
    public override bool IsAlone => true;

    public override bool IsNews => false;

    protected override void Add(NpgsqlBatch batch, long last, long? fence) => Say(batch, """
        INSERT INTO snapshot (one, position, format, body) VALUES (1, $1, $2, $3)
        ON CONFLICT (one) DO UPDATE SET
          position = excluded.position, format = excluded.format, body = excluded.body
        """,
        Value(NpgsqlDbType.Bigint, snapshot.Position),
        Value(NpgsqlDbType.Integer, snapshot.Format), Bytes(snapshot.Body.Span));
}

sealed class PostgresConfigAnswer(Digest question, ReadOnlyMemory<byte> answer)
    : PostgresWrite<bool>
{
    public override bool IsNews => false;

    protected override void Add(NpgsqlBatch batch, long last, long? fence)
    {
        var body = StoredBytes.Pack(answer.Span, out var form);
        Say(batch, """
            INSERT INTO config_answer (question, form, body) VALUES ($1, $2, $3)
            ON CONFLICT (question) DO UPDATE SET form = excluded.form, body = excluded.body
            """,
            Bytes(Key(question)), Value(NpgsqlDbType.Integer, form), Bytes(body));
    }
}

sealed class PostgresInbox(InboxCommand command) : PostgresWrite<bool>
{
    public override void Answered(int statement, object? value, int rows) => Answer = rows == 1;

    protected override void Add(NpgsqlBatch batch, long last, long? fence) => Say(batch, """
        WITH sent AS (
          INSERT INTO inbox (id, type, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING
          RETURNING true)
        UPDATE inbox_sent SET count = count + 1 WHERE EXISTS (SELECT FROM sent)
        """,
        Value(NpgsqlDbType.Text, command.Id), Value(NpgsqlDbType.Text, command.Type),
        Bytes(command.Body.Span));
}
