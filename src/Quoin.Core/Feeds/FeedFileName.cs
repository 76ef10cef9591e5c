using System.Globalization;

namespace Quoin.Core;

/// <summary>
/// The name of a feed's file: <c>NAME.NUMBER.txt</c> when it is complete, with <c>.part</c> behind
/// it while it grows. Both names of one number are one feed run. <see cref="Digits"/> keeps the
/// number as it was written, because <c>f.7</c> and <c>f.007</c> are one run and two names.
/// </summary>
public readonly record struct FeedFileName(string Feed, string Digits, long Number, bool IsPart)
{
    /// <summary>Reads a name without its folder; false for every other name.</summary>
    public static bool TryParse(string name, out FeedFileName file)
    {
        file = default;
        var isPart = name.EndsWith(".txt.part", StringComparison.Ordinal);
        if (!isPart && !name.EndsWith(".txt", StringComparison.Ordinal)) return false;
        var stem = name.AsSpan(0, name.Length - (isPart ? 9 : 4));
        var dot = stem.IndexOf('.');
        if (dot <= 0 || stem.Contains('/')) return false;
        var digits = stem[(dot + 1)..];
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9')) return false;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return false; // More than 2^63 - 1.
        file = new FeedFileName(stem[..dot].ToString(), digits.ToString(), number, isPart);
        return true;
    }

    /// <summary>The name as it is in the folder.</summary>
    public override string ToString() => $"{Feed}.{Digits}.txt{(IsPart ? ".part" : "")}";
}
