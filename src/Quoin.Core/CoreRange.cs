using System.Globalization;

namespace Quoin.Core;

/// <summary>How many cores a run takes: so many, or from the least to the most.</summary>
/// <param name="Least">What it cannot do without; 0: it takes no core.</param>
/// <param name="Most">What it can use; 0: just the least.</param>
public readonly record struct CoreRange(int Least, int Most)
{
    /// <summary>More than any machine has.</summary>
    public const int Max = 4096;

    /// <summary>One core, what a run takes that says nothing.</summary>
    public static readonly CoreRange One = new(1, 0);

    /// <summary>Reads <c>4</c>, or <c>1-8</c> with at least one core and the larger last.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out CoreRange cores)
    {
        cores = One;
        var dash = text.IndexOf('-');
        if (!TryNumber(dash < 0 ? text : text[..dash], out var least)) return false;
        var most = 0;
        if (dash >= 0 && (!TryNumber(text[(dash + 1)..], out most) || least < 1 || most < least))
            return false;
        cores = new CoreRange(least, most);
        return true;
    }

    static bool TryNumber(ReadOnlySpan<char> text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
        && number <= Max;
}
