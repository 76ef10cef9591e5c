using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// A partition reference with typed captures: <c>daily/{city}/{date:date}</c>. A segment has at
/// most one capture of variable length, so a name matches in one way only and matching never
/// searches. Immutable; safe for many threads.
/// </summary>
public sealed class Pattern
{
    /// <summary>The most captures that one pattern, or one job, can have.</summary>
    public const int CapturesMax = 16;

    readonly PatternSegment[] segments;
    readonly int prefixSegments;
    readonly byte[] prefix;

    internal Pattern(
        string text, ImmutableArray<Capture> captures, PatternSegment[] segments)
    {
        Text = text;
        Captures = captures;
        this.segments = segments;
        while (prefixSegments < segments.Length && segments[prefixSegments].IsLiteral)
            prefixSegments++;
        var bytes = new List<byte>();
        foreach (var segment in segments.AsSpan(0, prefixSegments))
        {
            if (bytes.Count > 0) bytes.Add((byte)'/');
            if (segment.Atoms is [{ Literal: { } literal }]) bytes.AddRange(literal);
        }
        prefix = [.. bytes];
    }

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>
    /// Its captures by slot. For the outputs of a job these are the job's captures, in one order.
    /// </summary>
    public ImmutableArray<Capture> Captures { get; }

    /// <summary>True: it has no capture and is one partition's reference.</summary>
    public bool IsLiteral => prefixSegments == segments.Length;

    /// <summary>Its literal first segments, without a slash at the end; may be empty.</summary>
    public ReadOnlySpan<byte> Prefix => prefix;

    /// <summary>Its literal first segments, as people see them: the dataset's name.</summary>
    public string Dataset => Encoding.UTF8.GetString(prefix);

    internal ReadOnlySpan<PatternSegment> Segments => segments;

    /// <summary>Reads a pattern; null and the problem when it is not one.</summary>
    public static Pattern? TryParse(string text, out TextProblem? problem) =>
        PatternParser.Parse(text, [], out problem);

    /// <summary>Reads a pattern that is known to be right.</summary>
    /// <exception cref="ArgumentException">It is not a pattern.</exception>
    public static Pattern Parse(string text) =>
        TryParse(text, out var problem) ?? throw new ArgumentException(problem!.ToString());

    /// <summary>True when the name matches, types included.</summary>
    [SkipLocalsInit]
    public bool IsMatch(ReadOnlySpan<byte> name)
    {
        Span<Slot> slots = stackalloc Slot[CapturesMax];
        return TryMatch(name, slots);
    }

    /// <summary>
    /// True when the name matches; then the ranges say where its captures stand, by slot.
    /// </summary>
    [SkipLocalsInit]
    public bool TryRead(ReadOnlySpan<byte> name, Span<Range> captures)
    {
        Span<Slot> slots = stackalloc Slot[CapturesMax];
        if (!TryMatch(name, slots)) return false;
        for (var i = 0; i < Captures.Length; i++)
            captures[i] = slots[i].Offset..(slots[i].Offset + slots[i].Length);
        return true;
    }

    /// <summary>
    /// Matches and fills the slots. Whatever the answer, slots may have been written.
    /// </summary>
    internal bool TryMatch(ReadOnlySpan<byte> name, Span<Slot> slots)
    {
        if (!name.StartsWith(prefix)) return false;
        var at = prefix.Length;
        if (IsLiteral) return name.Length == at;
        if (at > 0 && (name.Length == at || name[at++] != '/')) return false;
        for (var i = prefixSegments; ; i++)
        {
            var slash = name[at..].IndexOf((byte)'/');
            var isLast = i == segments.Length - 1;
            if (slash < 0 != isLast) return false;
            var end = isLast ? name.Length : at + slash;
            if (!segments[i].TryMatch(name, at, end, slots)) return false;
            if (isLast) return true;
            at = end + 1;
        }
    }

    /// <summary>
    /// Writes the name that has the slots' texts, which stand in <paramref name="name"/>. Returns
    /// its length, or -1 when it is longer than the buffer.
    /// </summary>
    internal int Fill(ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots, Span<byte> buffer)
    {
        var length = 0;
        foreach (var segment in segments)
        {
            if (length > 0 && !Append("/"u8, buffer, ref length)) return -1;
            foreach (var atom in segment.Atoms)
            {
                var piece = atom.Literal is { } literal
                    ? literal
                    : name.Slice(slots[atom.Slot].Offset, slots[atom.Slot].Length);
                if (!Append(piece, buffer, ref length)) return -1;
            }
        }
        return length;
    }

    /// <summary>
    /// Why a name that looks like this pattern does not match, as <c>"2026-13-01" is not a
    /// date</c>; null when it does not look like it (other literals, another number of segments).
    /// </summary>
    public string? ExplainMismatch(ReadOnlySpan<byte> name)
    {
        Span<Slot> slots = stackalloc Slot[CapturesMax];
        if (name.Count((byte)'/') != segments.Length - 1) return null;
        var at = 0;
        string? reason = null;
        foreach (var segment in segments)
        {
            var slash = name[at..].IndexOf((byte)'/');
            var end = slash < 0 ? name.Length : at + slash;
            if (!segment.TryMatch(name, at, end, slots))
            {
                if (segment.Atoms is not [{ Type: { } type }]) return null;
                reason ??= $"\"{Encoding.UTF8.GetString(name[at..end])}\" is not "
                    + CaptureText.Describe(type);
            }
            at = end + 1;
        }
        return reason;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    static bool Append(ReadOnlySpan<byte> piece, Span<byte> buffer, ref int length)
    {
        if (!piece.TryCopyTo(buffer[length..])) return false;
        length += piece.Length;
        return true;
    }
}

/// <summary>
/// One segment: fixed-length atoms, at most one of variable length, fixed ones again.
/// </summary>
sealed class PatternSegment
{
    readonly int variable; // Index of the atom of variable length; Atoms.Length: none.

    public PatternSegment(PatternAtom[] atoms)
    {
        Atoms = atoms;
        variable = Array.FindIndex(atoms, atom => !atom.IsFixedLength);
        if (variable < 0) variable = atoms.Length;
        foreach (var atom in atoms) LengthMin += atom.LengthMin;
    }

    public PatternAtom[] Atoms { get; }

    public int LengthMin { get; }

    public bool IsFixedLength => variable == Atoms.Length;

    public bool IsLiteral => Atoms is [{ Type: null }];

    public bool TryMatch(ReadOnlySpan<byte> name, int at, int end, Span<Slot> slots)
    {
        if (end - at < LengthMin) return false;
        for (var i = 0; i < variable; i++)
        {
            var length = Atoms[i].LengthMin;
            if (!Atoms[i].TryMatch(name, at, length, slots)) return false;
            at += length;
        }
        if (variable == Atoms.Length) return at == end;
        // What follows is matched forwards too: a capture may stand there twice.
        for (var i = variable + 1; i < Atoms.Length; i++) end -= Atoms[i].LengthMin;
        for (var (i, next) = (variable + 1, end); i < Atoms.Length; i++)
        {
            if (!Atoms[i].TryMatch(name, next, Atoms[i].LengthMin, slots)) return false;
            next += Atoms[i].LengthMin;
        }
        return Atoms[variable].TryMatch(name, at, end - at, slots);
    }
}

/// <summary>
/// Literal bytes, or a capture; <see cref="IsRepeat"/>: the same text as the first time.
/// </summary>
sealed record PatternAtom(byte[]? Literal, CaptureType? Type, int Slot, bool IsRepeat)
{
    public bool IsFixedLength => Type is null || Type.IsFixedLength;

    public int LengthMin => Literal?.Length ?? Type!.LengthMin;

    public bool TryMatch(ReadOnlySpan<byte> name, int at, int length, Span<Slot> slots)
    {
        var text = name.Slice(at, length);
        if (Literal is not null) return text.SequenceEqual(Literal);
        ref var slot = ref slots[Slot];
        if (IsRepeat) return text.SequenceEqual(name.Slice(slot.Offset, slot.Length));
        if (!Type!.TryParse(text, out slot.Number)) return false;
        slot.Offset = at;
        slot.Length = length;
        return true;
    }
}
