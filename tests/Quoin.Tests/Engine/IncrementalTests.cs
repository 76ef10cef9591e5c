using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>The scenarios of incremental builds, with real files and processes.</summary>
public sealed class IncrementalTests
{
    const string Chain = """
        quoin: 1
        name: chain
        datasets:
          src: { source: src.txt }
        jobs:
          a:
            outputs: [a]
            inputs: [src]
            exec: [sh, -c, "tr a-z A-Z <$0", "{in}"]
            stdout: "{out}"
          b:
            outputs: [b]
            inputs: [a]
            exec: [sh, -c, "cat $0; echo $REGION", "{in}"]
            stdout: "{out}"
            env: { REGION: eu }
          c: { outputs: [c], inputs: [b], exec: [cat, "{in}"], stdout: "{out}" }
        """;

    static async Task<EngineWorld> BuiltAsync()
    {
        var world = new EngineWorld(Chain);
        world.Write("src.txt", "one\n");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("a b c", world.Ran);
        Assert.Equal("ONE\neu\n", world.Output("c"));
        return world;
    }

    [Fact]
    public async Task What_is_current_is_not_run()
    {
        using var world = await BuiltAsync();
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("", world.Ran);
        Assert.Empty(world.Last.Of<RunScheduled>());
        Assert.Equal(new PlanCounts(3, 3, 0, 0, 0), world.Last.Plan!.Counts);
    }

    [Fact]
    public async Task An_input_rebuilt_to_the_same_bytes_rebuilds_nothing_more()
    {
        using var world = await BuiltAsync();
        world.Write("src.txt", "ONE\n");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("a", world.Ran);
        Assert.Equal(2, world.Last.Of<PartitionCurrent>().Count());
    }

    [Fact]
    public async Task A_changed_variable_runs_the_job_and_what_reads_other_bytes()
    {
        using var world = await BuiltAsync();
        world.Write("quoin.yaml", Chain.Replace("REGION: eu", "REGION: us"));
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("b c", world.Ran);
        var stale = world.Last.Of<PartitionStale>().First(e => e.Reason == StaleReason.Changed);
        Assert.Equal("env REGION eu -> us", stale.Detail);
    }

    [Fact]
    public async Task A_missing_output_is_made_again()
    {
        using var world = await BuiltAsync();
        world.Delete(".quoin/data/b");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("b", world.Ran);
        Assert.Equal(
            StaleReason.OutputMissing, world.Last.Of<PartitionStale>().First(IsOwn).Reason);
    }

    [Fact]
    public async Task An_edited_output_is_made_again()
    {
        using var world = await BuiltAsync();
        world.Write(".quoin/data/b", "edited by hand");
        Assert.Equal("Succeeded", await world.BuildAsync("b"));
        Assert.Equal("b", world.Ran);
        Assert.Equal(
            StaleReason.OutputModified, world.Last.Of<PartitionStale>().First(IsOwn).Reason);
        Assert.Equal("ONE\neu\n", world.Output("b"));
    }

    static bool IsOwn(PartitionStale e) => e.Reason != StaleReason.Maybe;

    [Fact]
    public async Task Limits_and_tags_are_not_part_of_the_fingerprint()
    {
        using var world = await BuiltAsync();
        world.Write(
            "quoin.yaml",
            Chain.Replace("  b:\n", "  b:\n    tags: [x]\n    retries: 3\n"));
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("", world.Ran);
    }

    [Fact]
    public async Task Fresh_runs_what_is_selected_and_fresh_all_what_it_requires()
    {
        using var world = await BuiltAsync();
        await world.BuildAsync(Fresh(FreshMode.Selected));
        Assert.Equal("c", world.Ran);
        await world.BuildAsync(Fresh(FreshMode.All));
        Assert.Equal("a b c", world.Ran);
    }

    static WantRequest Fresh(FreshMode mode) => new()
    {
        Targets = ["c"],
        Options = new WantOptions { Fresh = mode },
    };

    // build-process.md, section 3, modes: a file that kept its size and its time.
    [Fact]
    public async Task Only_thorough_reads_what_looks_unchanged()
    {
        using var world = await BuiltAsync();
        WriteWithOldTime(world, "one\n");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        WriteWithOldTime(world, "two\n");

        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("", world.Ran);
        Assert.Equal(
            "Succeeded",
            await world.BuildAsync(Modes(new() { Thorough = true })));
        Assert.Equal("a b c", world.Ran);
        Assert.Equal("TWO\neu\n", world.Output("c"));
    }

    static void WriteWithOldTime(EngineWorld world, string text)
    {
        world.Write("src.txt", text);
        File.SetLastWriteTimeUtc(world.Workspace.Absolute("src.txt"), new DateTime(2020, 1, 1));
    }

    // build-process.md, scenario 7.
    [Fact]
    public async Task Soft_leaves_what_reads_rebuilt_inputs()
    {
        using var world = await BuiltAsync();
        world.Write("src.txt", "two\n");
        Assert.Equal("Succeeded", await world.BuildAsync("a"));

        Assert.Equal(
            "Succeeded", await world.BuildAsync(Modes(new() { Soft = true })));
        Assert.Equal("", world.Ran);
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("b c", world.Ran);
    }

    static WantRequest Modes(WantOptions options) => new() { Targets = ["c"], Options = options };

    [Fact]
    public async Task A_want_keeps_its_modes_for_whoever_makes_it()
    {
        using var world = await BuiltAsync();
        world.Write("src.txt", "two\n");
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        await Decisions.MakeAsync(
            world.Store, TimeProvider.System,
            state => [new AcceptWant(
                [state.Names.Intern("c")], new WantOptions { Soft = true })],
            CancellationToken.None);

        Assert.Equal("Succeeded", await world.BuildAsync("a"));

        Assert.Equal(["w-3"], world.Last.Continued);
        Assert.Equal("", world.Ran);
    }

    [Fact]
    public async Task What_a_run_finds_is_planned_in_the_modes_of_its_want()
    {
        using var world = await BuiltAsync();
        world.Write("quoin.yaml", Chain + """

              x:
                outputs: [x]
                exec:
                  - sh
                  - -c
                  - |
                    grep -q '"b"' $QUOIN_INPUTS && exec cp .quoin/data/b $0
                    echo '@quoin {{"needs": ["b"]}}'
                  - "{out}"
            """);
        world.Write("src.txt", "two\n");
        Assert.Equal("Succeeded", await world.BuildAsync("a"));

        Assert.Equal("Succeeded", await world.BuildAsync(
            Modes(new() { Soft = true }) with { Targets = ["x"] }));

        Assert.Equal("x", world.Ran);
        Assert.Equal("ONE\neu\n", world.Output("x"));
    }

    [Fact]
    public async Task A_tainted_partition_is_made_again()
    {
        using var world = await BuiltAsync();
        await using (var session = world.Open())
        {
            var b = session.Names.Intern("b");
            Assert.Null(await session.AskAsync(_ => [new Taint(b, "ops", "wrong unit")]));
        }
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("b", world.Ran); // To the same bytes: c stays.
    }

    [Fact]
    public async Task A_source_that_changes_while_it_is_read_is_published_and_not_current()
    {
        using var world = new EngineWorld("""
            quoin: 1
            name: moving
            datasets:
              src: { source: src.txt }
            jobs:
              a:
                outputs: [a]
                inputs: [src]
                exec: [sh, -c, "cat $0; [ -e done ] || {{ echo moved >>$0; touch done; }}", "{in}"]
                stdout: "{out}"
            """);
        world.Write("src.txt", "one\n");
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Contains("source-moved", Assert.Single(world.Last.Warnings));
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("a", world.Ran);
        Assert.Equal("one\nmoved\n", world.Output("a"));
    }

    [Fact]
    public async Task A_snapshot_and_the_tail_of_the_log_give_the_same_state()
    {
        using var world = await BuiltAsync();
        var names = new PartitionNames();
        var loaded = StateLoader.Load(world.Store, names);
        await StateLoader.SaveAsync(
            world.Store, loaded, CancellationToken.None);
        world.Write("src.txt", "two\n");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        var again = StateLoader.Load(world.Store, new PartitionNames());
        Assert.Equal(loaded.Position, again.SnapshotAt);
    }
}
