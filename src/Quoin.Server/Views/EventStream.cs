using System.Buffers;
using System.Text;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// The newest part of the log as bytes for followers: each event is read and written out once,
/// however many follow. Whoever is further behind than what is kept here gets blocks out of the
/// store, which are shared by all who are about as far behind.
/// </summary>
sealed class EventStream(Served served)
{
    const int BytesMax = 32 << 20, RowsMax = 2_000, BlocksMax = 16;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    static readonly TimeSpan LongPause = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan TurnMax = TimeSpan.FromMilliseconds(5);

    static readonly SemaphoreSlim turns = new(Math.Max(1, Environment.ProcessorCount / 2));
    readonly Lock gate = new();
    readonly List<EventBytes> kept = [];
    readonly List<(long Number, Task<EventBytes?> Read)> blocks = []; // The newest last.
    static readonly SemaphoreSlim reading = new(1);
    TaskCompletionSource news = NewSignal();
    Task? pump;
    long bytes;
    int followers;

    /// <summary>One more follower: from now on the newest events are kept here.</summary>
    public IDisposable Follow()
    {
        lock (gate)
        {
            followers++;
            pump ??= Task.Run(PumpAsync);
        }
        return new Leaving(this);
    }

    /// <summary>
    /// The events behind a position, from here or from the store, some before it among them; null:
    /// there are none yet. Then <paramref name="more"/> completes when there may be some.
    /// </summary>
    public Task<EventBytes?> NextAsync(long after, out Task more)
    {
        lock (gate)
        {
            more = news.Task;
            if (Kept(after, out var found)) return Task.FromResult(found);
            // The store has some: a block that was read too early to have them is read again.
            more = Task.CompletedTask;
            return BlockOf(after);
        }
    }

    /// <summary>
    /// Sends to a follower when its turn comes. All of them are woken at once, and a request that
    /// comes then would stand behind every one of them in the queues of this process, and the
    /// coordinator beside them on all cores. Who takes nothing keeps its turn for a moment only.
    /// </summary>
    public async Task InTurnAsync(Func<Task> send, CancellationToken ct)
    {
        await turns.WaitAsync(ct);
        Task sending;
        try
        {
            sending = send();
            // Its own end is heard below: this waits for whichever comes first.
            if (!sending.IsCompleted)
                await Task.WhenAny(sending, Task.Delay(TurnMax, served.Cli.Time, ct));
        }
        finally
        {
            turns.Release();
        }
        await sending;
    }

    // False: only the store may have it. Under the gate.
    bool Kept(long after, out EventBytes? found)
    {
        found = null;
        if (kept.Count == 0) return after >= served.Views.Position;
        if (after < kept[0].First - 1) return false;
        var (low, high) = (0, kept.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (kept[middle].Last > after) high = middle;
            else low = middle + 1;
        }
        if (low < kept.Count) found = kept[low];
        return true;
    }

    // Under the gate. A block that was not full yet when it was read is read again.
    Task<EventBytes?> BlockOf(long after)
    {
        var number = after / RowsMax;
        var at = blocks.FindIndex(block => block.Number == number);
        if (at >= 0)
        {
            var read = blocks[at].Read;
            if (!read.IsCompleted || (read.IsCompletedSuccessfully && read.Result?.Last > after))
                return read;
            blocks.RemoveAt(at);
        }
        if (blocks.Count == BlocksMax) blocks.RemoveAt(0);
        var next = ReadAsync(number * RowsMax);
        blocks.Add((number, next));
        return next;
    }

    // One at a time, on a thread that nobody else waits for.
    async Task<EventBytes?> ReadAsync(long after)
    {
        await reading.WaitAsync(served.Stopping);
        try
        {
            return await Task.Run(() => Read(after));
        }
        finally
        {
            reading.Release();
        }
    }

    EventBytes? Read(long after)
    {
        var rows = served.Store.Query(new EventQuery { After = after }).Take(RowsMax).ToList();
        return rows.Count == 0 ? null : EventBytes.Of(rows);
    }

    async Task PumpAsync()
    {
        var position = served.Views.Position;
        while (!served.Stopping.IsCancellationRequested)
        {
            lock (gate)
            {
                if (followers == 0)
                {
                    kept.Clear();
                    blocks.Clear();
                    (bytes, pump) = (0, null);
                    return;
                }
            }
            try
            {
                using var wait = CancellationTokenSource.CreateLinkedTokenSource(served.Stopping);
                wait.CancelAfter(TimeSpan.FromSeconds(5));
                await served.Views.NextAsync(position, wait.Token);
            }
            catch (OperationCanceledException)
            {
                continue; // Looks whether somebody follows.
            }
            catch (StoreException)
            {
                await Task.Delay(LongPause, served.Cli.Time);
                continue;
            }
            // Many at a time cost less than each alone, and nobody sees the difference.
            await Task.Delay(
                KeepNext(ref position) is > 0 and <= 100 ? Pause : LongPause, served.Cli.Time);
        }
    }

    // How many events are new; none when the store cannot be read: it is asked again.
    int KeepNext(ref long position)
    {
        try
        {
            if (Read(position) is not { } next) return 0;
            position = next.Last;
            Keep(next);
            return next.Count;
        }
        catch (StoreException)
        {
            return 0;
        }
    }

    void Keep(EventBytes next)
    {
        TaskCompletionSource told;
        lock (gate)
        {
            kept.Add(next);
            bytes += next.Bytes.Length;
            var old = 0;
            while (bytes > BytesMax && old < kept.Count - 1) bytes -= kept[old++].Bytes.Length;
            kept.RemoveRange(0, old);
            told = news;
            news = NewSignal();
        }
        told.TrySetResult();
    }

    static TaskCompletionSource NewSignal() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    sealed class Leaving(EventStream stream) : IDisposable
    {
        int left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref left, 1) == 1) return;
            lock (stream.gate) stream.followers--;
        }
    }
}

/// <summary>Some events, one behind the other, as server-sent events.</summary>
sealed class EventBytes
{
    readonly List<(long Position, int Start, string Type, string Subject)> rows = [];

    /// <summary>All of them.</summary>
    public byte[] Bytes { get; private init; } = [];

    /// <summary>The position of the first.</summary>
    public long First => rows[0].Position;

    /// <summary>The position of the last.</summary>
    public long Last => rows[^1].Position;

    /// <summary>How many.</summary>
    public int Count => rows.Count;

    /// <summary>Writes them out; a position is the id that a browser resumes from.</summary>
    public static EventBytes Of(List<RawEvent> events)
    {
        var buffer = new ArrayBufferWriter<byte>(events.Count * 256);
        var starts = new List<(long, int, string, string)>(events.Count);
        foreach (var raw in events)
        {
            starts.Add((raw.Position, buffer.WrittenCount, raw.Type, raw.Subject));
            Encoding.UTF8.GetBytes(
                $"id: {raw.Position}\ndata: {EventJson.ToJson(raw)}\n\n", buffer);
        }
        var made = new EventBytes { Bytes = buffer.WrittenSpan.ToArray() };
        made.rows.AddRange(starts);
        return made;
    }

    /// <summary>The part behind a position.</summary>
    public ReadOnlyMemory<byte> After(long position)
    {
        if (position < First) return Bytes;
        var at = (int)Math.Min(position - First + 1, rows.Count);
        return at == rows.Count ? default : Bytes.AsMemory(rows[at].Start);
    }

    /// <summary>Those behind a position that a follower asked for.</summary>
    public ReadOnlyMemory<byte> After(
        long position, IReadOnlyCollection<string> types, string? subject)
    {
        if (types.Count == 0 && subject is null) return After(position);
        var some = new ArrayBufferWriter<byte>();
        for (var i = 0; i < rows.Count; i++)
        {
            var (at, start, type, about) = rows[i];
            if (at <= position || (types.Count > 0 && !types.Contains(type))
                || (subject is not null && about != subject)) continue;
            var end = i + 1 < rows.Count ? rows[i + 1].Start : Bytes.Length;
            some.Write(Bytes.AsSpan(start, end - start));
        }
        return some.WrittenMemory;
    }
}
