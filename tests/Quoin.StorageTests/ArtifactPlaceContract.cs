using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What every place of artifacts does, whatever it is made of.</summary>
public abstract class ArtifactPlaceContract : IDisposable
{
    readonly TempFolder folder = new();

    private protected TempFolder Folder => folder;

    /// <summary>The place; each call is another client of the same one.</summary>
    protected abstract IArtifactPlace Open();

    /// <summary>A place that nobody serves.</summary>
    protected abstract IArtifactPlace OpenNowhere();

    /// <summary>Files of this size take it more than one step.</summary>
    protected virtual int LargeBytes => 1 << 20;

    public virtual void Dispose()
    {
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected string FileOf(int bytes, int seed)
    {
        var path = folder.File($"file-{seed}");
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        File.WriteAllBytes(path, content);
        return path;
    }

    private protected static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    [Fact]
    public void What_is_put_is_there_until_it_is_deleted()
    {
        using var place = Open();
        Assert.Null(place.Get("record/aa/aa"));
        place.Put("record/aa/aa", Utf8("one"));
        Assert.Equal("one", Encoding.UTF8.GetString(place.Get("record/aa/aa")!));
        place.Put("record/aa/aa", Utf8("two"));
        using var other = Open();
        Assert.Equal("two", Encoding.UTF8.GetString(other.Get("record/aa/aa")!));
        other.Delete("record/aa/aa");
        other.Delete("record/aa/aa");
        Assert.Null(place.Get("record/aa/aa"));
    }

    [Fact]
    public void A_large_file_comes_back_as_it_was()
    {
        using var place = Open();
        var file = FileOf(LargeBytes, 1);
        place.PutFile("blob/aa/large", file, default);
        using var back = new MemoryStream();
        Assert.True(place.Read("blob/aa/large", back, default));
        Assert.Equal(Xxh3.Hash(File.ReadAllBytes(file)), Xxh3.Hash(back.ToArray()));
        Assert.False(place.Read("blob/aa/none", back, default));
    }

    [Fact]
    public void An_empty_file_is_a_file()
    {
        using var place = Open();
        place.PutFile("blob/aa/empty", FileOf(0, 1), default);
        using var back = new MemoryStream();
        Assert.True(place.Read("blob/aa/empty", back, default));
        Assert.Equal(0, back.Length);
    }

    [Fact]
    public async Task Several_that_put_the_same_at_once_leave_one()
    {
        var file = FileOf(300_000, 2);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                using var place = Open();
                place.PutFile("blob/bb/same", file, default);
                place.Put("artifact/bb/same", Utf8("marker"));
            },
            TestContext.Current.CancellationToken)));
        using var one = Open();
        Assert.Single(one.List("blob/bb/"));
        Assert.Single(one.List("artifact/bb/"));
        using var back = new MemoryStream();
        Assert.True(one.Read("blob/bb/same", back, default));
        Assert.Equal(File.ReadAllBytes(file), back.ToArray());
    }

    [Fact]
    public void A_list_is_of_what_begins_so()
    {
        using var place = Open();
        place.Put("record/aa/one", Utf8("1"));
        place.Put("record/ab/two", Utf8("22"));
        place.Put("artifact/aa/one", Utf8("333"));
        Assert.Equal(
            [("record/aa/one", 1L), ("record/ab/two", 2L)],
            place.List("record/").Select(found => (found.Key, found.Bytes)).Order());
        Assert.Equal([], place.List("blob/").Select(found => found.Key));
    }

    [Fact]
    public void A_place_that_nobody_serves_says_so()
    {
        using var place = OpenNowhere();
        Assert.NotEmpty(
            Assert.Throws<ArtifactPlaceException>(() => place.Get("record/aa/aa")).Message);
        Assert.Throws<ArtifactPlaceException>(() => place.Put("record/aa/aa", Utf8("x")));
    }
}

/// <summary>A folder.</summary>
public sealed class SharedFolderPlaceTests : ArtifactPlaceContract
{
    int names;

    protected override IArtifactPlace Open()
    {
        Directory.CreateDirectory(Folder.File("place"));
        return new SharedFolderPlace(
            Folder.File("place"), () => $"{Interlocked.Increment(ref names)}",
            TimeProvider.System);
    }

    protected override IArtifactPlace OpenNowhere() =>
        new SharedFolderPlace(Folder.File("nowhere"), () => "x", TimeProvider.System);

    [Fact]
    public void What_is_used_is_young_and_what_is_looked_at_is_not()
    {
        using var place = Open();
        place.Put("record/aa/aa", Utf8("one"));
        var old = new DateTime(2026, 1, 31, 6, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(Folder.File("place/record/aa/aa"), old);
        place.Get("record/aa/aa", isUse: false);
        Assert.Equal(old, Assert.Single(place.List("record/")).At.UtcDateTime);
        place.Get("record/aa/aa");
        Assert.NotEqual(old, Assert.Single(place.List("record/")).At.UtcDateTime);
    }
}

/// <summary>The database.</summary>
public sealed class PostgresArtifactsTests(PostgresServer server) : ArtifactPlaceContract
{
    PostgresAddress? address;

    protected override int LargeBytes => 40 << 20;

    PostgresAddress Address => address ??= Make(server.NewAddress());

    static PostgresAddress Make(PostgresAddress address)
    {
        PostgresStore.Open(address, new StoreOptions { NewId = "store-1" })
            .DisposeAsync().AsTask().GetAwaiter().GetResult();
        return address;
    }

    protected override IArtifactPlace Open() => new PostgresArtifacts(Address);

    protected override IArtifactPlace OpenNowhere() => new PostgresArtifacts(
        PostgresAddress.Parse("postgres://test@/postgres?host=/nowhere", _ => null));

    [Fact]
    public void What_was_not_committed_is_not_seen_and_goes()
    {
        using var place = new PostgresArtifacts(Address);
        using var source = PostgresStore.BuilderOf(Address.Connection).Build();
        using (var half = source.CreateCommand(
            "WITH a AS (INSERT INTO artifact (key) VALUES ('blob/aa/half') RETURNING id) "
            + "INSERT INTO artifact_chunk (artifact, n, form, body) "
            + "SELECT id, 0, 0, 'half'::bytea FROM a"))
            half.ExecuteNonQuery();
        Assert.Null(place.Get("blob/aa/half"));
        Assert.Empty(place.List("blob/"));
        place.Put("blob/aa/half", Utf8("whole"));
        Assert.Equal(0, place.RemoveHalf(TimeSpan.FromHours(1), default));
        Assert.Equal(1, place.RemoveHalf(TimeSpan.Zero, default));
        Assert.Equal(5, Assert.Single(place.List("blob/")).Bytes);
        place.Delete("blob/aa/half");
        using var chunks = source.CreateCommand("SELECT count(*) FROM artifact_chunk");
        Assert.Equal(0L, chunks.ExecuteScalar());
    }

    [Fact]
    public void What_is_used_is_young_and_what_is_looked_at_is_not()
    {
        using var place = Open();
        place.Put("record/aa/aa", Utf8("one"));
        using var source = PostgresStore.BuilderOf(Address.Connection).Build();
        using var age = source.CreateCommand("UPDATE artifact SET used_at = '2026-01-31 06:00Z'");
        age.ExecuteNonQuery();
        var old = new DateTime(2026, 1, 31, 6, 0, 0, DateTimeKind.Utc);
        place.Get("record/aa/aa", isUse: false);
        Assert.Equal(old, Assert.Single(place.List("record/")).At.UtcDateTime);
        place.Get("record/aa/aa");
        Assert.NotEqual(old, Assert.Single(place.List("record/")).At.UtcDateTime);
    }

    [Fact]
    public void What_is_removed_while_it_is_read_is_read_to_its_end()
    {
        using var place = Open();
        using var other = Open();
        place.PutFile("blob/aa/two", FileOf(20 << 20, 3), default);
        using var back = new Meanwhile(() => other.Delete("blob/aa/two"));
        Assert.True(place.Read("blob/aa/two", back, default));
        Assert.Equal(
            Xxh3.Hash(File.ReadAllBytes(Folder.File("file-3"))), Xxh3.Hash(back.ToArray()));
        Assert.Empty(place.List("blob/"));
    }

    [Fact]
    public async Task Who_puts_the_same_later_leaves_what_others_may_be_reading()
    {
        using var slow = Open();
        using var quick = Open();
        var pipe = Folder.File("pipe");
        using (var make = System.Diagnostics.Process.Start("mkfifo", pipe)) make.WaitForExit();
        var putting = Task.Run(
            () => slow.PutFile("blob/aa/same", pipe, default),
            TestContext.Current.CancellationToken);
        await using (var to = new FileStream(pipe, FileMode.Open, FileAccess.Write))
        {
            // The slow one has announced its own.
            quick.PutFile("blob/aa/same", FileOf(10, 4), default);
            to.Write(File.ReadAllBytes(Folder.File("file-4")));
        }
        await putting;
        using var source = PostgresStore.BuilderOf(Address.Connection).Build();
        using var ids = source.CreateCommand("SELECT array_agg(id) FROM artifact");
        Assert.Equal([2L], (long[])ids.ExecuteScalar()!);
    }

    sealed class Meanwhile(Action happens) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Length == 0) happens();
            base.Write(buffer);
        }
    }

    [Fact]
    public void Text_is_kept_smaller_than_it_is()
    {
        using var place = new PostgresArtifacts(Address);
        File.WriteAllText(Folder.File("text"), new string('x', 1 << 20));
        place.PutFile("blob/aa/text", Folder.File("text"), default);
        using var source = PostgresStore.BuilderOf(Address.Connection).Build();
        using var size = source.CreateCommand("SELECT sum(length(body))::int FROM artifact_chunk");
        Assert.InRange((int)size.ExecuteScalar()!, 1, 100_000);
        using var back = new MemoryStream();
        Assert.True(place.Read("blob/aa/text", back, default));
        Assert.Equal(1 << 20, back.Length);
    }
}

/// <summary>
/// A bucket, with the real client: of a service on loopback that speaks the protocol, or of the one
/// that <c>QUOIN_TEST_S3</c> names (<c>s3://bucket?endpoint=…</c>).
/// </summary>
public sealed class S3ArtifactsTests : ArtifactPlaceContract
{
    readonly FakeBucket bucket = new();
    readonly string? real = Environment.GetEnvironmentVariable("QUOIN_TEST_S3");
    readonly string prefix = $"t{Interlocked.Increment(ref prefixes)}-{Environment.ProcessId}";
    static int prefixes;

    protected override int LargeBytes => 70 << 20; // Two parts.

    ArtifactAddress Address => real is null
        ? ArtifactAddress.Parse($"s3://bucket/{prefix}?endpoint={bucket.Url}")
        : ArtifactAddress.Parse(real) with { Prefix = prefix + "/" };

    protected override IArtifactPlace Open() =>
        new S3Artifacts(Address, FakeBucket.KeyId, FakeBucket.Secret);

    protected override IArtifactPlace OpenNowhere() => new S3Artifacts(
        ArtifactAddress.Parse("s3://bucket?endpoint=http://127.0.0.1:9"),
        FakeBucket.KeyId, FakeBucket.Secret);

    public override void Dispose()
    {
        bucket.Dispose();
        base.Dispose();
    }

    [Fact]
    public void Parts_of_an_upload_that_nobody_ended_go()
    {
        using var place = Open();
        bucket.Leave("blob/aa/half");
        var now = TimeProvider.System.GetUtcNow();
        if (real is not null) return;
        Assert.Equal(0, place.RemoveHalf(TimeSpan.FromHours(1), now));
        Assert.Equal(1, place.RemoveHalf(TimeSpan.FromHours(1), now + TimeSpan.FromHours(2)));
        Assert.Equal(0, place.RemoveHalf(TimeSpan.FromHours(1), now + TimeSpan.FromHours(2)));
    }

    [Fact]
    public void Who_may_not_is_told_so()
    {
        using var place = new S3Artifacts(
            Address with { Endpoint = new Uri(bucket.Url) }, "somebody", "else");
        var no = Assert.Throws<ArtifactPlaceException>(() => place.Get("record/aa/aa"));
        Assert.Contains("somebody is not known here", no.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_stops_in_the_middle_is_not_waited_for()
    {
        using var place = new S3Artifacts(
            Address with { Endpoint = new Uri(bucket.Url) }, FakeBucket.KeyId, FakeBucket.Secret,
            TimeSpan.FromSeconds(1));
        place.Put("record/aa/aa", "one"u8.ToArray());
        bucket.StallNext();
        var no = Assert.Throws<ArtifactPlaceException>(() => place.Get("record/aa/aa"));
        Assert.Equal("nothing came or went for 1 s", no.Message);
    }

    [Fact]
    public async Task Who_is_told_to_stop_does_not_wait_for_it_either()
    {
        using var place = new S3Artifacts(
            Address with { Endpoint = new Uri(bucket.Url) }, FakeBucket.KeyId, FakeBucket.Secret);
        place.Put("record/aa/aa", "one"u8.ToArray());
        bucket.StallNext();
        using var stop = new CancellationTokenSource();
        using var read = new StoppingStream(stop);

        var reading = Task.Run(
            () => place.Read("record/aa/aa", read, stop.Token),
            TestContext.Current.CancellationToken);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(
            TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
    }

    /// <summary>Tells it to stop when the first bytes come.</summary>
    sealed class StoppingStream(CancellationTokenSource stop) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => stop.Cancel();
    }

    [Fact]
    public void What_a_service_fails_at_once_is_tried_again()
    {
        bucket.FailNext(2);
        using var place = new S3Artifacts(
            Address with { Endpoint = new Uri(bucket.Url) }, FakeBucket.KeyId, FakeBucket.Secret);
        place.Put("record/aa/aa", "one"u8.ToArray());
        Assert.Equal("one", Encoding.UTF8.GetString(place.Get("record/aa/aa")!));
    }
}
