namespace Quoin.EndToEndTests;

/// <summary>Several processes on one store: the first one decides, the others join it.</summary>
public sealed class JoinTests
{
    const string WaitForGo = "until [ -e go ]; do sleep 0.02; done; echo ok > \"$1\"";

    readonly TestWorkspace workspace = BuildTests.Three(WaitForGo);

    QuoinProcess StartFirst()
    {
        var build = workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));
        return build;
    }

    QuoinProcess StartSecond(params string[] more)
    {
        var build = workspace.Start(["build", .. more]);
        build.WaitForLine(line => line.StartsWith("w-2", StringComparison.Ordinal));
        return build;
    }

    int Built() => workspace.Quoin("runs").Expect(0).Lines.Count(
        line => line.Contains("  built  ", StringComparison.Ordinal));

    [Fact]
    public void A_second_build_joins_and_nothing_is_made_twice()
    {
        using var _ = workspace;
        var first = StartFirst();
        var second = StartSecond("middle");
        workspace.Write("go", "");

        var joined = second.WaitForExit().Expect(0);
        first.WaitForExit().Expect(0);

        Assert.StartsWith("joining: ", joined.ErrorLines[0], StringComparison.Ordinal);
        Assert.Contains("delegated middle to r-2", joined.Stderr, StringComparison.Ordinal);
        Assert.Equal(3, Built());
        Assert.Equal(["partitions  3 live"], workspace.Quoin("status").Expect(0).Lines);
    }

    [Fact]
    public void Ctrl_C_of_the_second_leaves_the_runs_of_the_first_alone()
    {
        using var _ = workspace;
        var first = StartFirst();
        var second = StartSecond();
        second.Interrupt();
        second.WaitForExit().Expect(130);
        workspace.Write("go", "");

        first.WaitForExit().Expect(0);

        Assert.Equal(3, Built());
    }

    [Fact]
    public void Cancel_all_ends_both()
    {
        using var _ = workspace;
        var first = StartFirst();
        var second = StartSecond();

        var cancelled = workspace.Quoin("cancel", "--all").Expect(0);

        Assert.Equal(["cancelled w-1", "cancelled w-2"], cancelled.Lines);
        first.WaitForExit().Expect(1);
        second.WaitForExit().Expect(1);
    }

    [Fact]
    public void When_the_first_is_killed_the_second_goes_on()
    {
        using var _ = workspace;
        var first = StartFirst();
        var second = StartSecond();
        first.Kill();
        first.WaitForExit();
        workspace.Write("go", "");

        var end = second.WaitForExit().Expect(0);

        Assert.Contains("the process that decided is gone", end.Stderr, StringComparison.Ordinal);
        Assert.Equal("ok\n", workspace.Read("out/last"));
        Assert.Equal(["partitions  3 live"], workspace.Quoin("status").Expect(0).Lines);
    }

    [Fact]
    public void Another_version_of_the_graph_is_refused_while_the_first_builds()
    {
        using var _ = workspace;
        var first = StartFirst();
        workspace.Write("quoin.yaml", "# edited\n" + workspace.Read("quoin.yaml"));

        var refused = workspace.Quoin("build").Expect(4);

        Assert.Contains("error[graph-differs]", refused.Stderr, StringComparison.Ordinal);
        workspace.Write("go", "");
        first.WaitForExit().Expect(0);
    }

    [Fact]
    public void What_only_changes_what_is_known_is_done_by_the_process_that_builds()
    {
        using var _ = workspace;
        var first = StartFirst();

        var tainted = workspace.Quoin("taint", "first", "--why", "wrong").Expect(0);
        var wanted = workspace.Quoin("want", "middle").Expect(0);
        var missing = workspace.Quoin("cancel", "r-99").Expect(4);
        workspace.Write("go", "");
        first.WaitForExit().Expect(0);

        Assert.Equal(["tainted first"], tainted.Lines);
        Assert.Equal(["w-2"], wanted.Lines);
        Assert.Contains("error[no-such-run]", missing.Stderr, StringComparison.Ordinal);
    }
}
