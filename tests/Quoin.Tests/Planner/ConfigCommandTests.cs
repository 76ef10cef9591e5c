using System.Collections.Immutable;
using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

/// <summary>
/// Jobs whose inputs come from a config command: analysis asks, the caller answers.
/// </summary>
public sealed class ConfigCommandTests
{
    [Fact]
    public void Each_job_is_asked_once_a_round_for_all_outputs_sorted()
    {
        var world = new PlanWorld(
            Asking("late", "late/{x}"), Asking("early", "early/{x}"), Job("leaf", "leaf/{x}"));
        var analysis = new Analysis(world.Graph, world.Names);

        analysis.Start([.. "late/b early/1 late/a leaf/0".Split(' ').Select(world.P)]);

        Assert.Equal(["early: early/1", "late: late/a late/b"], Texts(analysis.Requests));
        analysis.Answer([
            ConfigAnswer.Of([Config("early", "early/1", "late/c", "leaf/1")]),
            ConfigAnswer.Of([Config("late", "late/a late/b", "leaf/2")]),
        ]);
        Assert.Equal(["late: late/c"], Texts(analysis.Requests));
        analysis.Answer([ConfigAnswer.Of([Config("late", "late/c")])]);
        Assert.Empty(analysis.Requests);
        Assert.Equal(
            """
            leaf/0 <-
            leaf/1 <-
            leaf/2 <-
            late/c <-
            late/a late/b <- leaf/2
            early/1 <- late/c leaf/1
            """,
            AnalysisTests.Dump(analysis.Finish()));
    }

    [Fact]
    public void Equal_configs_are_one_node()
    {
        var graph = Answered(
            "j/1 j/2", Config("j", "j/1 j/2", "leaf/1"), Config("j", "j/1 j/2", "leaf/1"));

        Assert.Equal("leaf/1 <-\nj/1 j/2 <- leaf/1", AnalysisTests.Dump(graph));
        Assert.Empty(graph.Warnings);
    }

    [Fact]
    public void Different_configs_that_share_an_output_are_two_nodes_and_a_warning_names_both()
    {
        var graph = Answered("j/1 j/2", Config("j", "j/1 j/3"), Config("j", "j/2 j/3", "leaf/1"));

        Assert.Equal(
            "two-producers: j/3 is made by two configs of job j (quoin.yaml:14:3): "
            + "the one of j/1 and the one of j/2",
            Text(Assert.Single(graph.Warnings)));
        Assert.Empty(graph.Problems);
        var first = graph.ProducerOf(graph.Names.Intern("j/1"));
        Assert.Equal(first, graph.ProducerOf(graph.Names.Intern("j/3")));
        Assert.Equal(3, graph.Count);
    }

    [Fact]
    public void The_config_of_a_node_is_the_answer()
    {
        var config = Config("j", "j/1") with { Args = ["x"] };

        var graph = Answered("j/1", config);

        Assert.Same(config, graph.ConfigOf(0));
    }

    [Fact]
    public void A_failed_call_blocks_all_that_it_was_asked_for()
    {
        var world = World();
        var analysis = new Analysis(world.Graph, world.Names);
        analysis.Start([world.P("top"), world.P("leaf/1")]);

        analysis.Answer([ConfigAnswer.Failed("config exited with 2: KeyError: region")]);

        var graph = analysis.Finish();
        var problem = Assert.Single(graph.Problems);
        Assert.Equal(
            "config-failed: job j (quoin.yaml:14:3): config exited with 2: KeyError: region "
            + "(asked for 2 outputs)",
            Text(problem));
        Assert.Equal(["top", "j/1"], problem.Chain);
        Assert.Equal(0, graph.ProblemOf(graph.ProducerOf(world.P("top"))));
        Assert.Equal(-1, graph.ProblemOf(graph.ProducerOf(world.P("leaf/1"))));
    }

    [Fact]
    public void What_an_answer_leaves_out_is_said()
    {
        var graph = Answered("j/1 j/2 j/3", Config("j", "j/2"));

        Assert.Equal(
            "config-failed: job j (quoin.yaml:14:3): its config answered without j/1 and 1 more",
            Text(Assert.Single(graph.Problems)));
    }

    [Theory]
    [InlineData("j/1 leaf/9", "leaf/1", "output leaf/9 matches none of its patterns j/{x}")]
    [InlineData("j/1", "a//b j/1", "inputs: \"a//b\" has an empty segment; j/1 is its own input")]
    [InlineData("j/1 j/%zz", "",
        "outputs: \"j/%zz\" has a % that is not followed by two digits 0-9A-F")]
    public void A_bad_config_is_refused_with_everything_that_is_wrong(
        string outputs, string inputs, string wrong)
    {
        var graph = Answered("j/1", Config("j", outputs, Words(inputs)));

        Assert.Equal(
            "config-failed: job j (quoin.yaml:14:3): its config answered something bad: " + wrong,
            Text(Assert.Single(graph.Problems)));
    }

    [Fact]
    public void A_config_that_nobody_asked_for_is_left_out_with_a_warning()
    {
        var graph = Answered("j/1", Config("j", "j/1"), Config("j", "j/7"));

        Assert.Equal("j/1 <-", AnalysisTests.Dump(graph));
        Assert.Equal(
            "config-unasked: job j (quoin.yaml:14:3): its config answered j/7, "
            + "which nobody asked for; left out",
            Text(Assert.Single(graph.Warnings)));
    }

    [Fact]
    public void All_problems_are_found_at_once_and_the_rest_is_planned()
    {
        var world = new PlanWorld(
            Asking("j", "j/{x}"), Asking("k", "k/{x}"), Job("leaf", "leaf/{x}"),
            Job("ok", "ok", "leaf/1"));
        var analysis = new Analysis(world.Graph, world.Names);
        analysis.Start([.. "j/cycle j/nobody k/bad ok".Split(' ').Select(world.P)]);
        analysis.Answer([
            ConfigAnswer.Of([
                Config("j", "j/cycle", "k/cycle"), Config("j", "j/nobody", "nobody/1")]),
            ConfigAnswer.Failed("config exited with 1"),
        ]);
        analysis.Answer([ConfigAnswer.Of([Config("k", "k/cycle", "j/cycle")])]);

        var graph = analysis.Finish();

        Assert.Equal(
            ["config-failed", "no-producer", "cycle"], graph.Problems.Select(p => p.Code));
        Assert.Equal(-1, graph.ProblemOf(graph.ProducerOf(world.P("ok"))));
        Assert.Equal(1, graph.ProblemOf(graph.ProducerOf(world.P("j/nobody"))));
        Assert.Equal(2, graph.ProblemOf(graph.ProducerOf(world.P("j/cycle"))));
        Assert.Equal(0, graph.ProblemOf(world.P("k/bad")));
    }

    static PlanWorld World() => new(
        Asking("j", "j/{x}"), Job("leaf", "leaf/{x}"), Job("top", "top", "j/1", "j/2"));

    static JobGraph Answered(string targets, params ImmutableArray<JobConfig> configs)
    {
        var world = World();
        var analysis = new Analysis(world.Graph, world.Names);
        analysis.Start([.. Words(targets).Select(world.P)]);
        analysis.Answer([ConfigAnswer.Of(configs)]);
        Assert.Empty(analysis.Requests);
        return analysis.Finish();
    }

    static JobDeclaration Asking(string name, string output) =>
        Job(name, output) with { ConfigCommand = [At("./config")] };

    static JobConfig Config(string job, string outputs, params string[] inputs) => new()
    {
        Job = job,
        Outputs = [.. Words(outputs)],
        Inputs = [.. inputs],
    };

    static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    static string Text(PlanProblem problem) => $"{problem.Code}: {problem.Message}";

    static IEnumerable<string> Texts(ImmutableArray<ConfigRequest> requests) =>
        requests.Select(request => $"{request.Job.Name}: {string.Join(' ', request.Outputs)}");
}
