using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

public sealed class PlanEventsTests
{
    [Fact]
    public void Consumers_come_before_what_they_read()
    {
        var world = World();
        world.Build("top");
        world.Files["data/s.csv"] = "edited";

        Assert.Equal(
            """
            stale top Maybe: input a is rebuilt
            planned top: job top from a b
            stale a Changed: source data/s.csv ffffffff -> ffffffff
            planned a: job a from
            want w-3 planned: 3 = 1 current, 1 build, 1 maybe, 0 blocked
            """,
            Text(world, PlanEvents.Of(world.Plan("top"), new WantId(3))));
    }

    [Fact]
    public void A_first_build_has_nothing_stale()
    {
        var world = World();

        Assert.Equal(
            """
            planned top: job top from a b
            planned b: job b from
            planned a: job a from
            want w-1 planned: 3 = 0 current, 3 build, 0 maybe, 0 blocked
            """,
            Text(world, PlanEvents.Of(world.Plan("top"), new WantId(1))));
    }

    [Fact]
    public void Nothing_to_do_is_one_event()
    {
        var world = World();
        world.Build("top");

        Assert.Equal(
            "want w-1 planned: 3 = 3 current, 0 build, 0 maybe, 0 blocked",
            Text(world, PlanEvents.Of(world.Plan("top"), new WantId(1))));
    }

    [Fact]
    public void A_blocked_target_fails_even_when_it_was_published_and_the_rest_is_built()
    {
        var world = World();
        world.Build("top");
        world.Files.Clear();
        world.Checks["b"] = OutputCheck.Missing;

        var plan = world.Plan("top", "x/1");

        Assert.Equal(
            """
            stale b OutputMissing
            planned b: job b from
            stale top Changed: source-missing: data/s.csv does not exist (input of job a, PLACE)
            failed top of top: source-missing
            failed x/1 of : no-producer
            want w-1 planned: 4 = 0 current, 1 build, 0 maybe, 3 blocked
            """.Replace("PLACE", "quoin.yaml:15:3"),
            Text(world, PlanEvents.Of(plan, new WantId(1))));
        Assert.Equal(["b"], plan.AlsoWanted.Select(world.Names.Text));
    }

    [Fact]
    public void What_another_plan_left_over_is_planned_beside_what_another_want_has()
    {
        var world = new PlanWorld(Job("pair", "a b"));
        world.Build("a", "b");
        world.Fact("a") = world.Fact("a") with { Standing = Standing.Active };
        var plan = world.Plan("b");
        var b = world.P("b");

        Assert.Equal(
            "want w-1 planned: 2 = 0 current, 2 build, 0 maybe, 0 blocked",
            Text(world, PlanEvents.Of(plan, new WantId(1), _ => false)));
        Assert.Equal(
            """
            planned a b: job pair from
            want w-1 planned: 2 = 0 current, 2 build, 0 maybe, 0 blocked
            """,
            Text(world, PlanEvents.Of(plan, new WantId(1), p => p == b)));
    }

    [Fact]
    public void Strict_starts_nothing_when_there_is_a_problem()
    {
        var world = World();
        var e = Assert.Single(PlanEvents.Of(world.Plan("top", "x/1"), new WantId(1), strict: true));

        Assert.Equal("no-producer", Assert.Single(((AnalysisFailed)e).Problems).Code);
    }

    [Fact]
    public void The_definition_is_the_same_until_something_but_content_changes()
    {
        var world = World();
        var first = Definition(world, "top");
        world.Files["data/s.csv"] = "edited";
        world.JobFacts["top"] = new JobFact { Code = [new PathDigest("x", DigestOf("x"))] };
        Assert.Equal(first, Definition(world, "top"));
        world.JobFacts["top"] = new JobFact { Conditions = [new ConditionFact("cc", "12")] };
        Assert.NotEqual(first, Definition(world, "top"));
    }

    [Fact]
    public void A_definition_conflict_can_be_read()
    {
        var world = World();
        var plan = world.Plan("top");
        var node = plan.Graph.ProducerOf(world.P("a"));
        var old = plan.Test.Fingerprints.DefinitionTextOf(node).ToArray();
        world.Declare(
            Source("s", "data/s.csv"), Job("a", "a", "s") with { Env = [new("REGION", At("us"))] });
        plan = world.Plan("a");
        var now = plan.Test.Fingerprints.DefinitionTextOf(plan.Graph.ProducerOf(world.P("a")));

        Assert.Equal(
            "env REGION added: us",
            Assert.Single(FingerprintDiff.Compare(old, now)).ToString());
    }

    static Digest Definition(PlanWorld world, string name)
    {
        var plan = world.Plan(name);
        return plan.Test.Fingerprints.DefinitionOf(plan.Graph.ProducerOf(world.P(name)));
    }

    static PlanWorld World()
    {
        var world = new PlanWorld(
            Source("s", "data/s.csv"), Job("a", "a", "s"), Job("b", "b"),
            Job("top", "top", "a", "b"));
        world.Files["data/s.csv"] = "text";
        return world;
    }

    static string Text(PlanWorld world, IEnumerable<BuildEvent> events) =>
        string.Join('\n', events.Select(e => e switch
        {
            PartitionStale x => $"stale {world.Names.Text(x.Partition)} {x.Reason}"
                + (x.Detail.Length == 0 ? "" : $": {Masked(x.Detail)}"),
            PartitionPlanned x => $"planned {Names(world, x.Outputs)}: job {x.Job} from "
                + Names(world, x.Inputs),
            ConfigFailed x => $"failed {Names(world, x.Outputs)} of {x.Job}: {x.Problem.Code}",
            WantPlanned x => $"want {x.Want} planned: "
                + $"{x.Counts.Total} = {x.Counts.Current} current, "
                + $"{x.Counts.Build} build, {x.Counts.Maybe} maybe, {x.Counts.Blocked} blocked",
            _ => e.ToString(),
        }).Select(line => line!.TrimEnd()));

    static string Names(PlanWorld world, IEnumerable<PartitionId> partitions) =>
        string.Join(' ', partitions.Select(world.Names.Text));

    static string Masked(string detail) =>
        System.Text.RegularExpressions.Regex.Replace(detail, "[0-9a-f]{8}", "ffffffff");
}
