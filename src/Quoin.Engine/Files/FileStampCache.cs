using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Digests of the workspace's files, by their stat where that can be trusted: size, time and inode
/// are those of the moment when the file was hashed, and the file was not younger than 2 s then
/// (else it may have changed within the clock's tick without showing it). Paths are relative to the
/// workspace. Safe for many threads.
/// </summary>
public sealed class FileStampCache
{
    const long YoungNs = 2_000_000_000;
    const long SecondNs = 1_000_000_000;

    readonly Lock gate = new();
    readonly string root;
    readonly TimeProvider time;
    readonly Dictionary<string, FileStampEntry> entries = new(StringComparer.Ordinal);
    List<FileStampEntry> changed = [];

    /// <summary>Starts from what the store knows.</summary>
    public FileStampCache(string root, IEnumerable<FileStampEntry> known, TimeProvider time)
    {
        (this.root, this.time) = (root, time);
        foreach (var entry in known) entries[entry.Path] = entry;
    }

    /// <summary>The digest of a file or folder; none when nothing is there.</summary>
    /// <exception cref="IOException">It is there and cannot be read.</exception>
    public Digest DigestOf(string path, bool trustStat = true)
    {
        var full = Path.Join(root, path);
        var stat = FileStat.Of(full);
        if (!stat.Exists) return default;
        if (stat.Kind == FileKind.Directory) return ContentDigest.OfDirectory(full).Digest;
        if (trustStat)
        {
            lock (gate)
            {
                if (entries.TryGetValue(path, out var entry) && entry.Stamp == stat.Stamp
                    && stat.Stamp.ModifiedNs + YoungNs <= entry.CheckedAtNs) return entry.Digest;
            }
        }
        // The time is taken first: what changes while it is read is younger than that.
        var now = NowNs();
        var content = ContentDigest.OfFile(full);
        Put(new FileStampEntry(path, content.Stat.Stamp, content.Digest, now));
        return content.Digest;
    }

    /// <summary>The stamp that a path has now; size -1 when nothing is there.</summary>
    public FileStamp StampOf(string path) => FileStat.Of(Path.Join(root, path)).Stamp;

    /// <summary>
    /// An output that Quoin itself just moved into its place. Where the file system's times are
    /// finer than a second its stamp is trusted at once: whoever changes the file afterwards changes
    /// its time. Else it is hashed again once it is old enough.
    /// </summary>
    public void Published(string path, FileStamp stamp, Digest digest)
    {
        var now = NowNs();
        if (stamp.ModifiedNs % SecondNs != 0) now = Math.Max(now, stamp.ModifiedNs + YoungNs);
        Put(new FileStampEntry(path, stamp, digest, now));
    }

    /// <summary>Entries that the store does not have yet; they are given once.</summary>
    public IReadOnlyList<FileStampEntry> TakeChanged()
    {
        lock (gate)
        {
            if (changed.Count == 0) return [];
            var taken = changed;
            changed = [];
            return taken;
        }
    }

    void Put(FileStampEntry entry)
    {
        lock (gate)
        {
            entries[entry.Path] = entry;
            changed.Add(entry);
        }
    }

    long NowNs() => time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
}
