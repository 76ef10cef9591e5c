namespace Quoin.EndToEndTests.Resources;

/// <summary>
/// What authors of jobs with <c>resource:</c> get wrong: each is said, where it is, and nothing
/// stays outside for it. (Limits, failing releases and windows that are over: other tests here.)
/// </summary>
public sealed class BadInputTests : IDisposable
{
    const string Program = """
        case $1 in
          past) echo '@quoin {"defer":{"after":"-5s"}}' ;;
          absurd) echo '@quoin {"defer":{"after":"99999d"}}' ;;
          number) echo '@quoin {"defer":{"after":5}}' ;;
          large) printf '@quoin {"defer":{"state":{"a":"%070000d"}}}\n' 1 ;;
          drop) echo dropped >> calls; echo '@quoin {"released":true}' ;;
        esac

        """;

    readonly TestWorkspace workspace = new();

    public void Dispose() => workspace.Dispose();

    [Theory]
    [InlineData("past", "defer.after is -5s: nothing can be deferred into the past")]
    [InlineData("absurd", "of at most 365 days, but \"99999d\"")]
    [InlineData("number", "defer.after is not a duration such as \"30s\", but 5")]
    [InlineData("large", "defer.state has 70008 bytes, more than 65536; keep what is larger in a")]
    public void A_deferral_that_cannot_be_is_told_to_a_person_and_what_may_be_there_is_released(
        string said, string problem)
    {
        workspace.Write("say", Program).Write("quoin.yaml", $$"""
            quoin: 1
            jobs:
              thing:
                outputs: ["thing/{id:int}"]
                exec: [sh, say, {{said}}]
                resource:
                  release: [sh, say, drop]
                  poll: { every: 100ms, max: 100ms }
                  unknown: { count: 3, time: 1s }
                  settle: 0s
            """);

        var build = workspace.Quoin("build", "thing/1").Expect(1);

        Assert.Contains("lost-contact: a report cannot be read: ", build.Stderr);
        Assert.Contains(problem, build.Stderr);
        Assert.Equal("dropped\n", workspace.Read("calls"));
        var question = workspace.Quoin("interventions", "--all").Expect(0).Stdout;
        Assert.StartsWith("i-1  lost-contact  thing/1  r-1", question);
        Assert.Contains("closed by released", question);
    }

    [Fact]
    public void A_resource_without_release_is_refused_with_its_place()
    {
        workspace.Write("quoin.yaml", """
            quoin: 1
            jobs:
              thing:
                outputs: ["thing/{id:int}"]
                exec: [get]
                resource: { keep: 1h }
            """);

        var build = workspace.Quoin("build", "thing/1").Expect(2);

        Assert.Contains(
            "quoin.yaml:6:15: error[missing-key]: resource lacks release", build.Stderr);
        Assert.False(workspace.Exists(".quoin/quoin.db"));
    }

    [Fact]
    public void Things_that_stand_on_each_other_are_a_cycle_that_is_named_and_nothing_is_called()
    {
        workspace.Write("say", Program).Write("quoin.yaml", """
            quoin: 1
            jobs:
              a:
                outputs: ["a/{id:int}"]
                inputs: ["b/{id}"]
                exec: [sh, say, drop]
                resource: { release: [sh, say, drop] }
              b:
                outputs: ["b/{id:int}"]
                inputs: ["a/{id}"]
                exec: [sh, say, drop]
                resource: { release: [sh, say, drop] }
            """);

        Assert.Contains(
            "error[cycle]: a/1 -> b/1 -> a/1", workspace.Quoin("build", "a/1").Expect(1).Stderr);
        Assert.False(workspace.Exists("calls"));
    }
}
