using NpgsqlTypes;
using Quoin.Core;
using Quoin.Engine;
using static Quoin.Storage.PostgresQueueCommands;
using static Quoin.Storage.PostgresValues;

namespace Quoin.Storage;

// Writing twice what was committed already has to be harmless, because a lost connection does not
// say whether it was.

sealed class PostgresAppend(AppendBatch batch, TakenRows taken) : StoreWrite<PostgresGroup, long>
{
    byte[] buffer = new byte[4096];

    public override int Rows => batch.Events.Count + 1; // The rest is in proportion.

    public override bool IsAppend => true;

    /// <summary>How many events it appends.</summary>
    public int Events => batch.Events.Count;

    /// <summary>It has runs for workers.</summary>
    public bool HasOffers => batch.Offered.Count > 0;

    /// <summary>Workers have something to do after it.</summary>
    public bool ConcernsWorkers =>
        batch.Offered.Count + batch.Stopped.Count + batch.Withdrawn.Count > 0;

    /// <summary>It was found committed, with the log ending here.</summary>
    public void FoundCommitted(long last) => Answer = last;

    public override void Write(PostgresGroup target)
    {
        var (types, subjects) = (new string[Events], new string[Events]);
        var bodies = new byte[Events][];
        for (var i = 0; i < Events; i++)
        {
            var e = EventCodec.Encode(batch.Events[i], batch.Names, ref buffer);
            types[i] = System.Text.Encoding.UTF8.GetString(e.Type);
            subjects[i] = System.Text.Encoding.UTF8.GetString(e.Subject);
            bodies[i] = e.Body.ToArray();
        }
        var at = DateTimeOffset.FromUnixTimeMilliseconds(batch.At.ToUnixTimeMilliseconds());
        target.Ask(
            Say("SELECT append($1, $2, $3, $4, $5, $6)",
                Long(target.Last), Of(NpgsqlDbType.TimestampTz, at), Texts(types), Texts(subjects),
                Many(bodies), Long(target.Fence)),
            last => Answer = (long)last);
        target.Move(Events);
        if (batch.Fingerprints.Count > 0) AddFingerprints(target);
        if (batch.Stamps.Count > 0) AddStamps(target);
        if (taken.Whole.Count > 0)
            target.Add(Say("DELETE FROM inbox WHERE id = ANY ($1)", Texts([.. taken.Whole])));
        foreach (var row in taken.Rest)
            target.Add(Say(
                "UPDATE inbox SET body = $2 WHERE id = $1", Text(row.Id), Bytes(row.Body)));
        PostgresQueueCommands.AddChanges(target, batch);
    }

    void AddFingerprints(PostgresGroup target)
    {
        var (digests, bodies) =
            (new byte[batch.Fingerprints.Count][], new byte[batch.Fingerprints.Count][]);
        var forms = new int[batch.Fingerprints.Count];
        for (var i = 0; i < forms.Length; i++)
        {
            digests[i] = Key(batch.Fingerprints[i].Digest);
            bodies[i] = StoredBytes.Pack(batch.Fingerprints[i].Utf8.Span, out forms[i]).ToArray();
        }
        target.Add(Say("""
            INSERT INTO fingerprint (digest, form, body)
            SELECT * FROM unnest($1, $2, $3) ON CONFLICT (digest) DO NOTHING
            """, Many(digests), Ints(forms), Many(bodies)));
    }

    void AddStamps(PostgresGroup target)
    {
        // One statement may not touch a row twice: of two stamps of a path the later one counts.
        var newest = new Dictionary<string, FileStampEntry>(StringComparer.Ordinal);
        foreach (var stamp in batch.Stamps) newest[stamp.Path] = stamp;
        var all = newest.Values.ToArray();
        target.Add(Say("""
            INSERT INTO file_stamp (path, size, modified_ns, inode, digest, checked_ns)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6)
            ON CONFLICT (path) DO UPDATE SET
              size = excluded.size, modified_ns = excluded.modified_ns, inode = excluded.inode,
              digest = excluded.digest, checked_ns = excluded.checked_ns
            """,
            Texts(Array.ConvertAll(all, stamp => stamp.Path)),
            Longs(Array.ConvertAll(all, stamp => stamp.Stamp.Size)),
            Longs(Array.ConvertAll(all, stamp => stamp.Stamp.ModifiedNs)),
            Longs(Array.ConvertAll(all, stamp => stamp.Stamp.Inode)),
            Many(Array.ConvertAll(all, stamp => Key(stamp.Digest))),
            Longs(Array.ConvertAll(all, stamp => stamp.CheckedAtNs))));
    }
}

sealed class PostgresSnapshot(StoredSnapshot snapshot) : StoreWrite<PostgresGroup, bool>
{
    public override bool IsAlone => true;

    public override bool IsNews => false;

    public override void Write(PostgresGroup target) => target.Add(Say("""
        INSERT INTO snapshot (one, position, format, body) VALUES (1, $1, $2, $3)
        ON CONFLICT (one) DO UPDATE SET
          position = excluded.position, format = excluded.format, body = excluded.body
        """, Long(snapshot.Position), Int(snapshot.Format), Bytes(snapshot.Body)));
}

sealed class PostgresConfigAnswer(Digest question, ReadOnlyMemory<byte> answer)
    : StoreWrite<PostgresGroup, bool>
{
    public override bool IsNews => false;

    public override void Write(PostgresGroup target)
    {
        var body = StoredBytes.Pack(answer.Span, out var form).ToArray();
        target.Add(Say("""
            INSERT INTO config_answer (question, form, body) VALUES ($1, $2, $3)
            ON CONFLICT (question) DO UPDATE SET form = excluded.form, body = excluded.body
            """, Bytes(Key(question)), Int(form), Bytes(body)));
    }
}

sealed class PostgresInbox(InboxCommand command) : StoreWrite<PostgresGroup, bool>
{
    public override void Write(PostgresGroup target) => target.Count(
        Say("""
            WITH sent AS (
              INSERT INTO inbox (id, type, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING
              RETURNING true)
            UPDATE news SET count = count + 1 WHERE EXISTS (SELECT FROM sent)
            """, Text(command.Id), Text(command.Type), Bytes(command.Body)),
        rows => Answer = rows == 1);
}
