using Npgsql;
using NpgsqlTypes;
using Quoin.Core;
using Quoin.Engine;
using static Quoin.Storage.PostgresValues;

namespace Quoin.Storage;

/// <summary>The statements about the queue of runs, with their parameters.</summary>
static class PostgresQueueCommands
{
    /// <summary>Answers true when the worker was not there.</summary>
    public static NpgsqlCommand Join(WorkerInfo worker, TimeSpan lease, InboxCommand joined) => new(
        """
        WITH joined AS (
          INSERT INTO worker (owner, slots, capacity, memory, labels, expires_at)
          VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
          ON CONFLICT (owner) DO NOTHING RETURNING true),
        sent AS (
          INSERT INTO inbox (id, type, body) SELECT $7, $8, $9 FROM joined
          ON CONFLICT (id) DO NOTHING),
        counted AS (UPDATE news SET count = count + 1 WHERE EXISTS (SELECT FROM joined))
        SELECT EXISTS (SELECT FROM joined)
        """)
    {
        Parameters =
        {
            Text(worker.Owner), Int(worker.Slots), Int(worker.Capacity), Long(worker.MemoryBytes),
            Texts(worker.Labels.ToArray()), Double(lease.TotalSeconds), Text(joined.Id),
            Text(joined.Type), Bytes(joined.Body),
        },
    };

    /// <summary>Has a row when the worker was there.</summary>
    public static NpgsqlBatch Leave(string owner, InboxCommand left) => new()
    {
        BatchCommands =
        {
            Say("SELECT FROM worker WHERE owner = $1 FOR UPDATE", Text(owner)),
            // By number, as all do; the foreign key would take them in any order.
            Say("""
                WITH held AS MATERIALIZED (
                  SELECT run FROM ready_run WHERE owner = $1 ORDER BY run FOR UPDATE)
                DELETE FROM ready_run USING held WHERE ready_run.run = held.run
                """, Text(owner)),
            Say("""
                WITH gone AS (DELETE FROM worker WHERE owner = $1 RETURNING true),
                sent AS (
                  INSERT INTO inbox (id, type, body) SELECT $2, $3, $4 FROM gone
                  ON CONFLICT (id) DO NOTHING),
                counted AS (
                  UPDATE news SET count = count + 1 WHERE EXISTS (SELECT FROM gone))
                SELECT FROM gone
                """, Text(owner), Text(left.Id), Text(left.Type), Bytes(left.Body)),
        },
    };

    /// <summary>What an append does to the queue, in as few statements as it can.</summary>
    public static void AddChanges(PostgresGroup to, AppendBatch batch)
    {
        if (batch.WorkersGone.Count > 0)
            to.Add(Say( // Locks them: no turn of theirs is under way after this.
                "UPDATE worker SET heard_at = heard_at WHERE owner = ANY ($1)",
                Texts([.. batch.WorkersGone])));
        OfferedRun[] given = [.. batch.Offered.Where(run => run.Owner is not null)];
        if (given.Length > 0)
            to.Add(Say( // They stay until this is committed, and their turns go on.
                "SELECT FROM worker WHERE owner = ANY ($1) ORDER BY owner FOR KEY SHARE",
                Texts([.. given.Select(run => run.Owner!).Distinct()])));
        if (batch.Withdrawn.Count > 0)
            to.Add(Say("""
                WITH found AS MATERIALIZED (
                  SELECT run FROM ready_run WHERE run = ANY ($1) ORDER BY run FOR UPDATE)
                DELETE FROM ready_run USING found WHERE ready_run.run = found.run
                """, Ints([.. batch.Withdrawn.Select(run => run.Value)])));
        if (batch.TakenBack.Count > 0)
            to.Add(Say("""
                WITH found AS MATERIALIZED (
                  SELECT run FROM ready_run WHERE run = ANY ($1) AND owner IS NULL
                  ORDER BY run FOR UPDATE)
                DELETE FROM ready_run USING found WHERE ready_run.run = found.run
                """, Ints([.. batch.TakenBack.Select(run => run.Value)])));
        if (batch.Offered.Count > 0) to.Add(Offer(batch.Offered));
        if (given.Length > 0) Give(to, given);
        if (batch.Stopped.Count > 0) to.Add(Stop(batch.Stopped));
        if (batch.WorkersGone.Count > 0)
            to.Add(Say(
                "DELETE FROM worker WHERE owner = ANY ($1)", Texts([.. batch.WorkersGone])));
        if (batch.Logs.Count > 0) to.Add(Keep(batch.Logs));
        if (batch.Events.Count == 0
            && batch.Offered.Count + batch.Withdrawn.Count + batch.Stopped.Count > 0)
            to.Add(Say("UPDATE news SET count = count + 1"));
    }

    static NpgsqlBatchCommand Offer(IReadOnlyList<OfferedRun> offered)
    {
        var runs = Newest(offered, run => run.Run.Value);
        return Say("""
            INSERT INTO ready_run
              (run, epoch, attempt, activation, priority, cpu, memory, labels, spec)
            SELECT run, epoch, attempt, activation, priority, cpu, memory,
              string_to_array(labels, chr(10)), spec
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
              AS offered (run, epoch, attempt, activation, priority, cpu, memory, labels, spec)
            ON CONFLICT (run) DO UPDATE SET
              epoch = excluded.epoch, attempt = excluded.attempt, activation = excluded.activation,
              priority = excluded.priority, cpu = excluded.cpu, memory = excluded.memory,
              labels = excluded.labels, spec = excluded.spec, owner = NULL, stop = NULL
            WHERE ready_run.epoch <= excluded.epoch
            """,
            Ints(Array.ConvertAll(runs, run => run.Run.Value)),
            Ints(Array.ConvertAll(runs, run => run.Epoch)),
            Ints(Array.ConvertAll(runs, run => run.Attempt)),
            Of(NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, Array.ConvertAll(
                runs, run => run.Activation?.ToUniversalTime() ?? DateTimeOffset.UnixEpoch)),
            Ints(Array.ConvertAll(runs, run => run.Priority)),
            Ints(Array.ConvertAll(runs, run => run.Cpu)),
            Longs(Array.ConvertAll(runs, run => run.MemoryBytes)),
            Texts(Array.ConvertAll(runs, run => Labels.Join(run.Labels))),
            Many(Array.ConvertAll(runs, run => run.Spec.ToArray())));
    }

    // What is given to one worker is never anybody else's: without that worker it is nobody's.
    static void Give(PostgresGroup to, OfferedRun[] all)
    {
        var runs = Newest(all, run => run.Run.Value);
        var ids = Ints(Array.ConvertAll(runs, run => run.Run.Value));
        to.Add(Say("""
            WITH given AS MATERIALIZED (
              SELECT q.run, g.owner FROM unnest($1, $2, $3) AS g (run, epoch, owner)
              JOIN ready_run q ON q.run = g.run AND q.epoch = g.epoch AND q.owner IS NULL
              JOIN worker w ON w.owner = g.owner
              ORDER BY q.run FOR UPDATE OF q)
            UPDATE ready_run SET owner = given.owner, epoch = epoch + 1
            FROM given WHERE ready_run.run = given.run
            """, ids, Ints(Array.ConvertAll(runs, run => run.Epoch)),
            Texts(Array.ConvertAll(runs, run => run.Owner!))));
        to.Add(Say(
            "DELETE FROM ready_run WHERE run = ANY ($1) AND owner IS NULL", ids.Clone()));
    }

    static NpgsqlBatchCommand Stop(IReadOnlyList<RunStop> stopped)
    {
        var stops = Newest(stopped, stop => stop.Run.Value);
        return Say("""
            WITH found AS MATERIALIZED (
              SELECT q.run, s.stop FROM unnest($1, $2) AS s (run, stop)
              JOIN ready_run q ON q.run = s.run AND q.owner IS NOT NULL
              ORDER BY q.run FOR UPDATE OF q)
            UPDATE ready_run SET stop = found.stop FROM found WHERE ready_run.run = found.run
            """,
            Ints(Array.ConvertAll(stops, stop => stop.Run.Value)),
            Ints(Array.ConvertAll(stops, stop => stop.Kill ? 2 : 1)));
    }

    static NpgsqlBatchCommand Keep(IReadOnlyList<RunLogText> all)
    {
        var logs = Newest(
            all, log => ((long)log.Attempt.Run.Value << 32) | (uint)log.Attempt.Attempt);
        var forms = new int[logs.Length];
        var bodies = new byte[logs.Length][];
        for (var i = 0; i < logs.Length; i++)
            bodies[i] = StoredBytes.Pack(logs[i].Utf8.Span, out forms[i]).ToArray();
        return Say("""
            INSERT INTO run_log (run, attempt, form, body) SELECT * FROM unnest($1, $2, $3, $4)
            ON CONFLICT (run, attempt) DO UPDATE SET form = excluded.form, body = excluded.body
            """,
            Ints(Array.ConvertAll(logs, log => log.Attempt.Run.Value)),
            Ints(Array.ConvertAll(logs, log => log.Attempt.Attempt)), Ints(forms),
            Many(bodies));
    }

    // One statement may not touch a row twice: of two of a key the later one counts. In the order
    // of keys, which is the order in which all lock rows.
    static T[] Newest<T>(IReadOnlyList<T> all, Func<T, long> key)
    {
        var newest = new SortedDictionary<long, T>();
        foreach (var one in all) newest[key(one)] = one;
        return [.. newest.Values];
    }

    /// <summary>A statement of a batch.</summary>
    public static NpgsqlBatchCommand Say(string sql, params ReadOnlySpan<NpgsqlParameter> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(value);
        return command;
    }
}
