namespace Quoin.Engine;

/// <summary>
/// The structured log of one attempt: JSON lines <c>{"at":…,"type":…}</c>, at most one file open,
/// written when <see cref="FlushAtBytes"/> are there, when the job is quiet, and at the end. A
/// log that cannot be written (disk full) is not a reason to stop a job: the first problem is kept
/// in <see cref="Problem"/> and the rest of the log is dropped.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="time">Of its entries.</param>
/// <param name="buffer">What is not in the file yet.</param>
/// <param name="keepBytes">
/// A file that is there and not longer than this is gone on with: the calls of a resource are one
/// log. 0: it is of an attempt that nobody knows of, and begun anew.
/// </param>
sealed class JobLog(string path, TimeProvider time, Utf8Buffer buffer, long keepBytes = 0)
{
    /// <summary>A quick job's log is smaller than this and is one write.</summary>
    public const int FlushAtBytes = 48 << 10;

    int fd = -1;

    /// <summary>Why the log is incomplete; null when it is not.</summary>
    public string? Problem { get; private set; }

    /// <summary>True when something is not in the file yet.</summary>
    public bool Unflushed => buffer.Length > 0;

    /// <summary>Starts an entry, to be ended by <see cref="End"/>.</summary>
    public JobLog Begin(ReadOnlySpan<byte> type) => Begin(type, time.GetUtcNow());

    /// <summary>Starts an entry of an earlier moment.</summary>
    public JobLog Begin(ReadOnlySpan<byte> type, DateTimeOffset at)
    {
        buffer.Raw("{\"at\":"u8);
        buffer.Time(at);
        buffer.Raw(",\"type\":\""u8);
        buffer.Raw(type);
        buffer.Raw((byte)'"');
        return this;
    }

    /// <summary>A text field.</summary>
    public JobLog With(ReadOnlySpan<byte> name, ReadOnlySpan<char> text)
    {
        Name(name);
        buffer.Quoted(text);
        return this;
    }

    /// <summary>A text field of bytes that should be UTF-8.</summary>
    public JobLog With(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        Name(name);
        buffer.Quoted(text);
        return this;
    }

    /// <summary>A number.</summary>
    public JobLog With(ReadOnlySpan<byte> name, long number)
    {
        Name(name);
        buffer.Number(number);
        return this;
    }

    /// <summary>A list of texts.</summary>
    public JobLog With(ReadOnlySpan<byte> name, IEnumerable<string> texts)
    {
        Name(name);
        buffer.Raw((byte)'[');
        var first = true;
        foreach (var text in texts)
        {
            if (!first) buffer.Raw((byte)',');
            first = false;
            buffer.Quoted(text);
        }
        buffer.Raw((byte)']');
        return this;
    }

    /// <summary>
    /// JSON that was parsed before, so that it is known to be valid and on one line.
    /// </summary>
    public JobLog WithJson(ReadOnlySpan<byte> name, ReadOnlySpan<byte> json)
    {
        Name(name);
        buffer.Raw(json);
        return this;
    }

    /// <summary>More of the JSON that the last field began.</summary>
    public JobLog Continue(ReadOnlySpan<byte> json)
    {
        buffer.Raw(json);
        return this;
    }

    /// <summary>Ends an entry.</summary>
    public void End()
    {
        buffer.Raw("}\n"u8);
        if (buffer.Length >= FlushAtBytes) Flush();
    }

    /// <summary>Writes what there is to the file.</summary>
    public void Flush()
    {
        if (buffer.Length == 0) return;
        if (Problem is null)
        {
            if (fd < 0) fd = Open();
            var error = fd < 0 ? -fd : Libc.WriteAll(fd, buffer.Written);
            if (error != 0) Problem = $"the log {path} is incomplete: {Libc.Describe(error)}";
        }
        buffer.ClearAndShrink();
    }

    /// <summary>Writes the rest and closes the file.</summary>
    public void Close()
    {
        Flush();
        if (fd >= 0) _ = Libc.close(fd);
        fd = -1;
    }

    int Open()
    {
        var isKept = keepBytes > 0 && FileStat.OfLink(path) is { Exists: true } stat
            && stat.Stamp.Size <= keepBytes;
        var flags = Libc.WriteOnly | Libc.Create | Libc.Append | (isKept ? 0 : Libc.Truncate);
        var opened = Libc.Open(path, flags, 0x1B6); // rw-rw-rw-, less the umask
        if (opened != -Libc.ENOENT) return opened;
        var error = Folders.Make(Path.GetDirectoryName(path)!);
        return error != 0 ? -error : Libc.Open(path, flags, 0x1B6);
    }

    void Name(ReadOnlySpan<byte> name)
    {
        buffer.Raw(",\""u8);
        buffer.Raw(name);
        buffer.Raw("\":"u8);
    }
}
