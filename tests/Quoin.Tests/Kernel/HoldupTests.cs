using Quoin.Core;

namespace Quoin.Tests.KernelTests;

/// <summary>Everything that is not over has exactly one reason, at every step of its way.</summary>
public sealed class HoldupTests
{
    readonly KernelWorld world = new();

    KernelState State => world.State;

    Holdups Holdups(bool isLed = true) => new(State, new(isLed, _ => job, world.Now));

    readonly Job job = MakeJob();

    static Job MakeJob(params string[] labels)
    {
        var builder = new GraphBuilder("test");
        builder.Add(new JobDeclaration
        {
            Name = At("session"),
            Outputs = [At("session/{x}")],
            Exec = [At("launch")],
            Limits = new JobLimits { Retries = 4, Labels = [.. labels] },
            Resource = new ResourceDeclaration(At("").At)
            {
                Release = [At("stop")],
                Startup = [[At("one")], [At("two")]],
                Values = System.Collections.Immutable.ImmutableDictionary<string, Written>.Empty
                    .Add("poll.count", At("100")),
            },
        });
        return builder.Build(default, [])!.Jobs[0];
    }

    static Written At(string text) => new(text, new SourceLocation("quoin.yaml", 1, 1));

    /// <summary>What is said of a partition, the want and the run, each in a line.</summary>
    string Said(string partition)
    {
        var holdups = Holdups();
        var lines = new List<string>();
        foreach (var want in State.Wants.Values) lines.Add($"{want.Id}: {Text(holdups.Of(want))}");
        foreach (var run in State.Runs.Values) lines.Add($"{run.Id}: {Text(holdups.Of(run))}");
        if (holdups.Partitions().Contains(world.P(partition)))
            lines.Add($"{partition}: {Text(holdups.Of(world.P(partition)))}");
        return string.Join(" | ", lines);
    }

    static string Text(Holdup why) =>
        why.Until is { } until ? $"{why.Text} [{until.UtcDateTime:HH:mm:ss}]" : why.Text;

    WantId Plan()
    {
        var want = world.Want("session/1");
        foreach (var (job, input) in ((string, string?)[])[("session", "storage/1"),
            ("storage", null)])
            world.Do(new ProposePlan(new PartitionPlanned(
                want, job, [world.P($"{job}/1")], input is null ? [] : [world.P(input)])
            {
                Resource = new ResourcePolicy(),
            }));
        world.Planned(want);
        return want;
    }

    int Live(string name)
    {
        var run = world.Schedule(name);
        world.Complete(run, world.Lease(run), name);
        return run.Value;
    }

    [Fact]
    public void The_life_of_a_session_reason_by_reason()
    {
        var seen = new List<string>();
        var want = world.Want("session/1");
        Say("wanted");
        world.Do(new CancelWant(want, "test"));
        want = Plan();
        Say("planned");
        Live("storage/1");
        Say("storage is there");
        var run = world.Do(new ScheduleRun(world.P("session/1"), Supersede: false)
        {
            Activation = world.Now.AddMinutes(1),
            NotAfter = world.Now.AddMinutes(6),
        }).Events.OfType<RunScheduled>().Single().Run;
        Say("too early");
        world.Now = world.Now.AddMinutes(1);
        Say("due");
        var epoch = world.Lease(run);
        Say("called");
        Defer(DeferKind.Busy);
        Say("busy");
        epoch = world.Lease(run);
        Defer(DeferKind.Unknown);
        Say("unknown");
        epoch = world.Lease(run);
        world.Do(new FailRun(run, epoch, new RunFailure(FailureCategory.Failed, "exit 1"))
        {
            Retries = 4,
            RetryAt = world.Now.AddSeconds(2),
        });
        Say("failed once");
        world.Now = world.Now.AddSeconds(2);
        epoch = world.Lease(run);
        world.Do(new StartRun(run, epoch, 1));
        epoch = world.Lease(run);
        Defer(DeferKind.Busy);
        Say("hook");
        world.Now = world.Now.AddSeconds(5);
        epoch = world.Lease(run);
        world.Complete(run, epoch, "session/1");
        Say("there");
        world.Do(new RequestWantRelease(want, "test"));
        world.Do(new ScheduleRelease(run, world.Now));
        Say("let go");
        epoch = world.Lease(run);
        world.Do(new FailRelease(run, epoch, new RunFailure(FailureCategory.Failed, "409"))
        {
            RetryAt = world.Now.AddSeconds(2),
        });
        Say("not released");
        world.Do(new OpenIntervention(run, "release-failed") { Parks = true });
        Say("asked");

        Assert.Equal("""
            wanted            w-1: its plan is being made | session/1: to be planned
            planned           w-2: session/1: input storage/1 is planned | session/1: input storage/1 is planned
            storage is there  w-2: session/1: its turn comes | r-1: in use by session/1 | session/1: its turn comes
            too early         w-2: session/1: its start window opens [00:01:00] | r-1: in use by session/1 | r-2: its start window opens [00:01:00] | session/1: its start window opens [00:01:00]
            due               w-2: session/1: queued, 0 ahead | r-1: in use by session/1 | r-2: queued, 0 ahead | session/1: queued, 0 ahead
            called            w-2: session/1: performing by host/1/a | r-1: in use by session/1 | r-2: performing by host/1/a | session/1: performing by host/1/a
            busy              w-2: session/1: busy, poll 1 of 100 [00:01:05] | r-1: in use by session/1 | r-2: busy, poll 1 of 100 [00:01:05] | session/1: busy, poll 1 of 100 [00:01:05]
            unknown           w-2: session/1: nothing known, 1 of 10 [00:01:10] | r-1: in use by session/1 | r-2: nothing known, 1 of 10 [00:01:10] | session/1: nothing known, 1 of 10 [00:01:10]
            failed once       w-2: session/1: retry 2 of 5 [00:01:12] | r-1: in use by session/1 | r-2: retry 2 of 5 [00:01:12] | session/1: retry 2 of 5 [00:01:12]
            hook              w-2: session/1: hook 1 of 2 [00:01:17] | r-1: in use by session/1 | r-2: hook 1 of 2 [00:01:17] | session/1: hook 1 of 2 [00:01:17]
            there             w-2: in use | r-1: in use by session/1 | r-2: in use by w-2 | session/1: in use by w-2
            let go            w-2: 1 thing to release | r-1: in use by session/1 | r-2: queued, 0 ahead | session/1: queued, 0 ahead
            not released      w-2: 1 thing to release | r-1: in use by session/1 | r-2: releasing, try 2 [00:01:19] | session/1: releasing, try 2 [00:01:19]
            asked             r-1: in use by session/1 | r-2: i-1 release-failed: it waits for a person | session/1: i-1 release-failed: it waits for a person
            """, string.Join('\n', seen));

        void Say(string when) => seen.Add($"{when,-16}  {Said("session/1")}");

        void Defer(DeferKind kind)
        {
            world.Do(new DeferRun(run, epoch, world.Now.AddSeconds(5))
            {
                At = world.Now,
                Kind = kind,
            });
            if (State.Runs[run.Value].Life!.Hook > 0) return;
            world.Now = world.Now.AddSeconds(5);
        }
    }

    [Fact]
    public void Where_nobody_has_the_labels_of_a_call_that_is_the_reason_with_its_remedy()
    {
        const string nobody = "no worker for job session: it needs the labels os=linux, site=1 "
            + "(quoin worker --label os=linux --label site=1)";
        var labelled = MakeJob("os=linux", "site=1");
        WorkerId first = new("host/1/b"), second = new("host/1/c");
        Plan();
        Live("storage/1");
        var run = world.Schedule("session/1");
        Assert.Equal(("no-worker", nobody), Why());

        Join(first);
        Assert.Equal(("queued", "queued, 0 ahead"), Why());
        world.Do(new LeaseRun(run, first, world.Now));
        Assert.Equal(("performing", "performing by host/1/b"), Why());
        world.Do(new RemoveWorker(first));
        Assert.Equal(("no-worker", nobody), Why());

        Join(second);
        Assert.Equal(("queued", "its worker is gone; its turn comes"), Why());
        world.Do(new LeaseRun(run, second, world.Now) { TakesOver = true });
        world.Do(new DeferRun(run, 2, world.Now.AddSeconds(5)) { At = world.Now });
        Assert.Equal(("busy", "busy, poll 1 of 100"), Why());
        world.Do(new RemoveWorker(second));
        Assert.Equal("busy", Why().Code);
        world.Now = world.Now.AddSeconds(5);
        Assert.Equal(("no-worker", nobody), Why());

        void Join(WorkerId worker) =>
            world.Do(new AddWorker(worker, 1) { Labels = ["os=linux", "site=1"] });

        (string Code, string Text) Why()
        {
            var holdups = new Holdups(State, new(IsLed: true, _ => labelled, world.Now));
            var (of, reason) = (State.Runs[run.Value], holdups.Of(world.P("session/1")));
            Assert.Equal(reason, holdups.Of(of));
            return (reason.Code, reason.Text);
        }
    }

    [Fact]
    public void Where_nobody_decides_that_is_the_reason()
    {
        Plan();

        Assert.All(
            State.Wants.Values.Select(Holdups(isLed: false).Of), why => Assert.Equal(
                ("no-coordinator", "nobody decides here: quoin build goes on with it"),
                (why.Code, why.Text)));
    }

    [Fact]
    public void Where_nobody_decides_what_is_kept_is_released_by_the_next_build()
    {
        var want = Plan();
        Live("storage/1");
        Live("session/1");
        world.Do(new CancelWant(want, "test"));
        Assert.Equal("nobody decides here: quoin build goes on with it", Unled("storage/1"));

        world.Do(new ScheduleRelease(new RunId(2), world.Now)
        {
            KeepUntil = world.Now.AddMinutes(5),
        });
        Assert.Equal(
            "kept; nobody decides here: the next quoin build releases it [00:05:00]",
            Unled("session/1"));
        world.Do(new ScheduleRelease(new RunId(2), world.Now.AddMinutes(6)));
        Assert.Equal(
            "to be released; nobody decides here: the next quoin build releases it",
            Unled("session/1"));

        string Unled(string name) => Text(Holdups(isLed: false).Of(world.P(name)));
    }

    [Fact]
    public void An_offer_waits_for_somebody_until_it_expires()
    {
        world.Do(new OfferWant(
            [world.P("session/1")], WantOptions.Default, world.Now.AddMinutes(5)));

        Assert.Equal(
            "w-1: offered, nobody has accepted it [00:05:00]", Said("session/1"));
    }
}
