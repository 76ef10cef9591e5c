using System.Diagnostics;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Reads the next lines of one file into a batch, and reports those that are no jobs. Knows the
/// bytes of files; not which files there are.
/// </summary>
sealed class FeedFileReader(FeedReaderOptions options, ILineObserver observer)
{
    const int RoomBytes = 256 * 1024, TailBytes = 32;

    readonly FeedBatch batch = new();
    byte[] room = new byte[RoomBytes];

    /// <summary>Whether the bytes before the offset are those that were read.</summary>
    public bool HasTail(TrackedFile file)
    {
        var tail = file.Source.Tail;
        if (tail.Length == 0) return true;
        Span<byte> now = stackalloc byte[TailBytes];
        now = now[..tail.Length];
        return FeedFolder.Read(file.Handle, now, file.Source.Offset - tail.Length) == tail.Length
            && now.SequenceEqual(tail);
    }

    /// <summary>
    /// The next lines, as many as one step may have; null: it cannot be read, or is another file
    /// than it was.
    /// </summary>
    public FeedBatch? Read(TrackedFile file)
    {
        if (!HasTail(file)) return null;
        var source = file.Source;
        var since = Stopwatch.GetTimestamp();
        batch.Begin(source);
        while (batch.To < file.Size)
        {
            var count = Fill(file);
            if (count < 0) return null;
            var used = Take(room.AsSpan(0, count), source);
            Keep(room.AsSpan(0, used));
            file.ScannedTo = batch.To;
            if (used == 0 && !GrowOrSkip(file, count)) break;
            if (batch.LinesRead >= options.BatchLinesMax
                || Stopwatch.GetElapsedTime(since) > options.BatchTimeMax) break;
        }
        var isAtEnd = file.ScannedTo >= file.Size;
        batch.IsComplete = isAtEnd && !source.Name.IsPart;
        if (batch.IsComplete && !source.IsComplete && batch.To < file.Size) ReportTorn(file);
        return batch;
    }

    int Fill(TrackedFile file)
    {
        // Only what is new is searched for an end; a line that grows for long costs no more.
        var from = Math.Max(batch.To, file.ScannedTo);
        if (from > batch.To && !batch.SkipsLine)
        {
            while (from < file.Size)
            {
                var some = FeedFolder.Read(file.Handle, room, from);
                if (some <= 0) return -1;
                if (FeedLine.EndOf(room.AsSpan(0, some)) >= 0) break;
                from += some;
            }
            file.ScannedTo = from;
            if (from >= file.Size) return 0;
            file.ScannedTo = batch.To;
        }
        var length = (int)Math.Min(room.Length, file.Size - batch.To);
        return FeedFolder.Read(file.Handle, room.AsSpan(0, length), batch.To);
    }

    // No line ends in what was read: more room, or the line is too long. False: it has no end yet.
    bool GrowOrSkip(TrackedFile file, int count)
    {
        if (count == 0 || batch.To + count >= file.Size)
        {
            file.ScannedTo = file.Size;
            if (file.Size - batch.To <= options.LineBytesMax) return false;
        }
        else if (room.Length <= options.LineBytesMax)
        {
            room = new byte[room.Length * 2];
            return true;
        }
        if (!batch.SkipsLine)
        {
            batch.SkipsLine = true;
            observer.Said($"Line in '{file.Source.Name}' line {LineNumber + 1} is longer than "
                + $"{options.LineBytesMax} bytes: skipped");
        }
        Keep(room.AsSpan(0, count));
        file.ScannedTo = batch.To;
        return count > 0;
    }

    long LineNumber => batch.Source.Lines + batch.LinesRead;

    // The lines that end within these bytes; how many bytes those are.
    int Take(ReadOnlySpan<byte> bytes, FeedSource source)
    {
        var at = 0;
        if (bytes is [(byte)'\n', ..] && batch.Tail is [.., (byte)'\r']) at = 1;
        while (batch.LinesRead < options.BatchLinesMax)
        {
            var end = FeedLine.EndOf(bytes[at..]);
            if (end < 0) break;
            var line = bytes.Slice(at, end);
            at += end + 1;
            if (bytes[at - 1] == '\r' && at < bytes.Length && bytes[at] == '\n') at++;
            batch.LinesRead++;
            if (batch.SkipsLine)
            {
                batch.SkipsLine = false;
                batch.Skipped++;
                continue;
            }
            if (line.Length > options.LineBytesMax)
            {
                batch.Skipped++;
                observer.Said($"Line in '{source.Name}' line {LineNumber} is longer than "
                    + $"{options.LineBytesMax} bytes: skipped");
                continue;
            }
            var fault = FeedLine.Split(line, out var key, out var payload);
            if (fault == FeedLineFault.None) batch.Add(line[key], line[payload]);
            else Report(fault, line, source);
        }
        return at;
    }

    void Report(FeedLineFault fault, ReadOnlySpan<byte> line, FeedSource source)
    {
        batch.Skipped++;
        var shown = LineCommand.Shown(line);
        observer.Said(fault == FeedLineFault.Encoding
            ? $"Line in '{source.Name}' line {LineNumber} is not UTF-8: {shown}"
            : $"Unexpected line in '{source.Name}' line {LineNumber}: {shown}");
    }

    void ReportTorn(TrackedFile file)
    {
        var length = (int)Math.Min(200, file.Size - batch.To);
        var count = FeedFolder.Read(file.Handle, room.AsSpan(0, length), batch.To);
        observer.Said($"Last line in '{file.Source.Name}' line {LineNumber + 1} has no end, and is "
            + $"not taken: {LineCommand.Shown(room.AsSpan(0, Math.Max(0, count)))}");
    }

    // What was used up moves the offset; its last bytes are kept to know the file again.
    void Keep(ReadOnlySpan<byte> used)
    {
        batch.To += used.Length;
        if (used.Length >= TailBytes) batch.Tail = used[^TailBytes..].ToArray();
        else if (used.Length > 0)
        {
            byte[] both = [.. batch.Tail, .. used];
            batch.Tail = both.Length > TailBytes ? both[^TailBytes..] : both;
        }
    }
}
