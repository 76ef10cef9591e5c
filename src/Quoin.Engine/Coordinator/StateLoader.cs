using System.Buffers;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What a process knows of a store after reading it: the marking and the durations.
/// </summary>
/// <param name="State">The marking at <paramref name="Position"/>.</param>
/// <param name="History">Durations of successful attempts.</param>
/// <param name="Position">The last event that was read.</param>
/// <param name="SnapshotAt">Where the snapshot stood that it started from; 0: none.</param>
public sealed record LoadedState(
    KernelState State, DurationHistory History, long Position, long SnapshotAt);

/// <summary>
/// Reads the state of a store: the newest snapshot, if this program understands it, and the events
/// after it. Without a snapshot the whole log is read; the result is the same.
/// </summary>
public static class StateLoader
{
    // The kernel's format and the history's: either one changing makes older snapshots useless.
    internal const int Format = (KernelSnapshot.Format << 8) | 2;
    const int ChecksumBytes = 16;

    /// <summary>Events after the snapshot that make a new one worth its cost.</summary>
    public const int TailMax = 2_000;

    /// <summary>Reads everything that is committed.</summary>
    /// <exception cref="StoreException">
    /// The log cannot be read, or does not fit the state.
    /// </exception>
    public static LoadedState Load(IBuildStore store, PartitionNames names)
    {
        var loaded = FromSnapshot(store, names)
            ?? new LoadedState(new KernelState(names), new DurationHistory(names), 0, 0);
        var position = loaded.Position;
        foreach (var logged in store.Read(position, names))
        {
            try
            {
                Observe(loaded.History, loaded.State, logged.Event);
                Evolve.Apply(loaded.State, logged.Event);
            }
            catch (Exception e) when (e is not StoreException)
            {
                throw new StoreException(
                    "store-corrupt",
                    $"Event {logged.Position} does not fit what came before it: {e.Message} "
                    + "Keep a copy of the store and report it.",
                    e);
            }
            position = logged.Position;
        }
        loaded.State.Notices.Clear();
        return loaded with { Position = position };
    }

    /// <summary>Replaces the store's snapshot by this state.</summary>
    public static Task SaveAsync(
        IBuildStore store, KernelState state, DurationHistory history, long position,
        CancellationToken ct)
    {
        var kernel = new ArrayBufferWriter<byte>(1 << 16);
        KernelSnapshot.Write(state, kernel);
        var body = new ArrayBufferWriter<byte>(kernel.WrittenCount + (1 << 12));
        body.Advance(ChecksumBytes);
        BitConverter.TryWriteBytes(body.GetSpan(4), kernel.WrittenCount);
        body.Advance(4);
        body.Write(kernel.WrittenSpan);
        history.Write(body);
        var bytes = body.WrittenMemory.ToArray();
        Xxh3.Hash(bytes.AsSpan(ChecksumBytes)).CopyTo(bytes);
        return store.SaveSnapshotAsync(new StoredSnapshot(position, Format, bytes), ct);
    }

    /// <summary>Lets the durations learn from an event that is about to be applied.</summary>
    public static void Observe(DurationHistory history, KernelState state, BuildEvent e)
    {
        if (e is not RunCompleted { RestoredFrom: "", Usage: var usage } completed
            || !state.Runs.TryGetValue(completed.Run.Value, out var run)) return;
        var (job, output) = (run.Config.Job, run.Config.Outputs[0]);
        if (usage.Cores == 0) history.Add(job, output, usage.ElapsedMs);
        else history.Add(job, output, usage.ElapsedMs, usage.Cores);
    }

    static LoadedState? FromSnapshot(IBuildStore store, PartitionNames names)
    {
        if (store.LatestSnapshot(Format) is not { } snapshot
            || snapshot.Position > store.LastPosition) return null;
        try
        {
            // A bit that turned could be a state that looks right.
            var body = snapshot.Body.Span[ChecksumBytes..];
            var checksum = new Digest(DigestAlgorithm.Xxh3, snapshot.Body.Span[..ChecksumBytes]);
            if (Xxh3.Hash(body) != checksum) return null;
            var length = BitConverter.ToInt32(body);
            var state = KernelSnapshot.Read(body.Slice(4, length), names);
            return DurationHistory.TryRead(body[(4 + length)..], names) is { } history
                ? new LoadedState(state, history, snapshot.Position, snapshot.Position)
                : null;
        }
        catch (Exception e) when (e is FormatException or ArgumentException
            or IndexOutOfRangeException or KeyNotFoundException)
        {
            return null; // Damaged: the log says the same, only slower.
        }
    }
}
