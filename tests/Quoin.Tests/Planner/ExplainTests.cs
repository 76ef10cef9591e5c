using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

public sealed class ExplainTests
{
    [Fact]
    public void A_change_is_shown_line_by_line_with_what_made_it()
    {
        var world = World();
        world.Build("report/1");
        world.Writes["clean"] = "new bytes";
        world.Files["orders.csv"] = "edited";
        world.Build("clean/1");
        world.Declare(Declarations("us"));

        Assert.Equal(
            """
            report/1  not current: will be built by job report (quoin.yaml:16)
              changed  env    REGION   eu -> us
              changed  input  clean/1  OLD -> NEW   rebuilt by r-3: source orders.csv changed in r-3
              last built 2026-01-01 00:01 by r-2 in 38s
            """,
            Explained(world, "report/1", run => $"source orders.csv changed in {run}")
                .Replace(RecordedInput(world, "report/1"), "OLD")
                .Replace(DigestOf("new bytes").Short, "NEW"));
    }

    [Fact]
    public void Current_is_said_in_one_word() => Assert.Equal(
        "clean/1  current\n  last built 2026-01-01 00:01 by r-1 in 38s",
        Explained(Built(), "clean/1"));

    [Fact]
    public void Maybe_names_the_inputs_and_why_they_are_rebuilt()
    {
        var world = Built();
        world.Checks["clean/1"] = OutputCheck.Modified;

        Assert.Equal(
            """
            report/1  current until now: decided when its inputs are rebuilt (PLACE)
              maybe  input  clean/1  is rebuilt   output-modified
              last built 2026-01-01 00:01 by r-2 in 38s
            """.Replace("PLACE", "job report, quoin.yaml:16"),
            Explained(world, "report/1"));
    }

    [Fact]
    public void Never_built_and_failed_say_so()
    {
        var world = World();
        world.Fact("clean/1") = new PartitionFact(Standing.Failed) { Reason = "r-9, exit 1" };

        Assert.Equal(
            "report/1  not current: will be built by job report (quoin.yaml:16)\n  never-built",
            Explained(world, "report/1"));
        var plan = world.Plan("report/1");
        Assert.Equal(
            "  last-failed  r-9, exit 1", Explain.Of(plan, world.P("clean/1")).Text()[1]);
    }

    [Fact]
    public void Blocked_shows_the_problem_and_the_chain()
    {
        var world = World();
        world.Files.Clear();

        Assert.Equal(
            "report/1  blocked: error[source-missing]: orders.csv does not exist "
            + "(input of job clean, quoin.yaml:15:3)\n  report/1 <- clean/1 <- orders",
            Explained(world, "report/1"));
    }

    [Fact]
    public void Sources_and_strangers_are_explained_too()
    {
        var world = Built();
        var plan = world.Plan("report/1");

        Assert.Equal(
            $"orders  source: orders.csv ({DigestOf("text").Short})",
            Explain.Of(plan, world.P("orders")).Text()[0]);
        Assert.Equal(
            "other  is not part of this plan", Explain.Of(plan, world.P("other")).Text()[0]);
    }

    [Fact]
    public void A_fingerprint_that_is_not_stored_is_not_guessed()
    {
        var world = Built();
        world.Fact("clean/1") = world.Fact("clean/1") with { Fingerprint = DigestOf("lost") };

        Assert.Equal(
            "  changed  the fingerprint of its last run is not stored here",
            Explain.Of(world.Plan("clean/1"), world.P("clean/1")).Text()[1]);
    }

    [Fact]
    public void Every_reason_has_a_word()
    {
        var words = Enum.GetValues<StaleReason>().Select(Explain.Word).ToList();

        Assert.Equal(words.Count, words.Distinct().Count());
        Assert.Contains("output-modified", words);
    }

    static string Explained(PlanWorld world, string name, Func<RunId, string?>? whyBuilt = null) =>
        string.Join('\n', Explain.Of(world.Plan("report/1"), world.P(name), whyBuilt).Text());

    // The digest that report/1 recorded for its input.
    static string RecordedInput(PlanWorld world, string name)
    {
        var text = ((IPlanFacts)world).FingerprintText(world.Fact(name).Fingerprint);
        var input = Fingerprint.Parse(text.Span).Single(item => item.Kind == "input");
        return input.Value["xxh3:".Length..][..8];
    }

    static PlanWorld Built()
    {
        var world = World();
        world.Build("report/1");
        return world;
    }

    static PlanWorld World()
    {
        var world = new PlanWorld(Declarations("eu"));
        world.Files["orders.csv"] = "text";
        return world;
    }

    static IEnumerable<object> Declarations(string region) =>
    [
        Source("orders", "orders.csv"),
        Job("clean", "clean/{x}", "orders"),
        Job("report", "report/{x}", "clean/{x}") with { Env = [new("REGION", At(region))] },
    ];
}
