using System.Collections.Concurrent;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What became of a file since its digest was recorded.</summary>
public enum FileVerdict : byte
{
    /// <summary>It is there and has that digest.</summary>
    Same,

    /// <summary>It is not there.</summary>
    Missing,

    /// <summary>It is there with another digest, or cannot be read.</summary>
    Modified,
}

/// <summary>
/// Digests of files and folders by their stat: hashed once, again only when size, time or inode
/// moved. A stamp is not trusted when the file had changed within 2 s before it was taken: file
/// times tick coarsely, and a second write in the same tick would look like none. Thread safe; it
/// knows no database: <see cref="TakeChanged"/> says what to keep.
/// </summary>
public sealed class FileStampCache
{
    const long RacyNs = 2_000_000_000;

    readonly string root;
    readonly IFileView view;
    readonly TimeProvider time;
    readonly Task<FileStampTable> kept;
    readonly ConcurrentDictionary<string, Known> changedSince = new(StringComparer.Ordinal);
    readonly ConcurrentQueue<string> changed = new();
    volatile bool wentBeyond;
    volatile bool hasChanged; // Asking a dictionary whether it is empty takes its locks.
    volatile StatAhead? ahead;
    volatile bool isLookOver;
    long hashed;

    /// <param name="workspace">Absolute; paths of entries are relative to it.</param>
    /// <param name="entries">What was kept last time.</param>
    /// <param name="time">The wall clock that file times are compared with.</param>
    public FileStampCache(string workspace, IEnumerable<FileStampEntry> entries, TimeProvider time)
        : this(workspace, new DiskView(workspace), entries, time) { }

    internal FileStampCache(
        string workspace, IFileView view, IEnumerable<FileStampEntry> entries, TimeProvider time)
        : this(workspace, view, Task.FromResult(new FileStampTable(entries)), time) { }

    FileStampCache(string workspace, IFileView view, Task<FileStampTable> kept, TimeProvider time)
    {
        root = workspace.TrimEnd('/') + "/";
        (this.view, this.kept, this.time) = (view, kept, time);
    }

    void StartReading(IFingerprintStore store, TaskCompletionSource<FileStampTable> read)
    {
        var thread = new Thread(() =>
        {
            try
            {
                var table = new FileStampTable(store.FileStamps());
                if (table.Count >= StatAhead.FilesMin) ahead = new StatAhead(table, view);
                read.SetResult(table);
                if (isLookOver) EndLookAhead(); // It was over before it had begun.
                ahead?.Look();
            }
            catch (Exception e) // Whoever needs a stamp gets it.
            {
                read.TrySetException(e);
            }
        });
        thread.IsBackground = true;
        thread.Name = "quoin stat";
        thread.Start();
    }

    /// <summary>
    /// Reads what a store kept on a thread of its own, and looks there at the files until
    /// <see cref="EndLookAhead"/>. For a plan that is made at once.
    /// </summary>
    public static FileStampCache ReadAhead(
        string workspace, IFingerprintStore store, TimeProvider time)
    {
        if (Environment.ProcessorCount == 1)
            return new FileStampCache(workspace, store.FileStamps(), time);
        var read = new TaskCompletionSource<FileStampTable>();
        var cache = new FileStampCache(workspace, new DiskView(workspace), read.Task, time);
        cache.StartReading(store, read);
        return cache;
    }

    /// <summary>What was seen ahead of the plan counts no more.</summary>
    public void EndLookAhead()
    {
        isLookOver = true;
        ahead?.End();
        ahead = null;
    }

    /// <summary>
    /// How many files were read and hashed; all others were answered by their stat.
    /// </summary>
    public long Hashed => Interlocked.Read(ref hashed);

    /// <summary>
    /// The digest of a file or folder, links to it followed; none when nothing is there. A folder
    /// is walked, each file in it answered from its stat.
    /// </summary>
    /// <param name="path">Relative to the workspace, or absolute.</param>
    /// <param name="trustStat">False: everything is read, whatever its stat says.</param>
    /// <exception cref="IOException">It cannot be read; the message names it.</exception>
    /// <exception cref="ContentException">The folder holds what cannot be an output.</exception>
    public Digest DigestOf(string path, bool trustStat = true) =>
        trustStat && SeenAhead(path) is { } digest
            ? digest
            : DigestOf(path, StatOf(path), trustStat);

    /// <summary>Whether there is anything.</summary>
    internal bool IsThere(string path) => SeenAhead(path) is not null || StatOf(path).Exists;

    // The digest of a file that was seen to be as it was recorded; null: whoever asks has to look.
    Digest? SeenAhead(string path)
    {
        var table = kept.GetAwaiter().GetResult();
        if (ahead is not { } look) return null;
        var name = NameOf(path);
        var row = hasChanged && changedSince.ContainsKey(name) ? -1 : table.Find(name);
        if (row < 0) return null;
        table.IsNeeded(row) = true;
        return look.IsSame(row) ? table[row].Digest : null;
    }

    /// <summary>
    /// The recorded files that all answers so far were taken from; null: there were others, a
    /// folder, something missing, a file that was read.
    /// </summary>
    internal KeptFiles? Kept => wentBeyond ? null : StatAhead.Needed(kept.GetAwaiter().GetResult());

    /// <summary>
    /// Looks at all of these files, together with the thread that looks ahead; true when each is
    /// as it was.
    /// </summary>
    internal bool AreStill(KeptFiles files) => !isLookOver
        && (ahead ?? new StatAhead(kept.GetAwaiter().GetResult(), view)).AreStill(files);

    /// <summary><see cref="DigestOf(string, bool)"/> of a path whose stat is known.</summary>
    internal Digest DigestOf(string path, FileStat stat, bool trustStat)
    {
        if (stat.Kind != FileKind.File) wentBeyond = true;
        return stat.Kind switch
        {
            FileKind.Missing => Forget(NameOf(path)),
            FileKind.Directory => ContentDigest.OfDirectory(
                FullOf(path),
                (inner, found) => OfFile(NameOf(inner), inner, found, trustStat)).Digest,
            _ => OfFile(NameOf(path), path, stat, trustStat),
        };
    }

    /// <summary>What a path leads to now.</summary>
    /// <exception cref="IOException">It cannot be said; the message names it.</exception>
    internal FileStat StatOf(string path) => view.StatOf(NameOf(path));

    /// <summary>The stamp that a path has now; size -1 when nothing is there.</summary>
    public FileStamp StampOf(string path) => StatOf(path).Stamp;

    /// <summary>
    /// The stamp that a path had when it was digested last; what it has now if it never was.
    /// </summary>
    internal FileStamp DigestedStampOf(string path) =>
        TryGet(NameOf(path), out var entry) ? entry.Stamp : StampOf(path);

    /// <summary>
    /// Whether a file has the content that it had when it was digested last, by its stamp alone:
    /// for who looks at the same file again soon. Another stamp: its bytes decide.
    /// </summary>
    internal bool IsStill(string path, FileStat stat, Digest digest) =>
        (TryGet(NameOf(path), out var entry)
            && entry.Stamp == stat.Stamp && entry.Digest == digest)
        || DigestOf(path, stat, trustStat: true) == digest;

    /// <summary>
    /// An output that Quoin itself just moved into its place. Where the file system's times are
    /// finer than a second its stamp is trusted at once: whoever changes the file afterwards
    /// changes its time. Else it is hashed again once it is old enough.
    /// </summary>
    public void Published(string path, FileStamp stamp, Digest digest)
    {
        var now = NowNs();
        if (stamp.ModifiedNs % 1_000_000_000 != 0) now = Math.Max(now, stamp.ModifiedNs + RacyNs);
        Remember(NameOf(path), stamp, digest, now);
    }

    /// <summary>
    /// Whether a file or folder is there and has that digest; reads it only when its stat moved.
    /// </summary>
    public FileVerdict Check(string path, Digest expected)
    {
        try
        {
            var digest = DigestOf(path);
            return !digest.Exists ? FileVerdict.Missing
                : digest == expected ? FileVerdict.Same : FileVerdict.Modified;
        }
        catch (IOException)
        {
            return FileVerdict.Modified;
        }
    }

    /// <summary>
    /// <see cref="Check(string, Digest)"/> for many, on <paramref name="threads"/> threads; the
    /// verdicts are in the order of the files.
    /// </summary>
    public FileVerdict[] Check(IReadOnlyList<(string Path, Digest Expected)> files, int threads)
    {
        var verdicts = new FileVerdict[files.Count];
        // Below this many, starting threads costs more than it saves.
        if (threads <= 1 || files.Count < 512)
        {
            for (var i = 0; i < files.Count; i++)
                verdicts[i] = Check(files[i].Path, files[i].Expected);
            return verdicts;
        }
        Parallel.For(
            0, files.Count, new ParallelOptions { MaxDegreeOfParallelism = threads },
            i => verdicts[i] = Check(files[i].Path, files[i].Expected));
        return verdicts;
    }

    /// <summary>
    /// Entries that are new since the last call, to be kept. Size -1 says that the file is gone.
    /// </summary>
    public IReadOnlyList<FileStampEntry> TakeChanged()
    {
        if (changed.IsEmpty) return [];
        var paths = new HashSet<string>(StringComparer.Ordinal);
        while (changed.TryDequeue(out var path)) paths.Add(path);
        // A path that changes from here on is queued again and kept once more: harmless.
        return [.. paths.Select(path => (Path: path, Entry: changedSince[path])).Select(p =>
            new FileStampEntry(p.Path, p.Entry.Stamp, p.Entry.Digest, p.Entry.CheckedAtNs))];
    }

    void Remember(string name, FileStamp stamp, Digest digest, long checkedAtNs)
    {
        changedSince[name] = new Known(stamp, digest, checkedAtNs);
        hasChanged = true;
        changed.Enqueue(name);
    }

    bool TryGet(string name, out Known entry)
    {
        if (hasChanged && changedSince.TryGetValue(name, out entry)) return wentBeyond = true;
        var table = kept.GetAwaiter().GetResult();
        var row = table.Find(name);
        if (row >= 0) table.IsNeeded(row) = true;
        entry = row < 0 ? default : table[row];
        return row >= 0;
    }

    Digest OfFile(string name, string path, FileStat stat, bool trustStat)
    {
        if (trustStat && TryGet(name, out var entry) && entry.Fits(stat.Stamp)) return entry.Digest;
        wentBeyond = true;
        // The time is taken first: what changes while it is read is younger than that.
        var now = NowNs();
        var content = view.Read(NameOf(path));
        Interlocked.Increment(ref hashed);
        Remember(name, content.Stat.Stamp, content.Digest, now);
        return content.Digest;
    }

    Digest Forget(string name)
    {
        if (TryGet(name, out var entry) && entry.Stamp.Size >= 0)
            Remember(name, FileStat.Missing.Stamp, default, NowNs());
        return default;
    }

    string NameOf(string path) =>
        path is ['/', ..] && path.StartsWith(root, StringComparison.Ordinal)
            ? path[root.Length..]
            : path;

    string FullOf(string path) => path is ['/', ..] ? path : root + path;

    long NowNs() => (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;

    /// <summary>A digest, with what the file was like when it was taken.</summary>
    internal readonly record struct Known(FileStamp Stamp, Digest Digest, long CheckedAtNs)
    {
        /// <summary>Whether a file with this stamp has this digest, for sure.</summary>
        public bool Fits(FileStamp now) =>
            Stamp == now && CheckedAtNs - Stamp.ModifiedNs >= RacyNs;
    }
}
