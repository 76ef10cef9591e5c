using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A store that ends with its process: for tests, and for plans that shall leave no trace. It keeps
/// events as their bytes, like every store, so that what cannot be written is found here too.
/// Commits at once; any thread may call.
/// </summary>
public sealed partial class MemoryStore : IBuildStore
{
    readonly TimeProvider time;
    readonly Lock gate = new();
    readonly List<Row> rows = [];
    readonly Dictionary<Digest, byte[]> fingerprints = [];
    readonly Dictionary<Digest, byte[]> answers = [];
    readonly Dictionary<string, FileStampEntry> stamps = new(StringComparer.Ordinal);
    readonly List<InboxCommand> inbox = [];
    readonly List<Action> watchers = [];
    long version;
    StoredSnapshot? snapshot;
    byte[] buffer = new byte[1024];
    bool closed;
    StoreException? broken;
    Func<BuildEvent, bool>? lastWords;

    /// <summary>An empty store with a clock; without one, the system's.</summary>
    public MemoryStore(TimeProvider? time = null) => this.time = time ?? TimeProvider.System;

    readonly record struct Row(DateTimeOffset At, byte[] Type, string Subject, byte[] Body);

    /// <inheritdoc/>
    public long LastPosition
    {
        get
        {
            lock (gate) return rows.Count;
        }
    }

    /// <inheritdoc/>
    public Task<long> AppendAsync(AppendBatch batch, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closed, this);
            if (broken is not null) return Task.FromException<long>(broken);
            foreach (var row in Encode(batch)) rows.Add(row);
            foreach (var text in batch.Fingerprints)
                fingerprints.TryAdd(text.Digest, text.Utf8.ToArray());
            foreach (var stamp in batch.Stamps) stamps[stamp.Path] = stamp;
            foreach (var id in batch.InboxTaken) inbox.RemoveAll(command => command.Id == id);
            ChangeQueue(batch);
            Changed();
            if (lastWords is null || !batch.Events.Any(lastWords))
                return Task.FromResult((long)rows.Count);
            broken = new StoreException("store-unavailable", "The store went away.");
            return Task.FromException<long>(broken);
        }
    }

    /// <summary>
    /// The batch with such an event is kept, and then the store goes away before it says so: what
    /// a death between append and act looks like to the next process.
    /// </summary>
    public void BreakAfter(Func<BuildEvent, bool> last)
    {
        lock (gate) lastWords = last;
    }

    /// <summary>The next process finds the store in order.</summary>
    public void Repair()
    {
        lock (gate) (broken, lastWords) = (null, null);
    }

    /// <summary>From now on every append fails like this: what a full disk does.</summary>
    public void Break(StoreException error)
    {
        lock (gate) broken = error;
    }

    /// <inheritdoc/>
    public IEnumerable<LoggedEvent> Read(long after, PartitionNames names)
    {
        var decoder = new EventDecoder(names);
        while (true)
        {
            Row row;
            lock (gate)
            {
                ObjectDisposedException.ThrowIf(closed, this);
                if (after >= rows.Count) yield break;
                row = rows[(int)after++];
            }
            yield return new LoggedEvent(after, row.At, decoder.Decode(after, row.Type, row.Body));
        }
    }

    /// <inheritdoc/>
    public IEnumerable<RawEvent> Query(EventQuery query)
    {
        List<RawEvent> found = [];
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closed, this);
            if (!query.Positions.IsDefault)
                return [.. query.Positions.Select(at => Raw((int)at - 1))];
            var end = (int)Math.Min(rows.Count, (query.Before ?? long.MaxValue) - 1);
            for (var i = (int)query.After; i < end; i++)
            {
                var type = Encoding.UTF8.GetString(rows[i].Type);
                if (query.Subject is not null && query.Subject != rows[i].Subject) continue;
                if (!query.Types.IsDefaultOrEmpty && !query.Types.Contains(type)) continue;
                found.Add(Raw(i));
            }
        }
        return query.Last is { } last ? found.TakeLast(last) : found;

        RawEvent Raw(int i) => new(
            i + 1, rows[i].At, Encoding.UTF8.GetString(rows[i].Type), rows[i].Subject,
            rows[i].Body);
    }

    /// <inheritdoc/>
    public long ChangeVersion()
    {
        lock (gate) return version;
    }

    /// <inheritdoc/>
    public IDisposable WatchRuns(Action changed) => Watch(changed);

    /// <inheritdoc/>
    public IDisposable Watch(Action changed)
    {
        lock (gate) watchers.Add(changed);
        return new Watching(this, changed);
    }

    // Under the lock: those who watch are told on another thread.
    void Changed()
    {
        version++;
        foreach (var watcher in watchers) ThreadPool.QueueUserWorkItem(_ => watcher());
    }

    sealed class Watching(MemoryStore store, Action changed) : IDisposable
    {
        public void Dispose()
        {
            lock (store.gate) store.watchers.Remove(changed);
        }
    }

    /// <inheritdoc/>
    public StoredSnapshot? LatestSnapshot(int format)
    {
        lock (gate) return snapshot?.Format == format ? snapshot : null;
    }

    /// <inheritdoc/>
    public Task SaveSnapshotAsync(StoredSnapshot snapshot, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate) this.snapshot = snapshot with { Body = snapshot.Body.ToArray() };
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public IEnumerable<FileStampEntry> FileStamps()
    {
        lock (gate) return [.. stamps.Values];
    }

    /// <inheritdoc/>
    public byte[]? FingerprintText(Digest digest)
    {
        lock (gate) return fingerprints.GetValueOrDefault(digest);
    }

    /// <inheritdoc/>
    public byte[]? ConfigAnswer(Digest question)
    {
        lock (gate) return answers.GetValueOrDefault(question);
    }

    /// <inheritdoc/>
    public Task SaveConfigAnswerAsync(
        Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate) answers[question] = answer.ToArray();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<bool> SendAsync(InboxCommand command, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate)
        {
            return Task.FromResult(Send(command));
        }
    }

    bool Send(InboxCommand command)
    {
        if (inbox.Exists(other => other.Id == command.Id)) return false;
        inbox.Add(command with { Body = command.Body.ToArray() });
        Changed();
        return true;
    }

    /// <inheritdoc/>
    public IReadOnlyList<InboxCommand> Waiting()
    {
        lock (gate) return [.. inbox];
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (gate) closed = true;
        return ValueTask.CompletedTask;
    }

    List<Row> Encode(AppendBatch batch)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(batch.At.ToUnixTimeMilliseconds());
        var encoded = new List<Row>(batch.Events.Count);
        foreach (var e in batch.Events)
        {
            var bytes = EventCodec.Encode(e, batch.Names, ref buffer);
            encoded.Add(new(
                at, bytes.Type.ToArray(), Encoding.UTF8.GetString(bytes.Subject),
                bytes.Body.ToArray()));
        }
        return encoded;
    }
}
