namespace Quoin.Engine;

/// <summary>
/// A folder that other hosts or other clones have too: a key is a path in it. A file is written
/// beside its place under a name of its own and renamed, which no reader can see half of.
/// </summary>
/// <param name="folder">Absolute. It has to be there: an unmounted folder is an empty one.</param>
/// <param name="newId">A name that nobody else uses.</param>
/// <param name="time">The clock: the time of a file is when it was used last.</param>
public sealed class SharedFolderPlace(string folder, Func<string> newId, TimeProvider time)
    : IArtifactPlace
{
    const string Half = ".half-";

    static readonly TimeSpan touchEvery = TimeSpan.FromHours(1); // A read is seldom a write.

    /// <inheritdoc/>
    public string Name => "shared";

    /// <inheritdoc/>
    public string Shown => folder;

    /// <inheritdoc/>
    public string Remedy => $"look whether {folder} is there, mounted and yours to write";

    string PathOf(string key) => Path.Combine(folder, key);

    /// <inheritdoc/>
    public byte[]? Get(string key, bool isUse = true) => Try(() =>
    {
        Check();
        if (!File.Exists(PathOf(key))) return null;
        if (isUse) Touch(key);
        return File.ReadAllBytes(PathOf(key));
    });

    void Touch(string key)
    {
        try
        {
            var now = time.GetUtcNow().UtcDateTime;
            if (now - File.GetLastWriteTimeUtc(PathOf(key)) > touchEvery)
                File.SetLastWriteTimeUtc(PathOf(key), now);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not ours to write: it may seem older than it is.
        }
    }

    /// <inheritdoc/>
    public void Put(string key, ReadOnlyMemory<byte> bytes) => Try(() =>
    {
        var half = Begin(key);
        try
        {
            using (var file = new FileStream(half, FileMode.CreateNew, FileAccess.Write))
                file.Write(bytes.Span);
            File.Move(half, PathOf(key), overwrite: true);
        }
        catch
        {
            _ = Folders.RemoveFile(half);
            throw;
        }
        return true;
    });

    /// <inheritdoc/>
    public void PutFile(string key, string file, CancellationToken ct) => Try(() =>
    {
        Check();
        if (File.Exists(PathOf(key))) return false;
        var half = Begin(key);
        FileCopy.Copy(file, half, isProgram: false, ct);
        FaultPoint.Reach("artifact.half");
        if (Folders.Rename(half, PathOf(key)) is not 0 and var error)
        {
            _ = Folders.RemoveFile(half);
            throw new IOException($"{PathOf(key)}: {Libc.Describe(error)}");
        }
        return true;
    });

    /// <inheritdoc/>
    public bool Read(string key, Stream to, CancellationToken ct) => Try(() =>
    {
        Check();
        if (!File.Exists(PathOf(key))) return false;
        Touch(key);
        using var file = new FileStream(
            PathOf(key), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
        var chunk = new byte[FileCopy.ChunkBytes];
        for (int count; (count = file.Read(chunk)) > 0;)
        {
            ct.ThrowIfCancellationRequested();
            to.Write(chunk.AsSpan(0, count));
        }
        return true;
    });

    /// <inheritdoc/>
    public void Delete(string key) => Try(() => Folders.RemoveFile(PathOf(key)));

    /// <inheritdoc/>
    public IEnumerable<PlacedBytes> List(string prefix) => Files(prefix)
        .Where(file => !IsHalf(file))
        .Select(file => new PlacedBytes(
            Path.GetRelativePath(folder, file.FullName), file.Length,
            new DateTimeOffset(file.LastWriteTimeUtc)));

    /// <inheritdoc/>
    public int RemoveHalf(TimeSpan olderThan, DateTimeOffset now)
    {
        var old = Files("").Where(file => IsHalf(file) && now - file.LastWriteTimeUtc > olderThan)
            .ToList();
        foreach (var file in old) _ = Try(() => Folders.RemoveFile(file.FullName));
        return old.Count;
    }

    FileInfo[] Files(string prefix) => Try(() =>
    {
        Check();
        var from = Path.Combine(folder, prefix);
        return Directory.Exists(from)
            ? new DirectoryInfo(from).GetFiles("*", SearchOption.AllDirectories)
            : [];
    });

    static bool IsHalf(FileInfo file) => file.Name.StartsWith(Half, StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Dispose() { }

    string Begin(string key)
    {
        Check();
        var parent = Path.GetDirectoryName(PathOf(key))!;
        if (Folders.Make(parent) is not 0 and var error)
            throw new IOException($"{parent}: {Libc.Describe(error)}");
        return Path.Combine(parent, Half + newId());
    }

    // Without it every look would be a miss, and what is put would land below the mount point.
    void Check()
    {
        if (!Directory.Exists(folder)) throw new IOException($"{folder} is not there");
    }

    static T Try<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (FileNotFoundException)
        {
            return default!; // Somebody removed it after it was seen: nothing is there.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArtifactPlaceException(e.Message, e);
        }
    }
}
