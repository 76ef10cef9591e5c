using System.Diagnostics.CodeAnalysis;

namespace Quoin.Core;

/// <summary>
/// Which guard of the kernel is off, on this thread. mutants.txt puts the questions into the core's
/// sources; <c>Lost</c> names the ones whose place in the sources is gone.
/// </summary>
static partial class Mutants
{
    [ThreadStatic]
    static string? on;

    /// <summary>The guard that is off; null when all are on.</summary>
    public static string? On
    {
        get => on;
        set => on = value;
    }

    /// <summary>True in code that a mutant replaces.</summary>
    public static bool Is(string name) => on == name;

    /// <summary>True when any guard is off: then the second line of defence is off too.</summary>
    public static bool Any => on is not null;
}

/// <summary>
/// The order in which the cascade takes what has to be done: tried out systematically. Without a
/// beginning every choice is the first, which is what production does.
/// </summary>
static class Orders
{
    [ThreadStatic]
    static List<(int Chosen, int Of)>? choices;

    [ThreadStatic]
    static int at;

    /// <summary>From here on choices are counted; this time each is the first.</summary>
    public static void First()
    {
        choices = [];
        at = 0;
    }

    /// <summary>
    /// The next order: as before, up to the last choice that has another. False when all were
    /// tried.
    /// </summary>
    public static bool Next()
    {
        at = 0;
        while (choices is [.., var last])
        {
            choices.RemoveAt(choices.Count - 1);
            if (last.Chosen + 1 == last.Of) continue;
            choices.Add((last.Chosen + 1, last.Of));
            return true;
        }
        choices = null;
        return false;
    }

    static int Choose(int of)
    {
        if (choices is null || of == 1) return 0;
        if (at == choices.Count) choices.Add((0, of));
        return choices[at++].Chosen;
    }

    /// <summary>Takes one of the waiting, whichever is its turn.</summary>
    public static bool TryTake<T>(Queue<T> from, [MaybeNullWhen(false)] out T taken)
    {
        taken = default;
        if (from.Count == 0) return false;
        var all = from.ToArray();
        var chosen = Choose(all.Length);
        from.Clear();
        for (var i = 0; i < all.Length; i++)
            if (i != chosen) from.Enqueue(all[i]);
        taken = all[chosen];
        return true;
    }

    /// <summary>One of the strata that have something to do, from 1; 0 when none has.</summary>
    public static int AnyOf(params ReadOnlySpan<int> counts)
    {
        var busy = new List<int>();
        for (var i = 0; i < counts.Length; i++)
            if (counts[i] > 0) busy.Add(i + 1);
        return busy.Count == 0 ? 0 : busy[Choose(busy.Count)];
    }
}
