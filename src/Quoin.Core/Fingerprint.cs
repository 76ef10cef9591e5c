using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// Everything that decides an output, as text that people can read and compare: a first line with
/// the version, then one line for each item, <c>kind TAB name TAB value</c>; job and output lines
/// have no value. Kinds come in the order of <see cref="Kinds"/>, then names ordinal. Tab, newline,
/// backslash and control characters are escaped as in JSON. The fingerprint is the SHA-256 of the
/// text. The same format with its own first line is the definition: what two wants must agree on.
/// </summary>
public static class Fingerprint
{
    /// <summary>The first line of a fingerprint.</summary>
    public const string Header = "quoin-fingerprint\t1";

    /// <summary>The first line of a definition.</summary>
    public const string DefinitionHeader = "quoin-definition\t1";

    /// <summary>All kinds in the order of the text.</summary>
    public static readonly ImmutableArray<string> Kinds =
    [
        "job", "output", "code", "arg", "env", "option", "condition", "resource", "input", "source",
    ];

    /// <summary>SHA-256 of a text.</summary>
    public static Digest DigestOf(ReadOnlySpan<byte> utf8)
    {
        Span<byte> hash = stackalloc byte[Sha256.BytesCount];
        Sha256.Hash(utf8, hash);
        return new Digest(DigestAlgorithm.Sha256, hash);
    }

    /// <summary>
    /// The items of a fingerprint or definition, in the order of the text. A text of another
    /// version or with a broken line is refused with the line's number.
    /// </summary>
    public static ImmutableArray<FingerprintItem> Parse(ReadOnlySpan<byte> utf8)
    {
        var items = ImmutableArray.CreateBuilder<FingerprintItem>();
        var number = 0;
        foreach (var line in Encoding.UTF8.GetString(utf8).Split('\n'))
        {
            number++;
            if (number == 1)
            {
                if (line is not (Header or DefinitionHeader))
                    throw new FormatException($"A fingerprint starts with \"{line}\", not with "
                        + $"\"{Header}\": another version of Quoin wrote it.");
                continue;
            }
            if (line.Length == 0) continue; // After the last newline.
            var fields = line.Split('\t');
            if (fields.Length is not (2 or 3) || !Kinds.Contains(fields[0]))
                throw new FormatException($"Line {number} of a fingerprint is broken: \"{line}\".");
            items.Add(new FingerprintItem(
                fields[0],
                FingerprintEscapes.Unescape(fields[1]),
                fields.Length == 3 ? FingerprintEscapes.Unescape(fields[2]) : ""));
        }
        return items.ToImmutable();
    }
}

/// <summary>One line of a fingerprint.</summary>
public readonly record struct FingerprintItem(string Kind, string Name, string Value);

/// <summary>
/// Writes the text of one fingerprint after the other into a buffer of its own, without
/// allocating. Lines come out as they are put in: whoever writes keeps the order of kinds and
/// names.
/// </summary>
public sealed class FingerprintWriter
{
    byte[] buffer = new byte[1024];
    int length;

    /// <summary>The text so far; valid until the next call.</summary>
    public ReadOnlySpan<byte> Text => buffer.AsSpan(..length);

    /// <summary>Begins a fingerprint, or with <paramref name="definition"/> a definition.</summary>
    public void Begin(bool definition = false)
    {
        length = 0;
        Append(definition ? "quoin-definition\t1\n"u8 : "quoin-fingerprint\t1\n"u8);
    }

    /// <summary>The digest of the text so far.</summary>
    public Digest Finish() => Fingerprint.DigestOf(Text);

    /// <summary>Takes back what was written after the text had this length.</summary>
    internal void Truncate(int to) => length = to;

    /// <summary>The rest of a line that was begun with <see cref="Append"/>.</summary>
    internal void RestOfLine(ReadOnlySpan<byte> value)
    {
        AppendEscaped(value);
        End();
    }

    /// <summary>Adds lines that were written before.</summary>
    public void Append(ReadOnlySpan<byte> lines)
    {
        lines.CopyTo(Reserve(lines.Length));
        length += lines.Length;
    }

    /// <summary>A line without a value. The kind ends with a tab.</summary>
    public void Line(ReadOnlySpan<byte> kindTab, ReadOnlySpan<byte> name)
    {
        Append(kindTab);
        AppendEscaped(name);
        End();
    }

    /// <summary>A line without a value. The kind ends with a tab.</summary>
    public void Line(ReadOnlySpan<byte> kindTab, ReadOnlySpan<char> name)
    {
        Append(kindTab);
        AppendEscaped(name);
        End();
    }

    /// <summary>A line with a text value. The kind ends with a tab.</summary>
    public void Line(ReadOnlySpan<byte> kindTab, ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        Append(kindTab);
        AppendEscaped(name);
        Tab();
        AppendEscaped(value);
        End();
    }

    /// <summary>A line whose value is a digest. The kind ends with a tab.</summary>
    public void Line(ReadOnlySpan<byte> kindTab, ReadOnlySpan<byte> name, in Digest digest)
    {
        Append(kindTab);
        AppendEscaped(name);
        Tab();
        AppendDigest(digest);
        End();
    }

    /// <summary>A line whose value is a digest. The kind ends with a tab.</summary>
    public void Line(ReadOnlySpan<byte> kindTab, ReadOnlySpan<char> name, in Digest digest)
    {
        Append(kindTab);
        AppendEscaped(name);
        Tab();
        AppendDigest(digest);
        End();
    }

    /// <summary>
    /// Lines <c>arg 0</c>, <c>arg 1</c>, ... in ordinal order of the numbers' text: 0, 1, 10, 2.
    /// </summary>
    public void Arguments(ImmutableArray<string> arguments)
    {
        Span<char> number = stackalloc char[10];
        var count = arguments.Length;
        if (count == 0) return;
        Argument(0, number, arguments);
        for (int i = 1, done = 1; done < count; done++)
        {
            Argument(i, number, arguments);
            if (i * 10 < count) i *= 10; // 1 -> 10
            else
            {
                while (i % 10 == 9 || i + 1 >= count) i /= 10; // 19 -> 1 -> 2
                i++;
            }
        }
    }

    void Argument(int index, Span<char> number, ImmutableArray<string> arguments)
    {
        index.TryFormat(number, out var digits);
        Line("arg\t"u8, number[..digits], arguments[index]);
    }

    void Tab()
    {
        Reserve(1)[0] = (byte)'\t';
        length++;
    }

    void End()
    {
        Reserve(1)[0] = (byte)'\n';
        length++;
    }

    void AppendDigest(in Digest digest)
    {
        if (!digest.Exists)
        {
            Append("-"u8);
            return;
        }
        Append(digest.Algorithm == DigestAlgorithm.Xxh3 ? "xxh3:"u8 : "sha256:"u8);
        Span<byte> bytes = stackalloc byte[32];
        var count = digest.CopyTo(bytes);
        Convert.TryToHexStringLower(bytes[..count], Reserve(count * 2), out var written);
        length += written;
    }

    void AppendEscaped(ReadOnlySpan<char> text)
    {
        var room = Reserve(text.Length * 3);
        if (text.IndexOfAny(FingerprintEscapes.Special) < 0)
        {
            length += Encoding.UTF8.GetBytes(text, room);
            return;
        }
        var bytes = ArrayPool<byte>.Shared.Rent(text.Length * 3);
        AppendEscaped(bytes.AsSpan(..Encoding.UTF8.GetBytes(text, bytes)));
        ArrayPool<byte>.Shared.Return(bytes);
    }

    void AppendEscaped(ReadOnlySpan<byte> text)
    {
        if (text.IndexOfAny(FingerprintEscapes.SpecialBytes) < 0)
        {
            Append(text);
            return;
        }
        foreach (var b in text)
        {
            if (FingerprintEscapes.SpecialBytes.Contains(b))
            {
                length += FingerprintEscapes.Escape(b, Reserve(6));
                continue;
            }
            Reserve(1)[0] = b;
            length++;
        }
    }

    Span<byte> Reserve(int count)
    {
        if (buffer.Length - length < count)
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, length + count));
        return buffer.AsSpan(length);
    }
}

/// <summary>
/// The escapes of a fingerprint: those of JSON for backslash and control characters.
/// </summary>
static class FingerprintEscapes
{
    const string Characters =
        "\\\0\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011"
        + "\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f";

    public static readonly SearchValues<char> Special = SearchValues.Create(Characters);
    public static readonly SearchValues<byte> SpecialBytes =
        SearchValues.Create(Encoding.ASCII.GetBytes(Characters));

    public static int Escape(byte b, Span<byte> room)
    {
        var letter = b switch
        {
            (byte)'\\' => '\\',
            (byte)'\b' => 'b',
            (byte)'\t' => 't',
            (byte)'\n' => 'n',
            (byte)'\f' => 'f',
            (byte)'\r' => 'r',
            _ => 'u',
        };
        room[0] = (byte)'\\';
        room[1] = (byte)letter;
        if (letter != 'u') return 2;
        room[2] = room[3] = (byte)'0';
        Convert.TryToHexStringLower([b], room[4..], out _);
        return 6;
    }

    public static string Unescape(string text)
    {
        if (!text.Contains('\\')) return text;
        var builder = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                builder.Append(text[i]);
                continue;
            }
            i++;
            if (text[i] == 'u' && i + 4 < text.Length
                && ushort.TryParse(
                    text.AsSpan(i + 1, 4), System.Globalization.NumberStyles.AllowHexSpecifier,
                    null, out var code))
            {
                builder.Append((char)code);
                i += 4;
                continue;
            }
            builder.Append(text[i] switch
            {
                'b' => '\b',
                't' => '\t',
                'n' => '\n',
                'f' => '\f',
                'r' => '\r',
                var other => other,
            });
        }
        return builder.ToString();
    }
}
