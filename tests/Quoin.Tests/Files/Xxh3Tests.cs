using Quoin.Engine;

namespace Quoin.Tests;

public sealed class Xxh3Tests
{
    /// <summary>
    /// <c>length digest</c> of the first so many bytes of this sequence, made by xxhsum 0.8.1:
    /// see the head of the file.
    /// </summary>
    static List<(int Length, string Digest)> Vectors()
    {
        using var stream = typeof(Xxh3Tests).Assembly.GetManifestResourceStream("xxh128.txt")!;
        using var reader = new StreamReader(stream);
        var vectors = new List<(int, string)>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            var parts = line.Split(' ');
            vectors.Add((int.Parse(parts[0]), parts[1]));
        }
        return vectors;
    }

    static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++) bytes[i] = (byte)((i * 7 + i / 251) & 0xFF);
        return bytes;
    }

    [Fact]
    public void Digests_are_those_of_xxh128sum()
    {
        var vectors = Vectors();
        Assert.Equal(0, vectors[0].Length);
        Assert.True(vectors.Count > 250);
        foreach (var (length, digest) in vectors)
            Assert.Equal((length, digest), (length, Xxh3.Hash(Bytes(length)).Hex()));
    }

    [Fact]
    public void Pieces_of_any_size_give_the_same_digest()
    {
        foreach (var (length, digest) in Vectors())
        {
            var bytes = Bytes(length);
            foreach (var piece in (int[])[1, 7, 63, 64, 65, 255, 256, 257, 1000, 1024, 4096])
            {
                if (length / piece > 5000) continue;
                var hash = new Xxh3();
                for (var at = 0; at < length; at += piece)
                    hash.Append(bytes.AsSpan(at, Math.Min(piece, length - at)));
                Assert.Equal((length, piece, digest), (length, piece, hash.Finish().Hex()));
            }
        }
    }

    [Fact]
    public unsafe void The_scalar_loop_agrees_with_the_vector_loops()
    {
        var bytes = Bytes(2048);
        var scalar = new ulong[8];
        var vector = new ulong[8];
        fixed (byte* data = bytes, secret = Xxh3.Secret)
        fixed (ulong* a = scalar, b = vector)
        {
            Xxh3.AccumulateScalar(a, data, secret, 16);
            Xxh3.Accumulate(b, data, secret, 16);
        }
        Assert.Equal(scalar, vector);
    }
}
