using System.Collections.Immutable;
using Npgsql;
using Quoin.Core;
using Quoin.Engine;
using static Quoin.Storage.PostgresQueueCommands;
using static Quoin.Storage.PostgresValues;

namespace Quoin.Storage;

/// <summary>
/// A worker's turn as one batch of statements: the worker's row is locked, so that of one worker
/// there is one turn at a time and nobody takes it away meanwhile; then come ends, claims, and what
/// it has now.
/// </summary>
sealed class PostgresTurn : IAsyncDisposable
{
    /// <summary>
    /// How many runs a claim looks at: a literal in the statement, so that the planner knows that
    /// they are few. More than the last one are not claimed at once.
    /// </summary>
    public static readonly int[] ClaimSizes = [8, 32, 128, 512];

    // To hand in there is one right way, whatever the tables hold: by key. To plan it each time was
    // a tenth of the server's time. A reader passes over SET: it has no result.
    const string PlanOnce = "SET plan_cache_mode = force_generic_plan";
    const string PlanAnew = "SET plan_cache_mode = force_custom_plan";

    readonly WorkerTurn turn;
    readonly NpgsqlBatch batch = new();

    public PostgresTurn(WorkerTurn turn)
    {
        this.turn = turn;
        var known = Ints([.. turn.Known.Select(run => run.Value)]);
        if (turn.Ended.Count > 0) batch.BatchCommands.Add(Say(PlanOnce));
        batch.BatchCommands.Add(turn.Renew is { } lease
            ? Say("""
                UPDATE worker SET heard_at = clock_timestamp(),
                  expires_at = clock_timestamp() + make_interval(secs => $2)
                WHERE owner = $1 RETURNING true
                """, Text(turn.Owner), Double(lease.TotalSeconds))
            : Say(
                "SELECT true FROM worker WHERE owner = $1 FOR NO KEY UPDATE", Text(turn.Owner)));
        if (turn.Ended.Count > 0)
        {
            batch.BatchCommands.Add(HandIn());
            batch.BatchCommands.Add(Say(PlanAnew));
        }
        if (turn.Claim > 0)
            batch.BatchCommands.Add(Say(
                ClaimSql(turn.Claim), Text(turn.Owner), Texts(turn.Labels.ToArray()),
                Int(turn.Cpu), Long(turn.MemoryBytes), known, Int(turn.Claim), Int(turn.FreeCpu),
                Bytes(turn.LeasedBody)));
        batch.BatchCommands.Add(Say("""
            SELECT run, epoch, stop, CASE WHEN run = ANY ($2) THEN NULL ELSE spec END
            FROM ready_run WHERE owner = $1 ORDER BY priority DESC, run
            """, Text(turn.Owner), known.Clone()));
    }

    /// <summary>
    /// By key and fence only: a condition on a state that changes all the time misleads the planner
    /// about how many rows have it. So the owner is compared in a way that no index answers: by
    /// statistics of a quiet moment nobody holds anything, and reading all of that would be cheap.
    /// </summary>
    public const string HandInSql = """
        WITH ended AS (
          DELETE FROM ready_run q
          USING unnest($2, $3, $4, $5, $6, $7) WITH ORDINALITY
            AS e (run, attempt, epoch, body, form, log, number)
          WHERE q.run = e.run AND q.epoch = e.epoch AND coalesce(q.owner, '') = $1
          RETURNING e.*),
        kept AS (
          INSERT INTO run_log (run, attempt, form, body)
          SELECT run, attempt, form, log FROM ended WHERE log IS NOT NULL
          ON CONFLICT (run, attempt) DO UPDATE SET form = excluded.form, body = excluded.body),
        counted AS (
          UPDATE worker SET turn = turn + 1 WHERE owner = $1 AND EXISTS (SELECT FROM ended)
          RETURNING turn),
        sent AS (
          INSERT INTO inbox (id, type, body)
          SELECT 'turn/' || $1 || '/' || turn, 'runs-ended', (
            SELECT string_agg(
              int4send(run) || int4send(epoch) || int4send(length(body)) || body, ''::bytea
              ORDER BY number) FROM ended)
          FROM counted)
        SELECT run FROM ended
        """;

    NpgsqlBatchCommand HandIn()
    {
        var ends = turn.Ended.ToArray();
        var forms = new int[ends.Length];
        var logs = new byte[]?[ends.Length];
        for (var i = 0; i < ends.Length; i++)
        {
            if (ends[i].Log is { } log)
                logs[i] = StoredBytes.Pack(log.Span, out forms[i]).ToArray();
        }
        return Say(
            HandInSql, Text(turn.Owner), Ints(Array.ConvertAll(ends, end => end.Run.Value)),
            Ints(Array.ConvertAll(ends, end => end.Attempt)),
            Ints(Array.ConvertAll(ends, end => end.Epoch)),
            Many(Array.ConvertAll(ends, end => end.Body.ToArray())),
            Ints(forms), Many(logs));
    }

    /// <summary>
    /// Chooses free runs that no other worker is choosing at the same time, takes as many as there
    /// is room for, and tells the coordinator. Nothing when the worker is gone, or when it holds
    /// what it does not know of. Materialized, because an update may run its source again for each
    /// row and would then claim more than the limit.
    /// </summary>
    public static string ClaimSql(int claim) => $"""
        WITH free AS MATERIALIZED (
          SELECT run, priority, cpu FROM ready_run
          WHERE owner IS NULL AND activation <= clock_timestamp() AND labels <@ $2 AND cpu <= $3
            AND memory <= $4 AND run <> ALL ($5)
            AND EXISTS (SELECT FROM worker WHERE owner = $1)
            AND NOT EXISTS (SELECT FROM ready_run WHERE owner = $1 AND run <> ALL ($5))
          ORDER BY priority DESC, run LIMIT {ClaimSizes.FirstOrDefault(n => n >= claim, 512)}
          FOR UPDATE SKIP LOCKED),
        chosen AS (
          SELECT run FROM (
            SELECT run, row_number() OVER o AS number, sum(cpu) OVER o AS cpu FROM free
            WINDOW o AS (ORDER BY priority DESC, run)) AS f
          WHERE number <= $6 AND (number = 1 OR cpu <= $7)),
        claimed AS (
          UPDATE ready_run q SET owner = $1, epoch = epoch + 1 FROM chosen
          WHERE q.run = chosen.run RETURNING q.run, q.epoch, q.priority),
        counted AS (
          UPDATE worker SET turn = turn + 1 WHERE owner = $1 AND EXISTS (SELECT FROM claimed)
          RETURNING turn)
        INSERT INTO inbox (id, type, body)
        SELECT 'turn/' || $1 || '/' || turn, 'runs-leased', int4send(length($8)) || $8 || (
          SELECT string_agg(int4send(run) || int4send(epoch), ''::bytea
            ORDER BY priority DESC, run) FROM claimed)
        FROM counted
        RETURNING (SELECT count(*) FROM free) > (SELECT count(*) FROM claimed)
        """;

    /// <summary>Free runs were looked at and not claimed.</summary>
    public bool IsMoreFree { get; private set; }

    /// <summary>
    /// Takes the turn. <paramref name="isFirst"/> false: the answer of the try before got lost, so
    /// what is gone may have been handed in by it and is not too late.
    /// </summary>
    public async Task<WorkerAnswer> RunAsync(
        NpgsqlConnection connection, bool isFirst, CancellationToken ct)
    {
        batch.Connection = connection;
        var answering = batch.ExecuteReaderAsync(ct); // All of it is sent, its commit with it.
        if (turn.Ended.Count > 0) FaultPoint.Reach("handin.commit-unanswered");
        await using var reader = await answering;
        var isKnown = await reader.ReadAsync(ct);
        await reader.NextResultAsync(ct);
        var taken = new HashSet<int>();
        if (turn.Ended.Count > 0)
        {
            while (await reader.ReadAsync(ct)) taken.Add(reader.GetInt32(0));
            await reader.NextResultAsync(ct);
        }
        if (turn.Claim > 0)
        {
            IsMoreFree = await reader.ReadAsync(ct) && reader.GetBoolean(0);
            await reader.NextResultAsync(ct);
        }
        var claimed = ImmutableArray.CreateBuilder<ClaimedRun>();
        var held = new List<HeldRun>();
        while (await reader.ReadAsync(ct))
        {
            var (run, epoch) = (new RunId(reader.GetInt32(0)), reader.GetInt32(1));
            if (!reader.IsDBNull(3))
                claimed.Add(new(run, epoch, reader.GetFieldValue<byte[]>(3)));
            RunStop? stop = reader.IsDBNull(2) ? null : new(run, Kill: reader.GetInt16(2) == 2);
            held.Add(new(run, epoch, stop));
        }
        await reader.NextResultAsync(ct); // Until its end: only then it is committed.
        held.Sort((a, b) => a.Run.Value.CompareTo(b.Run.Value));
        return new WorkerAnswer
        {
            IsKnown = isKnown,
            Claimed = claimed.ToImmutable(),
            Held = [.. held],
            TooLate = !isFirst && isKnown ? [] :
            [
                .. from end in turn.Ended where !taken.Contains(end.Run.Value) select end.Run,
            ],
        };
    }

    public ValueTask DisposeAsync() => batch.DisposeAsync();
}
