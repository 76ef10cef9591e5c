using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>How wants end when jobs fail, ask for more, or are told to stop.</summary>
public sealed class OutcomeTests
{
    static string Job(string name, string inputs, string script, string more = "") => $$"""
          {{name}}:
            outputs: [{{name}}]
            inputs: [{{inputs}}]
            exec: [sh, -c, {{Quoted(script)}}, "{out}"]
            {{more}}

        """;

    // Braces of a script are not captures.
    static string Quoted(string script) =>
        JsonSerializer.Serialize(script.Replace("{", "{{").Replace("}", "}}"));

    static EngineWorld World(params string[] jobs) =>
        new("quoin: 1\nname: outcomes\njobs:\n" + string.Concat(jobs));

    [Fact]
    public async Task A_failure_cancels_what_depends_on_it_and_nothing_else()
    {
        using var world = World(
            Job("left", "", "exit 3"), Job("right", "", "echo r >$0"),
            Job("sink", "left, right", "echo s >$0"));
        Assert.Equal("Failed", await world.BuildAsync("sink"));
        Assert.Equal("right", world.Ran);
        var failed = Assert.Single(world.Last.Of<RunFailed>());
        Assert.Equal(FailureCategory.Failed, failed.Failure.Category);
        Assert.Equal(3, failed.Failure.ExitCode);
    }

    [Fact]
    public async Task Failed_work_is_tried_again_by_the_next_want()
    {
        using var world = World(
            Job("a", "", "[ -e ok ] && echo a >$0"), Job("b", "a", "echo b >$0"));
        Assert.Equal("Failed", await world.BuildAsync("b"));
        world.Write("ok", "");
        Assert.Equal("Succeeded", await world.BuildAsync("b"));
        Assert.Equal("a b", world.Ran);
    }

    [Fact]
    public async Task Fail_fast_starts_nothing_more()
    {
        using var world = new EngineWorld(
            "quoin: 1\nname: fast\njobs:\n" + Job("a", "", "exit 1") + Job("b", "", "echo >$0")
            + Job("all", "a, b", "echo >$0"))
        {
            Slots = 1,
        };
        Assert.Equal("Failed", await world.BuildAsync(new WantRequest
        {
            Targets = ["all"],
            Options = new WantOptions { OnFailure = FailureMode.FailFast },
        }));
        Assert.Equal("", world.Ran);
        Assert.Single(world.Last.Of<RunScheduled>());
    }

    [Fact]
    public async Task Exit_0_without_a_declared_output_breaks_the_contract_and_is_not_retried()
    {
        using var world = World(Job("a", "", "true", "retries: 5"));
        Assert.Equal("Failed", await world.BuildAsync("a"));
        var failed = Assert.Single(world.Last.Of<RunFailed>());
        Assert.Equal(FailureCategory.Contract, failed.Failure.Category);
        Assert.Null(failed.RetryAt);
    }

    [Fact]
    public async Task Temporary_failures_are_retried_with_growing_delays()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        const string Script = "n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) >n; "
            + "[ $n -ge 2 ] && echo a >$0 || exit 75";
        using var world = new EngineWorld(
            "quoin: 1\nname: retries\njobs:\n" + Job("a", "", Script))
        { Clock = clock };
        await using (var session = world.Open())
        {
            var report = session.WantAsync(new WantRequest { Targets = ["a"] });
            var ct = TestContext.Current.CancellationToken;
            var first = await clock.WhenTimerIsSetAsync(ct);
            Assert.InRange(first, TimeSpan.FromSeconds(1.6), TimeSpan.FromSeconds(2.4));
            clock.Advance(first);
            var second = await clock.WhenTimerIsSetAsync(ct);
            Assert.InRange(second, TimeSpan.FromSeconds(3.2), TimeSpan.FromSeconds(4.8));
            clock.Advance(second);
            var end = await report.WaitAsync(TimeSpan.FromSeconds(20), ct);
            Assert.Equal(WantOutcome.Succeeded, end.Outcome);
        }
        Assert.Equal([1, 2, 3], world.Last.Of<RunLeased>().Select(e => e.Attempt));
        Assert.Single(world.Last.Of<RunScheduled>());
    }

    [Fact]
    public async Task A_run_that_needs_more_inputs_gets_them_and_is_run_again()
    {
        const string Script = "grep -q '\"b\"' $QUOIN_INPUTS "
            + "&& cat .quoin/data/b >$0 || echo '@quoin {\"needs\":[\"b\"]}'";
        using var world = World(Job("a", "", Script), Job("b", "", "echo found >$0"));
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("a b", world.Ran);
        Assert.Equal("found\n", world.Output("a"));
        Assert.Single(world.Last.Of<RunDepMissed>());
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("", world.Ran); // The found input is part of the fingerprint.
    }

    [Fact]
    public async Task Needs_with_nothing_new_break_the_contract()
    {
        const string Script = "echo '@quoin {\"needs\":[\"b\"]}'";
        using var world = World(Job("a", "b", Script), Job("b", "", "echo b >$0"));
        Assert.Equal("Failed", await world.BuildAsync("a"));
        Assert.Equal(
            FailureCategory.Contract, Assert.Single(world.Last.Of<RunFailed>()).Failure.Category);
    }

    [Fact]
    public async Task Runs_that_need_each_other_fail_with_the_cycle()
    {
        static string Needs(string other) => "echo '@quoin {\"needs\":[\"" + other + "\"]}'";
        using var world = World(Job("a", "", Needs("b")), Job("b", "", Needs("a")));
        Assert.Equal("Failed", await world.BuildAsync("a"));
        Assert.Equal(2, world.Last.Of<RunDepMissed>().Count());
    }

    [Fact]
    public async Task A_cancelled_want_stops_its_runs()
    {
        using var world = World(Job("a", "", "echo >started; sleep 600", "grace: 1s"));
        await using (var session = world.Open())
        {
            var report = session.WantAsync(new WantRequest { Targets = ["a"] });
            await world.Last.Started.Task.WaitAsync(
                TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            session.Cancel(null, "test");
            Assert.Equal(WantOutcome.Cancelled, (await report).Outcome);
            await session.WhenIdleAsync().WaitAsync(
                TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        }
        Assert.Single(world.Last.Of<RunCancelAcked>());
        Assert.False(world.Exists(".quoin/data/a"));
    }

    [Fact]
    public async Task One_bad_partition_does_not_spoil_the_others()
    {
        using var world = World(
            Job("good", "", "echo >$0"),
            Job("bad", "", "echo >$0", "config: [sh, -c, 'echo no region >&2; exit 2']")
                .Replace("    inputs: []\n", ""),
            Job("all", "good, bad", "echo >$0"));
        Assert.Equal("Failed", await world.BuildAsync("all"));
        Assert.Equal("good", world.Ran);
        var problem = Assert.Single(world.Last.Plan!.Problems);
        Assert.Equal("config-failed", problem.Code);
        Assert.Contains("no region", problem.Message);
    }

    [Fact]
    public async Task Strict_starts_nothing_when_there_is_a_problem()
    {
        using var world = World(
            Job("good", "", "echo >$0"),
            Job("bad", "", "echo >$0", "config: [sh, -c, 'exit 2']")
                .Replace("    inputs: []\n", ""),
            Job("all", "good, bad", "echo >$0"));
        await world.BuildAsync(new WantRequest
        {
            Targets = ["all"],
            Options = new WantOptions { Strict = true },
        });
        Assert.Single(world.Last.Of<AnalysisFailed>());
        Assert.Empty(world.Last.Of<RunScheduled>());
    }

    [Fact]
    public async Task Known_partitions_are_those_that_were_built_or_can_be_told()
    {
        using var world = new EngineWorld("""
            quoin: 1
            name: known
            datasets:
              raw/{name}: { source: "raw/{name}.txt" }
            jobs:
              clean:
                outputs: ["clean/{name}"]
                inputs: ["raw/{name}"]
                exec: [cp, "{in}", "{out}"]
              all:
                outputs: [all]
                inputs: ["clean/{name:known}"]
                exec: [cat, "{in...}"]
                stdout: "{out}"
            """);
        world.Write("raw/a.txt", "a\n");
        world.Write("raw/b.txt", "b\n");
        Assert.Equal("Succeeded", await world.BuildAsync("all"));
        Assert.Equal("a\nb\n", world.Output("all"));
    }

    [Fact]
    public async Task A_want_leaves_a_log_of_its_plan()
    {
        using var world = World(Job("a", "", "echo a >$0"));
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal(
            ["selected", "args-accepted", "planned", "remaining", "ended"], TypesOf(world));
    }

    static string[] TypesOf(EngineWorld world) =>
    [
        .. world.Read(".quoin/log/w-1/plan.jsonl").TrimEnd('\n').Split('\n')
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("type").GetString()!),
    ];

    // build-process.md, section 1.2: what of the diagrams is an entry of the plan log.
    [Fact]
    public async Task The_log_of_a_plan_has_what_commands_said_and_what_could_not_be_had()
    {
        using var world = new EngineWorld("""
            quoin: 1
            jobs:
              asked:
                outputs: ["asked/{n:int}"]
                config: [sh, config.sh]
                exec: [sh, -c, "echo >$0", "{out}"]
              broken: { outputs: [broken], config: [sh, -c, "exit 2"], exec: ["true"] }
              x: { outputs: [x], inputs: [y], exec: ["true"] }
              y: { outputs: [y], inputs: [x], exec: ["true"] }
            """);
        world.Write("config.sh", """
            cat >/dev/null
            echo '{"configs": [{"outputs": ["asked/1"], "args": [">one"]}]}'

            """);
        await using (var session = world.Open())
        {
            var report = await session.WantAsync(new WantRequest
            {
                Targets = ["asked/1", "broken", "x", "nobody"],
            }).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            Assert.Equal(WantOutcome.Failed, report.Outcome);
        }

        Assert.Equal(
            [
                "selected", "round", "config-called", "config-answered", "config-called",
                "config-failed", "args-rejected", "args-accepted", "unresolved", "unresolved",
                "cycle", "planned", "remaining", "ended",
            ],
            TypesOf(world));
    }

    [Fact]
    public async Task A_want_that_waits_says_for_what_and_gives_signs_of_life()
    {
        using var world = World(
            Job("a", "", "until [ -e go ]; do sleep 0.02; done; echo a >$0"),
            Job("b", "", "echo b >$0"), Job("c", "", "echo c >$0"));
        await using (var session = world.Open())
        {
            var asked = session.WantAsync(new WantRequest { Targets = ["a", "b", "c"] });
            await world.Last.Started.Task.WaitAsync(
                TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            session.Beat();
            await session.AskAsync(_ => []); // It was heard.
            world.Write("go", "");
            await asked.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }

        Assert.Contains("heartbeat", TypesOf(world));
        Assert.Contains(
            "\"type\":\"waiting\",\"for\":\"a slot\"",
            world.Read(".quoin/log/w-1/plan.jsonl"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_fails_stops_the_build_and_says_so()
    {
        using var world = World(Job("a", "", "echo >$0"));
        var session = world.Open();
        world.Store.Break(new StoreException("disk-full", "The disk is full."));
        var failure = await Assert.ThrowsAsync<StoreException>(
            () => session.WantAsync(new WantRequest { Targets = ["a"] }));
        Assert.Equal("disk-full", failure.Code);
        await Assert.ThrowsAsync<StoreException>(() => session.DisposeAsync().AsTask());
    }
}
