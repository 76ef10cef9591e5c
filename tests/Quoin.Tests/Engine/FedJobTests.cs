using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>Jobs that feeds ask for, as parts of a graph.</summary>
public sealed class FedJobTests
{
    const string Pages = """
        quoin: 1
        feeds:
          lists: {dir: in/, want: "page/{key}"}
        datasets:
          style: {source: style.txt}
        jobs:
          fetch:
            outputs: ["page/{name}"]
            inputs: [style]
            exec: [sh, -c, 'echo "$0 $QUOIN_PAYLOAD $(cat $1)"', "{payload}", "{in}"]
            stdout: "{out}"
          title: {outputs: ["title/{name}"], inputs: ["page/{name}"], exec: [cp, "{in}", "{out}"]}
        """;

    static EngineWorld World()
    {
        var world = new EngineWorld(Pages);
        world.Write("style.txt", "blue");
        world.Write("in/f.1.txt", "home old\nhome {out} {payload}\nb/c 1\n");
        return world;
    }

    [Fact]
    public async Task A_job_that_reads_a_fed_partition_makes_it_with_the_newest_payload()
    {
        using var world = World();
        Assert.Equal("Succeeded", await world.BuildAsync("title/home", "title/b%2Fc"));
        Assert.Equal("page/b%2Fc page/home title/b%2Fc title/home", world.Ran);
        Assert.Equal("{out} {payload} {out} {payload} blue\n", world.Output("title/home"));
        Assert.Equal("1 1 blue\n", world.Output("title/b%2Fc"));

        Assert.Equal("Succeeded", await world.BuildAsync("title/home"));
        Assert.Equal("", world.Ran);

        // A line without its end is none, and a lower number is older whenever it is written.
        world.Write("in/g.2.txt.part", "b/c 2\nhome torn");
        world.Write("in/a.0.txt", "home older\n");
        Assert.Equal("Succeeded", await world.BuildAsync("title/home", "title/b%2Fc"));
        Assert.Equal("page/b%2Fc title/b%2Fc", world.Ran);
        Assert.Equal("2 2 blue\n", world.Output("title/b%2Fc"));
    }

    [Fact]
    public async Task Without_a_payload_nothing_is_made_and_the_plan_says_so()
    {
        using var world = World();
        Assert.Equal("Failed", await world.BuildAsync("title/nobody", "title/home"));
        Assert.Equal("page/home title/home", world.Ran);
        var problem = Assert.Single(world.Last.Plan!.Problems);
        Assert.Equal("payload-missing", problem.Code);
        Assert.Contains("no line of the files in in lists nobody", problem.Message);
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_hides_no_newer_payload()
    {
        using var world = World();
        // A regular file that opens, and whose first byte cannot be read.
        File.CreateSymbolicLink(
            Path.Combine(world.Workspace.Root, "in/f.2.txt"), "/proc/self/mem");
        Assert.Equal("Failed", await world.BuildAsync("page/home"));
        Assert.EndsWith(
            "in/f.2.txt cannot be read: Input/output error (asked for 1 output)",
            Assert.Single(world.Last.Plan!.Problems).Message);
        world.Delete("in/f.2.txt");
        File.CreateSymbolicLink(
            Path.Combine(world.Workspace.Root, "in/f.3.txt"), "f.3.txt"); // It has no lines.
        Assert.Equal("Succeeded", await world.BuildAsync("page/home"));
    }

    [Fact]
    public async Task A_payload_that_a_want_brings_is_that_wants()
    {
        using var world = World();
        Assert.Equal("Succeeded", await world.BuildAsync("page/home"));
        Assert.Equal("Succeeded", await world.BuildAsync(new WantRequest
        {
            Targets = ["page/home"],
            Options = new WantOptions { Payload = "mine" },
        }));
        Assert.Equal("mine mine blue\n", world.Output("page/home"));
        Assert.Equal("Succeeded", await world.BuildAsync("page/home"));
        Assert.Equal("page/home", world.Ran);
    }

    [Fact]
    public async Task A_want_with_a_payload_is_not_satisfied_by_a_run_with_another()
    {
        using var world = World();
        world.Write("quoin.yaml", Pages.Replace("echo", "until [ -e go ]; do :; done; echo"));
        var ct = TestContext.Current.CancellationToken;
        await using var session = world.Open();
        var first = session.WantAsync(new WantRequest
        {
            Targets = ["page/home"],
            Options = new WantOptions { Payload = "one" },
        });
        await world.Last.Started.Task.WaitAsync(TimeSpan.FromSeconds(60), ct);
        var second = session.WantAsync(new WantRequest
        {
            Targets = ["page/home"],
            Options = new WantOptions { Payload = "two" },
        });
        world.Write("go", "");
        var reports = await Task.WhenAll(first, second).WaitAsync(TimeSpan.FromSeconds(60), ct);
        await session.WhenIdleAsync().WaitAsync(TimeSpan.FromSeconds(60), ct);
        Assert.All(reports, report => Assert.Equal("Succeeded", $"{report.Outcome}"));
        Assert.Equal("page/home page/home", world.Ran);
        Assert.Equal("two two blue\n", world.Output("page/home"));
    }
}
