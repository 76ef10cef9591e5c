using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.KernelTests;

namespace Quoin.Tests;

public sealed class Sha256Tests
{
    // FIPS 180-4's own examples, as NIST publishes them with the standard.
    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData(
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    public void The_examples_of_the_standard_come_out(string text, string digest) =>
        Assert.Equal(
            "sha256:" + digest, Fingerprint.DigestOf(Encoding.ASCII.GetBytes(text)).ToString());

    [Fact]
    public void Texts_of_every_length_have_the_digest_that_the_library_gives_them()
    {
        var random = new Random(7);
        var bytes = new byte[300];
        for (var length = 0; length <= bytes.Length; length++)
        {
            random.NextBytes(bytes);
            Same(bytes.AsSpan(..length));
        }
        Same(new byte[(1 << 20) - 1]);
        Same(new byte[1 << 20]); // From here on the library's.
    }

    [Fact]
    public void A_memo_remembers_the_fingerprints_of_what_is_published_and_of_nothing_else()
    {
        var world = new KernelWorld();
        var want = world.Want("a");
        world.Plan(want, "j", ["a"]);
        world.Planned(want);
        var run = world.Schedule("a");
        world.Complete(run, world.Lease(run), "a"); // Its fingerprint is that of its name.
        var memo = new FingerprintMemo();
        var digest = memo.Of("r-1"u8);
        Assert.Equal(Fingerprint.DigestOf("r-1"u8), digest);
        Assert.Equal(digest, memo.Of("r-1"u8));
        _ = memo.Of("only asked for"u8);
        Assert.Equal((2, 2L), (memo.Count, memo.Digested));
        var bytes = new ArrayBufferWriter<byte>();
        memo.Write(world.State, bytes);
        var again = FingerprintMemo.Read(bytes.WrittenSpan);
        Assert.Equal(1, again.Count);
        Assert.Equal(digest, again.Of("r-1"u8));
        Assert.Equal(0, again.Digested);
    }

    static void Same(ReadOnlySpan<byte> bytes) => Assert.Equal(
        new Digest(DigestAlgorithm.Sha256, SHA256.HashData(bytes)), Fingerprint.DigestOf(bytes));
}
