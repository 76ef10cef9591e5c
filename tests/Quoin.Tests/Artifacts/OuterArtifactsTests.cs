using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Artifacts;

/// <summary>A place that several hosts have: what one made the others take.</summary>
public sealed class OuterArtifactsTests : IDisposable
{
    readonly ArtifactWorld world = new();
    readonly Digest print = ArtifactWorld.Print("f");

    public void Dispose() => world.Dispose();

    static ArtifactOutput Only(ArtifactStore store, Digest print) =>
        store.Records(print).First().Record.Outputs.Single();

    string SharedFile(string kind) => Directory.GetFiles(
        $"{world.Shared}/{kind}", "*", SearchOption.AllDirectories).Single();

    [Fact]
    public void Another_host_takes_a_file_from_there()
    {
        var made = world.Publish("a", "one\n");
        Assert.True(world.Host("a", world.Folder()).Keep(print, [made]));
        var other = world.Host("b", world.Folder());
        Assert.True(other.CanRestore(print, "a", made.Digest));
        var to = world.Free();
        Assert.Equal("shared", other.Restore(Only(other, print), to));
        Assert.Equal("one\n", File.ReadAllText(to));
        Assert.Equal("local", other.Restore(Only(other, print), world.Free()));
    }

    [Fact]
    public void Another_host_takes_a_folder_from_there()
    {
        var made = world.PublishFolder("tree");
        world.Host("a", world.Folder()).Keep(print, [made]);
        var other = world.Host("b", world.Folder());
        var to = world.Free();
        Assert.Equal("shared", other.Restore(Only(other, print), to));
        Assert.Equal(made.Digest, ContentDigest.OfDirectory(to).Digest);
    }

    [Fact]
    public void Runs_that_claim_some_outputs_each_are_one_record()
    {
        var (first, b) = (world.Publish("a", "one\n"), world.Publish("b", "two\n"));
        var store = world.Host("a", world.Folder());
        store.Keep(print, [first, b]);
        var again = world.Publish("a", "three\n");
        store.Keep(print, [again]);
        foreach (var host in (ArtifactStore[])[store, world.Host("b", world.Folder())])
            foreach (var (_, record) in host.Records(print))
                Assert.Equal(
                    [("a", again.Digest), ("b", b.Digest)],
                    record.Outputs.Select(output => (output.Ref, output.Digest)));
        Assert.Equal(2, store.Records(print).Count());
    }

    [Fact]
    public void One_byte_flipped_there_is_seen_dropped_and_put_there_anew()
    {
        var made = world.Publish("a", "one\n");
        var first = world.Host("a", world.Folder());
        first.Keep(print, [made]);
        ArtifactWorld.Flip(SharedFile("blob"));
        var other = world.Host("b", world.Folder());
        Assert.Null(other.Restore(Only(other, print), world.Free()));
        Assert.StartsWith(
            $"artifact {made.Digest.Short} of the shared store was damaged",
            Assert.Single(world.Warnings));
        Assert.False(other.CanRestore(print, "a", made.Digest));
        first.Keep(print, [made]);
        Assert.Equal("shared", other.Restore(Only(other, print), world.Free()));
    }

    [Fact]
    public void What_has_no_marker_yet_nobody_sees()
    {
        var made = world.Publish("a", "one\n");
        world.Host("a", world.Folder()).Keep(print, [made]);
        File.Delete(SharedFile("artifact"));
        var other = world.Host("b", world.Folder());
        Assert.False(other.CanRestore(print, "a", made.Digest));
        Assert.Null(other.Restore(Only(other, print), world.Free()));
        Assert.Empty(world.Warnings);
    }

    [Fact]
    public void Who_does_not_write_there_removes_nothing_there()
    {
        var made = world.Publish("a", "one\n");
        world.Host("a", world.Folder()).Keep(print, [made]);
        ArtifactWorld.Flip(SharedFile("blob"));
        using var reader = new ArtifactStore(
            $"{world.Root}/reader", [world.Folder()], writes: false, world.Time, () => "x")
        {
            Warn = world.Warnings.Add,
        };
        Assert.Null(reader.Restore(Only(reader, print), world.Free()));
        Assert.Equal(
            $"artifact {made.Digest.Short} of the shared store was damaged; it stays there, and "
            + "is taken from elsewhere or made again",
            Assert.Single(world.Warnings));
        Assert.True(File.Exists(SharedFile("blob")) && File.Exists(SharedFile("artifact")));
    }

    [Fact]
    public void What_was_swept_there_is_missed_and_put_there_anew()
    {
        var made = world.Publish("a", "one\n");
        var first = world.Host("a", world.Folder());
        first.Keep(print, [made]);
        File.Delete(SharedFile("blob"));
        var other = world.Host("b", world.Folder());
        Assert.Null(other.Restore(Only(other, print), world.Free()));
        Assert.Empty(world.Warnings);
        first.Keep(print, [made]);
        Assert.Equal("shared", other.Restore(Only(other, print), world.Free()));
    }

    [Fact]
    public void A_place_that_does_not_answer_is_one_warning_and_a_miss()
    {
        var gone = new SharedFolderPlace("/nowhere/at/all", () => "x", world.Time);
        var store = world.Host("a", gone);
        var made = world.Publish("a", "one\n");
        Assert.False(store.Keep(print, [made]));
        store.Keep(ArtifactWorld.Print("g"), [made]);
        Assert.False(store.CanRestore(ArtifactWorld.Print("h"), "a", made.Digest));
        Assert.Equal("local", store.Restore(Only(store, print), world.Free()));
        Assert.Equal(
            "the shared artifacts (/nowhere/at/all) cannot be used: /nowhere/at/all is not there; "
            + "going on without them. Remedy: look whether /nowhere/at/all is there, mounted and "
            + "yours to write, or build without them: QUOIN_ARTIFACTS=local",
            Assert.Single(world.Warnings));
    }

    [Fact]
    public void A_place_that_comes_back_is_used_again_after_a_minute()
    {
        var place = $"{world.Root}/later";
        var store = world.Host("a", new SharedFolderPlace(place, () => "x", world.Time));
        var made = world.Publish("a", "one\n");
        store.Keep(print, [made]);
        Directory.CreateDirectory(place);
        store.Keep(print, [made]);
        Assert.Empty(Directory.GetFileSystemEntries(place));
        world.Time.Advance(TimeSpan.FromMinutes(1));
        store.Keep(print, [made]);
        Assert.Equal(
            ["artifact", "blob", "record"],
            Directory.GetDirectories(place).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void Without_room_here_the_place_is_not_to_blame()
    {
        var made = world.Publish("a", new string('x', 1 << 20));
        world.Host("a", world.Folder()).Keep(print, [made]);
        var layer = new OuterArtifacts(
            world.Folder(), world.Time, world.Warnings.Add, writes: true);
        var full = world.Free();
        File.CreateSymbolicLink(full, "/dev/full"); // Takes no byte: the device is full.
        Assert.Throws<IOException>(() => layer.Fetch(made.Digest, full));
        Assert.Empty(world.Warnings);
        Assert.Equal(FetchEnd.Whole, layer.Fetch(made.Digest, world.Free()));
    }

    [Fact]
    public async Task What_a_place_missed_it_gets_when_it_is_taken_from_here()
    {
        var place = $"{world.Root}/later";
        var store = world.Host("a", new SharedFolderPlace(place, () => "x", world.Time));
        using var build = new EngineWorld("""
            quoin: 1
            artifacts: {}
            jobs: { a: { outputs: [a], exec: [echo, one], stdout: "{out}" } }
            """) { Artifacts = store };
        Assert.Equal("Succeeded", await build.BuildAsync("a"));
        Directory.CreateDirectory(place);
        world.Time.Advance(TimeSpan.FromMinutes(1));
        build.Delete(".quoin/data/a");
        Assert.Equal("Succeeded", await build.BuildAsync("a"));
        Assert.Equal("local", build.Last.Of<RunCompleted>().Single().RestoredFrom);
        Assert.Equal(
            ["artifact", "blob", "record"],
            Directory.GetDirectories(place).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public async Task Many_that_want_the_same_fetch_it_once()
    {
        var made = world.Publish("a", new string('x', 1 << 20));
        world.Host("a", world.Folder()).Keep(print, [made]);
        var counting = new CountingPlace(world.Folder());
        var other = world.Host("b", counting);
        var output = Only(other, print);
        var from = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(
            () => other.Restore(output, world.Free()), TestContext.Current.CancellationToken)));
        Assert.All(from, Assert.NotNull);
        Assert.Equal(1, counting.Reads);
    }

    [Fact]
    public async Task Many_that_bring_the_same_folder_put_it_there_once()
    {
        var made = world.PublishFolder("tree");
        world.Host("a", world.Folder()).Keep(print, [made]);
        var other = world.Host("b", world.Folder());
        var place = world.Free();
        var from = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(
            () => other.Bring(print, "tree", made.Digest, place, () => Path.Exists(place)),
            TestContext.Current.CancellationToken)));
        Assert.Equal(["", "", "", "", "", "", "", "shared"], from.Order());
        Assert.Equal(made.Digest, ContentDigest.OfDirectory(place).Digest);
        Assert.Empty(Directory.GetFileSystemEntries($"{other.Local.Folder}/half"));
    }

    [Fact]
    public void What_was_published_while_bytes_came_is_not_replaced()
    {
        var made = world.Publish("a", "one\n");
        world.Host("a", world.Folder()).Keep(print, [made]);
        var place = world.Free();
        var slow = new CountingPlace(world.Folder())
        {
            OnRead = () => File.WriteAllText(place, "newer\n"),
        };
        var other = world.Host("b", slow);
        Assert.Equal(
            "", other.Bring(print, "a", made.Digest, place, () => Path.Exists(place)));
        Assert.Equal("newer\n", File.ReadAllText(place));
    }

    [Fact]
    public void Who_is_told_to_stop_leaves_nothing_and_blames_no_place()
    {
        var made = world.Publish("a", "one\n");
        var print = ArtifactWorld.Print("f");
        world.Host("a", world.Folder()).Keep(print, [made]);
        using var stop = new CancellationTokenSource();
        var place = new CountingPlace(world.Folder()) { OnRead = stop.Cancel };
        var other = world.Host("b", place);
        var to = world.Free();

        Assert.ThrowsAny<OperationCanceledException>(
            () => other.Restore(Only(other, print), to, stop.Token));
        Assert.False(Path.Exists(to));
        Assert.ThrowsAny<OperationCanceledException>(
            () => world.Host("c", place).Keep(print, [made], stop.Token));
        Assert.Equal("shared", other.Restore(Only(other, print), to));
        Assert.Empty(world.Warnings);
    }

    [Fact]
    public void Many_outputs_are_asked_for_at_once()
    {
        using var together = new Barrier(ArtifactStore.AskedAtATime / 2);
        var place = new CountingPlace(world.Folder())
        {
            OnGet = () => Assert.True(together.SignalAndWait(TimeSpan.FromSeconds(30))),
        };
        var store = world.Host("a", place);
        var asked = Enumerable.Range(0, together.ParticipantCount).Select(
            i => (ArtifactWorld.Print($"{i}"), "a", ArtifactWorld.Print("content"))).ToList();

        var answers = store.CanRestore(asked, TimeSpan.FromSeconds(10));

        Assert.Equal(asked.Count, answers.Length);
        Assert.DoesNotContain(true, answers);
        Assert.Empty(world.Warnings);
    }

    [Fact]
    public void A_place_that_takes_its_time_is_not_waited_for()
    {
        var place = new CountingPlace(world.Folder())
        {
            OnGet = () => world.Time.Advance(TimeSpan.FromSeconds(6)),
        };
        var asked = Enumerable.Range(0, 200).Select(
            i => (ArtifactWorld.Print($"{i}"), "a", ArtifactWorld.Print("content"))).ToList();

        world.Host("a", place).CanRestore(asked, TimeSpan.FromSeconds(10));

        Assert.Matches(
            "^the artifacts answer slowly: 1[0-9]{2} of 200 outputs",
            Assert.Single(world.Warnings));
    }

    sealed class CountingPlace(IArtifactPlace inner) : IArtifactPlace
    {
        int reads;

        public int Reads => reads;

        public Action OnRead { get; init; } = static () => { };

        public Action OnGet { get; init; } = static () => { };

        public string Name => inner.Name;

        public string Shown => inner.Shown;

        public string Remedy => inner.Remedy;

        public byte[]? Get(string key, bool isUse = true)
        {
            OnGet();
            return inner.Get(key, isUse);
        }

        public void Put(string key, ReadOnlyMemory<byte> bytes) => inner.Put(key, bytes);

        public void PutFile(string key, string file, CancellationToken ct) =>
            inner.PutFile(key, file, ct);

        public bool Read(string key, Stream to, CancellationToken ct)
        {
            Interlocked.Increment(ref reads);
            OnRead();
            return inner.Read(key, to, ct);
        }

        public void Delete(string key) => inner.Delete(key);

        public IEnumerable<PlacedBytes> List(string prefix) => inner.List(prefix);

        public int RemoveHalf(TimeSpan olderThan, DateTimeOffset now) =>
            inner.RemoveHalf(olderThan, now);

        public void Dispose() => inner.Dispose();
    }

    [Theory]
    [InlineData("s3://bucket", "bucket", "", null, "us-east-1")]
    [InlineData("s3://bucket/a/b/", "bucket", "a/b/", null, "us-east-1")]
    [InlineData(
        "s3://b/p?endpoint=http://127.0.0.1:9000&region=eu-1", "b", "p/", "http://127.0.0.1:9000/",
        "eu-1")]
    public void An_address_of_a_bucket(
        string text, string bucket, string prefix, string? endpoint, string region)
    {
        var address = ArtifactAddress.Parse(text);
        Assert.Equal(
            (bucket, prefix, endpoint, region),
            (address.Bucket, address.Prefix, address.Endpoint?.ToString(), address.Region));
    }

    [Theory]
    [InlineData("http://x")]
    [InlineData("s3://")]
    [InlineData("s3://b?endpoint=nowhere")]
    [InlineData("s3://b?what=1")]
    public void What_is_no_address_of_a_bucket_says_how_to_write_one(string text) =>
        Assert.EndsWith(
            ": write s3://BUCKET/PREFIX?endpoint=URL&region=NAME", ArtifactAddress.Check(text));
}
