using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Explorer;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL, and the moment at which the lead is lost.</summary>
public sealed class PostgresResourcePointTests(PostgresServer server) : ResourcePointTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    // A worker's turn is one statement there: it never stands between its two writes.
    private protected override string[] OfWorkers => Long.IsAsked
        ? [.. base.OfWorkers.Where(point => !point.StartsWith("handin.between", Ordinal))]
        : ["handin.commit-unanswered:3", "handin.committed:4"];

    // On SQLite the lead is a lock, which ends with its process and not before.
    [Fact]
    public async Task A_process_that_dies_as_it_learns_that_another_decides_leaves_all_to_that_one()
    {
        await using var world = await ResourceWorld.StartAsync(NewAddress(), One("keep: 0s"));
        var first = world.StartWith("coordinator.lease-lost", "build");
        first.WaitForLine(line => line.Contains("ready     w-1", Ordinal));
        world.Sql("UPDATE coordinator SET fence = fence + 1, expires_at = '-infinity'");

        var second = world.Start("build", "thing/2", "--use", "0s");
        first.WaitForExit().Expect(137);
        world.CheckKilled();
        world.Quoin("release", "w-1").Expect(0);
        second.WaitForExit().Expect(0);

        world.CheckOver();
    }
}

/// <summary>
/// kill -9 at the named moments that a want alone does not come by: of a worker that makes the
/// calls, of answers that could not be saved, of cancellations and of what people answer. Whoever
/// goes on finds everything: one thing each, and none in the end. (The others:
/// <see cref="ResourceKillTests"/>.)
/// </summary>
public class ResourcePointTests
{
    const int Abreast = 4;

    private protected const StringComparison Ordinal = StringComparison.Ordinal;

    static readonly string[] work = ["worker", "-j", "1", "--label", "site=1"];

    private protected virtual PostgresAddress? NewAddress() => null;

    private protected virtual string[] OfWorkers => Long.IsAsked
        ?
        [
            .. from point in (string[])[
                   "claimed", "call.before", "call.accepted", "call.answered", "handin.before",
                   "handin.between-writes", "handin.commit-unanswered", "handin.committed"]
               from number in (int[])[1, 2, 4, 6, 8]
               select $"{point}:{number}",
            "external.inserted", "external.inserted:3", "release.call-accepted",
            "release.call-accepted:3",
        ]
        :
        [
            "handin.between-writes:4", "handin.commit-unanswered:3", "handin.committed:4",
            "handin.before:2", "call.accepted:3", "release.call-accepted",
        ];

    static bool IsPost(IReadOnlyList<Entry> calls) => calls.Any(call => call.Verb == Verb.Post);

    [Fact]
    public Task A_worker_that_dies_at_any_moment_of_a_call_is_replaced() =>
        Scenarios.EachAsync(OfWorkers, Abreast, KillWorkerAsync);

    async Task KillWorkerAsync(string fault)
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), Labelled(Notebook()),
            new Rule { Verb = Verb.Post, Label = "kind=data", BusyLooks = 1 });
        var build = world.Start("build", "-j", "1", "--use", "300ms");
        var worker = world.StartWith(fault, work);
        var death = Task.Run(() => worker.WaitForExit());
        var end = Task.Run(() => build.WaitForExit());

        // How often a moment comes depends on how quick all are: the last may not come.
        if (await Task.WhenAny(death, end) == death)
        {
            (await death).Expect(137);
            world.CheckKilled();
            worker = world.Start(work);
        }
        else Assert.True(Long.IsAsked, "the worker never came there");
        (await end).Expect(0);
        worker.Terminate();
        worker.WaitForExit().Expect(0);

        Assert.NotEmpty(world.Events<WantReady>());
        world.CheckOver();
    }

    [Fact]
    public async Task An_answer_that_could_not_be_saved_is_heard_once_whoever_dies_with_it()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), One("identity: key"),
            new Rule { Verb = Verb.Post, To = 1, LatencyMs = 1500 });
        string[] build = ["build", "--use", "100ms"];
        var first = world.StartWith("journal.written", build);
        await world.WaitForCallsAsync(IsPost);
        world.RefuseAppends();
        first.WaitForExit().Expect(137);
        world.TakeAppends();

        world.CheckKilled();
        Assert.Contains("answer/1/1", File.ReadAllText(Assert.Single(Kept(world))));
        world.StartWith("handin.row-only", build).WaitForExit().Expect(137);
        Assert.Single(Kept(world));
        world.StartWith("journal.imported", build).WaitForExit().Expect(137);
        Assert.Empty(Kept(world));
        world.Start(build).WaitForExit().Expect(0);

        Assert.Equal(1, world.Service.Count().CallsByVerb[Verb.Post]);
        world.CheckOver();
    }

    [Fact]
    public async Task An_answer_of_a_worker_that_was_given_up_is_heard_once_whoever_dies_with_it()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), Labelled(One("identity: key")),
            new Rule { Verb = Verb.Get, To = 1, LatencyMs = 1500 });
        var build = world.Start("build", "--use", "300ms");
        var first = world.StartWith("journal.written", work);
        await world.WaitForCallsAsync(calls => calls.Any(call => call.Verb == Verb.Get));
        world.Sql("DELETE FROM worker");
        first.WaitForExit().Expect(137);

        world.CheckKilled();
        Assert.Contains("answer/1/", File.ReadAllText(Assert.Single(Kept(world))));
        world.StartWith("handin.row-only", work).WaitForExit().Expect(137);
        Assert.Single(Kept(world));
        world.StartWith("journal.imported", work).WaitForExit().Expect(137);
        var last = world.Start(work);
        build.WaitForExit().Expect(0);
        last.Terminate();
        last.WaitForExit().Expect(0);

        world.CheckOver();
    }

    // 22.
    [Theory]
    [InlineData("ask", 1, "in-doubt")]
    [InlineData("repeat", 2, "may-be-double")]
    public async Task Without_identity_an_answer_that_nobody_read_is_a_question_and_one_call_more(
        string onDoubt, int creates, string question)
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), Nameless(One($"identity: none, on-doubt: {onDoubt}")));
        world.StartWith("call.accepted", "build", "--use", "0s").WaitForExit().Expect(137);
        world.CheckKilled();
        world.Quoin("build", "--use", "0s");

        Assert.Equal(creates, world.Service.Count().CallsByVerb[Verb.Post]);
        Assert.Equal(question, Assert.Single(world.Events<InterventionOpened>()).Code);
        Assert.Equal(["t-1"], world.Service.Count().Live);
    }

    static string[] Kept(ResourceWorld world) =>
        Directory.GetFiles(world.Workspace.PathOf(".quoin/journal"));

    [Fact]
    public async Task Of_two_wants_none_is_cancelled_by_who_dies_between_them_and_then_both_are()
    {
        await using var world = await ResourceWorld.StartAsync(NewAddress(), One("keep: 0s"));
        var first = world.StartWith("cancel.between-rows", "build");
        first.WaitForLine(line => line.Contains("ready     w-1", Ordinal));
        world.Quoin("want", "thing/2").Expect(0);
        var cancel = world.Start("cancel", "--all");
        first.WaitForExit().Expect(137);

        Assert.Empty(world.Events<WantCancelled>());
        world.CheckKilled();
        world.Start("build", "thing/3", "--use", "0s").WaitForExit().Expect(0);
        cancel.WaitForExit(); // On a busy machine it gave up to wait; what it asked stays asked.
        Assert.Equal(2, world.Events<WantCancelled>().Count);
        world.CheckOver();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_person_answered_is_acted_on_by_the_next_when_who_recorded_it_died(
        bool somebodyBuilds)
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), One("release-time: 300ms"),
            new Rule { Verb = Verb.Delete, Label = "name=thing/1", Status = 409 });
        world.Quoin("build", "--use", "0s").Expect(1);
        world.Service.SetRules();
        string[] answer = ["interventions", "resolve", "i-1", "--retry"];
        if (somebodyBuilds)
        {
            var other = world.StartWith("intervention.resolved", "build", "thing/2");
            other.WaitForLine(line => line.Contains("ready     w-2", Ordinal));
            world.Quoin(answer).Expect(0);
            other.WaitForExit().Expect(137);
            world.Quoin("cancel", "w-2").Expect(0);
        }
        else world.StartWith("intervention.resolved", answer).WaitForExit().Expect(137);

        Assert.Single(world.Events<InterventionResolved>());
        world.CheckKilled();
        world.Quoin("build", "thing/3", "--use", "0s").Expect(0);
        world.CheckOver();
    }
}
