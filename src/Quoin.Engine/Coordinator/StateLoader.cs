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
    KernelState State, DurationHistory History, long Position, long SnapshotAt)
{
    /// <summary>Fingerprints of what was published before the snapshot.</summary>
    public FingerprintMemo Fingerprints { get; init; } = new();
}

/// <summary>
/// Reads the state of a store: the newest snapshot, if this program understands it, and the events
/// after it. Without a snapshot the whole log is read; the result is the same.
/// </summary>
public static class StateLoader
{
    // The kernel's format and this one's own: either one changing makes older snapshots useless.
    internal const int Format = (KernelSnapshot.Format << 8) | 4;
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
        IBuildStore store, LoadedState now, CancellationToken ct)
    {
        var body = new ArrayBufferWriter<byte>(1 << 16);
        body.GetSpan(ChecksumBytes);
        body.Advance(ChecksumBytes);
        WritePart(body, to => KernelSnapshot.Write(now.State, to));
        WritePart(body, now.History.Write);
        WritePart(body, to => now.Fingerprints.Write(now.State, to));
        var bytes = body.WrittenMemory.ToArray();
        Xxh3.Hash(bytes.AsSpan(ChecksumBytes)).CopyTo(bytes);
        return store.SaveSnapshotAsync(new StoredSnapshot(now.Position, Format, bytes), ct);
    }

    // Its length, then what it is.
    static void WritePart(ArrayBufferWriter<byte> body, Action<ArrayBufferWriter<byte>> write)
    {
        var part = new ArrayBufferWriter<byte>(1 << 12);
        write(part);
        BitConverter.TryWriteBytes(body.GetSpan(4), part.WrittenCount);
        body.Advance(4);
        body.Write(part.WrittenSpan);
    }

    static ReadOnlySpan<byte> TakePart(ref ReadOnlySpan<byte> body)
    {
        var length = BitConverter.ToInt32(body);
        var part = body.Slice(4, length);
        body = body[(4 + length)..];
        return part;
    }

    /// <summary>Lets the durations learn from an event that is about to be applied.</summary>
    public static void Observe(DurationHistory history, KernelState state, BuildEvent e)
    {
        if (e is not RunCompleted { RestoredFrom: "", Usage: var usage } completed
            || !state.Runs.TryGetValue(completed.Run.Value, out var run)) return;
        var (job, output) = (run.Config.Job, run.Config.Outputs[0]);
        // A worker may say anything.
        history.Add(
            job, output, usage.ElapsedMs, Math.Max(0, usage.Cores), Math.Max(0, usage.HostSpeed));
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
            var state = KernelSnapshot.Read(TakePart(ref body), names);
            return DurationHistory.TryRead(TakePart(ref body), names) is { } history
                ? new LoadedState(state, history, snapshot.Position, snapshot.Position)
                {
                    Fingerprints = FingerprintMemo.Read(TakePart(ref body)),
                }
                : null;
        }
        catch (Exception e) when (e is FormatException or ArgumentException
            or IndexOutOfRangeException or KeyNotFoundException)
        {
            return null; // Damaged: the log says the same, only slower.
        }
    }
}
