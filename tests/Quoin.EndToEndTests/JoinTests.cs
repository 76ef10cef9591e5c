using System.Diagnostics;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests;

/// <summary>The same on PostgreSQL, and what only several hosts have.</summary>
public sealed class PostgresJoinTests : JoinTests
{
    readonly PostgresAddress address;

    public PostgresJoinTests(PostgresServer server)
    {
        address = server.NewAddress();
        Workspace.Environment["QUOIN_STORE"] = address.Shown;
    }

    [Fact]
    public void Who_is_stopped_past_its_lease_writes_nothing_when_it_wakes()
    {
        using var _ = Workspace;
        var first = StartFirst();
        var second = StartSecond();
        first.Signal(19); // SIGSTOP: nobody renews its lease.
        var since = Stopwatch.GetTimestamp();
        second.WaitForLine(IsTakeover);
        // 17: the lease and 3 s, and what a busy machine needs.
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Lease + Busy);
        Workspace.Write("go", "");
        second.WaitForExit().Expect(0);

        first.Signal(18); // SIGCONT
        var late = first.WaitForExit().Expect(5);

        Assert.Contains("lease", late.Stderr, StringComparison.Ordinal);
        Assert.Equal(["partitions  3 live"], Workspace.Quoin("status").Expect(0).Lines);
        using var store = new StoreOf(address);
        LogCheck.Replay(store.Store);
    }

    sealed class StoreOf(PostgresAddress address) : IDisposable
    {
        public PostgresStore Store { get; } = PostgresStore.Open(
            address, new StoreOptions { NewId = "", ReadOnly = true });

        public void Dispose() => Store.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}

/// <summary>Several processes on one store: the first one decides, the others join it.</summary>
public class JoinTests
{
    const string WaitForGo = "until [ -e go ]; do sleep 0.02; done; echo ok > \"$1\"";

    private protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private protected static readonly TimeSpan Busy = TimeSpan.FromSeconds(13);

    private protected static bool IsTakeover(string line) =>
        line.Contains("the process that decided is gone", StringComparison.Ordinal);

    private protected TestWorkspace Workspace { get; } = BuildTests.Three(WaitForGo);

    private protected QuoinProcess StartFirst()
    {
        var build = Workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));
        return build;
    }

    private protected QuoinProcess StartSecond(params string[] more)
    {
        var build = Workspace.Start(["build", .. more]);
        build.WaitForLine(line => line.StartsWith("w-2", StringComparison.Ordinal));
        return build;
    }

    int Built() => Workspace.Quoin("runs").Expect(0).Lines.Count(
        line => line.Contains("  built  ", StringComparison.Ordinal));

    [Fact]
    public void A_second_build_joins_and_nothing_is_made_twice()
    {
        using var _ = Workspace;
        var first = StartFirst();
        var second = StartSecond("middle");
        Workspace.Write("go", "");

        var joined = second.WaitForExit().Expect(0);
        first.WaitForExit().Expect(0);

        Assert.StartsWith("joining: ", joined.ErrorLines[0], StringComparison.Ordinal);
        Assert.Contains("delegated middle to r-2", joined.Stderr, StringComparison.Ordinal);
        Assert.Equal(3, Built());
        Assert.Equal(["partitions  3 live"], Workspace.Quoin("status").Expect(0).Lines);
    }

    [Fact]
    public void What_joins_says_how_long_it_takes_and_that_nothing_is_to_do_as_the_first_does()
    {
        using var _ = Workspace;
        Workspace.Write("go", "");
        Workspace.Quoin("build").Expect(0);
        File.Delete(Workspace.PathOf("go"));
        var first = Workspace.Start("build", "--fresh=all", "-v");
        first.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));

        var current = Workspace.Quoin("build", "first").Expect(0);
        var second = Workspace.Start("build", "last");
        var plan = second.WaitForLine(line => line.StartsWith("w-", StringComparison.Ordinal));
        Workspace.Write("go", "");

        Assert.StartsWith(
            "✔ 1 of 1 current (1 checked in ", current.ErrorLines[^1], StringComparison.Ordinal);
        Assert.Contains(", 1 delegated to w-2, ", plan, StringComparison.Ordinal);
        Assert.Contains(", about ", plan, StringComparison.Ordinal);
        second.WaitForExit().Expect(0);
        first.WaitForExit().Expect(0);
    }

    [Fact]
    public void Ctrl_C_of_the_second_leaves_the_runs_of_the_first_alone()
    {
        using var _ = Workspace;
        var first = StartFirst();
        var second = StartSecond();
        second.Interrupt();
        second.WaitForExit().Expect(130);
        Workspace.Write("go", "");

        first.WaitForExit().Expect(0);

        Assert.Equal(3, Built());
        Assert.Contains(
            " w-2", Assert.Single(
                Workspace.Quoin("events", "--type", "want-cancelled").Expect(0).Lines),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Cancel_all_ends_both()
    {
        using var _ = Workspace;
        var first = StartFirst();
        var second = StartSecond();

        var cancelled = Workspace.Quoin("cancel", "--all").Expect(0);

        Assert.Equal(["cancelled w-1", "cancelled w-2"], cancelled.Lines);
        first.WaitForExit().Expect(1);
        second.WaitForExit().Expect(1);
    }

    [Fact]
    public void When_the_first_is_killed_the_second_goes_on()
    {
        using var _ = Workspace;
        var first = StartFirst();
        var second = StartSecond();
        first.Kill();
        first.WaitForExit();
        var since = Stopwatch.GetTimestamp();
        second.WaitForLine(IsTakeover);
        // 17: of a process of this host nobody waits for the end of its lease.
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Busy);
        Workspace.Write("go", "");
        second.WaitForExit().Expect(0);

        Assert.Equal(
            3, Workspace.Quoin("events", "--type", "run-completed").Expect(0).Lines.Length);
        Assert.Equal("ok\n", Workspace.Read("out/last"));
        Assert.Equal(["partitions  3 live"], Workspace.Quoin("status").Expect(0).Lines);
    }

    [Fact]
    public void Who_went_on_and_is_stopped_leaves_the_others_want_to_the_next()
    {
        using var _ = Workspace;
        var first = StartFirst();
        var second = StartSecond();
        first.Kill();
        first.WaitForExit();
        second.WaitForLine(IsTakeover);
        second.Terminate();
        second.WaitForLine(
            line => line.Contains("waiting for what runs here", StringComparison.Ordinal));
        second.Terminate(); // Once more kills.
        second.WaitForExit().Expect(143);
        Workspace.Write("go", "");

        Workspace.Quoin("build").Expect(0);

        Assert.Equal(3, Built());
    }

    [Fact]
    public void Killed_one_after_the_other_they_lose_nothing_and_make_nothing_twice()
    {
        using var _ = Workspace;
        Workspace.Write("quoin.yaml", """
            quoin: 1
            name: many
            targets: [all]
            jobs:
              one:
                outputs: ["one/{n:int}"]
                exec: [sh, -c, "until [ -e go ]; do sleep 0.05; done; echo {n} > {out}"]
              all:
                outputs: [all]
                inputs: ["one/{n:range(1,60)}"]
                exec: [sh, -c, 'cat "$@" | sort -n', sh, "{in...}"]
                stdout: "{out}"
            """);
        var builds = new List<QuoinProcess>();
        for (var i = 0; i < 3; i++)
        {
            builds.Add(Workspace.Start("build", "-v"));
            builds[i].WaitForLine(line => line.StartsWith($"w-{i + 1}", StringComparison.Ordinal));
        }
        Workspace.Write("go", "");
        for (var i = 0; i < 2; i++)
        {
            builds[i].WaitForLine(line => line.Contains(" built ", StringComparison.Ordinal));
            builds[i].Kill();
            builds[i].WaitForExit();
        }
        builds[2].WaitForExit().Expect(0);

        Assert.Equal(
            string.Concat(Enumerable.Range(1, 60).Select(n => $"{n}\n")),
            Workspace.Read(".quoin/data/all"));
        var ends = Workspace.Quoin("events", "--type", "run-completed").Expect(0).Lines;
        Assert.Equal(61, ends.Length);
    }

    [Fact]
    public void Another_version_of_the_graph_is_refused_while_the_first_builds()
    {
        using var _ = Workspace;
        var first = StartFirst();
        Workspace.Write("quoin.yaml", "# edited\n" + Workspace.Read("quoin.yaml"));

        var refused = Workspace.Quoin("build").Expect(4);

        Assert.Contains("error[graph-differs]", refused.Stderr, StringComparison.Ordinal);
        Assert.Contains("  quoin.yaml:1 + # edited\n", refused.Stderr, StringComparison.Ordinal);
        Workspace.Write("go", "");
        first.WaitForExit().Expect(0);
    }

    // build-process.md, scenario 13.
    [Fact]
    public void Another_definition_of_what_is_being_built_is_told_line_by_line()
    {
        using var _ = Workspace;
        var first = StartFirst();
        Workspace.Write("quoin.yaml", Workspace.Read("quoin.yaml").Replace(
            "    grace: 60s", "    grace: 60s\n    env: { REGION: us }", StringComparison.Ordinal));

        var refused = Workspace.Quoin("build").Expect(4);
        var after = Workspace.Start("build", "--after", "w-1");
        after.WaitForLine(line => line == "waiting for w-1");
        Workspace.Write("go", "");

        Assert.Matches(
            """
            error\[definition-conflict\]: middle is being built for w-1 with another definition
              \+ env REGION us  \(this want, graph [0-9a-f]{8}\)
              wait for it \(--after w-1\) or cancel it \(quoin cancel w-1\)
            """, refused.Stderr);
        first.WaitForExit().Expect(0);
        Assert.Contains(
            "w-2 succeeded: 3 of 3: 1 built, 2 current", after.WaitForExit().Expect(0).Stderr,
            StringComparison.Ordinal);
        Assert.Contains(
            "error[no-such-want]", Workspace.Quoin("build", "--after", "w-9").Expect(2).Stderr,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_build_that_joins_after_an_edit_ends_with_what_was_edited()
    {
        using var _ = Workspace;
        Workspace.Write("quoin.yaml", """
            quoin: 1
            name: edited
            targets: [a]
            datasets: { src: { source: src.txt } }
            jobs:
              a:
                outputs: [a]
                inputs: [src]
                exec: [sh, -c, 'x=$(cat src.txt); until [ -e go ]; do sleep 0.02; done; echo $x']
                stdout: "{out}"
            """);
        Workspace.Write("src.txt", "one\n");
        var first = Workspace.Start("build", "-v");
        first.WaitForLine(line => line.Contains("building  a", StringComparison.Ordinal));
        Workspace.Write("src.txt", "two\n");
        var second = Workspace.Start("build");
        second.WaitForLine(line => line.Contains("delegated a", StringComparison.Ordinal));
        Workspace.Write("go", "");

        second.WaitForExit().Expect(0);
        first.WaitForExit().Expect(0);

        Assert.Equal("two\n", Workspace.Read(".quoin/data/a"));
        Assert.Equal(2, Built());
    }

    [Fact]
    public void What_only_changes_what_is_known_is_done_by_the_process_that_builds()
    {
        using var _ = Workspace;
        var first = StartFirst();

        var tainted = Workspace.Quoin("taint", "first", "--why", "wrong").Expect(0);
        var wanted = Workspace.Quoin("want", "middle").Expect(0);
        var missing = Workspace.Quoin("cancel", "r-99").Expect(4);
        Workspace.Write("go", "");
        first.WaitForExit().Expect(0);

        Assert.Equal(["tainted first"], tainted.Lines);
        Assert.Equal(["w-2"], wanted.Lines);
        Assert.Contains("error[no-such-run]", missing.Stderr, StringComparison.Ordinal);
    }
}
