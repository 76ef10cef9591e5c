using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests;

public sealed class FileStampCacheTests : IDisposable
{
    readonly JobSandbox box = new();
    readonly SetTime time = new(DateTimeOffset.UtcNow);

    public void Dispose() => box.Dispose();

    FileStampCache Cache(params FileStampEntry[] entries) => new(box.Root, entries, time);

    void Age(string path) =>
        File.SetLastWriteTimeUtc(box.At(path), time.Now.UtcDateTime - TimeSpan.FromHours(1));

    [Fact]
    public void An_unchanged_file_is_hashed_once_and_not_again_after_a_restart()
    {
        box.Write("a", "one");
        Age("a");
        var cache = Cache();
        Assert.Equal(Xxh3.Hash("one"u8), cache.DigestOf("a"));
        Assert.Equal(Xxh3.Hash("one"u8), cache.DigestOf(box.At("a")));
        Assert.Equal(1, cache.Hashed);

        var kept = cache.TakeChanged();
        Assert.Equal("a", Assert.Single(kept).Path);
        Assert.Empty(cache.TakeChanged());
        var next = Cache([.. kept]);
        Assert.Equal(Xxh3.Hash("one"u8), next.DigestOf("a"));
        Assert.Equal(0, next.Hashed);
        Assert.Empty(next.TakeChanged());
    }

    [Fact]
    public void A_changed_file_is_hashed_again_whatever_changed()
    {
        box.Write("a", "one");
        Age("a");
        var cache = Cache();
        _ = cache.DigestOf("a");
        box.Write("a", "two");
        Assert.Equal(Xxh3.Hash("two"u8), cache.DigestOf("a"));

        // Same size and time, another inode: as a rename of a copy makes it.
        box.Write("b", "six");
        File.SetLastWriteTimeUtc(box.At("b"), File.GetLastWriteTimeUtc(box.At("a")));
        File.Move(box.At("b"), box.At("a"), true);
        Assert.Equal(Xxh3.Hash("six"u8), cache.DigestOf("a"));
    }

    [Fact]
    public void A_file_that_changed_within_two_seconds_of_its_stamp_is_not_trusted()
    {
        box.Write("a", "one");
        var modified = FileStat.Of(box.At("a")).Stamp.ModifiedNs;
        time.Now = DateTimeOffset.UnixEpoch.AddTicks(modified / 100).AddSeconds(1.9);
        var cache = Cache();
        _ = cache.DigestOf("a");
        _ = cache.DigestOf("a");
        Assert.Equal(2, cache.Hashed);

        time.Now = time.Now.AddSeconds(0.2);
        _ = cache.DigestOf("a");
        _ = cache.DigestOf("a");
        Assert.Equal(3, cache.Hashed);
    }

    [Fact]
    public void An_output_that_was_just_published_is_trusted_if_times_are_fine()
    {
        box.Write("a", "one");
        var stamp = FileStat.Of(box.At("a")).Stamp;
        var cache = Cache();
        cache.Published("a", stamp, Xxh3.Hash("one"u8));
        Assert.Equal(Xxh3.Hash("one"u8), cache.DigestOf("a"));
        Assert.Equal(stamp.ModifiedNs % 1_000_000_000 == 0 ? 1 : 0, cache.Hashed);
        Assert.Equal(Xxh3.Hash("one"u8), cache.DigestOf("a", trustStat: false));
        Assert.InRange(cache.Hashed, 1, 2);
    }

    [Fact]
    public void What_is_gone_has_no_digest_and_is_kept_as_gone()
    {
        box.Write("a", "one");
        Age("a");
        var cache = Cache();
        _ = cache.DigestOf("a");
        _ = cache.TakeChanged();
        File.Delete(box.At("a"));
        Assert.False(cache.DigestOf("a").Exists);
        Assert.Equal(-1, Assert.Single(cache.TakeChanged()).Stamp.Size);
        Assert.False(cache.DigestOf("never/there").Exists);
        Assert.Empty(cache.TakeChanged());
    }

    [Fact]
    public void A_folder_is_answered_from_the_stamps_of_its_files()
    {
        box.Write("d/x", "one");
        box.Write("d/sub/y", "two");
        Age("d/x");
        Age("d/sub/y");
        var cache = Cache();
        var digest = cache.DigestOf("d");
        Assert.Equal(ContentDigest.OfDirectory(box.At("d")).Digest, digest);
        Assert.Equal(digest, cache.DigestOf("d"));
        Assert.Equal(2, cache.Hashed);

        box.Write("d/sub/y", "six");
        Assert.NotEqual(digest, cache.DigestOf("d"));
        Assert.Equal(3, cache.Hashed);
    }

    [Fact]
    public void Many_files_are_checked_at_once()
    {
        var files = new List<(string, Digest)>();
        for (var i = 0; i < 1000; i++)
        {
            box.Write($"f/{i}", $"{i}");
            files.Add(($"f/{i}", ContentDigest.OfFile(box.At($"f/{i}")).Digest));
        }
        File.Delete(box.At("f/500"));
        box.Write("f/501", "changed");
        var verdicts = Cache().Check(files, 2);
        Assert.Equal(998, verdicts.Count(v => v == FileVerdict.Same));
        Assert.Equal((FileVerdict.Missing, FileVerdict.Modified), (verdicts[500], verdicts[501]));
    }

    [Fact]
    public void A_folders_digest_says_names_modes_contents_and_nothing_else()
    {
        box.Write("d/b", "1");
        box.Write("d/a", "2");
        var before = ContentDigest.OfDirectory(box.At("d")).Digest;
        Assert.Equal(
            Xxh3.Hash(System.Text.Encoding.UTF8.GetBytes(
                $"- {Xxh3.Hash("2"u8).Hex()} 1 a\n- {Xxh3.Hash("1"u8).Hex()} 1 b\n")), before);
        Age("d/a");
        Assert.Equal(before, ContentDigest.OfDirectory(box.At("d")).Digest);
        box.MakeExecutable("d/a");
        Assert.NotEqual(before, ContentDigest.OfDirectory(box.At("d")).Digest);
    }

    [Theory]
    [InlineData("l", "a", true)]
    [InlineData("x/l", "../a", true)]
    [InlineData("x/l", "./.././a/..", true)]
    [InlineData("l", "../a", false)]
    [InlineData("x/l", "../../a", false)]
    [InlineData("l", "/etc", false)]
    public void Links_have_to_stay_inside(string at, string target, bool inside) =>
        Assert.Equal(inside, ContentDigest.LeadsInside(at, target));

    /// <summary>A wall clock that is set by hand.</summary>
    sealed class SetTime(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }

    [Fact]
    public void Files_are_looked_at_ahead_and_what_changed_since_counts_when_that_is_over()
    {
        var kept = Enumerable.Range(0, 300).Select(i =>
        {
            box.Write($"f{i}", $"{i}");
            Age($"f{i}");
            return new FileStampEntry(
                $"f{i}", FileStat.Of(box.At($"f{i}")).Stamp, Xxh3.Hash("recorded"u8),
                long.MaxValue);
        }).ToArray();
        box.Write("f7", "another size");
        File.Delete(box.At("f8"));
        var store = new KeptStamps(kept);
        var cache = FileStampCache.ReadAhead(box.Root, store, time);
        Assert.Equal(Xxh3.Hash("recorded"u8), cache.DigestOf("f299"));
        Assert.Equal(Xxh3.Hash("recorded"u8), cache.DigestOf(box.At("f0")));
        Assert.Equal(Xxh3.Hash("another size"u8), cache.DigestOf("f7"));
        Assert.False(cache.DigestOf("f8").Exists);
        Assert.Equal(1, cache.Hashed);
        cache.EndLookAhead();
        box.Write("f299", "later");
        Assert.Equal(Xxh3.Hash("later"u8), cache.DigestOf("f299"));
        Assert.Equal(Xxh3.Hash("0"u8), cache.DigestOf("f0", trustStat: false));
    }

    [Fact]
    public void Stamps_that_cannot_be_read_are_the_error_of_whoever_needs_one()
    {
        box.Write("a", "one");
        var cache = FileStampCache.ReadAhead(box.Root, new KeptStamps(null), time);
        Assert.Equal(
            "store-corrupt", Assert.Throws<StoreException>(() => cache.DigestOf("a")).Code);
    }

    /// <summary>A store of stamps; null: one that cannot be read.</summary>
    sealed class KeptStamps(FileStampEntry[]? kept) : IFingerprintStore
    {
        public IEnumerable<FileStampEntry> FileStamps() =>
            kept ?? throw new StoreException("store-corrupt", "no such table");

        public byte[]? FingerprintText(Digest digest) => null;

        public byte[]? ConfigAnswer(Digest question) => null;

        public Task SaveConfigAnswerAsync(
            Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct) =>
            Task.CompletedTask;
    }
}
