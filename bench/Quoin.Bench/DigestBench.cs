using System.Diagnostics;
using System.Security.Cryptography;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>XXH3-128 against SHA-256: 256 MB in memory, and many small files on disk.</summary>
static class DigestBench
{
    const int Megabytes = 256, Files = 10_000, Passes = 5;

    public static void Run()
    {
        var bytes = new byte[Megabytes << 20];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i * 7 + i / 251);
        Speed("XXH3-128, at once", () => Xxh3.Hash(bytes));
        Speed("XXH3-128, 256 KiB pieces", () =>
        {
            var hash = new Xxh3();
            const int piece = 256 << 10;
            for (var at = 0; at < bytes.Length; at += piece) hash.Append(bytes.AsSpan(at, piece));
            return hash.Finish();
        });
        Speed("SHA-256", () => SHA256.HashData(bytes));

        var root = Path.Join(Path.GetTempPath(), $"quoin-bench-digest-{Environment.ProcessId}");
        Directory.CreateDirectory(root);
        var paths = Enumerable.Range(0, Files).Select(i => $"{root}/{i}").ToArray();
        foreach (var path in paths) File.WriteAllText(path, path);
        Each("stat", () =>
        {
            foreach (var path in paths) _ = FileStat.Of(path);
        });
        Each("XXH3-128 of a small file", () =>
        {
            foreach (var path in paths) _ = ContentDigest.OfFile(path);
        });
        Each("SHA-256 of a small file", () =>
        {
            foreach (var path in paths) _ = SHA256.HashData(File.ReadAllBytes(path));
        });
        Directory.Delete(root, true);
    }

    static void Speed<T>(string what, Func<T> hash) =>
        Console.WriteLine($"{what,-26} {Megabytes / Best(() => hash()).TotalSeconds,8:F0} MiB/s");

    static void Each(string what, Action all) =>
        Console.WriteLine($"{what,-26} {Best(all).TotalMicroseconds / Files,8:F1} us");

    static TimeSpan Best(Action action)
    {
        var best = TimeSpan.MaxValue;
        for (var pass = 0; pass < Passes; pass++)
        {
            var clock = Stopwatch.StartNew();
            action();
            if (clock.Elapsed < best) best = clock.Elapsed;
        }
        return best;
    }
}
