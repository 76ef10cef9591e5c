using System.Collections.Immutable;
using System.Text;

namespace Quoin.Storage;

/// <summary>Labels as one text, one a line.</summary>
static class Labels
{
    public static string Join(ImmutableArray<string> labels) => string.Join('\n', labels);

    public static ImmutableArray<string> Split(string text) =>
        text.Length == 0 ? [] : [.. text.Split('\n')];

    /// <summary>True when a worker with <paramref name="has"/> has all that is needed.</summary>
    public static bool AreAmong(ReadOnlySpan<byte> needed, ImmutableArray<string> has)
    {
        if (needed.IsEmpty) return true;
        foreach (var label in Split(Encoding.UTF8.GetString(needed)))
        {
            if (!has.Contains(label)) return false;
        }
        return true;
    }
}
