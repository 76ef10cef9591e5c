using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Artifacts;

/// <summary>What is kept comes back as it was, or not at all.</summary>
public sealed class ArtifactStoreTests : IDisposable
{
    readonly ArtifactWorld world = new();

    public void Dispose() => world.Dispose();

    static ArtifactOutput Only(ArtifactStore store, Digest print) =>
        store.Records(print).First().Record.Outputs.Single();

    [Fact]
    public void A_file_comes_back_with_its_bytes()
    {
        var store = world.Host("a");
        var made = world.Publish("a", "one\n");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        Assert.True(store.CanRestore(ArtifactWorld.Print("f"), "a", made.Digest));
        Assert.False(store.CanRestore(ArtifactWorld.Print("g"), "a", made.Digest));
        var to = world.Free();
        Assert.Equal("local", store.Restore(Only(store, ArtifactWorld.Print("f")), to));
        Assert.Equal("one\n", File.ReadAllText(to));
        Assert.False(FileStat.Of(to).Executable);
    }

    [Fact]
    public void Writing_into_a_restored_file_changes_no_copy()
    {
        var store = world.Host("a");
        var made = world.Publish("a", "one\n");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        var (first, second) = (world.Free(), world.Free());
        store.Restore(Only(store, ArtifactWorld.Print("f")), first);
        File.AppendAllText(first, "more");
        File.AppendAllText(made.Path, "more");
        Assert.Equal("local", store.Restore(Only(store, ArtifactWorld.Print("f")), second));
        Assert.Equal("one\n", File.ReadAllText(second));
    }

    [Fact]
    public void A_folder_comes_back_with_programs_links_and_empty_folders()
    {
        var store = world.Host("a");
        var made = world.PublishFolder("tree");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        var to = world.Free();
        Assert.Equal("local", store.Restore(Only(store, ArtifactWorld.Print("f")), to));
        Assert.Equal(made.Digest, ContentDigest.OfDirectory(to).Digest);
        Assert.True(FileStat.Of($"{to}/bin/run").Executable);
        Assert.Equal("bin/run", new FileInfo($"{to}/link").LinkTarget);
    }

    [Fact]
    public void A_damaged_copy_is_said_dropped_and_not_used()
    {
        var store = world.Host("a");
        var made = world.Publish("a", "one\n");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        ArtifactWorld.Flip(ArtifactWorld.CasPath(store, made.Digest));
        var to = world.Free();
        Assert.Null(store.Restore(Only(store, ArtifactWorld.Print("f")), to));
        Assert.False(Path.Exists(to));
        Assert.False(File.Exists(ArtifactWorld.CasPath(store, made.Digest)));
        Assert.Equal(
            $"artifact {made.Digest.Short} of the local store was damaged; it was dropped there, "
            + "and is taken from elsewhere or made again",
            Assert.Single(world.Warnings));
    }

    [Fact]
    public void A_damaged_file_in_a_folder_gives_no_folder()
    {
        var store = world.Host("a");
        var made = world.PublishFolder("tree");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        ArtifactWorld.Flip(ArtifactWorld.CasPath(store, Xxh3.Hash("first"u8)));
        var to = world.Free();
        Assert.Null(store.Restore(Only(store, ArtifactWorld.Print("f")), to));
        Assert.False(Path.Exists(to));
    }

    [Fact]
    public void A_damaged_record_is_no_record()
    {
        var store = world.Host("a");
        store.Keep(ArtifactWorld.Print("f"), [world.Publish("a", "one\n")]);
        var record = Assert.Single(Directory.GetFiles(
            $"{store.Local.Folder}/record", "*", SearchOption.AllDirectories));
        ArtifactWorld.Flip(record);
        Assert.Empty(store.Records(ArtifactWorld.Print("f")));
        Assert.False(File.Exists(record));
    }

    [Fact]
    public void What_was_edited_after_its_run_is_not_kept()
    {
        var store = world.Host("a");
        var made = world.Publish("a", "one\n");
        File.WriteAllText(made.Path, "two\n");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        Assert.Empty(store.Records(ArtifactWorld.Print("f")));
        Assert.Equal(
            "a was changed after its run published it; it is not kept",
            Assert.Single(world.Warnings));
    }

    [Fact]
    public void Without_room_for_it_nothing_is_brought_and_that_is_said()
    {
        var store = world.Host("a");
        var made = world.Publish("a", "one\n");
        store.Keep(ArtifactWorld.Print("f"), [made]);
        Directory.Delete($"{store.Local.Folder}/half");
        File.WriteAllText($"{store.Local.Folder}/half", "in the way");
        Assert.Null(store.Bring(
            ArtifactWorld.Print("f"), "a", made.Digest, world.Free(), static () => false));
        Assert.StartsWith("cannot bring a to ", Assert.Single(world.Warnings));
    }

    [Fact]
    public async Task Two_that_keep_the_same_at_once_leave_one_whole_copy()
    {
        var (a, b) = (world.Host("same"), world.Host("same"));
        var made = world.Publish("big", new string('x', 4 << 20));
        var print = ArtifactWorld.Print("f");
        for (var round = 0; round < 20; round++)
        {
            _ = Folders.RemoveFile(ArtifactWorld.CasPath(a, made.Digest));
            await Task.WhenAll(
                Task.Run(() => a.Keep(print, [made]), TestContext.Current.CancellationToken),
                Task.Run(() => b.Keep(print, [made]), TestContext.Current.CancellationToken));
            Assert.Equal("local", a.Restore(Only(b, print), world.Free()));
        }
        Assert.Empty(world.Warnings);
        Assert.Empty(Directory.GetFiles($"{a.Local.Folder}/half"));
    }

    [Theory]
    [InlineData("- 00112233445566778899aabbccddeeff 1 ../up")]
    [InlineData("- 00112233445566778899aabbccddeeff 1 /etc")]
    [InlineData("- 00112233445566778899aabbccddeeff 1 a//b")]
    [InlineData("- 00112233445566778899aabbccddeeff x a")]
    [InlineData("q 00112233445566778899aabbccddeeff 1 a")]
    [InlineData("d 00112233445566778899aabbccddeeff 0 a")]
    [InlineData("- - 0 a")]
    [InlineData("- 0011 1 a")]
    [InlineData("l 00112233445566778899aabbccddeeff 1 a\n- 00112233445566778899aabbccddeeff 1 a/b")]
    [InlineData("d - 0 a\nl 00112233445566778899aabbccddeeff 1 a")]
    [InlineData("- 00112233445566778899aabbccddeeff 1 a/b")]
    public void No_line_of_a_folder_leads_out_of_it(string line) =>
        Assert.Null(TreeText.Read(Encoding.UTF8.GetBytes(line + "\n")));

    [Theory]
    [InlineData("a -> b/c", null)]
    [InlineData("a/b/up -> ../..; x -> a/b/up/y", null)]
    [InlineData("a/b/up -> ../..; x -> a/b/up/../y", "x")]
    [InlineData("d -> e; e -> sub/deep; x -> d/../../../y", "x")]
    [InlineData("round -> round/more", null)]
    [InlineData("one -> two; two -> one", null)]
    public void No_chain_of_links_leads_out_of_a_folder(string links, string? leading) =>
        Assert.Equal(leading, ContentDigest.LeadingOut(links.Split("; ").Select(
            link => link.Split(" -> ")).ToDictionary(link => link[0], link => link[1])));

    [Fact]
    public void A_folder_with_such_a_chain_is_no_output()
    {
        Directory.CreateDirectory($"{world.Root}/tree/a/b");
        File.CreateSymbolicLink($"{world.Root}/tree/a/b/up", "../..");
        ContentDigest.OfPath($"{world.Root}/tree");
        File.CreateSymbolicLink($"{world.Root}/tree/x", "a/b/up/../y");

        var no = Assert.Throws<ContentException>(() => ContentDigest.OfPath($"{world.Root}/tree"));

        Assert.Contains(
            "tree/x links to a/b/up/../y, which leads out of the output by way of another link",
            no.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_lies_in_a_folder_of_a_line_before_is_read() =>
        Assert.Equal(
            ["a", "a/b", "a/b/c"],
            TreeText.Read("d - 0 a\nd - 0 a/b\nx 00112233445566778899aabbccddeeff 1 a/b/c\n"u8)!
                .Select(line => line.Path));
}
