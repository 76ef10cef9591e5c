using System.Globalization;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A place in a trace: which trace, which span of it, and whether it is recorded. As text it is the
/// traceparent of W3C Trace Context.
/// </summary>
public readonly record struct TraceContext(UInt128 Trace, ulong Span, bool IsRecorded)
{
    /// <summary>The environment variable that carries it from a process to another.</summary>
    public const string Variable = "TRACEPARENT";

    const int Length = 55;

    /// <summary>The traceparent.</summary>
    public override string ToString() =>
        $"00-{Trace:x32}-{Span:x16}-{(IsRecorded ? "01" : "00")}";

    /// <summary>Reads a traceparent; null: it is none, which is no error of whoever sent it.
    /// </summary>
    public static TraceContext? Read(string? text) =>
        Parse(text) is { Span: not 0 } context && text!.Length == Length ? context : null;

    // A span of zero is let through: so a trace begins.
    internal static TraceContext? Parse(string? text)
    {
        if (text is null || text.Length < Length || text[..3] != "00-" || text[35] != '-'
            || text[52] != '-') return null;
        ReadOnlySpan<char> trace = text.AsSpan(3, 32), span = text.AsSpan(36, 16);
        var flags = text.AsSpan(53, 2);
        return IsHex(trace) && IsHex(span) && IsHex(flags)
            && UInt128.TryParse(trace, NumberStyles.AllowHexSpecifier, null, out var id) && id != 0
                ? new(id, Number(span), (Number(flags) & 1) != 0)
                : null;
    }

    internal static ulong Number(ReadOnlySpan<char> hex) =>
        ulong.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    internal static bool IsHex(ReadOnlySpan<char> text)
    {
        foreach (var c in text) if (!char.IsAsciiHexDigitLower(c)) return false;
        return true;
    }
}

/// <summary>
/// How a want belongs to a trace: below which span (0: it begins the trace), and which span is its
/// own (0: nobody said yet). The ids of its runs and their attempts follow from its own, so that
/// whichever process decides tells of the same spans. As text: <see cref="WantOptions.Trace"/>.
/// </summary>
public readonly record struct WantTrace(TraceContext Parent, ulong Span)
{
    /// <summary>The text.</summary>
    public override string ToString() => Span == 0 ? $"{Parent}" : $"{Parent}-{Span:x16}";

    /// <summary>Reads the text; null: it is none.</summary>
    public static WantTrace? Read(string text)
    {
        if (text.Length == 0 || TraceContext.Parse(text) is not { } parent) return null;
        return text[55..] switch
        {
            "" => new(parent, 0),
            ['-', .. { Length: 16 } span] when TraceContext.IsHex(span) =>
                new(parent, TraceContext.Number(span)),
            _ => null,
        };
    }

    /// <summary>The want's own span.</summary>
    public TraceContext Own => Parent with { Span = Span };

    /// <summary>The span of a run of it.</summary>
    public TraceContext Of(RunId run) => Parent with { Span = IdOf(run.ToString()) };

    /// <summary>The span of an attempt: what a run did under one lease.</summary>
    public TraceContext Of(RunId run, int epoch) => Parent with { Span = IdOf($"{run}#{epoch}") };

    /// <summary>The same with a span of its own, which follows from the want when nobody said.
    /// </summary>
    public WantTrace For(WantId want) => Span != 0 ? this : this with { Span = IdOf($"{want}") };

    ulong IdOf(string name)
    {
        Span<byte> bytes = stackalloc byte[16];
        Xxh3.Hash(Encoding.UTF8.GetBytes($"{this} {name}")).CopyTo(bytes);
        return Math.Max(1, BitConverter.ToUInt64(bytes)); // 0 is no id.
    }
}
