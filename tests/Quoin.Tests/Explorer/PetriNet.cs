namespace Quoin.Tests.Explorer;

/// <summary>
/// A place/transition net, to be explored. A marking is one byte a place, so at most 255 tokens.
/// </summary>
sealed class PetriNet : IModel<int>
{
    readonly Dictionary<string, int> places = [];
    readonly List<byte> initial = [];
    readonly List<(int Place, int Tokens)[]> inputs = [], outputs = [];

    public int MostInAPlace { get; private set; }
    public int MostInAMarking { get; private set; }

    /// <summary>Gives a place its first tokens.</summary>
    public void Mark(string place, int tokens) => initial[PlaceOf(place)] = (byte)tokens;

    /// <summary>
    /// Adds a transition: <c>"Think Fork -> Eat"</c>. A place may be named more than once.
    /// </summary>
    public void Add(string arcs)
    {
        var sides = arcs.Split("->");
        inputs.Add(Arcs(sides[0]));
        outputs.Add(Arcs(sides[1]));
    }

    (int, int)[] Arcs(string side) =>
    [
        .. side.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .CountBy(PlaceOf).Select(arc => (arc.Key, arc.Value)),
    ];

    int PlaceOf(string name)
    {
        if (places.TryGetValue(name, out var place)) return place;
        places.Add(name, place = initial.Count);
        initial.Add(0);
        return place;
    }

    public byte[] Start() => [.. initial];

    public Fault<int>? Expand(ReadOnlySpan<byte> state, Found<int> found)
    {
        var sum = 0;
        foreach (var tokens in state)
        {
            sum += tokens;
            MostInAPlace = Math.Max(MostInAPlace, tokens);
        }
        MostInAMarking = Math.Max(MostInAMarking, sum);
        Span<byte> next = stackalloc byte[state.Length];
        for (var t = 0; t < inputs.Count; t++)
        {
            if (!IsEnabled(state, inputs[t])) continue;
            state.CopyTo(next);
            foreach (var (place, tokens) in inputs[t]) next[place] -= (byte)tokens;
            foreach (var (place, tokens) in outputs[t])
                next[place] = checked((byte)(next[place] + tokens));
            found(t, next);
        }
        return null;
    }

    static bool IsEnabled(ReadOnlySpan<byte> state, (int Place, int Tokens)[] arcs)
    {
        foreach (var (place, tokens) in arcs)
            if (state[place] < tokens) return false;
        return true;
    }
}
