using System.Diagnostics;

namespace Quoin.EndToEndTests.Supervisor;

/// <summary>What becomes of files: growing, renamed, deleted, broken ones.</summary>
public sealed class FolderTests
{
    [Fact]
    public void A_line_counts_when_its_end_is_written()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt.part").Start();
        world.Append("f.1.txt.part", "al").Noticed();
        Assert.Equal("NOJOBS", world.Ready());
        world.Append("f.1.txt.part", "pha 0 1").Noticed();
        Assert.Equal("NOJOBS", world.Ready());
        world.Append("f.1.txt.part", "\n").Noticed();
        Assert.Equal("JOB alpha 0 1", world.Ready());
    }

    [Fact]
    public void A_character_in_two_pieces_is_one()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt.part").Start();
        world.Append("f.1.txt.part", [.. "a "u8, 0xc3]).Noticed();
        world.Append("f.1.txt.part", [0xa9, (byte)'\n']).Noticed();
        Assert.Equal("JOB a é", world.Ready());
    }

    [Theory]
    [InlineData("f.1.txt", false)]
    [InlineData("f.1.txt", true)]
    [InlineData("f.1.txt.part", false)]
    [InlineData("f.1.txt.part", true)]
    public void A_line_that_is_no_text_is_reported_and_the_others_are_jobs(string name, bool isLive)
    {
        using var world = new SupervisorWorld();
        if (isLive) world.Start();
        world.Append(name, [.. "alpha 0 1\nbad"u8, 0xff, .. " 0 1\nbravo 0 1\n"u8]);
        if (!isLive) world.Start();
        world.Process.WaitForLine(line =>
            line == $"Line in '{name}' line 2 is not UTF-8: \"bad\\xff 0 1\"");
        world.Noticed();
        Assert.Equal(["alpha 0 1", "bravo 0 1"], world.All());
    }

    [Fact]
    public void A_rename_at_the_end_keeps_all_state()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt.part", "a 1", "b 2").Start();
        Assert.Equal("JOB a 1", world.Ready());
        world.Append("f.1.txt.part", "c 3\n").Move("f.1.txt.part", "f.1.txt").Noticed();
        Assert.Equal(["c 3", "b 2"], world.All());
    }

    [Fact]
    public void A_fetcher_script_replaces_its_last_run()
    {
        using var world = new SupervisorWorld();
        world.Write("x.100.txt", "a 1", "b 1").Start();
        Assert.Equal("JOB a 1", world.Ready());
        world.Write("x.200.txt.part", "a 2", "c 2").Delete("x.100.txt")
            .Move("x.200.txt.part", "x.200.txt").Noticed();
        Assert.Equal(["c 2"], world.All());
        Assert.Equal("JOB a 2", world.Done("a"));
        Assert.Equal("NOJOBS", world.Ready());
    }

    [Fact]
    public void Fifty_files_that_are_renamed_at_once_are_read()
    {
        using var world = new SupervisorWorld();
        world.Start();
        for (var i = 0; i < 50; i++)
        {
            world.Write($"f{i}.1.txt.part", $"a{i} 1", $"b{i} 1", $"c{i} 1");
            world.Move($"f{i}.1.txt.part", $"f{i}.1.txt");
        }
        world.Noticed();
        Assert.Equal(150, world.All().Count);
    }

    [Fact]
    public void A_file_deleted_truncated_or_replaced_is_a_new_one()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "b 1").Start();
        Assert.Equal("JOB a 1", world.Ready());
        Assert.Equal("JOB b 1", world.Done("a"));
        world.Write("f.1.txt", "a 2").Noticed(); // Truncated.
        Assert.Equal("JOB a 2", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("a"));
        world.Delete("f.1.txt").Write("f.1.txt", "a 3").Noticed();
        Assert.Equal("JOB a 3", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("a"));
        world.Write("other", "a 4").Move("other", "f.1.txt").Noticed();
        Assert.Equal("JOB a 4", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("a"));
        world.Move("f.1.txt", "f.2.txt").Noticed();
        Assert.Equal("JOB a 4", world.ReadyInTime());
    }

    [Fact]
    public void Moved_copied_and_linked_files_are_read_and_one_moved_away_is_gone()
    {
        using var world = new SupervisorWorld();
        world.Start();
        File.WriteAllText(world.Workspace.PathOf("outside"), "a 1\n");
        File.Copy(world.Workspace.PathOf("outside"), Path.Combine(world.Folder, "f.1.txt"));
        File.WriteAllText(world.Workspace.PathOf("outside"), "b 1\n");
        File.Move(world.Workspace.PathOf("outside"), Path.Combine(world.Folder, "g.1.txt"));
        File.WriteAllText(world.Workspace.PathOf("outside"), "c 1\n");
        File.CreateSymbolicLink(
            Path.Combine(world.Folder, "h.1.txt"), world.Workspace.PathOf("outside"));
        world.Write("i.1.txt", "d 1").Noticed().Move("i.1.txt", "gone").Noticed();
        Assert.Equal(["a 1", "b 1", "c 1"], world.All().Order());
    }

    [Fact]
    public void A_complete_file_that_grows_is_followed()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Start();
        Assert.Equal(["a 1"], world.All());
        world.Append("f.1.txt", "b 2\n").Noticed();
        Assert.Equal(["b 2"], world.All());
    }

    [Fact]
    public void What_is_no_feed_file_is_ignored()
    {
        using var world = new SupervisorWorld();
        world.Write("notes.final.txt", "a 1").Write("f.12345678901234567890.txt", "a 1");
        world.Write("foo.txt", "a 1").Write("f.1.txt.bak", "a 1");
        Directory.CreateDirectory(Path.Combine(world.Folder, "sub.1.txt"));
        File.CreateSymbolicLink(Path.Combine(world.Folder, "loop.1.txt"), "loop.1.txt");
        Process.Start("mkfifo", Path.Combine(world.Folder, "pipe.1.txt")).WaitForExit();
        world.Write("f.7.txt", "a 7").Start().Noticed();
        world.Write("f.007.txt", "b 7");
        world.Process.WaitForLine(
            line => line == "'f.007.txt' is ignored: 'f.7.txt' is the same run");
        Assert.Equal(["a 7"], world.All());
    }

    [Fact]
    public void The_part_of_a_run_survives_the_end_of_its_complete_file()
    {
        using var world = new SupervisorWorld();
        world.Write("f.100.txt", "a 1").Write("f.101.txt", "b 1").Start();
        world.Write("f.100.txt.part", "c 1").Noticed().Delete("f.100.txt").Noticed();
        world.Append("f.100.txt.part", "d 1\n").Noticed();
        Assert.Equal(["b 1", "c 1", "d 1"], world.All().Order());
    }

    [Fact]
    public void A_renamed_run_with_other_digits_keeps_its_state()
    {
        using var world = new SupervisorWorld();
        world.Write("f.007.txt.part", "a 1", "b 1").Start();
        Assert.Equal("JOB a 1", world.Ready());
        world.Move("f.007.txt.part", "f.007.txt").Noticed();
        Assert.Equal(["b 1"], world.All());
    }

    [Fact]
    public void A_folder_that_is_replaced_is_watched_again_and_a_missing_one_changes_nothing()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "b 1").Start();
        Directory.Move(world.Folder, world.Folder + ".old");
        world.Process.WaitForLine(line => line.EndsWith(
            "cannot be read; what it listed is kept", StringComparison.Ordinal));
        Assert.Equal("JOB a 1", world.Ready());
        Directory.CreateDirectory(world.Folder);
        world.Write("g.1.txt", "c 1").Noticed();
        Assert.Equal(["c 1"], world.All());
        world.Write("g.2.txt", "d 1").Noticed();
        Assert.Equal(["d 1"], world.All());
    }

    [Fact]
    public void A_torn_last_line_of_a_complete_file_is_reported_and_not_taken()
    {
        using var world = new SupervisorWorld();
        world.Append("f.1.txt", "a 1\nb 2").Start();
        world.Process.WaitForLine(line =>
            line == "Last line in 'f.1.txt' line 2 has no end, and is not taken: \"b 2\"");
        Assert.Equal(["a 1"], world.All());
        world.Append("f.1.txt", "2\n").Noticed();
        Assert.Equal(["b 22"], world.All());
    }

    [Fact]
    public void Memory_that_is_mapped_is_read_by_the_look_every_ten_seconds()
    {
        using var world = new SupervisorWorld();
        world.Start();
        var path = Path.Combine(world.Folder, "f.1.txt.part");
        using (var file = File.Create(path)) file.SetLength(4);
        using var map = System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(path);
        using var view = map.CreateViewAccessor();
        world.Noticed();
        view.WriteArray(0, "a 1\n"u8.ToArray(), 0, 4);
        Assert.Equal("JOB a 1", world.ReadyInTime());
    }
}
