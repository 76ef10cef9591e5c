using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>Where a template stands, which decides what its braces may hold.</summary>
public enum TemplateUse : byte
{
    /// <summary>An input: a reference, or many; captures may be generated.</summary>
    Input,

    /// <summary>An argument: <c>{in}</c> and its like stay for the worker.</summary>
    Argument,

    /// <summary>Any text: a value of the environment, a path.</summary>
    Text,
}

/// <summary>
/// Text with holes for captures and what is derived from them: <c>out/{date.year}/{date}.json</c>,
/// <c>daily/{city}/{month.days}</c>. Filled for one name at a time. Immutable; safe for many
/// threads.
/// </summary>
public sealed class Template
{
    readonly TemplatePart[] parts;
    readonly Generator[] generators;

    internal Template(
        string text,
        TemplateUse use,
        ImmutableArray<Capture> captures,
        TemplatePart[] parts,
        Generator[] generators)
    {
        Text = text;
        Use = use;
        Captures = captures;
        this.parts = parts;
        this.generators = generators;
    }

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>Where it stands.</summary>
    public TemplateUse Use { get; }

    /// <summary>True: an input that may stand for several, or for none.</summary>
    public bool IsMany => generators.Length > 0;

    /// <summary>True: it has no captures.</summary>
    public bool IsLiteral => parts.All(part => part.Literal is not null);

    /// <summary>The captures that it was read with, by slot.</summary>
    internal ImmutableArray<Capture> Captures { get; }

    internal ReadOnlySpan<TemplatePart> Parts => parts;

    internal ReadOnlySpan<Generator> Generators => generators;

    /// <summary>
    /// The template's text for a name whose slots these are; null: a value leaves the calendar. In
    /// an argument braces stay doubled. Only for templates that are not <see cref="IsMany"/>.
    /// </summary>
    internal string? Render(ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots)
    {
        var bound = 0;
        foreach (var part in parts)
        {
            bound += part.Literal?.Length
                ?? Math.Max(CaptureText.LengthMax, 2 * slots[part.Value!.Slot].Length);
        }
        var rented = bound > 1024 ? ArrayPool<byte>.Shared.Rent(bound) : null;
        var buffer = rented ?? stackalloc byte[1024];
        var length = 0;
        foreach (var part in parts)
        {
            var written = Write(part, name, slots, buffer[length..]);
            if (written < 0) return null;
            if (Use == TemplateUse.Argument && part.Literal is null)
                written = DoubleBraces(buffer[length..], written);
            length += written;
        }
        var text = Encoding.UTF8.GetString(buffer[..length]);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return text;
    }

    /// <summary>
    /// Writes one reference into the buffer, the generators' slots being set. Returns its length,
    /// or <see cref="TemplatePart.OutOfRange"/> or <see cref="TemplatePart.TooLong"/>.
    /// </summary>
    internal int Fill(ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots, Span<byte> buffer)
    {
        var length = 0;
        foreach (var part in parts)
        {
            var written = Write(part, name, slots, buffer[length..]);
            if (written < 0) return written;
            length += written;
        }
        return length;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    int Write(
        TemplatePart part, ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots, Span<byte> target)
    {
        if (part.Literal is { } literal) return Copy(literal, target);
        var value = part.Value;
        if (part.Generator >= 0)
        {
            var generator = generators[part.Generator];
            var number = slots[Captures.Length + part.Generator].Number;
            return generator.Kind switch
            {
                GeneratorKind.Words => Copy(generator.Type.WordsUtf8[(int)number], target),
                GeneratorKind.Known => Copy([TemplatePart.KnownMark], target),
                _ => Format(generator.Type.Kind, number, target),
            };
        }
        if (value!.IsPlain)
            return Copy(name.Slice(slots[value.Slot].Offset, slots[value.Slot].Length), target);
        return value.TryNumber(slots, out var derived)
            ? Format(value.Type.Kind, derived, target)
            : TemplatePart.OutOfRange;
    }

    static int Copy(ReadOnlySpan<byte> piece, Span<byte> target) =>
        piece.TryCopyTo(target) ? piece.Length : TemplatePart.TooLong;

    static int Format(CaptureKind kind, long number, Span<byte> target) =>
        CaptureText.Format(kind, number, target) is > 0 and var written
            ? written
            : TemplatePart.TooLong;

    static int DoubleBraces(Span<byte> text, int length)
    {
        for (var i = length - 1; i >= 0; i--)
        {
            if (text[i] is not ((byte)'{' or (byte)'}')) continue;
            text[i..length].CopyTo(text[(i + 1)..]);
            length++;
        }
        return length;
    }
}

/// <summary>
/// Literal bytes, a value, or the value of a generator (then the index is not negative).
/// </summary>
sealed record TemplatePart(byte[]? Literal, CaptureExpression? Value, int Generator)
{
    public const int OutOfRange = -1;
    public const int TooLong = -2;

    /// <summary>
    /// Stands for the text of a <c>known</c> capture; no reference has this byte.
    /// </summary>
    public const byte KnownMark = 0;
}
