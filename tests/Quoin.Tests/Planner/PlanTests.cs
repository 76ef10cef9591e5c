using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

/// <summary>The acceptance scenarios of incremental builds, on a chain a > b > c.</summary>
public sealed class PlanTests
{
    [Fact]
    public void A_first_build_runs_everything_and_the_second_nothing()
    {
        var world = Chain();

        var first = world.Build("c");
        Assert.Equal(["a", "b", "c"], world.Ran);
        Assert.Equal(new PlanCounts(3, 0, 3, 0, 0), first.Counts);

        var second = world.Build("c");
        Assert.Empty(world.Ran);
        Assert.Equal(new PlanCounts(3, 3, 0, 0, 0), second.Counts);
        Assert.Equal("a Current\nb Current\nc Current", world.Verdicts(second));
    }

    [Fact]
    public void A_source_edit_that_changes_no_bytes_runs_one_job()
    {
        var world = Chain();
        world.Writes["a"] = "the same";
        world.Build("c");
        world.Files["data/s.csv"] = "edited";

        var plan = world.Plan("c");

        Assert.Equal(
            """
            a Build Changed: source data/s.csv OLD -> NEW
            b Maybe Maybe: input a is rebuilt
            c Maybe Maybe: input b is rebuilt
            """.Replace("OLD", DigestOf("text").Short).Replace("NEW", DigestOf("edited").Short),
            world.Verdicts(plan));
        Assert.Equal(new PlanCounts(3, 0, 1, 2, 0), plan.Counts);
        world.Build("c");
        Assert.Equal(["a"], world.Ran);
        Assert.Equal(
            "b  current (early cut-off): a was rebuilt by r-4 to the same bytes "
            + $"({DigestOf("the same").Short})",
            Explain.Of(world.Plan("c"), world.P("b")).Text()[0]);
    }

    [Fact]
    public void A_changed_env_runs_the_job_and_what_follows_if_the_bytes_changed()
    {
        var world = Chain();
        world.Build("c");
        world.Declare(Declarations(region: "us"));

        Assert.Equal(
            "a Current\nb Build Changed: env REGION eu -> us\nc Maybe Maybe: input b is rebuilt",
            world.Verdicts(world.Plan("c")));
        world.Build("c");
        Assert.Equal(["b", "c"], world.Ran);
    }

    [Fact]
    public void A_changed_env_with_the_same_bytes_stops_there()
    {
        var world = Chain();
        world.Writes["b"] = "the same";
        world.Build("c");
        world.Declare(Declarations(region: "us"));

        world.Build("c");

        Assert.Equal(["b"], world.Ran);
    }

    [Theory]
    [InlineData(OutputCheck.Ok, "")]
    [InlineData(OutputCheck.Missing, "b Build OutputMissing")]
    [InlineData(OutputCheck.Modified, "b Build OutputModified")]
    public void An_output_that_is_not_in_its_place_is_built_again(OutputCheck check, string verdict)
    {
        var world = Chain();
        world.Build("c");
        world.Checks["b"] = check;

        var plan = world.Plan("c");

        Assert.Equal(verdict, string.Join('\n', world.Verdicts(plan).Split('\n')
            .Where(line => line.Contains("Build", StringComparison.Ordinal))));
        world.Build("c");
        Assert.Equal(check == OutputCheck.Ok ? [] : ["b"], world.Ran);
    }

    [Fact]
    public void Limits_and_tags_do_not_matter()
    {
        var world = Chain();
        world.Build("c");
        world.Declare(Declarations(region: "eu").Select(declaration =>
            declaration is JobDeclaration job
                ? job with
                {
                    Tags = ["nightly"],
                    Limits = new JobLimits { Timeout = TimeSpan.FromHours(1), Retries = 3 },
                }
                : declaration));

        Assert.Equal(new PlanCounts(3, 3, 0, 0, 0), world.Plan("c").Counts);
    }

    [Fact]
    public void A_presentation_option_matters_to_thorough_only()
    {
        var world = new PlanWorld(WithOptions("C", "light"));
        world.Build("x");
        world.Declare(WithOptions("C", "dark"));

        Assert.Equal("x Current", world.Verdicts(world.Plan("x")));
        Assert.Equal(
            "x Build Changed: option theme light -> dark",
            world.Verdicts(world.Plan(new PlanOptions { Now = world.Now, Thorough = true }, "x")));
        world.Declare(WithOptions("de", "dark"));
        Assert.Equal(
            "x Build Changed: option locale C -> de", world.Verdicts(world.Plan("x")));
    }

    [Fact]
    public void Soft_ignores_rebuilt_inputs()
    {
        var world = Chain();
        world.Build("c");
        world.Writes["a"] = "other bytes";
        world.Files["data/s.csv"] = "edited";
        world.Build("a");
        var soft = new PlanOptions { Now = world.Now, Soft = true };

        Assert.Equal("a Current\nb Current\nc Current", world.Verdicts(world.Plan(soft, "c")));
        Assert.StartsWith("a Current\nb Build Changed: input a ", world.Verdicts(world.Plan("c")));
    }

    [Fact]
    public void Soft_leaves_files_that_nothing_reads()
    {
        var world = Chain();
        world.Build("c");
        world.Checks["a"] = OutputCheck.Missing;
        var soft = new PlanOptions { Now = world.Now, Soft = true };

        Assert.Equal(
            "a Current OutputMissing\nb Current\nc Current", world.Verdicts(world.Plan(soft, "c")));
        world.Checks["b"] = OutputCheck.Missing;
        world.Declare(Declarations(region: "us"));
        Assert.Equal(
            "a Build OutputMissing\nb Build Changed: env REGION eu -> us\nc Current",
            world.Verdicts(world.Plan(soft, "c", "b")));
    }

    [Fact]
    public void Fresh_covers_the_selected_or_everything()
    {
        var world = Chain();
        world.Build("c");
        var fresh = new PlanOptions { Now = world.Now, Fresh = FreshMode.Selected };

        Assert.Equal("a Current\nb Current\nc Build Fresh", world.Verdicts(world.Plan(fresh, "c")));
        Assert.Equal(
            "a Build Fresh\nb Build Fresh\nc Build Fresh",
            world.Verdicts(world.Plan(fresh with { Fresh = FreshMode.All }, "c")));
    }

    [Fact]
    public void Code_and_conditions_are_part_of_the_fingerprint()
    {
        var world = Chain();
        world.JobFacts["b"] = new JobFact
        {
            Code = [new PathDigest("b.py", DigestOf("1"))],
            Conditions = [new ConditionFact("python --version", "3.13")],
        };
        world.Build("c");
        world.JobFacts["b"] = new JobFact
        {
            Code = [new PathDigest("b.py", DigestOf("2"))],
            Conditions = [new ConditionFact("python --version", "3.14")],
        };

        Assert.Contains(
            $"b Build Changed: code b.py {DigestOf("1").Short} -> {DigestOf("2").Short}, "
            + "condition python --version 3.13 -> 3.14",
            world.Verdicts(world.Plan("c")));
    }

    [Fact]
    public void The_first_failing_check_is_the_reason()
    {
        var world = new PlanWorld(Job("x", "x") with
        {
            Limits = new JobLimits { MaxAge = TimeSpan.FromHours(24) },
        });
        world.Fact("x") = new PartitionFact(Standing.Failed) { Reason = "r-9, exit 1" };
        Assert.Equal("x Build LastFailed: r-9, exit 1", world.Verdicts(world.Plan("x")));

        world.Build("x");
        var options = new PlanOptions { Now = world.Now.AddHours(26) };
        Assert.Equal(
            "x Build Expired: 26 h, max_age 24 h", world.Verdicts(world.Plan(options, "x")));
        world.Checks["x"] = OutputCheck.Modified;
        Assert.Equal("x Build OutputModified", world.Verdicts(world.Plan("x")));
        world.Fact("x") = world.Fact("x") with
        {
            Standing = Standing.Tainted,
            Reason = "by ann: wrong units",
        };
        Assert.Equal("x Build Tainted: by ann: wrong units", world.Verdicts(world.Plan("x")));
    }

    [Fact]
    public void What_was_right_before_a_failure_is_tested_again_at_its_turn()
    {
        var world = Chain();
        world.Build("c");
        world.Fact("b") = world.Fact("b") with { Standing = Standing.Failed, Reason = "r-9" };

        Assert.Equal(
            """
            a Current
            b Maybe Maybe: the last run failed; what was published before may do
            c Maybe Maybe: input b is rebuilt
            """,
            world.Verdicts(world.Plan("c")));
    }

    [Fact]
    public void A_missing_source_blocks_what_reads_it_and_nothing_else()
    {
        var world = Chain();
        world.Declare(Declarations("eu").Append(Job("other", "other", "t")).Append(
            Source("t", "data/t.csv")).Append(Job("d", "d", "c", "other")));
        world.Files.Remove("data/s.csv");
        world.Files["data/t.csv"] = "there";

        var plan = world.Plan("d");

        var problem = Assert.Single(plan.Problems);
        Assert.Equal("source-missing", problem.Code);
        Assert.Equal(
            "data/s.csv does not exist (input of job a, quoin.yaml:15:3)", problem.Message);
        Assert.Equal(["d", "c", "b", "a", "s"], problem.Chain);
        Assert.Equal(new PlanCounts(5, 0, 1, 0, 4), plan.Counts);
        Assert.Equal(["other"], plan.AlsoWanted.Select(world.Names.Text));
        Assert.Equal(["d"], plan.Targets.Select(world.Names.Text));
    }

    [Fact]
    public void Only_the_outputs_that_fail_are_claimed()
    {
        var world = new PlanWorld(Job("pair", "left right"), Job("top", "top", "left", "right"));
        world.Build("top");
        world.Checks["right"] = OutputCheck.Missing;

        var plan = world.Plan("top");

        Assert.Equal(
            [StaleReason.None, StaleReason.OutputMissing],
            plan.OutputReasonsOf(plan.Graph.ProducerOf(world.P("left"))).ToArray());
        Assert.Equal("right", plan.DetailOf(plan.Graph.ProducerOf(world.P("left"))));
        Assert.Equal(new PlanCounts(3, 1, 1, 1, 0), plan.Counts);
    }

    [Fact]
    public void What_another_want_has_is_waited_for()
    {
        var world = Chain();
        world.Build("c");
        world.Fact("b") = new PartitionFact(Standing.Active) { Run = new RunId(7) };

        var plan = world.Plan("c");

        Assert.Equal(
            "a Current\nb Build: delegated to r-7\nc Maybe Maybe: input b is rebuilt",
            world.Verdicts(plan));
        Assert.Equal(1, plan.Delegated);
        Assert.False(plan.IsPlanned(plan.Graph.ProducerOf(world.P("b"))));
    }

    [Fact]
    public void What_was_not_kept_is_built_when_somebody_reads_it_now()
    {
        var world = Chain();
        world.Build("c");
        world.Checks["b"] = OutputCheck.NotKept;

        Assert.Equal("a Current\nb Current NotKept\nc Current", world.Verdicts(world.Plan("c")));
        world.Checks["c"] = OutputCheck.Missing;
        Assert.Equal(
            "a Current\nb Build NotKept\nc Build OutputMissing", world.Verdicts(world.Plan("c")));
    }

    static PlanWorld Chain()
    {
        var world = new PlanWorld(Declarations("eu"));
        world.Files["data/s.csv"] = "text";
        return world;
    }

    static IEnumerable<object> Declarations(string region) =>
    [
        Source("s", "data/s.csv"),
        Job("a", "a", "s"),
        Job("b", "b", "a") with { Env = [new("REGION", At(region))] },
        Job("c", "c", "b"),
    ];

    static IEnumerable<object> WithOptions(string locale, string theme) =>
    [
        Job("x", "x") with
        {
            Options = [new JobOption("theme", theme, true), new JobOption("locale", locale, false)],
        },
    ];
}
