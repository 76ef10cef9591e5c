using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// A build that finds nothing to do remembers that, and the next one need not plan; whatever is
/// another by then, it plans. Real files and processes.
/// </summary>
public sealed class PlanRecallTests
{
    const string Graph = """
        quoin: 1
        name: recall
        datasets:
          src/{n}: { source: "src/{n}.txt" }
          out/{n}: { path: "out/{n}.txt" }
        jobs:
          copy:
            outputs: ["out/{n}"]
            inputs: ["src/{n}"]
            exec: [sh, copy.sh, "{in}", "{out}"]
            code: [copy.sh, "lib/*.sh"]
          all:
            outputs: [all]
            inputs: ["out/{n:in(a,b,c)}"]
            exec: [sh, -c, "cat $@ > $0", "{out}", "{in...}"]
        """;

    static async Task<EngineWorld> RememberedAsync(string graph = Graph)
    {
        var world = new EngineWorld(graph) { PlansAtOnce = true };
        world.WriteOld("copy.sh", "cat $1 > $2\n");
        world.WriteOld("lib/one.sh", "\n");
        foreach (var name in new[] { "a", "b", "c" }) world.WriteOld($"src/{name}.txt", name);
        Assert.Equal("Succeeded", await world.BuildAsync("all"));
        await NothingAsync(world);
        Assert.False(world.Last.Plan!.IsRecalled);
        return world;
    }

    static async Task NothingAsync(EngineWorld world)
    {
        Assert.Equal("Succeeded", await world.BuildAsync("all"));
        Assert.Equal("", world.Ran);
    }

    [Fact]
    public async Task The_second_build_with_nothing_to_do_makes_no_plan()
    {
        using var world = await RememberedAsync();
        for (var i = 0; i < 3; i++)
        {
            await NothingAsync(world);
            Assert.True(world.Last.Plan!.IsRecalled);
            Assert.Equal(new PlanCounts(4, 4, 0, 0, 0), world.Last.Plan.Counts);
            Assert.Equal(
                ["WantAccepted", "WantPlanned", "WantSucceeded"],
                world.Last.Events.Select(e => e.GetType().Name)
                    .Where(name => name.StartsWith("Want", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("source", "all out/b")]
    [InlineData("output", "out/b")]
    [InlineData("output gone", "out/b")]
    [InlineData("code", "all out/a out/b out/c")]
    [InlineData("code added", "out/a out/b out/c")]
    [InlineData("graph", "all")]
    [InlineData("taint", "all")]
    public async Task What_changed_is_seen(string change, string ran)
    {
        using var world = await RememberedAsync();
        await NothingAsync(world);
        Assert.True(world.Last.Plan!.IsRecalled);
        switch (change)
        {
            case "source": world.WriteOld("src/b.txt", "x"); break;
            case "output": world.WriteOld("out/b.txt", "x"); break;
            case "output gone": world.Delete("out/b.txt"); break;
            case "code": world.WriteOld("copy.sh", "cat $1 > $2; echo >> $2\n"); break;
            case "code added": world.WriteOld("lib/two.sh", "echo\n"); break;
            case "graph": world.Write("quoin.yaml", Graph.Replace("cat $@ >", "cat $@ >>")); break;
            case "taint":
                await using (var session = world.Open())
                    Assert.Null(await session.AskAsync(state =>
                        [new Taint(state.Names.Intern("all"), "me", "wrong")]));
                break;
            default: throw new ArgumentOutOfRangeException(nameof(change));
        }
        Assert.Equal("Succeeded", await world.BuildAsync("all"));
        Assert.False(world.Last.Plan!.IsRecalled);
        Assert.Equal(ran, world.Ran);
        await NothingAsync(world);
        await NothingAsync(world);
        Assert.True(world.Last.Plan!.IsRecalled);
    }

    // `explain` and `plan` of other processes digest files too, and write down what they found.
    [Fact]
    public async Task What_another_process_digested_meanwhile_is_not_taken_for_unchanged()
    {
        using var world = await RememberedAsync();
        world.WriteOld("src/b.txt", "x");
        var other = new FileStampCache(
            world.Workspace.Root, world.Store.FileStamps(), TimeProvider.System);
        other.DigestOf("src/b.txt");
        await world.Store.AppendAsync(
            new AppendBatch
            {
                At = DateTimeOffset.UnixEpoch,
                Names = new PartitionNames(),
                Events = [],
                Stamps = other.TakeChanged(),
            },
            TestContext.Current.CancellationToken);
        Assert.Equal("Succeeded", await world.BuildAsync("all"));
        Assert.False(world.Last.Plan!.IsRecalled);
        Assert.Equal("a", world.Read("out/a.txt"));
        Assert.Equal("x", world.Read("out/b.txt"));
    }

    [Fact]
    public async Task Another_want_and_other_modes_are_planned()
    {
        using var world = await RememberedAsync();
        Assert.Equal("Succeeded", await world.BuildAsync("out/a"));
        Assert.False(world.Last.Plan!.IsRecalled);
        await NothingAsync(world);
        Assert.False(world.Last.Plan!.IsRecalled); // It remembers one.
        var thorough = WantOptions.Default with { Thorough = true };
        Assert.Equal("Succeeded", await world.BuildAsync(
            new WantRequest { Targets = ["all"], Options = thorough }));
        Assert.False(world.Last.Plan!.IsRecalled);
    }

    [Fact]
    public async Task A_file_that_nobody_needs_any_more_does_not_matter()
    {
        using var world = await RememberedAsync();
        world.WriteOld("src/d.txt", "d");
        Assert.Equal("Succeeded", await world.BuildAsync("out/d"));
        world.Delete("src/d.txt");
        world.Delete("out/d.txt");
        await NothingAsync(world);
        await NothingAsync(world);
        Assert.True(world.Last.Plan!.IsRecalled);
    }

    [Fact]
    public async Task A_damaged_memo_and_one_of_another_time_are_none()
    {
        using var world = await RememberedAsync();
        var file = world.Workspace.PlanMemoFile;
        var old = File.ReadAllText(file);
        await NothingAsync(world);
        Assert.True(world.Last.Plan!.IsRecalled);
        var good = File.ReadAllText(file);
        Assert.NotEqual(old, good);
        foreach (var bad in (string[])[
            "", old, good[..^1], good.Replace("current 4", "current 5"), good + good, "end \n"])
        {
            File.WriteAllText(file, bad);
            await NothingAsync(world);
            Assert.False(world.Last.Plan!.IsRecalled);
            Assert.Equal(4, world.Last.Plan.Counts.Total);
        }
    }

    // The oracle is the same build with the memo removed.
    [Fact]
    public async Task Whatever_is_edited_it_says_what_a_plan_says()
    {
        using var world = await RememberedAsync();
        var random = new Random(7);
        var recalled = 0;
        for (var round = 0; round < 40; round++)
        {
            var name = "abc"[random.Next(3)];
            var edits = random.Next(4) == 0;
            if (edits)
            {
                var file = random.Next(3) switch
                {
                    0 => $"src/{name}.txt",
                    1 => $"out/{name}.txt",
                    _ => "lib/one.sh",
                };
                if (random.Next(3) == 0) world.Touch(file);
                else world.WriteOld(file, $"{round}");
            }
            var dry = world.DryCounts("all");
            Assert.Equal("Succeeded", await world.BuildAsync("all"));
            if (!world.Last.Plan!.IsRecalled) continue;
            recalled++;
            Assert.Equal(dry, world.Last.Plan.Counts);
            Assert.Equal("", world.Ran);
        }
        Assert.InRange(recalled, 10, 39);
    }
}
