using System.Diagnostics;
using System.Security.Cryptography;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>
/// 1 GiB of artifacts restored from the local store, each byte checked on its way, beside
/// <c>cp</c> of the same files; and what was chosen by measurement: how large the pieces are, which
/// digest, and what a reflink and a hard link would cost here.
/// </summary>
static class ArtifactsBench
{
    const int Files = 16, FileBytes = 64 << 20, Passes = 3, Small = 5_000;

    public static void Run()
    {
        var root = Directory.CreateTempSubdirectory("quoin-bench-artifacts-").FullName;
        try
        {
            Large(root);
            Pieces(root);
            SmallFiles(root);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    static ArtifactStore StoreIn(string root)
    {
        var count = 0;
        return new ArtifactStore(
            $"{root}/cas", [], writes: true, TimeProvider.System,
            () => $"{Interlocked.Increment(ref count)}");
    }

    static ArtifactOutput[] Put(ArtifactStore store, string folder, int files, int bytes)
    {
        Directory.CreateDirectory(folder);
        var random = new Random(1);
        var buffer = new byte[bytes];
        var outputs = new ArtifactOutput[files];
        for (var i = 0; i < files; i++)
        {
            random.NextBytes(buffer);
            File.WriteAllBytes($"{folder}/{i}", buffer);
            var digest = Xxh3.Hash(buffer);
            store.Local.Put(digest, $"{folder}/{i}");
            outputs[i] = new ArtifactOutput($"{i}", digest, bytes, ArtifactForm.File);
        }
        return outputs;
    }

    static void Large(string root)
    {
        using var store = StoreIn(root);
        var outputs = Put(store, $"{root}/from", Files, FileBytes);
        var (copy, one, two) = (TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue);
        for (var pass = 0; pass < Passes; pass++)
        {
            copy = Least(copy, Into(root, to => Tool.Run("cp", "-r", $"{root}/from/.", to)));
            one = Least(one, Into(root, to =>
            {
                foreach (var output in outputs) Restore(store, output, to);
            }));
            two = Least(two, Into(root, to => Parallel.ForEach(
                outputs, new ParallelOptions { MaxDegreeOfParallelism = 2 },
                output => Restore(store, output, to))));
        }
        Console.WriteLine($"{Files} files of {FileBytes >> 20} MiB, best of {Passes}");
        Say("cp", copy, copy);
        Say("restored, one slot", one, copy);
        Say("restored, two slots", two, copy);
    }

    static void Say(string what, TimeSpan time, TimeSpan copy) => Console.WriteLine(
        $"{what,-26} {(Files * (long)FileBytes >> 20) / time.TotalSeconds,8:F0} MiB/s"
        + $"  {copy / time * 100,5:F0} % of cp");

    static void Restore(ArtifactStore store, in ArtifactOutput output, string to)
    {
        if (store.Restore(output, $"{to}/{output.Ref}") is null)
            throw new InvalidOperationException($"{output.Ref} was not restored");
    }

    static TimeSpan Into(string root, Action<string> action)
    {
        var to = $"{root}/to";
        Directory.CreateDirectory(to);
        var clock = Stopwatch.StartNew();
        action(to);
        var elapsed = clock.Elapsed;
        Directory.Delete(to, recursive: true);
        return elapsed;
    }

    // One file through a buffer of some size, hashed by one algorithm or the other, or not at all.
    static void Pieces(string root)
    {
        var file = $"{root}/from/0";
        Console.WriteLine($"one file of {FileBytes >> 20} MiB, read, hashed and written in pieces");
        foreach (var kib in (int[])[64, 256, 1024, 4096])
        {
            var xxh3 = Best(root, to => Through(file, to, kib << 10, new Xxh3()));
            Rate($"XXH3-128, {kib,4} KiB", xxh3);
        }
        var none = Best(root, to => Through(file, to, 256 << 10, null));
        var sha = Best(root, to =>
        {
            using var from = File.OpenRead(file);
            SHA256.HashData(from);
            File.Copy(file, to);
        });
        var link = Best(root, to => File.CreateSymbolicLink(to, file));
        Rate("not hashed,  256 KiB", none);
        Rate("SHA-256, then copied", sha);
        Console.WriteLine($"  {"a link instead",-24}{link.TotalMicroseconds,10:F0} us");
        Console.WriteLine(
            $"  {"reflink on this disk",-24}{(FileCopy.CanClone(root) ? "yes" : "no"),10}");
    }

    static void Rate(string what, TimeSpan time) => Console.WriteLine(
        $"  {what,-24}{(FileBytes >> 20) / time.TotalSeconds,10:F0} MiB/s");

    static void Through(string file, string to, int piece, Xxh3? hash)
    {
        using var from = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        using var into = new FileStream(
            to, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
        var buffer = new byte[piece];
        for (int count; (count = from.Read(buffer)) > 0;)
        {
            hash?.Append(buffer.AsSpan(0, count));
            into.Write(buffer, 0, count);
        }
        hash?.Finish();
    }

    static TimeSpan Best(string root, Action<string> action)
    {
        var best = TimeSpan.MaxValue;
        for (var pass = 0; pass < Passes; pass++)
            best = Least(best, Into(root, to => action($"{to}/one")));
        return best;
    }

    static void SmallFiles(string root)
    {
        using var store = StoreIn($"{root}/small");
        var outputs = Put(store, $"{root}/small/from", Small, 4 << 10);
        var (copy, restored) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
        for (var pass = 0; pass < Passes; pass++)
        {
            copy = Least(
                copy, Into(root, to => Tool.Run("cp", "-r", $"{root}/small/from/.", to)));
            restored = Least(restored, Into(root, to =>
            {
                foreach (var output in outputs) Restore(store, output, to);
            }));
        }
        Console.WriteLine($"{Small} files of 4 KiB");
        Console.WriteLine($"  {"cp",-24}{copy.TotalMicroseconds / Small,10:F1} us");
        Console.WriteLine(
            $"  {"restored, one slot",-24}{restored.TotalMicroseconds / Small,10:F1} us");
    }

    static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
