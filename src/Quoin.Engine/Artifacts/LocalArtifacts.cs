using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What came of looking for an artifact.</summary>
enum FetchEnd : byte
{
    /// <summary>It is not there.</summary>
    Missing,

    /// <summary>It is where it should be, and has its digest.</summary>
    Whole,

    /// <summary>What was there was something else; it was removed.</summary>
    Broken,

    /// <summary>What is there is something else; it is not ours to remove.</summary>
    BrokenThere,
}

/// <summary>
/// The content-addressed store of this host, <c>.quoin/cas</c>: <c>ab/abcd…</c> holds the bytes
/// with that digest, <c>record/ab/abcd…</c> what the run with that fingerprint published. A file
/// comes to its name by rename, once its digest was found right: that is its commit marker. Its
/// time is when it was used last. Any number of processes may use it at once.
/// </summary>
/// <param name="folder">Absolute; made when it is needed.</param>
/// <param name="newName">A name that nobody else uses.</param>
/// <param name="time">The wall clock.</param>
sealed class LocalArtifacts(string folder, Func<string> newName, TimeProvider time)
{
    const uint NoWriting = 0x124; // r--r--r--

    // What was marked as used so lately is not marked again: a write for each read would cost more
    // than the read. A sweep leaves what was used within an hour, and this much more.
    internal const long TouchEveryNs = 5L * 60 * 1_000_000_000;

    /// <summary>Absolute.</summary>
    public string Folder => folder;

    /// <summary>Where an artifact is, if it is there.</summary>
    public string PathOf(Digest digest) => PathOf(folder, digest);

    string RecordOf(Digest fingerprint) => PathOf(folder + "/record", fingerprint);

    static string PathOf(string folder, Digest digest) =>
        digest.Hex() is var hex ? $"{folder}/{hex[..2]}/{hex}" : "";

    /// <summary>Whether it is there. What it is will be known when it is read.</summary>
    public bool Has(Digest digest) => FileStat.OfLink(PathOf(digest)).Kind == FileKind.File;

    /// <summary>
    /// Puts a file in. False: it has other bytes by now, and nothing was put.
    /// </summary>
    /// <exception cref="IOException">It cannot be read, or there is no room.</exception>
    public bool Put(Digest digest, string file)
    {
        if (Touch(PathOf(digest))) return true;
        var half = Begin();
        var isSame = FileCopy.Copy(file, half, isProgram: false).Digest == digest;
        FaultPoint.Reach("cas.half");
        if (isSame) Commit(half, digest);
        else _ = Folders.RemoveFile(half);
        return isSame;
    }

    /// <summary>Puts a few bytes in.</summary>
    /// <exception cref="IOException">There is no room.</exception>
    public void Put(Digest digest, ReadOnlySpan<byte> bytes)
    {
        if (Touch(PathOf(digest))) return;
        var half = Begin();
        Write(half, bytes);
        Commit(half, digest);
    }

    /// <summary>Takes a file of <see cref="Begin"/> that has this digest.</summary>
    public void Commit(string half, Digest digest)
    {
        Touch(half);
        _ = Folders.SetMode(half, NoWriting);
        Move(half, PathOf(digest));
        FaultPoint.Reach("cas.whole");
    }

    /// <summary>A path for something that is not whole yet.</summary>
    public string Begin()
    {
        var half = $"{folder}/half";
        if (Folders.Make(half) is not 0 and var error)
            throw new IOException($"{half}: {Libc.Describe(error)}", error);
        return $"{half}/{newName()}";
    }

    /// <summary>Makes a new file with these bytes. What is found broken is removed.</summary>
    /// <exception cref="IOException">The new file cannot be written.</exception>
    public FetchEnd Copy(Digest digest, string to, bool isProgram)
    {
        var from = PathOf(digest);
        if (!Touch(from)) return FetchEnd.Missing;
        if (FileCopy.Copy(from, to, isProgram).Digest == digest) return FetchEnd.Whole;
        _ = Folders.RemoveFile(to);
        _ = Folders.RemoveFile(from);
        return FetchEnd.Broken;
    }

    /// <summary>Reads a small one. What is found broken is removed.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public FetchEnd Read(Digest digest, out byte[] bytes)
    {
        bytes = [];
        var from = PathOf(digest);
        if (!Touch(from)) return FetchEnd.Missing;
        bytes = File.ReadAllBytes(from);
        if (Xxh3.Hash(bytes) == digest) return FetchEnd.Whole;
        _ = Folders.RemoveFile(from);
        return FetchEnd.Broken;
    }

    /// <summary>What the run with that fingerprint published; null: nobody knows here.</summary>
    public ArtifactRecord? Record(Digest fingerprint)
    {
        var path = RecordOf(fingerprint);
        try
        {
            if (!Touch(path)) return null;
            var record = ArtifactRecord.Read(File.ReadAllBytes(path));
            if (record is null) _ = Folders.RemoveFile(path);
            return record;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // Swept meanwhile, or not ours to read.
        }
    }

    /// <summary>Keeps what a run published, in place of what was known before.</summary>
    /// <exception cref="IOException">There is no room.</exception>
    public void PutRecord(Digest fingerprint, ReadOnlySpan<byte> record)
    {
        var half = Begin();
        Write(half, record);
        Touch(half);
        FaultPoint.Reach("record.half");
        Move(half, RecordOf(fingerprint));
    }

    /// <summary>
    /// Only one process of this host is in there at a time for digests that begin alike: whoever
    /// waited finds what the other one fetched.
    /// </summary>
    public IDisposable Alone(Digest digest) => Alone(digest.Hex()[..2]);

    /// <summary>
    /// Only one process of this host brings something there at a time. Who is in there may ask to
    /// be alone with a digest, and not the other way round.
    /// </summary>
    public IDisposable AloneAt(string place) =>
        Alone("at-" + Xxh3.Hash(System.Text.Encoding.UTF8.GetBytes(place)).Hex()[..3]);

    Lock Alone(string name)
    {
        var locks = $"{folder}/lock";
        _ = Folders.Make(locks);
        var fd = Libc.Open($"{locks}/{name}", Libc.ReadWrite | Libc.Create, 0x1B6);
        const int exclusive = 2;
        if (fd >= 0) _ = Libc.flock(fd, exclusive); // Without it both fetch: twice the work.
        return new Lock(fd);
    }

    sealed class Lock(int fd) : IDisposable
    {
        public void Dispose()
        {
            if (fd >= 0) _ = Libc.close(fd);
        }
    }

    static void Write(string half, ReadOnlySpan<byte> bytes)
    {
        try
        {
            using var file = new FileStream(half, FileMode.CreateNew, FileAccess.Write);
            file.Write(bytes);
        }
        catch (IOException)
        {
            _ = Folders.RemoveFile(half);
            throw;
        }
    }

    static void Move(string half, string to)
    {
        var error = Folders.Rename(half, to);
        if (error == Libc.ENOENT && Folders.Make(Path.GetDirectoryName(to)!) == 0)
            error = Folders.Rename(half, to);
        if (error == 0) return;
        _ = Folders.RemoveFile(half);
        throw new IOException($"{to}: {Libc.Describe(error)}", error);
    }

    // Used now. False: it is not there.
    bool Touch(string path)
    {
        var stat = FileStat.OfLink(path);
        if (stat.Kind != FileKind.File) return false;
        var now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
        if (Math.Abs(now - stat.Stamp.ModifiedNs) < TouchEveryNs) return true;
        try
        {
            File.SetLastWriteTimeUtc(path, time.GetUtcNow().UtcDateTime);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another user's, or mounted to be read: it is used, and may seem older than it is.
            return true;
        }
    }
}
