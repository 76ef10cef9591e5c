using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Artifacts;

/// <summary>
/// Builds that restore instead of run, with real files and processes: as the current test says,
/// checked by digest, and never more than a miss when something is wrong.
/// </summary>
public sealed class ArtifactBuildTests : IDisposable
{
    const string Chain = """
        quoin: 1
        name: chain
        artifacts: {}
        datasets:
          src: { source: src.txt }
        jobs:
          a: { outputs: [a], inputs: [src], exec: [cat, "{in}"], stdout: "{out}" }
          b:
            outputs: [b]
            inputs: [a]
            exec: [sh, -c, "cat $0; echo $REGION", "{in}"]
            stdout: "{out}"
            env: { REGION: eu }
          c: { outputs: [c], inputs: [b], exec: [cat, "{in}"], stdout: "{out}" }
        """;

    readonly ArtifactWorld artifacts = new();

    public void Dispose() => artifacts.Dispose();

    SharedFolderPlace Nowhere => new("/nowhere", () => "x", artifacts.Time);

    EngineWorld World(string host, string yaml, params IArtifactPlace[] places)
    {
        var world = new EngineWorld(yaml) { Artifacts = artifacts.Host(host, places) };
        world.Write("src.txt", "one\n");
        return world;
    }

    async Task<EngineWorld> BuiltAsync(string host, params IArtifactPlace[] places)
    {
        var world = World(host, Chain, places);
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("a b c", world.Ran);
        Assert.Empty(artifacts.Warnings);
        return world;
    }

    static string From(EngineWorld world) => string.Join(
        ' ', world.Last.Of<RunCompleted>().Select(e => e.RestoredFrom).Order());

    [Fact]
    public async Task A_wanted_output_that_is_gone_is_restored_and_nothing_runs()
    {
        using var world = await BuiltAsync("a");
        world.Delete(".quoin/data/c");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("local", From(world));
        Assert.Equal("one\neu\n", world.Output("c"));
        Assert.Equal(
            StaleReason.Restorable, Assert.Single(world.Last.Of<PartitionStale>()).Reason);
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Empty(world.Last.Of<RunScheduled>());
    }

    [Fact]
    public async Task An_input_that_is_gone_stays_away_while_nothing_reads_it()
    {
        using var world = await BuiltAsync("a");
        world.Delete(".quoin/data/b");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Empty(world.Last.Of<RunScheduled>());
        Assert.Equal(new PlanCounts(3, 3, 0, 0, 0), world.Last.Plan!.Counts);
        Assert.False(world.Exists(".quoin/data/b"));
    }

    [Fact]
    public async Task An_input_that_is_gone_is_restored_for_what_reads_it()
    {
        using var world = await BuiltAsync("a");
        world.Delete(".quoin/data/b");
        world.Delete(".quoin/data/c");
        world.Write("quoin.yaml", Chain.Replace("[b], exec: [cat", "[b], exec: [tac"));
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal(" local", From(world));
        Assert.Equal("eu\none\n", world.Output("c"));
    }

    [Fact]
    public async Task Without_a_copy_what_is_gone_is_made_again()
    {
        using var world = World("a", Chain.Replace("artifacts: {}", "targets: [c]"));
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        world.Delete(".quoin/data/b");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("b", world.Ran);
        Assert.Equal("", From(world));
    }

    [Fact]
    public async Task Back_and_forth_between_two_versions_nothing_runs_twice()
    {
        using var world = await BuiltAsync("a");
        world.Write("src.txt", "two\n");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal(3, world.Last.Of<RunCompleted>().Count(e => e.RestoredFrom == ""));
        for (var turn = 0; turn < 2; turn++)
        {
            world.Write("src.txt", turn == 0 ? "one\n" : "two\n");
            Assert.Equal("Succeeded", await world.BuildAsync("c"));
            Assert.Equal("local local local", From(world));
            Assert.Equal(turn == 0 ? "one\neu\n" : "two\neu\n", world.Output("c"));
        }
    }

    [Fact]
    public async Task A_fresh_clone_with_a_shared_folder_runs_nothing()
    {
        using var first = await BuiltAsync("a", artifacts.Folder());
        using var clone = World("b", Chain, artifacts.Folder());
        Assert.Equal("Succeeded", await clone.BuildAsync("c"));
        Assert.Equal("local shared shared", From(clone)); // c has the bytes of b.
        Assert.Equal("one\neu\n", clone.Output("c"));
    }

    [Fact]
    public async Task A_damaged_copy_is_said_and_the_job_runs()
    {
        using var world = await BuiltAsync("a");
        ArtifactWorld.Flip(world.Artifacts!.Local.PathOf(Xxh3.Hash("one\neu\n"u8)));
        world.Delete(".quoin/data/c");
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("c", world.Ran);
        Assert.Equal("", From(world));
        Assert.Equal("one\neu\n", world.Output("c"));
        Assert.Contains("was damaged; it was dropped there", Assert.Single(artifacts.Warnings));
    }

    [Fact]
    public async Task A_layer_that_is_down_is_one_warning_and_the_build_goes_on()
    {
        using var world = World("a", Chain, Nowhere);
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Equal("a b c", world.Ran);
        Assert.StartsWith(
            "the shared artifacts (/nowhere) cannot be used", Assert.Single(artifacts.Warnings));
    }

    [Fact]
    public async Task Apart_a_run_whose_outputs_no_layer_takes_has_failed()
    {
        using var world = new EngineWorld(Chain) { Slots = 0, IsShared = true };
        world.Write("src.txt", "one\n");
        var store = artifacts.Host("apart", Nowhere);
        await using var worker = world.WorkApart(store);
        await using var session = world.Open();
        _ = session.WantAsync(new WantRequest { Targets = ["a"] });
        await world.Last.WhenAsync(e => e is RunFailed or RunCompleted)
            .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        var failed = Assert.Single(world.Last.Of<RunFailed>());
        Assert.Equal(
            new RunFailure(
                FailureCategory.Temporary,
                "its outputs are on this host only; no layer of artifacts that others see has "
                + "them"),
            failed.Failure);
        Assert.Empty(world.Last.Of<RunCompleted>());
    }

    [Fact]
    public async Task What_is_asked_for_anew_is_made_anew()
    {
        using var world = await BuiltAsync("a");
        var fresh = new WantRequest
        {
            Targets = ["c"],
            Options = new WantOptions { Fresh = FreshMode.Selected },
        };
        Assert.Equal("Succeeded", await world.BuildAsync(fresh));
        Assert.Equal("", From(world));
        Assert.Equal("c", world.Ran);
    }

    [Fact]
    public async Task What_was_edited_by_hand_is_made_again()
    {
        using var world = await BuiltAsync("a");
        world.Write(".quoin/data/b", "edited by hand");
        Assert.Equal("Succeeded", await world.BuildAsync("b"));
        Assert.Equal("", From(world));
        Assert.Equal("one\neu\n", world.Output("b"));
    }

    [Fact]
    public async Task What_nobody_trusts_any_more_is_made_again()
    {
        using var world = await BuiltAsync("a");
        await using (var session = world.Open())
            Assert.Null(await session.AskAsync(
                state => [new Taint(state.Names.Intern("b"), "me", "wrong")]));
        world.Delete(".quoin/data/b");
        Assert.Equal("Succeeded", await world.BuildAsync("b"));
        Assert.Equal("b", world.Ran);
        Assert.Equal("", From(world));
    }

    [Fact]
    public async Task A_restored_run_says_nothing_of_how_long_the_job_takes()
    {
        using var world = await BuiltAsync("a");
        var before = StateLoader.Load(world.Store, new PartitionNames()).History.MedianOf("c");
        for (var time = 0; time < 3; time++)
        {
            world.Delete(".quoin/data/c");
            Assert.Equal("Succeeded", await world.BuildAsync("c"));
            Assert.Equal("local", From(world));
        }
        Assert.Equal(
            before, StateLoader.Load(world.Store, new PartitionNames()).History.MedianOf("c"));
    }

    // build-process.md, section 6: all layers fail, and the plan did not know that.
    [Fact]
    public async Task An_input_that_is_lost_is_made_again_and_its_reader_run_again()
    {
        var cas = $"{artifacts.Root}/a/cas";
        using var world = World("a", $$"""
            quoin: 1
            artifacts: {}
            datasets: { src: { source: src.txt } }
            jobs:
              a: { outputs: [a], inputs: [src], exec: [cat, "{in}"], stdout: "{out}" }
              gate:
                outputs: [gate]
                inputs: [a]
                exec: [sh, -c, "rm -r .quoin/data/a {{cas}}; echo open"]
                stdout: "{out}"
              c: { outputs: [c], inputs: [a, gate], exec: [cat, "{in...}"], stdout: "{out}" }
            """);

        Assert.Equal("Succeeded", await world.BuildAsync("c"));

        Assert.Equal("a a c gate", world.Ran);
        var names = await world.Last.Names.Task;
        Assert.Equal(
            ["a"],
            Assert.Single(world.Last.Of<RunDepMissed>()).Needs.Select(need => names.Text(need)));
        Assert.Equal("one\nopen\n", world.Output("c"));
        Assert.StartsWith(
            "input a of r-3 is lost", Assert.Single(world.Last.Warnings),
            StringComparison.Ordinal);
        Assert.Equal("Succeeded", await world.BuildAsync("c"));
        Assert.Empty(world.Last.Of<RunScheduled>());
    }

    [Fact]
    public async Task The_verdict_of_a_check_is_kept_and_its_bytes_are_not()
    {
        const string check = """
            quoin: 1
            datasets: { src: { source: src.txt } }
            jobs:
              x:
                outputs: [x]
                inputs: [src]
                exec: [cat, "{in}"]
                stdout: "{out}"
                keep: check
            """;
        using var world = World("a", check);
        Assert.Equal("Succeeded", await world.BuildAsync("x"));
        Assert.Equal("x", world.Ran);
        Assert.False(world.Exists(".quoin/data/x"));
        Assert.Equal("Succeeded", await world.BuildAsync("x"));
        Assert.Empty(world.Last.Of<RunScheduled>());
        world.Write("quoin.yaml", check
            + "\n  y: { outputs: [y], inputs: [x], exec: [cat, \"{in}\"], stdout: \"{out}\" }\n");
        Assert.Equal("Succeeded", await world.BuildAsync("y"));
        Assert.Equal("x y", world.Ran);
        Assert.Equal(
            StaleReason.NotKept, Assert.Single(world.Last.Of<PartitionStale>()).Reason);
        Assert.Equal("one\n", world.Output("y"));
        Assert.False(world.Exists(".quoin/data/x"));
    }

    [Fact]
    public async Task What_is_temporary_goes_after_its_last_reader()
    {
        using var world = World("a", """
            quoin: 1
            datasets: { src: { source: src.txt } }
            jobs:
              t:
                outputs: [t]
                inputs: [src]
                exec: [cat, "{in}"]
                stdout: "{out}"
                keep: temp
              y: { outputs: [y], inputs: [t], exec: [cat, "{in}"], stdout: "{out}" }
              z: { outputs: [z], inputs: [t, y], exec: [cat, "{in...}"], stdout: "{out}" }
            """);
        Assert.Equal("Succeeded", await world.BuildAsync("z"));
        Assert.Equal("t y z", world.Ran);
        Assert.Equal("one\none\n", world.Output("z"));
        Assert.False(world.Exists(".quoin/data/t"));
        Assert.Single(world.Last.Of<OutputsRemoved>());
        Assert.Equal("Succeeded", await world.BuildAsync("z"));
        Assert.Empty(world.Last.Of<RunScheduled>());
        Assert.Equal("Succeeded", await world.BuildAsync("t", "z"));
        Assert.Equal("t", world.Ran);
        Assert.Equal("one\n", world.Output("t"));
        world.Write("src.txt", "two\n");
        Assert.Equal("Succeeded", await world.BuildAsync(new WantRequest
        {
            Targets = ["z"],
            Options = new WantOptions { KeepAll = true },
        }));
        Assert.Equal("two\n", world.Output("t"));
    }
}
