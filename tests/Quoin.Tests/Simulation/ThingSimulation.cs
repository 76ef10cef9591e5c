using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Things;

namespace Quoin.Tests.Simulation;

/// <summary>
/// Things outside under one seed: people want, cancel, release, offer and answer; the service loses
/// answers, refuses, hangs, is late and forgets; processes die between any two steps and around any
/// commit. In the end nothing is left. <see cref="ThingChecks"/> has what holds meanwhile.
/// </summary>
sealed class ThingSimulation : IAsyncDisposable
{
    const int Ids = 6, OpenMax = 10;

    static readonly string graph = "pools: { seat: 3 }\njobs:\n"
        + ThingWorld.Job("image", "keep: 30s, settle: 20s, timeout: 10s")
        + ThingWorld.Job(
            "storage", "settle: 20s, timeout: 10s, release-time: 60s, identity: key")
        + ThingWorld.Job(
            "data",
            "settle: 20s, timeout: 10s, poll: { every: 2s, max: 5s, count: 6 }",
            """["storage/{id}"]""", "estimate: 20s")
        + ThingWorld.Job(
            "session",
            "settle: 20s, timeout: 10s, start: window, watch: [look], startup: [[a], [b]], "
            + "watch-poll: { every: 3s, max: 6s }, unknown: { count: 4, time: 60s }, "
            + "poll: { every: 1s, max: 3s, time: 40s }",
            """["image/1", "storage/{id}", "data/{id}"]""",
            "resources: { pools: { seat: 1 } }");

    readonly int seed;
    readonly Random random;
    readonly int wantsMax;
    readonly ThingChecks checks;
    readonly List<string> trace = [];
    int wanted, steps, deaths;
    bool faults = true;

    public ThingSimulation(int seed, int wants, Func<string, IBuildStore>? open = null)
    {
        (this.seed, random, wantsMax) = (seed, new Random(seed), wants);
        World = new ThingWorld(graph, open) { CallSlots = 1 + random.Next(6) };
        World.NextFault = NextFault;
        World.Service.Rule = Rule;
        checks = new ThingChecks(World);
    }

    public ThingWorld World { get; }

    /// <summary>What else is to hold between two steps, with the number of steps so far.</summary>
    public Action<int> BetweenSteps { get; init; } = _ => { };
    public int Steps => steps;
    public int Deaths => deaths;

    /// <summary>Lets it all happen, and then come to its end; a failure says which seed.</summary>
    public void Run()
    {
        try
        {
            Play();
        }
        catch (Exception e)
        {
            Assert.Fail($"""
                {e.GetType().Name}: {e.Message}
                It happens with seed {seed} and {wantsMax} wants.
                {string.Join('\n', trace.TakeLast(60))}
                {World.Told()}
                {e.StackTrace}
                """);
        }
    }

    void Play()
    {
        for (steps = 0; wanted < wantsMax; steps++)
        {
            Begin();
            Step();
            checks.AfterStep();
            BetweenSteps(steps);
        }
        faults = false;
        Say("no more faults");
        Begin();
        for (var n = 0; World.State.Wants.Count + World.State.Runs.Count > 0; n++, steps++)
        {
            Assert.True(n < 50_000, $"It does not come to an end.\n{checks.Waiting()}");
            if (n % 50 == 0) EndAll();
            if (!World.Next()) EndAll();
            checks.AfterStep();
        }
        EndAll();
        checks.AtRest();
    }

    void Say(string what) =>
        trace.Add($"{steps,6} {World.Time.Elapsed.TotalSeconds,9:0.0}s {what}");

    // Somebody else decides after a while, and may die at once.
    void Begin()
    {
        while (!World.IsUp)
        {
            deaths++;
            if (faults && random.Next(2) == 0) World.Pass(Seconds(60));
            World.Start();
            Say(World.IsUp ? "another process decides" : "another process died at its begin");
            checks.Opened();
        }
    }

    TimeSpan Seconds(int max) => TimeSpan.FromMilliseconds(random.Next(max * 1000));

    void Step()
    {
        switch (random.Next(100))
        {
            case < 12: Want(); break;
            case < 15: Cancel(); break;
            case < 18: Release(); break;
            case < 20: Accept(); break;
            case < 23: Resolve(); break;
            case < 25: Wake(); break;
            case < 27:
                Say("killed");
                World.Kill();
                break;
            default:
                if (!World.Next()) Want();
                break;
        }
    }

    void Want()
    {
        if (World.State.Wants.Count >= OpenMax) return;
        wanted++;
        var options = new WantOptions
        {
            Use = random.Next(3) == 0 ? null : Seconds(40),
            StartAt = random.Next(3) > 0 ? null : World.Time.GetUtcNow() + Seconds(90),
            StartSlack = TimeSpan.FromSeconds(30),
            Offer = random.Next(8) == 0,
            Group = random.Next(2) == 0 ? "" : "g",
            OnFailure = (FailureMode)random.Next(3),
        };
        var kinds = (string[])["image", "storage", "data", "session", "session"];
        string[] targets =
        [
            .. Enumerable.Range(0, 1 + random.Next(2)).Select(_ =>
                kinds[random.Next(kinds.Length)] is var kind && kind == "image"
                    ? "image/1"
                    : $"{kind}/{random.Next(Ids)}").Distinct(),
        ];
        Say($"wanted: {string.Join(' ', targets)}");
        _ = World.Want(options, targets);
    }

    WantToken? AnyWant(Func<WantToken, bool> which)
    {
        var wants = World.State.Wants.Values.Where(which).OrderBy(w => w.Id.Value).ToArray();
        return wants.Length == 0 ? null : wants[random.Next(wants.Length)];
    }

    void Cancel()
    {
        if (AnyWant(_ => true) is not { } want) return;
        Say($"{want.Id} is cancelled");
        World.Do(new CancelWant(want.Id, "somebody"));
    }

    void Release()
    {
        if (AnyWant(want => want.IsReady) is not { } want) return;
        Say($"{want.Id} is released");
        World.Do(new RequestWantRelease(want.Id, "somebody"));
    }

    void Accept()
    {
        if (AnyWant(want => want.OfferedUntil is not null) is not { } want) return;
        Say($"{want.Id} is accepted");
        World.Send(new StoreCommand.AcceptOffer(want.Id));
    }

    void Wake()
    {
        var runs = World.State.Runs.Values.OrderBy(run => run.Id.Value).ToArray();
        if (runs.Length == 0) return;
        World.Do(new WakeRun(
            runs[random.Next(runs.Length)].Id, World.Time.GetUtcNow()));
    }

    void Resolve()
    {
        var open = World.State.Interventions.Values.OrderBy(i => i.Id.Value).ToArray();
        if (open.Length == 0) return;
        var one = open[random.Next(open.Length)];
        var name = World.State.Names.Text(one.Partition);
        var ids = World.Service.LiveIdsOf(name);
        var answer = random.Next(4) switch
        {
            0 when ids.Length == 1 => InterventionAnswer.Adopt,
            1 => InterventionAnswer.Released,
            2 => InterventionAnswer.Abandon,
            _ => InterventionAnswer.Retry,
        };
        if (answer == InterventionAnswer.Released) World.Service.Vanish(name);
        if (answer == InterventionAnswer.Abandon) checks.Abandoned(name);
        Say($"{one.Id} of {name}: {answer}");
        World.Do(new ResolveIntervention(one.Id, answer, "somebody")
        {
            ExternalId = answer == InterventionAnswer.Adopt ? ids[0] : "",
        });
    }

    // Everybody lets go, and answers.
    void EndAll()
    {
        foreach (var want in World.State.Wants.Values.OrderBy(w => w.Id.Value).ToArray())
        {
            if (want.OfferedUntil is not null) World.Do(new CancelWant(want.Id, "end"));
            else if (want.IsReady) World.Do(new RequestWantRelease(want.Id, "end"));
        }
        foreach (var open in World.State.Interventions.Values.OrderBy(i => i.Id.Value).ToArray())
            World.Do(new ResolveIntervention(open.Id, InterventionAnswer.Retry, "end"));
    }

    Reply? Rule(ThingCall call)
    {
        var busy = new Reply { BusyFor = Seconds(call.Is(ResourceDirection.Acquire) ? 8 : 1) };
        if (!faults) return busy;
        Reply? reply = random.Next(60) switch
        {
            0 or 1 or 2 => Reply.Unknown(),
            3 or 4 => busy with { LosesAnswer = true },
            5 => busy with { Latency = TimeSpan.FromSeconds(15) },
            6 when call.Is(ResourceDirection.Acquire) => new Reply { CreatesLate = Seconds(15) },
            7 or 8 when !call.Is(ResourceDirection.Watch) => Reply.Fails(),
            9 when call.Is(ResourceDirection.Release) => Reply.Fails(),
            10 when call.Is(ResourceDirection.Watch) => Ended(random.Next(2) * 3),
            11 when call.Is(ResourceDirection.Watch) => Vanished(call.Name),
            _ => null,
        };
        return (reply ?? busy) with
        {
            Latency = reply?.Latency ?? TimeSpan.FromMilliseconds(random.Next(2000)),
        };
    }

    static Reply Ended(int exit) => new()
    {
        Answer = new(ResourceAnswerKind.Done) { Ended = new EndedReport(exit) },
    };

    Reply? Vanished(string name)
    {
        World.Service.Vanish(name);
        return null;
    }

    AppendFault NextFault()
    {
        if (!faults) return AppendFault.None;
        var fault = random.Next(200) switch
        {
            0 => AppendFault.DieBefore,
            1 => AppendFault.DieAfter,
            2 when random.Next(3) == 0 => AppendFault.Refuse,
            _ => AppendFault.None,
        };
        if (fault != AppendFault.None) Say($"append: {fault}");
        return fault;
    }

    public ValueTask DisposeAsync() => World.DisposeAsync();
}
