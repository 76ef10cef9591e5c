using System.Collections.Immutable;
using System.Globalization;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The statements that write the queue of runs for workers, each prepared once, at its first use.
/// Used as <see cref="SqliteWriteStatements"/> is, which it is a part of.
/// </summary>
sealed class SqliteQueue(SqliteConnection connection, SqliteWriteStatements statements)
{
    SqliteStatement? clock, offer, withdraw, takeBack, stop, removeWorker, keepLog;
    SqliteStatement? addWorker, give, giveUp, renew, findWorker, end, lost, free, claim, held;

    /// <summary>What an append does to the queue.</summary>
    public void Change(AppendBatch batch)
    {
        foreach (var run in batch.Withdrawn)
        {
            withdraw ??= connection.Prepare("DELETE FROM ready_run WHERE run = ?1"u8);
            withdraw.Bind(1, run.Value).Run();
        }
        foreach (var run in batch.TakenBack)
        {
            takeBack ??= connection.Prepare(
                "DELETE FROM ready_run WHERE run = ?1 AND owner IS NULL"u8);
            takeBack.Bind(1, run.Value).Run();
        }
        foreach (var run in batch.Offered) Offer(run);
        foreach (var (run, kill) in batch.Stopped)
        {
            stop ??= connection.Prepare("""
                UPDATE ready_run SET stop = ?2 WHERE run = ?1 AND owner IS NOT NULL
                """u8);
            stop.Bind(1, run.Value).Bind(2, kill ? 2 : 1).Run();
        }
        foreach (var owner in batch.WorkersGone) Remove(owner);
        foreach (var (attempt, utf8) in batch.Logs)
            Keep(attempt.Run, attempt.Attempt, utf8.Span);
    }

    void Offer(OfferedRun run)
    {
        offer ??= connection.Prepare("""
            INSERT INTO ready_run
              (run, epoch, attempt, activation, priority, cpu, memory, labels, spec)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (run) DO UPDATE SET
              epoch = excluded.epoch, attempt = excluded.attempt, activation = excluded.activation,
              priority = excluded.priority, cpu = excluded.cpu, memory = excluded.memory,
              labels = excluded.labels, spec = excluded.spec, owner = NULL, stop = NULL
            WHERE epoch <= excluded.epoch
            """u8);
        offer.Bind(1, run.Run.Value).Bind(2, run.Epoch).Bind(3, run.Attempt);
        offer.Bind(4, run.Activation?.ToUnixTimeMilliseconds() ?? 0).Bind(5, run.Priority);
        offer.Bind(6, run.Cpu).Bind(7, run.MemoryBytes).BindText(8, Labels.Join(run.Labels));
        offer.BindBlob(9, run.Spec.Span).Run();
        if (run.Owner is { } owner) Give(run, owner);
    }

    // What is given to one worker is never anybody else's: without that worker it is nobody's.
    void Give(OfferedRun run, string owner)
    {
        give ??= connection.Prepare("""
            UPDATE ready_run SET owner = ?2, epoch = epoch + 1
            WHERE run = ?1 AND owner IS NULL AND epoch = ?3
              AND EXISTS (SELECT 1 FROM worker WHERE owner = ?2)
            """u8);
        give.Bind(1, run.Run.Value).BindText(2, owner).Bind(3, run.Epoch).Run();
        giveUp ??= connection.Prepare("DELETE FROM ready_run WHERE run = ?1 AND owner IS NULL"u8);
        giveUp.Bind(1, run.Run.Value).Run();
    }

    /// <summary>Makes a worker known; false when it is there already.</summary>
    public bool Join(WorkerInfo worker, TimeSpan lease)
    {
        addWorker ??= connection.Prepare("""
            INSERT INTO worker
              (owner, slots, capacity, memory, labels, joined_at, heard_at, expires_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
            ON CONFLICT (owner) DO NOTHING
            """u8);
        var now = Now();
        addWorker.BindText(1, worker.Owner).Bind(2, worker.Slots).Bind(3, worker.Capacity);
        addWorker.Bind(4, worker.MemoryBytes).BindText(5, Labels.Join(worker.Labels)).Bind(6, now);
        addWorker.Bind(7, now + (long)lease.TotalMilliseconds).Run();
        return connection.Changes == 1;
    }

    /// <summary>Takes a worker's row away, and with it what it holds; false when it was.</summary>
    public bool Remove(string owner)
    {
        removeWorker ??= connection.Prepare("DELETE FROM worker WHERE owner = ?1"u8);
        removeWorker.BindText(1, owner).Run();
        return connection.Changes == 1;
    }

    /// <summary>A worker's turn.</summary>
    public WorkerAnswer Work(WorkerTurn turn, long sentAtMs)
    {
        var late = HandIn(turn, sentAtMs);
        var now = Now();
        if (!Hear(turn, now)) return new WorkerAnswer { IsKnown = false, TooLate = late };
        var claimed = Lost(turn);
        if (claimed.IsEmpty && turn.Claim > 0) claimed = Claim(turn, now, sentAtMs);
        return new WorkerAnswer
        {
            IsKnown = true,
            Claimed = claimed,
            Held = Held(turn.Owner),
            TooLate = late,
        };
    }

    ImmutableArray<RunId> HandIn(WorkerTurn turn, long sentAtMs)
    {
        if (turn.Ended.Count == 0) return [];
        var late = ImmutableArray.CreateBuilder<RunId>();
        end ??= connection.Prepare(
            "DELETE FROM ready_run WHERE run = ?1 AND epoch = ?2 AND owner = ?3"u8);
        foreach (var ended in turn.Ended)
        {
            end.Bind(1, ended.Run.Value).Bind(2, ended.Epoch).BindText(3, turn.Owner).Run();
            if (connection.Changes == 0)
            {
                late.Add(ended.Run);
                continue;
            }
            FaultPoint.Reach("handin.between-writes");
            var id = IdOf("ended", ended.Run.Value, ended.Epoch);
            statements.Send(new InboxCommand(id, "run-ended", ended.Body), sentAtMs);
            if (ended.Log is { } log) Keep(ended.Run, ended.Attempt, log.Span);
        }
        return late.ToImmutable();
    }

    bool Hear(WorkerTurn turn, long now)
    {
        if (turn.Renew is { } lease)
        {
            renew ??= connection.Prepare(
                "UPDATE worker SET heard_at = ?2, expires_at = ?3 WHERE owner = ?1"u8);
            renew.BindText(1, turn.Owner).Bind(2, now);
            renew.Bind(3, now + (long)lease.TotalMilliseconds).Run();
            return connection.Changes == 1;
        }
        findWorker ??= connection.Prepare("SELECT 1 FROM worker WHERE owner = ?1"u8);
        var found = findWorker.BindText(1, turn.Owner).Step();
        findWorker.Reset();
        return found;
    }

    // What it holds and does not know of: it did not get the answer of the turn that claimed it.
    ImmutableArray<ClaimedRun> Lost(WorkerTurn turn)
    {
        lost ??= connection.Prepare("""
            SELECT run, epoch, spec FROM ready_run WHERE owner = ?1 ORDER BY priority DESC, run
            """u8);
        lost.BindText(1, turn.Owner);
        var known = turn.Known.Select(run => run.Value).ToHashSet();
        var found = ImmutableArray.CreateBuilder<ClaimedRun>();
        while (lost.Step())
        {
            var run = (int)lost.Int64(0);
            if (!known.Contains(run))
                found.Add(new(new(run), (int)lost.Int64(1), lost.Bytes(2).ToArray()));
        }
        lost.Reset();
        return found.ToImmutable();
    }

    ImmutableArray<ClaimedRun> Claim(WorkerTurn turn, long now, long sentAtMs)
    {
        claim ??= connection.Prepare("""
            UPDATE ready_run SET owner = ?2, epoch = epoch + 1 WHERE run = ?1 RETURNING epoch, spec
            """u8);
        var claimed = ImmutableArray.CreateBuilder<ClaimedRun>();
        foreach (var run in Choose(turn, now))
        {
            claim.Bind(1, run).BindText(2, turn.Owner).Step();
            var epoch = (int)claim.Int64(0);
            claimed.Add(new(new(run), epoch, claim.Bytes(1).ToArray()));
            claim.Reset();
            var id = IdOf("leased", run, epoch);
            statements.Send(new InboxCommand(id, "run-leased", turn.LeasedBody), sentAtMs);
        }
        return claimed.ToImmutable();
    }

    // Nobody else writes meanwhile, so choosing and taking are two steps.
    List<int> Choose(WorkerTurn turn, long now)
    {
        free ??= connection.Prepare("""
            SELECT run, cpu, labels FROM ready_run
            WHERE owner IS NULL AND activation <= ?1 AND cpu <= ?2 AND memory <= ?3
            ORDER BY priority DESC, run
            """u8);
        free.Bind(1, now).Bind(2, turn.Cpu).Bind(3, turn.MemoryBytes);
        var known = turn.Known.Select(run => run.Value).ToHashSet();
        var chosen = new List<int>();
        long cpu = 0;
        while (chosen.Count < turn.Claim && free.Step())
        {
            var run = (int)free.Int64(0);
            if (known.Contains(run) || !Labels.AreAmong(free.Bytes(2), turn.Labels)) continue;
            cpu += free.Int64(1);
            if (chosen.Count > 0 && cpu > turn.FreeCpu) break;
            chosen.Add(run);
        }
        free.Reset();
        return chosen;
    }

    ImmutableArray<HeldRun> Held(string owner)
    {
        held ??= connection.Prepare(
            "SELECT run, epoch, stop FROM ready_run WHERE owner = ?1 ORDER BY run"u8);
        held.BindText(1, owner);
        var rows = ImmutableArray.CreateBuilder<HeldRun>();
        while (held.Step())
        {
            var run = new RunId((int)held.Int64(0));
            rows.Add(new(run, (int)held.Int64(1), StopOf(run, held.Int64(2))));
        }
        held.Reset();
        return rows.ToImmutable();
    }

    /// <summary>A stop as its column has it; 0 (null): none.</summary>
    public static RunStop? StopOf(RunId run, long stop) =>
        stop == 0 ? null : new RunStop(run, Kill: stop == 2);

    static string IdOf(string what, int run, int epoch) =>
        string.Create(CultureInfo.InvariantCulture, $"{what}/{run}/{epoch}");

    void Keep(RunId run, int attempt, ReadOnlySpan<byte> log)
    {
        keepLog ??= connection.Prepare("""
            INSERT INTO run_log (run, attempt, form, body) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (run, attempt) DO UPDATE SET form = excluded.form, body = excluded.body
            """u8);
        var body = StoredBytes.Pack(log, out var form);
        keepLog.Bind(1, run.Value).Bind(2, attempt).Bind(3, form).BindBlob(4, body).Run();
    }

    // Of the database, as on a server: a process whose clock is wrong ends no lease.
    long Now()
    {
        clock ??= connection.Prepare(
            "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"u8);
        clock.Step();
        var now = clock.Int64(0);
        clock.Reset();
        return now;
    }
}
