using System.Text;
using System.Text.Unicode;

namespace Quoin.Core;

/// <summary>What a line worker may say.</summary>
public enum LineVerb : byte
{
    /// <summary>Nothing that is known here.</summary>
    Unknown = 0,

    /// <summary>It wants a job.</summary>
    Ready = 1,

    /// <summary>A job ended; it wants another one.</summary>
    Done = 2,

    /// <summary>It names itself and what it still works on.</summary>
    Hello = 3,

    /// <summary>It lives.</summary>
    Beat = 4,

    /// <summary>It wants a job, and has time to wait for one.</summary>
    Wait = 5,

    /// <summary>A job has something to say.</summary>
    Report = 6,
}

/// <summary>
/// One line of a line worker. The ranges lie in the line it was parsed from.
/// </summary>
public readonly ref struct LineCommand
{
    const int HelloNameBytesMax = 64;
    const int WaitSecondsMax = 3600;

    /// <summary>The longest line that is read, its end included.</summary>
    public const int BytesMax = 64 * 1024;

    /// <summary>What it asks; <see cref="LineVerb.Unknown"/>: the connection is closed.</summary>
    public LineVerb Verb { get; private init; }

    /// <summary>Of DONE and REPORT the path, of HELLO the worker's name.</summary>
    public ReadOnlySpan<byte> Name { get; private init; }

    /// <summary>Of HELLO the paths it still works on, of REPORT the JSON object.</summary>
    public ReadOnlySpan<byte> Rest { get; private init; }

    /// <summary>Of DONE the exit code, of WAIT the seconds.</summary>
    public long Number { get; private init; }

    /// <summary>
    /// Reads a line without its LF. <paramref name="isNamed"/>: the connection has said HELLO, and
    /// may use the lines that need it. <paramref name="isTorn"/>: the stream ended before an LF; of
    /// the verbs only DONE goes through like that.
    /// </summary>
    public static LineCommand Parse(ReadOnlySpan<byte> line, bool isNamed, bool isTorn)
    {
        if (line.StartsWith("DONE "u8)) return Done(line[5..]);
        if (isTorn) return default;
        if (line.SequenceEqual("READY"u8)) return new LineCommand { Verb = LineVerb.Ready };
        if (line.StartsWith("HELLO "u8)) return Hello(line[6..]);
        if (!isNamed) return default;
        if (line.SequenceEqual("BEAT"u8)) return new LineCommand { Verb = LineVerb.Beat };
        if (line.StartsWith("WAIT "u8)) return Wait(line[5..]);
        return line.StartsWith("REPORT "u8) ? Report(line[7..]) : default;
    }

    // More words behind the code are no mistake, and neither is white space around it: there are
    // workers that send both.
    static LineCommand Done(ReadOnlySpan<byte> rest)
    {
        var space = rest.IndexOf((byte)' ');
        if (space <= 0) return default;
        var path = rest[..space];
        var code = rest[(space + 1)..];
        var end = code.IndexOf((byte)' ');
        if (end >= 0) code = code[..end];
        if (!Utf8.IsValid(path) || !TryCode(code.Trim("\r\t\v\f"u8), out var number))
            return default;
        return new LineCommand { Verb = LineVerb.Done, Name = path, Number = number };
    }

    static bool TryCode(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        var digits = text is [(byte)'+' or (byte)'-', ..] ? text[1..] : text;
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange((byte)'0', (byte)'9')) return false;
        var isNegative = text[0] == '-';
        foreach (var digit in digits)
        {
            // Downwards, because there is one number more below zero than above it.
            if (number < long.MinValue / 10) return false;
            var next = number * 10;
            if (next < long.MinValue + (digit - '0')) return false;
            number = next - (digit - '0');
        }
        if (isNegative) return true;
        if (number == long.MinValue) return false;
        number = -number;
        return true;
    }

    static LineCommand Hello(ReadOnlySpan<byte> rest)
    {
        var space = rest.IndexOf((byte)' ');
        var name = space < 0 ? rest : rest[..space];
        if (name.Length is 0 or > HelloNameBytesMax || name.ContainsAnyExcept(nameBytes))
            return default;
        var paths = space < 0 ? [] : rest[(space + 1)..];
        if (!Utf8.IsValid(paths)) return default;
        return new LineCommand { Verb = LineVerb.Hello, Name = name, Rest = paths };
    }

    static readonly System.Buffers.SearchValues<byte> nameBytes =
        System.Buffers.SearchValues.Create(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@/-"u8);

    static LineCommand Wait(ReadOnlySpan<byte> rest)
    {
        if (rest.Length is 0 or > 4 || rest.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
            return default;
        var seconds = 0;
        foreach (var digit in rest) seconds = (seconds * 10) + digit - '0';
        return seconds > WaitSecondsMax
            ? default
            : new LineCommand { Verb = LineVerb.Wait, Number = seconds };
    }

    static LineCommand Report(ReadOnlySpan<byte> rest)
    {
        var space = rest.IndexOf((byte)' ');
        if (space <= 0 || !Utf8.IsValid(rest[..space])) return default;
        return new LineCommand
        {
            Verb = LineVerb.Report,
            Name = rest[..space],
            Rest = rest[(space + 1)..],
        };
    }

    /// <summary>
    /// Bytes as they can stand in a log: what is not printable as an escape, at most 200 of them.
    /// </summary>
    public static string Shown(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length + 2).Append('"');
        var rest = bytes.Length > 200 ? bytes[..200] : bytes;
        while (!rest.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(rest, out var rune, out var length);
            if (status != System.Buffers.OperationStatus.Done)
                for (var i = 0; i < length; i++) text.Append($"\\x{rest[i]:x2}");
            else Append(text, rune);
            rest = rest[length..];
        }
        return text.Append('"').Append(bytes.Length > 200 ? "..." : "").ToString();
    }

    static void Append(StringBuilder text, Rune rune)
    {
        switch (rune.Value)
        {
            case '"': text.Append("\\\""); break;
            case '\\': text.Append("\\\\"); break;
            case '\n': text.Append("\\n"); break;
            case '\r': text.Append("\\r"); break;
            case '\t': text.Append("\\t"); break;
            case < 0x20 or 0x7f: text.Append($"\\x{rune.Value:x2}"); break;
            default: text.Append(rune); break;
        }
    }
}
