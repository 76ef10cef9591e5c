using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// Something is edited while a run that read it goes on, and another want asks for what the run
/// makes: that want ends with what the files say when it arrived. Real files and processes; each
/// run waits at its own gate (a named pipe) after it has read everything.
/// </summary>
public sealed class EditedMeanwhileTests : IDisposable
{
    const string Yaml = """
        quoin: 1
        name: edited
        datasets:
          src: { source: src.txt }
        jobs:
          a:
            outputs: [a]
            inputs: [src]
            exec: [sh, job.sh, "{in}", rule.txt]
            stdout: "{out}"
            code: [rule.txt]
          b:
            outputs: [b]
            inputs: [a]
            exec: [sh, job.sh, "{in}", note.txt]
            stdout: "{out}"
            code: [note.txt]
          told:
            outputs: [told]
            config: [sh, config.sh]
            exec: [sh, job.sh]
            stdout: "{out}"
            code: [config.sh]
        """;

    const string Job = """
        text=$(cat "$@")
        read -r word < "gates/$QUOIN_RUN"
        [ "$word" = ok ] || exit 1
        echo "$text"
        """;

    static readonly TimeSpan limit = TimeSpan.FromSeconds(30);
    readonly EngineWorld world = new(Yaml) { Slots = 1 };
    readonly List<Task<WantReport>> wants = [];
    BuildSession session;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public EditedMeanwhileTests()
    {
        world.Write("src.txt", "one\n");
        world.Write("rule.txt", "old\n");
        world.Write("note.txt", "");
        world.Write("job.sh", Job);
        world.Write("config.sh", ConfigWith("src.txt"));
        world.Write("gates/here", "");
        foreach (var run in Enumerable.Range(1, 5))
        {
            var path = Path.Combine(world.Workspace.Root, $"gates/r-{run}");
            using var process = Process.Start("mkfifo", path);
            process.WaitForExit();
        }
        session = world.Open();
    }

    static string ConfigWith(string argument) => $$"""
        echo '{"configs":[{"outputs":["told"],"args":["{{argument}}"]}]}'
        """;

    /// <summary>A want, accepted when this returns.</summary>
    async Task WantAsync(string target)
    {
        wants.Add(session.WantAsync(new WantRequest { Targets = [target] }));
        await session.AskAsync(_ => []).WaitAsync(limit);
    }

    /// <summary>The run has read its inputs; it goes on when it is told how to end.</summary>
    Task<StreamWriter> AtGateAsync(int run) => Task.Factory.StartNew(
        () => new StreamWriter(new FileStream(
            Path.Combine(world.Workspace.Root, $"gates/r-{run}"),
            FileMode.Open, FileAccess.Write)),
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
        .WaitAsync(limit);

    async Task EndAsync(int run, string word = "ok")
    {
        await using var gate = await AtGateAsync(run);
        await gate.WriteLineAsync(word);
    }

    async Task<string> OutcomeAsync(int want) =>
        (await wants[want - 1].WaitAsync(limit)).Outcome?.ToString() ?? "";

    /// <summary>What was claimed, in that order: <c>a a b</c>.</summary>
    string Claims => string.Join(' ', world.Last.Of<RunScheduled>()
        .Select(e => string.Join(',', e.Claims.Select(session.Names.Text))));

    string Planned => string.Join(' ', world.Last.Of<WantPlanned>().Select(e => e.Want));

    [Fact]
    public async Task A_source_is_edited_and_the_second_want_gets_the_new_one()
    {
        await WantAsync("a");
        await using (var gate = await AtGateAsync(1))
        {
            world.Write("src.txt", "two\n");
            await WantAsync("a");
            Assert.Equal("w-1", Planned); // Accepted, and its plan waits for the test of r-1.
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("two\nold\n", world.Output("a"));
        Assert.Equal("a a", Claims);
        Assert.Equal("w-1 w-2", Planned);
    }

    [Fact]
    public async Task A_code_file_is_edited_and_the_second_want_gets_the_new_one()
    {
        await WantAsync("a");
        await using (var gate = await AtGateAsync(1))
        {
            world.Write("rule.txt", "new\n");
            await WantAsync("a");
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("one\nnew\n", world.Output("a"));
        Assert.Equal("a a", Claims);
    }

    [Fact]
    public async Task Nothing_is_edited_and_one_run_is_for_both()
    {
        await WantAsync("b");
        await using (var gate = await AtGateAsync(1))
        {
            await WantAsync("a");
            Assert.Equal("w-1 w-2", Planned);
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        Assert.Equal("a b", Claims);
    }

    [Fact]
    public async Task What_came_and_went_while_a_run_read_it_is_not_trusted()
    {
        await WantAsync("a");
        await using (var gate = await AtGateAsync(1))
        {
            world.Write("src.txt", "two\n");
            world.Write("src.txt", "one\n");
            await WantAsync("a");
            await gate.WriteLineAsync("ok");
        }
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("a a", Claims);
    }

    [Fact]
    public async Task What_reads_an_outdated_output_waits_for_its_test()
    {
        await WantAsync("b");
        await using (var gate = await AtGateAsync(1))
        {
            world.Write("src.txt", "two\n");
            await WantAsync("b");
            Assert.Equal("w-1 w-2", Planned); // Nothing old can be taken for b.
            await gate.WriteLineAsync("ok");
        }
        await EndAsync(2);
        await EndAsync(3);
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("two\nold\n", world.Output("b"));
        Assert.Equal("a a b", Claims);
    }

    [Fact]
    public async Task An_edit_behind_the_inputs_of_a_run_counts_too()
    {
        await WantAsync("b");
        await EndAsync(1);
        await using (var gate = await AtGateAsync(2))
        {
            world.Write("src.txt", "two\n");
            await WantAsync("b");
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        await EndAsync(3);
        await EndAsync(4);
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("two\nold\n", world.Output("b"));
        Assert.Equal("a b a b", Claims);
    }

    [Fact]
    public async Task An_edit_that_changes_no_bytes_of_an_input_ends_with_its_test()
    {
        await WantAsync("b");
        await EndAsync(1);
        await using (var gate = await AtGateAsync(2))
        {
            world.Write("src.txt", "one\nold\n");
            world.Write("rule.txt", "");
            await WantAsync("b");
            await gate.WriteLineAsync("ok");
        }
        await EndAsync(3);
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("a b a", Claims);
    }

    [Fact]
    public async Task A_code_file_is_edited_before_a_planned_partition_is_tested()
    {
        await WantAsync("b");
        await EndAsync(1);
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        world.Write("src.txt", "one\nold\n");
        world.Write("rule.txt", "");
        await WantAsync("b"); // Perhaps only a has to run: b is tested after it.
        await using (var gate = await AtGateAsync(3))
        {
            world.Write("note.txt", "new\n");
            await WantAsync("b");
            await gate.WriteLineAsync("ok");
        }
        await EndAsync(4);
        Assert.Equal("Succeeded", await OutcomeAsync(3));
        Assert.Equal("one\nold\nnew\n", world.Output("b"));
        Assert.Equal("a b a b", Claims);
    }

    [Fact]
    public async Task The_run_of_before_fails_and_what_was_edited_is_tried()
    {
        await WantAsync("a");
        await using (var gate = await AtGateAsync(1))
        {
            world.Write("src.txt", "two\n");
            await WantAsync("a");
            await gate.WriteLineAsync("fail");
        }
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("two\nold\n", world.Output("a"));
        Assert.Single(world.Last.Of<RunFailed>());
    }

    [Fact]
    public async Task A_want_that_waits_for_a_test_can_be_cancelled()
    {
        await WantAsync("a");
        await using (var gate = await AtGateAsync(1))
        {
            world.Write("src.txt", "two\n");
            await WantAsync("a");
            session.Cancel(new WantId(2), "test");
            Assert.Equal("Cancelled", await OutcomeAsync(2));
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await OutcomeAsync(1));
        await session.WhenIdleAsync().WaitAsync(limit, Ct);
        Assert.Equal("a", Claims);
    }

    [Fact]
    public async Task A_want_that_waits_for_a_test_outlives_its_process()
    {
        await WantAsync("a");
        await using (await AtGateAsync(1))
        {
            world.Write("src.txt", "two\n");
            world.Store.BreakAfter(e => e is WantDelegated);
            await Assert.ThrowsAsync<StoreException>(
                () => session.WantAsync(new WantRequest { Targets = ["a"] }).WaitAsync(limit, Ct));
        }
        await Assert.ThrowsAnyAsync<StoreException>(async () => await session.DisposeAsync());
        world.Store.Repair();
        session = world.Open();
        await EndAsync(2);
        await session.WhenIdleAsync().WaitAsync(limit, Ct);
        Assert.Equal(["w-1", "w-2"], world.Last.Continued);
        Assert.Equal("two\nold\n", world.Output("a"));
        Assert.Equal("a", Claims);
    }

    [Fact]
    public async Task A_config_command_is_edited_before_the_run_begins()
    {
        await WantAsync("a"); // Has the slot.
        await using (var gate = await AtGateAsync(1))
        {
            await WantAsync("told");
            world.Write("config.sh", ConfigWith("rule.txt"));
            await WantAsync("told");
            await gate.WriteLineAsync("ok");
        }
        await EndAsync(2);
        Assert.Equal("Succeeded", await OutcomeAsync(2));
        Assert.Equal("Succeeded", await OutcomeAsync(3));
        Assert.Equal("old\n", world.Output("told"));
        Assert.Equal("a told", Claims);
    }

    public void Dispose()
    {
        session.Kill();
        session.DisposeAsync().AsTask().Wait(limit);
        world.Dispose();
    }
}
