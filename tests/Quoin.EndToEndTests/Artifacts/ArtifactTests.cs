using Quoin.Core;
using Quoin.Engine;
using Quoin.EndToEndTests.Faults;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Artifacts;

/// <summary>The same with the log on PostgreSQL.</summary>
public sealed class PostgresArtifactTests(PostgresServer server) : ArtifactTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// The scenarios of artifacts, with the real program: two workspaces are two clones of one project
/// that share a folder.
/// </summary>
public class ArtifactTests : IDisposable
{
    const string Graph = """
        quoin: 1
        name: chain
        targets: [c]
        artifacts: { shared: "SHARED" }
        datasets:
          src: { source: src.txt }
          a: { path: out/a }
          b: { path: out/b }
          c: { path: out/c }
        jobs:
          a: { outputs: [a], inputs: [src], exec: [sh, -c, "echo a >> ran; cat $0", "{in}"], stdout: "{out}" }
          b: { outputs: [b], inputs: [a], exec: [sh, -c, "echo b >> ran; tr a-z A-Z <$0", "{in}"], stdout: "{out}" }
          c: { outputs: [c], inputs: [b], exec: [sh, -c, "echo c >> ran; cat $0 $0", "{in}"], stdout: "{out}" }
        """;

    readonly string shared = Directory.CreateTempSubdirectory("quoin-shared-").FullName;
    readonly List<FaultWorld> worlds = [];

    private protected virtual PostgresAddress? NewAddress() => null;

    public void Dispose()
    {
        foreach (var world in worlds) world.Dispose();
        Directory.Delete(shared, recursive: true);
        GC.SuppressFinalize(this);
    }

    FaultWorld Clone(string? graph = null)
    {
        var world = new FaultWorld(
            NewAddress(), (graph ?? Graph).Replace("SHARED", shared, StringComparison.Ordinal));
        worlds.Add(world);
        world.Workspace.Write("src.txt", "one\n");
        return world;
    }

    FaultWorld Built()
    {
        var world = Clone();
        world.Workspace.Quoin("build").Expect(0);
        Assert.Equal("a\nb\nc\n", world.Workspace.Read("ran"));
        return world;
    }

    static void IsRight(FaultWorld world) =>
        Assert.Equal("ONE\nONE\n", world.Workspace.Read("out/c"));

    string SharedFile(string kind, Digest digest) =>
        Directory.GetFiles($"{shared}/{kind}", $"{digest.Hex()}*", SearchOption.AllDirectories)
            .Single();

    [Fact]
    public void A_deleted_output_is_restored_when_it_is_read_and_without_a_copy_made_again()
    {
        var world = Built();
        var workspace = world.Workspace;
        File.Delete(workspace.PathOf("out/b"));
        Assert.Contains(
            "1 of 1 current", workspace.Quoin("build").Expect(0).Stderr, StringComparison.Ordinal);
        Assert.False(workspace.Exists("out/b"));
        File.Delete(workspace.PathOf("out/c"));
        Assert.Contains(
            "restored  c (from local", workspace.Quoin("build").Expect(0).Stderr,
            StringComparison.Ordinal);
        IsRight(world);
        Assert.Equal(3, world.Executions);

        Directory.Delete(workspace.PathOf(".quoin/cas"), recursive: true);
        workspace.Environment["QUOIN_ARTIFACTS"] = "local";
        Assert.Contains(
            "output-missing", workspace.Quoin("explain", "b").Expect(0).Stdout,
            StringComparison.Ordinal);
        workspace.Quoin("build").Expect(0);
        Assert.Equal("a\nb\nc\nb\n", workspace.Read("ran"));
    }

    [Fact]
    public void A_mere_test_restores_what_is_current_and_nothing_else()
    {
        var world = Built();
        var workspace = world.Workspace;
        File.Delete(workspace.PathOf("out/b"));
        File.Delete(workspace.PathOf("out/c"));
        var facts = world.Log().Count;

        var none = workspace.Quoin("build", "--no-build", "--restore", "none").Expect(0);
        Assert.False(workspace.Exists("out/c"));
        Assert.DoesNotContain("restored", none.Stderr, StringComparison.Ordinal);
        var tested = workspace.Quoin("build", "--no-build").Expect(0);
        Assert.Contains("restored c (from local)\n", tested.Stderr, StringComparison.Ordinal);
        IsRight(world);
        Assert.False(workspace.Exists("out/b"));
        Assert.Contains(
            "restored b (from local)\n",
            workspace.Quoin("build", "--no-build", "--restore", "all").Expect(0).Stderr,
            StringComparison.Ordinal);
        Assert.Equal(facts, world.Log().Count);
        Assert.Equal(3, world.Executions);
    }

    [Fact]
    public void A_clone_runs_nothing_and_every_view_of_it_says_so()
    {
        Built();
        var clone = Clone();
        var workspace = clone.Workspace;
        var built = workspace.Quoin("build").Expect(0);
        Assert.Contains(
            "w-1 succeeded: 3 of 3: 0 built, 3 restored, 0 current", built.Stderr,
            StringComparison.Ordinal);
        IsRight(clone);
        Assert.Equal(0, clone.Executions);
        Assert.All(clone.Log().OfType<RunCompleted>(), e => Assert.Equal("shared", e.RestoredFrom));
        Assert.Equal(
            3, workspace.Quoin("runs").Expect(0).Lines.Count(line =>
                line.Contains("restored", StringComparison.Ordinal)));
        Assert.Contains(
            "restored from shared", workspace.Quoin("events").Expect(0).Stdout,
            StringComparison.Ordinal);
        Assert.Contains(
            "restored", workspace.Quoin("log", "r-1").Expect(0).Stdout, StringComparison.Ordinal);
        Assert.Contains(
            "1 of 1 current", workspace.Quoin("build").Expect(0).Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void One_byte_flipped_in_the_shared_folder_is_said_and_never_used()
    {
        Built();
        foreach (var blob in Directory.GetFiles(
            $"{shared}/blob", "*", SearchOption.AllDirectories))
        {
            var bytes = File.ReadAllBytes(blob);
            bytes[^1] ^= 1;
            File.WriteAllBytes(blob, bytes);
        }
        var clone = Clone();
        var built = clone.Workspace.Quoin("build").Expect(0);
        Assert.Equal(
            3, built.ErrorLines.Count(line => line.Contains(
                "of the shared store was damaged; it was dropped", StringComparison.Ordinal)));
        Assert.Equal(3, clone.Executions);
        IsRight(clone);

        var third = Clone();
        third.Workspace.Quoin("build").Expect(0);
        Assert.Equal(0, third.Executions);
        IsRight(third);
    }

    [Fact]
    public void A_shared_folder_that_is_gone_is_one_warning_and_exit_0()
    {
        var world = Clone();
        world.Workspace.Environment["QUOIN_ARTIFACTS"] = $"{shared}/not-mounted";
        var built = world.Workspace.Quoin("build").Expect(0);
        Assert.Single(built.ErrorLines, line => line.StartsWith(
            $"warning: the shared artifacts ({shared}/not-mounted) cannot be used",
            StringComparison.Ordinal));
        Assert.Equal(3, world.Executions);
    }

    [Fact]
    public void A_check_keeps_no_bytes_and_a_new_reader_makes_them_again()
    {
        const string check = """
            quoin: 1
            name: check
            jobs:
              x: { outputs: [x], exec: [sh, -c, "echo x >> ran; echo x"], stdout: "{out}", keep: check }
              y: { outputs: [y], inputs: [x], exec: [cat, "{in}"], stdout: "{out}" }
            """;
        var world = Clone(check);
        var workspace = world.Workspace;
        workspace.Quoin("build", "x").Expect(0);
        Assert.False(workspace.Exists(".quoin/data/x"));
        Assert.Contains(
            "1 of 1 current", workspace.Quoin("build", "x").Expect(0).Stderr,
            StringComparison.Ordinal);
        Assert.Contains(
            "not-kept", workspace.Quoin("plan", "y", "--json").Expect(0).Stdout,
            StringComparison.Ordinal);
        workspace.Quoin("build", "y").Expect(0);
        Assert.Equal(2, world.Executions);
        workspace.Quoin("build", "x", "--fresh", "--keep", "all").Expect(0);
        Assert.True(workspace.Exists(".quoin/data/x"));
    }

    /// <summary>Where the process dies that puts copies there.</summary>
    public static TheoryData<string> Points =>
    [
        "keep.before", "cas.half", "cas.whole", "cas.whole:2", "record.half", "record.local",
        "artifact.half", "artifact.written", "artifact.marked", "artifact.marked:2", "keep.after",
    ];

    [Theory]
    [MemberData(nameof(Points))]
    public void Killed_between_write_and_commit_nobody_sees_half_of_it(string point)
    {
        var world = Clone();
        world.StartWith(point, "build").WaitForExit().Expect(137);
        var clone = Clone();
        clone.Workspace.Environment["QUOIN_FAULT"] = null;
        var built = clone.Workspace.Quoin("build").Expect(0);
        Assert.DoesNotContain("warning", built.Stderr, StringComparison.Ordinal);
        IsRight(clone);
        world.Workspace.Environment["QUOIN_FAULT"] = null;
        var again = world.Workspace.Quoin("build").Expect(0);
        Assert.DoesNotContain("warning", again.Stderr, StringComparison.Ordinal);
        IsRight(world);

        var third = Clone();
        third.Workspace.Quoin("build").Expect(0);
        Assert.Equal(0, third.Executions);
        IsRight(third);
    }

    [Theory]
    [InlineData("restored")]
    [InlineData("restored:2")]
    [InlineData("cas.whole")]
    public void Killed_while_it_restores_it_restores_again(string point)
    {
        Built();
        var clone = Clone();
        clone.StartWith(point, "build").WaitForExit().Expect(137);
        clone.Workspace.Environment["QUOIN_FAULT"] = null;
        clone.Workspace.Quoin("build").Expect(0);
        Assert.Equal(0, clone.Executions);
        IsRight(clone);
    }

    [Fact]
    public void Two_that_make_the_same_at_once_leave_copies_for_a_third()
    {
        FaultWorld[] both = [Clone(), Clone()];
        var builds = both.Select(world => world.Start("build")).ToList();
        foreach (var build in builds)
            Assert.DoesNotContain(
                "warning", build.WaitForExit().Expect(0).Stderr, StringComparison.Ordinal);
        var third = Clone();
        third.Workspace.Quoin("build").Expect(0);
        Assert.Equal(0, third.Executions);
        IsRight(third);
    }

    [Fact]
    public void What_nothing_refers_to_is_removed_and_the_rest_still_restores()
    {
        var world = Built();
        var workspace = world.Workspace;
        workspace.Write("src.txt", "two\n");
        workspace.Quoin("build").Expect(0);
        foreach (var file in Directory.GetFiles(
            workspace.PathOf(".quoin/cas"), "*", SearchOption.AllDirectories))
            File.SetLastWriteTimeUtc(file, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        workspace.Environment["QUOIN_ARTIFACTS"] = "local";
        Assert.Equal(
            "local: would remove 3 artifacts (16B) and 3 records; 16B left",
            Assert.Single(workspace.Quoin("clean", "--unused", "-n").Expect(0).Lines));
        Assert.Equal(
            "local: removed 3 artifacts (16B) and 3 records; 16B left",
            Assert.Single(workspace.Quoin("clean", "--unused").Expect(0).Lines));
        Directory.Delete(workspace.PathOf("out"), recursive: true);
        workspace.Quoin("build").Expect(0);
        Assert.Equal("TWO\nTWO\n", workspace.Read("out/c"));
        Assert.Equal(6, world.Executions);
        workspace.Quoin("clean", "--older", "1d").Expect(2);
    }

    [Fact]
    public void A_full_disk_below_the_copies_costs_a_warning_and_no_build()
    {
        var world = Clone(Graph.Replace("cat $0 $0", "head -c 300000 /dev/zero"));
        var workspace = world.Workspace;
        Directory.CreateDirectory(workspace.PathOf(".quoin/cas"));
        var cas = workspace.PathOf(".quoin/cas");
        var mounted = workspace.StartProgram(
            "mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", cas).WaitForExit().ExitCode == 0;
        Assert.SkipUnless(
            mounted, "SKIPPED: a tmpfs cannot be mounted here (needs root), so a full disk is not "
            + "tested");
        try
        {
            var built = workspace.Quoin("build").Expect(0);
            Assert.Contains(
                "warning: cannot keep c in", built.Stderr, StringComparison.Ordinal);
            Assert.Contains("No space left on device", built.Stderr, StringComparison.Ordinal);
            Assert.Equal(300_000, new FileInfo(workspace.PathOf("out/c")).Length);
            Assert.Empty(Directory.GetFiles($"{cas}/half"));
            Assert.Contains(
                "1 of 1 current", workspace.Quoin("build").Expect(0).Stderr,
                StringComparison.Ordinal);
        }
        finally
        {
            workspace.StartProgram("umount", cas).WaitForExit();
        }
    }
}
