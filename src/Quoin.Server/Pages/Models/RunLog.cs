using System.Collections.Immutable;
using System.Text;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>A line of a run's log.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">A class of the style sheet: <c>out</c>, <c>err</c>, <c>step</c>.</param>
/// <param name="Spans">Its text in colours.</param>
public sealed record LogLine(
    DateTimeOffset At, string Kind, ImmutableArray<AnsiSpan> Spans);

/// <summary>A part of the log of one attempt, from an offset of its file on.</summary>
public sealed record RunLog
{
    /// <summary>The most lines of one part.</summary>
    public const int LinesMax = 1_000;

    /// <summary>The most bytes of one part; a longer line is passed over.</summary>
    public const int BytesMax = 512 << 10;

    /// <summary>The lines, oldest first.</summary>
    public ImmutableArray<LogLine> Lines { get; init; } = [];

    /// <summary>Where this part begins; 0: at the beginning.</summary>
    public long From { get; init; }

    /// <summary>Where the next part begins.</summary>
    public long To { get; init; }

    /// <summary>There is a log.</summary>
    public bool Exists { get; init; }

    /// <summary>How long the log is, as of when it was read.</summary>
    public long Length { get; init; }

    /// <summary>It is a part that somebody asked for, not the end, which grows.</summary>
    public bool IsPiece { get; init; }

    /// <summary>The end of an attempt's log; of its file, or as its worker left it in the store.
    /// </summary>
    public static RunLog Tail(Workspace workspace, IBuildStore store, AttemptId attempt)
    {
        using var file = AttemptLog.Open(workspace, store, attempt);
        return file is null
            ? new RunLog()
            : Read(file, Math.Max(0, file.Length - BytesMax), file.Length, LinesMax, first: false);
    }

    /// <summary>The part that begins at an offset; null: it was not asked for.</summary>
    /// <param name="to">Else: the part that ends there.</param>
    public static RunLog? Piece(
        Workspace workspace, IBuildStore store, AttemptId attempt, long? from, long? to)
    {
        if (from is null && to is null) return null;
        using var file = AttemptLog.Open(workspace, store, attempt);
        if (file is null) return new RunLog();
        var end = Math.Min(to ?? long.MaxValue, file.Length);
        var begin = from is { } asked
            ? Math.Min(asked, file.Length)
            : Math.Max(0, end - BytesMax);
        return Read(
            file, begin, from is null ? end : file.Length, LinesMax, first: from is not null) with
        {
            IsPiece = true,
        };
    }

    /// <summary>What an attempt's file has behind an offset, whole lines only.</summary>
    public static RunLog Next(Workspace workspace, AttemptId attempt, long from)
    {
        using var file = AttemptLog.OpenHere(workspace, attempt);
        return file is null
            ? new RunLog { From = from, To = from }
            : Read(file, from, file.Length, int.MaxValue, first: false);
    }

    // Whole lines between two offsets, the first or the last so many of them.
    static RunLog Read(Stream file, long from, long until, int linesMax, bool first)
    {
        file.Seek(from, SeekOrigin.Begin);
        var buffer = new byte[Math.Min(BytesMax, Math.Max(0, until - from))];
        var length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        var text = buffer.AsSpan(0, length);
        // In the middle of a file the first line is most likely half of one.
        var start = from == 0 || IsLineStart(file, from) ? 0 : text.IndexOf((byte)'\n') + 1;
        var end = text.LastIndexOf((byte)'\n') + 1;
        if (end == 0 && length == BytesMax)
            return new RunLog
            {
                From = from,
                To = from + length,
                Length = file.Length,
                Exists = true,
            };
        var starts = new List<int>();
        for (var at = start; at < end; at += text[at..].IndexOf((byte)'\n') + 1) starts.Add(at);
        var lines = ImmutableArray.CreateBuilder<LogLine>();
        var begin = first ? 0 : Math.Max(0, starts.Count - linesMax);
        var count = Math.Min(starts.Count - begin, linesMax);
        for (var i = begin; i < begin + count; i++)
        {
            var stop = i + 1 < starts.Count ? starts[i + 1] : end;
            if (LineOf(text[starts[i]..(stop - 1)]) is { } line) lines.Add(line);
        }
        return new RunLog
        {
            Lines = lines.ToImmutable(),
            From = starts.Count > 0 ? from + starts[begin] : from,
            To = begin + count < starts.Count ? from + starts[begin + count] : from + end,
            Length = file.Length,
            Exists = true,
        };
    }

    static bool IsLineStart(Stream file, long at)
    {
        file.Seek(at - 1, SeekOrigin.Begin);
        return file.ReadByte() == '\n';
    }

    static LogLine? LineOf(ReadOnlySpan<byte> json)
    {
        if (RunLogEntry.Parse(json) is not { } entry)
            return new LogLine(default, "step", AnsiText.Parse(Encoding.UTF8.GetString(json)));
        if (entry.IsDetail) return null;
        if (entry.Type is "stdout" or "stderr")
            return new LogLine(
                entry.At, entry.Type == "stderr" ? "err" : "out",
                AnsiText.Parse(entry["line"] ?? ""));
        // As the command line has it, without the time that stands before it.
        var text = entry.LineOf(TimeProvider.System).Text["HH:mm:ss.fff".Length..].Trim();
        var kind = entry.Type switch
        {
            "task-failed" or "launch-failed" or "config-rejected" or "contract-broken"
                or "timeout" => "step bad",
            "task-succeeded" => "step good",
            _ => "step",
        };
        return new LogLine(entry.At, kind, AnsiText.Parse(text));
    }
}
