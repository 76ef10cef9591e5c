using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Simulation;

namespace Quoin.Tests.Things;

/// <summary>A call that reached the service.</summary>
/// <param name="Number">From 1, of all calls.</param>
/// <param name="Name">The partition: <c>thing/7</c>.</param>
/// <param name="Direction">What is asked.</param>
/// <param name="Key">The idempotency key.</param>
/// <param name="At">When it came, in elapsed time.</param>
sealed record ThingCall(
    int Number, string Name, ResourceDirection Direction, string Key, TimeSpan At)
{
    public required ResourceCall Said { get; init; }

    /// <summary>Of the calls of this direction for this partition: from 1.</summary>
    public required int Nth { get; init; }

    /// <summary>It created something.</summary>
    public bool Created { get; set; }

    /// <summary>What was answered.</summary>
    public ResourceAnswerKind Answered { get; set; }

    public bool Is(ResourceDirection direction, string start = "") =>
        Direction == direction && Name.StartsWith(start, StringComparison.Ordinal);
}

/// <summary>How the service treats a call, where it is not as usual.</summary>
sealed record Reply
{
    /// <summary>This is answered, and nothing is done for it.</summary>
    public ResourceAnswer? Answer { get; init; }

    /// <summary>What it takes; null: as usual.</summary>
    public TimeSpan? Latency { get; init; }

    /// <summary>It is done, and nobody hears the answer.</summary>
    public bool LosesAnswer { get; init; }

    /// <summary>What it creates is there at once, and ready so much later.</summary>
    public TimeSpan? BusyFor { get; init; }

    /// <summary>Nothing is answered, and so much later it is created.</summary>
    public TimeSpan? CreatesLate { get; init; }

    public static Reply Unknown(string reason = "HTTP 503") =>
        new() { Answer = new(ResourceAnswerKind.Unknown) { Reason = reason } };

    public static Reply Fails(string reason = "HTTP 409") => new()
    {
        Answer = new(ResourceAnswerKind.Failed)
        {
            Failure = new(FailureCategory.Failed, reason),
        },
    };
}

/// <summary>Something that exists outside.</summary>
sealed record Thing(string Id, string Key, string Name, TimeSpan ReadyAt);

/// <summary>
/// A service that keeps things, in memory and on simulated time: it honours keys, says what it has,
/// and misbehaves as a test says. What it does is kept as a list of calls.
/// </summary>
sealed class ThingService(SimulatedTime time)
{
    readonly List<Thing> things = [];
    readonly List<(TimeSpan At, Thing Thing)> late = [];
    readonly List<ThingCall> calls = [];
    readonly Dictionary<(string, ResourceDirection), int> counts = [];
    int created;

    /// <summary>What to do otherwise; null: as usual.</summary>
    public Func<ThingCall, Reply?> Rule { get; set; } = _ => null;

    /// <summary>What a call takes.</summary>
    public TimeSpan Latency { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>How long a thing is not ready after it was created.</summary>
    public TimeSpan BusyFor { get; set; }

    /// <summary>Whether the service knows keys.</summary>
    public bool HonoursKeys { get; set; } = true;

    public IReadOnlyList<ThingCall> Calls => calls;

    public int Creates { get; private set; }

    /// <summary>How many things each key got.</summary>
    public Dictionary<string, int> CreatesByKey { get; } = [];

    /// <summary>Names of what exists, in order of creation.</summary>
    public IEnumerable<string> Live
    {
        get
        {
            Arrive();
            return things.Select(thing => thing.Name);
        }
    }

    public string[] LiveIdsOf(string name)
    {
        Arrive();
        return [.. things.Where(thing => thing.Name == name).Select(thing => thing.Id)];
    }

    public IEnumerable<ThingCall> Of(ResourceDirection direction, string start = "") =>
        calls.Where(call => call.Is(direction, start));

    /// <summary>Somebody else removes all things of this name.</summary>
    public void Vanish(string name)
    {
        things.RemoveAll(thing => thing.Name == name);
        late.RemoveAll(coming => coming.Thing.Name == name);
    }

    /// <summary>Somebody else makes one.</summary>
    public void Add(string name, string key = "") => Create(name, key, TimeSpan.Zero);

    /// <summary>Does what a call asks; what is answered, and how long that takes.</summary>
    public (ResourceAnswer Answer, TimeSpan Latency) Call(string name, ResourceCall said)
    {
        Arrive();
        var nth = counts[(name, said.Direction)] =
            counts.GetValueOrDefault((name, said.Direction)) + 1;
        var call = new ThingCall(
            calls.Count + 1, name, said.Direction, said.Key, time.Elapsed)
        {
            Said = said,
            Nth = nth,
        };
        calls.Add(call);
        var reply = Rule(call) ?? new Reply();
        var before = created;
        var answer = reply.Answer ?? Do(call, reply);
        call.Created = created > before;
        if (reply.LosesAnswer || reply.CreatesLate is not null)
            answer = new(ResourceAnswerKind.Unknown) { Reason = "no answer" };
        call.Answered = answer.Kind;
        return (answer, reply.Latency ?? Latency);
    }

    // What was asked for and comes only now.
    void Arrive()
    {
        foreach (var (at, thing) in late.ToArray())
        {
            if (at > time.Elapsed) continue;
            late.Remove((at, thing));
            // Who knows keys makes one thing of each, and none again that was given back.
            if (!HonoursKeys || !CreatesByKey.ContainsKey(thing.Key)) Put(thing);
        }
    }

    Thing? Find(ThingCall call) =>
        things.Find(thing => thing.Id == call.Said.ExternalId)
        ?? (HonoursKeys ? things.Find(thing => thing.Key == call.Key) : null);

    ResourceAnswer Do(ThingCall call, Reply reply)
    {
        var thing = Find(call);
        switch (call.Direction)
        {
            case ResourceDirection.Acquire when thing is null && call.Said.ExternalId.Length > 0:
            case ResourceDirection.Acquire when thing is null && !call.Said.MayCreate:
                return new(ResourceAnswerKind.Absent);
            case ResourceDirection.Acquire when thing is null && reply.CreatesLate is { } wait:
                late.Add((time.Elapsed + wait, New(call.Name, call.Key, TimeSpan.Zero)));
                return new(ResourceAnswerKind.Unknown);
            case ResourceDirection.Acquire:
                thing ??= Create(call.Name, call.Key, reply.BusyFor ?? BusyFor);
                return thing.ReadyAt > time.Elapsed
                    ? new(ResourceAnswerKind.Busy) { ExternalId = thing.Id }
                    : new(ResourceAnswerKind.Done)
                    {
                        ExternalId = thing.Id,
                        ConnectionsJson = $$"""{"at":"{{thing.Id}}"}""",
                    };
            case ResourceDirection.Watch:
                return new(thing is null ? ResourceAnswerKind.Absent : ResourceAnswerKind.Busy);
            case ResourceDirection.Hook:
                return new(ResourceAnswerKind.Done);
            default:
                if (thing is null) return new(ResourceAnswerKind.Absent);
                things.Remove(thing);
                return new(ResourceAnswerKind.Done);
        }
    }

    Thing Create(string name, string key, TimeSpan busyFor)
    {
        var thing = New(name, key, busyFor);
        Put(thing);
        return thing;
    }

    Thing New(string name, string key, TimeSpan busyFor) =>
        new($"t-{++created}", key, name, time.Elapsed + busyFor);

    void Put(Thing thing)
    {
        Creates++;
        CreatesByKey[thing.Key] = CreatesByKey.GetValueOrDefault(thing.Key) + 1;
        things.Add(thing);
    }
}
