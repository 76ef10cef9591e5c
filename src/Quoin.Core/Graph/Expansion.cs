using System.Runtime.CompilerServices;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// The partitions that a graph knows of besides those that a plan asks for: enumerable from the
/// graph, or recorded. <c>{x:known}</c> in an input, and <c>*</c> in a selection, run through them.
/// </summary>
public interface IKnownPartitions
{
    /// <summary>
    /// Adds all known references that start with <paramref name="prefix"/>, in any order, each
    /// once.
    /// </summary>
    void AddStartingWith(string prefix, List<string> found);
}

/// <summary>Takes the references that an expansion makes, one after the other.</summary>
interface IReferenceSink
{
    void Add(scoped ReadOnlySpan<byte> reference);
}

/// <summary>
/// Turns an input template into references; the loops behind <see cref="Job.Expand"/>.
/// </summary>
static class Expansion
{
    /// <summary>The most references that one template may stand for.</summary>
    public const long CountMax = 10_000_000;

    /// <summary>
    /// Gives all references of a template for a name, generators varying from the last to the
    /// first. Null, or what is wrong; then some may have been given.
    /// </summary>
    [SkipLocalsInit] // The buffer is written before it is read; clearing it would cost more.
    public static string? Expand<TSink>(
        Template template,
        scoped ReadOnlySpan<byte> name,
        scoped Span<Slot> slots,
        IKnownPartitions? known,
        ref TSink sink)
        where TSink : IReferenceSink, allows ref struct
    {
        Span<byte> buffer = stackalloc byte[PartitionRef.BytesMax + CaptureText.LengthMax];
        if (!template.IsMany) return FillOne(template, name, slots, known, buffer, ref sink);

        var generators = template.Generators;
        var own = slots.Slice(template.Captures.Length, generators.Length);
        Span<long> first = stackalloc long[generators.Length];
        Span<long> last = stackalloc long[generators.Length];
        var count = 1L;
        for (var i = 0; i < generators.Length; i++)
        {
            if (!generators[i].TryBounds(slots, out first[i], out last[i]))
                return Wrong(TemplatePart.OutOfRange, template, name);
            if (first[i] > last[i]) return null;
            if (last[i] - first[i] >= CountMax || (count *= last[i] - first[i] + 1) > CountMax)
                return $"input \"{template.Text}\" of {Encoding.UTF8.GetString(name)} stands for "
                    + $"more than {CountMax} partitions";
            own[i].Number = first[i];
        }
        while (true)
        {
            if (FillOne(template, name, slots, known, buffer, ref sink) is { } wrong) return wrong;
            var i = generators.Length - 1;
            while (i >= 0 && own[i].Number == last[i]) own[i].Number = first[i--];
            if (i < 0) return null;
            own[i].Number++;
        }
    }

    static string? FillOne<TSink>(
        Template template,
        scoped ReadOnlySpan<byte> name,
        scoped ReadOnlySpan<Slot> slots,
        IKnownPartitions? known,
        scoped Span<byte> buffer,
        ref TSink sink)
        where TSink : IReferenceSink, allows ref struct
    {
        var length = template.Fill(name, slots, buffer);
        if (length > PartitionRef.BytesMax) length = TemplatePart.TooLong;
        if (length < 0) return Wrong(length, template, name);
        var filled = buffer[..length];
        var mark = filled.IndexOf(TemplatePart.KnownMark);
        if (mark < 0)
        {
            sink.Add(filled);
            return null;
        }
        if (known is null)
            return $"input \"{template.Text}\" needs the known partitions, "
                + "which are not at hand here";
        var found = new List<string>();
        known.AddStartingWith(Encoding.UTF8.GetString(filled[..mark]), found);
        found.Sort(StringComparer.Ordinal);
        foreach (var reference in found)
        {
            var utf8 = Encoding.UTF8.GetBytes(reference);
            if (IsLike(filled, utf8)) sink.Add(utf8);
        }
        return null;
    }

    // Segment by segment: equal, or the mark, which stands for any one segment.
    static bool IsLike(ReadOnlySpan<byte> filled, ReadOnlySpan<byte> reference)
    {
        while (true)
        {
            var (a, b) = (filled.IndexOf((byte)'/'), reference.IndexOf((byte)'/'));
            if (a < 0 != b < 0) return false;
            var left = a < 0 ? filled : filled[..a];
            var right = b < 0 ? reference : reference[..b];
            if (!left.SequenceEqual([TemplatePart.KnownMark]) && !left.SequenceEqual(right))
                return false;
            if (a < 0) return true;
            filled = filled[(a + 1)..];
            reference = reference[(b + 1)..];
        }
    }

    static string Wrong(int reason, Template template, ReadOnlySpan<byte> name) =>
        $"input \"{template.Text}\" of {Encoding.UTF8.GetString(name)} "
        + (reason == TemplatePart.TooLong
            ? $"is longer than {PartitionRef.BytesMax} bytes"
            : "leaves the years 1 to 9999 or the range of ints");
}
