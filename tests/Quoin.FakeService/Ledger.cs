namespace Quoin.FakeService;

/// <summary>One call, as the journal keeps it: what was asked, what came of it.</summary>
public sealed record Entry
{
    /// <summary>When it was asked.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>What.</summary>
    public required Verb Verb { get; init; }

    /// <summary>The idempotency key; null: none.</summary>
    public string? Key { get; init; }

    /// <summary>Labels of what is created, looked for, or of the thing that is asked for.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The thing; empty: none.</summary>
    public string Id { get; init; } = "";

    /// <summary>The status that was answered; 0: no answer.</summary>
    public int Answer { get; init; }

    /// <summary>What it did to the thing.</summary>
    public Effect Effect { get; init; }

    /// <summary>The rule that counted, whose life a created thing has; null: none.</summary>
    public Rule? Rule { get; init; }

    /// <summary>The name of a <see cref="Verb.Call"/>.</summary>
    public string Name { get; init; } = "";

    /// <summary>Not a call: these rules hold from here on.</summary>
    public IReadOnlyList<Rule>? Rules { get; init; }
}

/// <summary>What a call did.</summary>
public enum Effect
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Made the thing.</summary>
    Created,

    /// <summary>Looked at it.</summary>
    Looked,

    /// <summary>Removed it.</summary>
    Deleted,

    /// <summary>It is gone by itself.</summary>
    Vanished,

    /// <summary>What it ran is over.</summary>
    Ended,
}

/// <summary>A thing that the service has.</summary>
public sealed class Thing
{
    internal Thing(Entry created) => Created = created;

    /// <summary>How it came to be.</summary>
    public Entry Created { get; }

    /// <summary>Its id.</summary>
    public string Id => Created.Id;

    /// <summary>Looks at it so far.</summary>
    public int Looks { get; internal set; }

    /// <summary>It is there.</summary>
    public bool IsLive { get; internal set; } = true;

    /// <summary>What it ran ended with this; null: it runs.</summary>
    public int? Exit { get; internal set; }

    /// <summary><c>starting</c>, <c>running</c>, <c>failed</c>, <c>ended</c>.</summary>
    public string StateAt(DateTimeOffset now)
    {
        if (Exit is not null) return "ended";
        if (Created.Rule is not { } life) return "running";
        if (life.FailAfter is { } looks && Looks > looks) return "failed";
        return (life.BusyLooks > 0 && Looks <= life.BusyLooks)
            || now < Created.At.AddMilliseconds(life.BusyMs)
            ? "starting"
            : "running";
    }
}

/// <summary>
/// All that the service knows, as a fold of its journal. Knows nothing of HTTP and time. One thread
/// at a time.
/// </summary>
public sealed class Ledger
{
    readonly Dictionary<string, Thing> things = [];
    readonly List<Entry> entries = [];
    IReadOnlyList<Rule> rules = [];
    int[] fits = [];
    int ids;

    /// <summary>All that was asked, oldest first.</summary>
    public IReadOnlyList<Entry> Entries => entries;

    /// <summary>What is there, oldest first.</summary>
    public IEnumerable<Thing> Live =>
        things.Values.Where(thing => thing.IsLive).OrderBy(thing => thing.Created.At);

    /// <summary>The id that the next thing gets.</summary>
    public string NextId => $"t-{ids + 1}";

    /// <summary>A thing that is there; null: none.</summary>
    public Thing? Find(string id) => things.GetValueOrDefault(id) is { IsLive: true } thing
        ? thing
        : null;

    /// <summary>The thing that was made with this key and is there; null: none.</summary>
    public Thing? FindKey(string? key) =>
        key is null ? null : Live.FirstOrDefault(thing => thing.Created.Key == key);

    /// <summary>The first rule that fits the next such call.</summary>
    public Rule? RuleFor(Verb verb, IReadOnlyList<string> labels)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            var number = fits[i] + 1;
            if (Fits(rules[i], verb, labels) && number >= rules[i].From && number <= rules[i].To)
                return rules[i];
        }
        return null;
    }

    /// <summary>Takes what happened.</summary>
    public void Apply(Entry entry)
    {
        if (entry.Rules is { } all)
        {
            (rules, fits) = (all, new int[all.Count]);
            return;
        }
        entries.Add(entry);
        for (var i = 0; i < rules.Count; i++)
            if (Fits(rules[i], entry.Verb, entry.Labels)) fits[i]++;
        switch (entry.Effect)
        {
            case Effect.Created:
                things[entry.Id] = new Thing(entry);
                ids++;
                break;
            case Effect.Looked:
                things[entry.Id].Looks++;
                break;
            case Effect.Deleted or Effect.Vanished:
                things[entry.Id].IsLive = false;
                break;
            case Effect.Ended:
                things[entry.Id].Exit = entry.Rule!.Exit;
                break;
            case Effect.None:
                break;
        }
    }

    /// <summary>What there is and what was asked, for tests.</summary>
    /// <param name="after">Calls after this are counted once more.</param>
    public Tally Count(DateTimeOffset after)
    {
        var created = entries.Where(entry => entry.Effect == Effect.Created).ToList();
        return new()
        {
            Live = [.. Live.Select(thing => thing.Id)],
            Calls = entries.Count,
            CallsByVerb = entries.CountBy(entry => entry.Verb).ToDictionary(),
            CreatesByKey = created.Where(entry => entry.Key is not null)
                .CountBy(entry => entry.Key!).ToDictionary(),
            CreatesByLabel = created.SelectMany(entry => entry.Labels)
                .CountBy(label => label).ToDictionary(),
            CallsAfter = entries.Count(entry => entry.At > after),
            CreatesAfter = created.Count(entry => entry.At > after),
            LeastSpacingMs = LeastSpacingMs(),
        };
    }

    // Between two looks at one thing.
    double? LeastSpacingMs()
    {
        double? least = null;
        foreach (var looks in entries.Where(entry => entry.Verb == Verb.Get).GroupBy(e => e.Id))
        {
            DateTimeOffset? before = null;
            foreach (var look in looks)
            {
                if (before is { } at && !((look.At - at).TotalMilliseconds >= least))
                    least = (look.At - at).TotalMilliseconds;
                before = look.At;
            }
        }
        return least;
    }

    static bool Fits(Rule rule, Verb verb, IReadOnlyList<string> labels) =>
        (rule.Verb is null || rule.Verb == verb)
        && (rule.Label is null || labels.Contains(rule.Label));
}

/// <summary>The answer of <c>GET /count</c>.</summary>
public sealed record Tally
{
    /// <summary>Ids of what is there.</summary>
    public required IReadOnlyList<string> Live { get; init; }

    /// <summary>All calls.</summary>
    public required int Calls { get; init; }

    /// <summary>Calls of each kind.</summary>
    public required IReadOnlyDictionary<Verb, int> CallsByVerb { get; init; }

    /// <summary>How often a thing was made under each key.</summary>
    public required IReadOnlyDictionary<string, int> CreatesByKey { get; init; }

    /// <summary>How often a thing was made with each label.</summary>
    public required IReadOnlyDictionary<string, int> CreatesByLabel { get; init; }

    /// <summary>Calls after the time that was asked for.</summary>
    public required int CallsAfter { get; init; }

    /// <summary>Things made after it.</summary>
    public required int CreatesAfter { get; init; }

    /// <summary>The shortest time between two looks at one thing; null: no two looks.</summary>
    public double? LeastSpacingMs { get; init; }
}
