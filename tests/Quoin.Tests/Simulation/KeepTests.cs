using Quoin.Core;

namespace Quoin.Tests.Simulation;

/// <summary>When an output of <c>keep: temp</c> is let go, turn by turn.</summary>
public sealed class KeepTests
{
    static readonly SourceLocation here = new("quoin.yaml", 9, 1);

    // y and z read t, which nobody needs to have afterwards.
    static ScriptedBuild UpToY()
    {
        var graph = TestGraph.Builder([], ("y", ["y"], ["t"]), ("z", ["z"], ["t"]));
        graph.Add(new JobDeclaration
        {
            Name = new("t", here),
            Outputs = [new("t", here)],
            Exec = [new("true", here)],
            Keep = KeepRule.Temp,
        });
        var build = new ScriptedBuild(1, graph);
        build.Want("y");
        build.Turn();
        build.Complete("t");
        build.Turn();
        Assert.Equal("y", build.Running);
        return build;
    }

    [Fact]
    public void What_is_temporary_goes_after_its_reader()
    {
        var build = UpToY();
        build.Complete("y");
        build.Turn();
        Assert.Equal("t", build.Dropped);
    }

    [Fact]
    public void What_a_plan_of_the_same_turn_counts_on_stays_until_that_has_read_it()
    {
        var build = UpToY();
        build.Complete("y");
        var want = build.Want("z");
        build.Turn();
        Assert.Equal(("", "z"), (build.Dropped, build.Running));
        build.Complete("z");
        build.Turn();
        Assert.Equal(("t", WantOutcome.Succeeded), (build.Dropped, want.Outcome));
    }

    [Theory]
    [InlineData(FailureCategory.Failed)]
    [InlineData(FailureCategory.Configuration)]
    public void What_a_failed_run_read_stays_for_the_next_one(FailureCategory category)
    {
        var build = UpToY();
        build.Fail("y", category);
        build.Turn();
        Assert.Equal(("", ""), (build.Dropped, build.Running));
    }
}
