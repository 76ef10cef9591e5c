using System.Collections.Immutable;
using System.Net.Sockets;
using Npgsql;

namespace Quoin.Storage;

/// <summary>
/// Tells other processes that there is something new, and hears it from them: NOTIFY and LISTEN on
/// one channel a store. The payload says <c>runs</c> when it concerns workers; nothing else wakes
/// those, or each would look into an empty queue whenever another one did something. Only a hint:
/// it is told after the commit, on another connection, because a commit that notifies waits for all
/// others that do; it may get lost, and nobody waits for it. Many within 20 ms are one.
/// </summary>
sealed class PostgresNews(NpgsqlDataSource source, string schema) : IAsyncDisposable
{
    static readonly TimeSpan spacing = TimeSpan.FromMilliseconds(20);
    static readonly TimeSpan pause = TimeSpan.FromSeconds(1);
    static readonly TimeSpan patience = TimeSpan.FromSeconds(1);

    readonly Lock gate = new();
    readonly CancellationTokenSource ending = new(), lastWords = new();
    ImmutableArray<(SignalBell Bell, bool RunsOnly)> bells = [];
    Task telling = Task.CompletedTask, listening = Task.CompletedTask;
    NpgsqlConnection? teller;
    bool isDue, isForWorkers, isTelling, isListening, hasToldHere, closed;
    volatile int tellerPid;

    // Quoted, it may be any schema; its letters are checked where the address is read.
    string Channel => $"\"quoin {schema}\"";

    /// <summary>Something was committed that others wait for; workers too, perhaps.</summary>
    /// <param name="toWorkers">Workers too.</param>
    /// <param name="writing">
    /// The connection that committed, if it may be used now: the first runs of a build are told
    /// about here, because to open another one takes longer than all else until they start.
    /// </param>
    public void Tell(bool toWorkers, NpgsqlConnection? writing = null)
    {
        var isHere = false;
        lock (gate)
        {
            if (toWorkers && writing is not null && teller is null && !hasToldHere)
                isHere = hasToldHere = true;
        }
        if (isHere && TellHere(writing!)) return;
        lock (gate)
        {
            (isDue, isForWorkers) = (true, isForWorkers || toWorkers);
            if (isTelling || closed) return;
            isTelling = true;
            telling = Task.Run(TellAsync);
        }
    }

    bool TellHere(NpgsqlConnection writing)
    {
        try
        {
            using var command = new NpgsqlCommand($"NOTIFY {Channel}, 'runs'", writing);
            command.ExecuteNonQuery();
            return true;
        }
        catch (Exception e) when (IsExpected(e))
        {
            return false;
        }
    }

    async Task TellAsync()
    {
        // Others than workers can wait until the process that begins has begun.
        if (teller is null && !isForWorkers) await PauseAsync(spacing);
        while (IsDue(out var toWorkers))
        {
            try
            {
                teller ??= await OpenTellerAsync();
                await using var command = new NpgsqlCommand(
                    $"NOTIFY {Channel}{(toWorkers ? ", 'runs'" : "")}", teller);
                await command.ExecuteNonQueryAsync(lastWords.Token);
            }
            catch (Exception e) when (IsExpected(e))
            {
                // Who waits looks by itself after a while.
                if (teller is not null) await teller.DisposeAsync();
                teller = null;
            }
            await PauseAsync(spacing);
        }
    }

    bool IsDue(out bool toWorkers)
    {
        lock (gate)
        {
            var due = isDue && !lastWords.IsCancellationRequested;
            toWorkers = isForWorkers;
            isDue = isForWorkers = false;
            isTelling = due;
            return due;
        }
    }

    async Task<NpgsqlConnection> OpenTellerAsync()
    {
        var connection = await source.OpenConnectionAsync(lastWords.Token);
        tellerPid = connection.ProcessID;
        // A hint need not be on the disk.
        await using var command = new NpgsqlCommand("SET synchronous_commit = off", connection);
        await command.ExecuteNonQueryAsync(lastWords.Token);
        return connection;
    }

    /// <summary>Rings when another process told something, from soon on.</summary>
    public void Add(SignalBell bell, bool runsOnly)
    {
        lock (gate)
        {
            bells = bells.Add((bell, runsOnly));
            if (isListening || closed) return;
            isListening = true;
            listening = Task.Run(ListenAsync);
        }
    }

    /// <summary>Rings no more.</summary>
    public void Remove(SignalBell bell)
    {
        lock (gate) bells = bells.RemoveAll(one => one.Bell == bell);
    }

    async Task ListenAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync(ending.Token);
                connection.Notification += (_, told) =>
                {
                    if (told.PID != tellerPid) Ring(told.Payload == "runs");
                };
                await using (var command = new NpgsqlCommand($"LISTEN {Channel}", connection))
                    await command.ExecuteNonQueryAsync(ending.Token);
                Ring(toWorkers: true); // What was told before, nobody heard.
                while (true) await connection.WaitAsync(ending.Token);
            }
            catch (Exception e) when (IsExpected(e))
            {
                await PauseAsync(pause);
            }
        }
    }

    async Task PauseAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, ending.Token);
        }
        catch (OperationCanceledException)
        {
            // There is no need to wait at the end.
        }
    }

    void Ring(bool toWorkers)
    {
        ImmutableArray<(SignalBell Bell, bool RunsOnly)> all;
        lock (gate) all = bells;
        foreach (var (bell, runsOnly) in all)
            if (toWorkers || !runsOnly) bell.Ring();
    }

    static bool IsExpected(Exception e) => e is NpgsqlException or SocketException or IOException
        or OperationCanceledException or ObjectDisposedException or InvalidOperationException
        or TimeoutException;

    /// <summary>Tells what is still to be told, if that does not take long, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        Task told, heard;
        lock (gate)
        {
            closed = true;
            (told, heard) = (telling, listening);
        }
        await ending.CancelAsync();
        lastWords.CancelAfter(patience);
        await told;
        await heard;
        if (teller is not null) await teller.DisposeAsync();
        ending.Dispose();
        lastWords.Dispose();
    }
}
