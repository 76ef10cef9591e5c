using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The statements that write, each prepared once, at its first use. Used by the writer's thread
/// only, within a transaction that the writer began.
/// </summary>
sealed class SqliteWriteStatements(SqliteConnection connection)
{
    SqliteStatement? last, insertEvent, insertFingerprint, replaceStamp, takeInbox;
    SqliteStatement? replaceSnapshot, replaceAnswer, insertInbox;
    SqliteQueue? queue;
    byte[] buffer = new byte[4096];

    /// <summary>For statements that are too rare to be kept.</summary>
    public SqliteConnection Connection => connection;

    /// <summary>The statements about runs for workers.</summary>
    public SqliteQueue Queue => queue ??= new SqliteQueue(connection, this);

    /// <summary>
    /// Where this process takes the log to end; the next event gets the number after it.
    /// </summary>
    public long LastPosition { get; set; }

    /// <summary>Writes a batch; the events get the next positions.</summary>
    public void Append(AppendBatch batch)
    {
        if (batch.Events.Count > 0) AppendEvents(batch);
        SaveExtras(batch);
        foreach (var id in batch.InboxTaken)
        {
            takeInbox ??= connection.Prepare("DELETE FROM inbox WHERE id = ?1"u8);
            takeInbox.BindText(1, id).Run();
        }
    }

    // Lists of our structs are compiled at their first use; a short command has none of them.
    void SaveExtras(AppendBatch batch)
    {
        if (batch.Fingerprints is not FingerprintText[] { Length: 0 })
            foreach (var text in batch.Fingerprints) SaveFingerprint(text);
        if (batch.Stamps is not FileStampEntry[] { Length: 0 })
            foreach (var stamp in batch.Stamps) SaveStamp(stamp);
        if (batch.Offered.Count > 0 || batch.WorkersGone.Count > 0
            || batch.Withdrawn is not RunId[] { Length: 0 }
            || batch.TakenBack is not RunId[] { Length: 0 }
            || batch.Stopped is not RunStop[] { Length: 0 }
            || batch.Logs is not RunLogText[] { Length: 0 }) Queue.Change(batch);
    }

    void AppendEvents(AppendBatch batch)
    {
        last ??= connection.Prepare("SELECT coalesce(max(position), 0) FROM event"u8);
        last.Step();
        var found = last.Int64(0);
        last.Reset();
        if (found != LastPosition)
            throw SqliteErrors.Moved(connection.Path, LastPosition, found);
        insertEvent ??= connection.Prepare("""
            INSERT INTO event (position, at, type, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)
            """u8);
        var at = batch.At.ToUnixTimeMilliseconds();
        for (var i = 0; i < batch.Events.Count; i++)
        {
            var e = EventCodec.Encode(batch.Events[i], batch.Names, ref buffer);
            insertEvent.RunEvent(LastPosition + 1, at, e.Type, e.Subject, e.Body);
            LastPosition++;
        }
    }

    void SaveFingerprint(FingerprintText text)
    {
        insertFingerprint ??= connection.Prepare("""
            INSERT INTO fingerprint (digest, form, body) VALUES (?1, ?2, ?3)
            ON CONFLICT (digest) DO NOTHING
            """u8);
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        var body = StoredBytes.Pack(text.Utf8.Span, out var form);
        insertFingerprint.BindBlob(1, DigestKey.Write(text.Digest, key)).Bind(2, form);
        insertFingerprint.BindBlob(3, body).Run();
    }

    void SaveStamp(FileStampEntry entry)
    {
        replaceStamp ??= connection.Prepare("""
            INSERT INTO file_stamp (path, size, modified_ns, inode, digest, checked_ns)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (path) DO UPDATE SET
              size = excluded.size, modified_ns = excluded.modified_ns, inode = excluded.inode,
              digest = excluded.digest, checked_ns = excluded.checked_ns
            """u8);
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        replaceStamp.BindText(1, entry.Path).Bind(2, entry.Stamp.Size);
        replaceStamp.Bind(3, entry.Stamp.ModifiedNs).Bind(4, entry.Stamp.Inode);
        replaceStamp.BindBlob(5, DigestKey.Write(entry.Digest, key)).Bind(6, entry.CheckedAtNs);
        replaceStamp.Run();
    }

    /// <summary>Replaces the snapshot.</summary>
    public void Save(StoredSnapshot snapshot)
    {
        replaceSnapshot ??= connection.Prepare("""
            INSERT OR REPLACE INTO snapshot (one, position, format, body) VALUES (1, ?1, ?2, ?3)
            """u8);
        replaceSnapshot.Bind(1, snapshot.Position).Bind(2, snapshot.Format);
        replaceSnapshot.BindBlob(3, snapshot.Body.Span).Run();
    }

    /// <summary>Keeps a config answer, replacing an older one.</summary>
    public void SaveAnswer(Digest question, ReadOnlySpan<byte> answer)
    {
        replaceAnswer ??= connection.Prepare("""
            INSERT INTO config_answer (question, form, body) VALUES (?1, ?2, ?3)
            ON CONFLICT (question) DO UPDATE SET form = excluded.form, body = excluded.body
            """u8);
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        var body = StoredBytes.Pack(answer, out var form);
        replaceAnswer.BindBlob(1, DigestKey.Write(question, key)).Bind(2, form);
        replaceAnswer.BindBlob(3, body).Run();
    }

    /// <summary>Puts a command into the inbox; false when its id is there.</summary>
    public bool Send(InboxCommand command, long sentAtMs)
    {
        insertInbox ??= connection.Prepare("""
            INSERT INTO inbox (id, sent_at, type, body) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (id) DO NOTHING
            """u8);
        insertInbox.BindText(1, command.Id).Bind(2, sentAtMs).BindText(3, command.Type);
        insertInbox.BindBlob(4, command.Body.Span).Run();
        return connection.Changes == 1;
    }
}
