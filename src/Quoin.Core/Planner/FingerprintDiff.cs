using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// One line that two fingerprints do not share. Null <see cref="Old"/>: added; null
/// <see cref="New"/>: removed. A line without a value has the empty text.
/// </summary>
public readonly record struct FingerprintChange(string Kind, string Name, string? Old, string? New)
{
    /// <summary>What became of the value: <c>eu -> us</c>; digests are shown short.</summary>
    public string Values => (Old, New) switch
    {
        (null, "") => "added",
        (null, { } now) => $"added: {Shown(now)}",
        ("", null) => "removed",
        ({ } was, null) => $"removed: {Shown(was)}",
        ({ } was, { } now) => $"{Shown(was)} -> {Shown(now)}",
        (null, null) => "",
    };

    /// <summary><c>env REGION eu -> us</c>.</summary>
    public override string ToString() => $"{Kind} {Name} {Values}";

    static string Shown(string value)
    {
        if (Digest.TryParse(value, out var digest)) return digest.Short;
        return value.Length == 0 ? "\"\"" : value.ReplaceLineEndings("\\n");
    }
}

/// <summary>What differs between two fingerprints, or two definitions, as people read it.</summary>
public static class FingerprintDiff
{
    /// <summary>
    /// All lines that differ, in the order of the text. Both texts are fingerprints or both are
    /// definitions; a text of another version throws <see cref="FormatException"/>.
    /// </summary>
    public static ImmutableArray<FingerprintChange> Compare(
        ReadOnlySpan<byte> oldText, ReadOnlySpan<byte> newText)
    {
        if (oldText.SequenceEqual(newText)) return [];
        var (before, after) = (Fingerprint.Parse(oldText), Fingerprint.Parse(newText));
        var old = new Dictionary<(string Kind, string Name), string>(before.Length);
        foreach (var item in before) old[(item.Kind, item.Name)] = item.Value;
        List<FingerprintChange> changes = [];
        foreach (var item in after)
        {
            if (!old.Remove((item.Kind, item.Name), out var value))
                changes.Add(new FingerprintChange(item.Kind, item.Name, null, item.Value));
            else if (value != item.Value)
                changes.Add(new FingerprintChange(item.Kind, item.Name, value, item.Value));
        }
        foreach (var ((kind, name), value) in old)
            changes.Add(new FingerprintChange(kind, name, value, null));
        changes.Sort(static (a, b) =>
            Fingerprint.Kinds.IndexOf(a.Kind).CompareTo(Fingerprint.Kinds.IndexOf(b.Kind)) is
                var byKind and not 0 ? byKind
            : a.Kind == "arg" && a.Name.Length != b.Name.Length
                ? a.Name.Length.CompareTo(b.Name.Length) // 2 before 10
            : string.CompareOrdinal(a.Name, b.Name));
        return [.. changes];
    }

    /// <summary>
    /// In one line: <c>env REGION eu -> us, code bin/x.py 41d2c0de -> 0fa1b2c3 (+2 more)</c>.
    /// </summary>
    public static string Summary(ImmutableArray<FingerprintChange> changes) => changes switch
    {
        [] => "",
        [var one] => one.ToString(),
        [var one, var two] => $"{one}, {two}",
        [var one, var two, .. var rest] => $"{one}, {two} (+{rest.Length} more)",
    };
}
