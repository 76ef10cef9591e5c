using System.Globalization;
using System.Runtime.InteropServices;

namespace Quoin.Bench;

/// <summary>
/// How long <c>quoin --version</c> and a build with nothing to do take, compiled at run time, ahead
/// of time for the shared runtime (ReadyToRun), and natively (what <c>./dev publish</c> makes).
/// </summary>
static class StartupBench
{
    const int Rounds = 15;

    public static void Run()
    {
        var place = Directory.CreateTempSubdirectory("quoin-bench-");
        try
        {
            var example = Path.Combine(place.FullName, "weather");
            Copy(Path.Combine(ResultsFile.Root, "examples", "weather"), example);
            var variants = Variants(place.FullName);
            Tool.RunTo(example + ".log", BuildBench.QuoinBinary, "-C", example, "build");

            Console.WriteLine($"milliseconds, median of {Rounds} rounds in turns (least-most)\n");
            Console.WriteLine(
                $"{"",-14} {"--version",22} {"nothing to do: examples/weather",34} {"peak MB",8}");
            var version = variants.ToDictionary(variant => variant.Name, _ => new List<ToolRun>());
            var noOp = variants.ToDictionary(variant => variant.Name, _ => new List<ToolRun>());
            for (var round = 0; round < Rounds; round++)
                foreach (var (name, binary) in variants)
                {
                    version[name].Add(Tool.Run(binary, "--version"));
                    noOp[name].Add(Tool.RunTo(example + ".log", binary, "-C", example, "build"));
                }
            foreach (var (name, _) in variants)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-14} {Times(version[name]),22} {Times(noOp[name]),34} "
                    + $"{noOp[name].Max(run => run.PeakKiB) / 1024.0,8:F0}"));
            Console.WriteLine("\nlast output of the build with nothing to do: "
                + File.ReadAllText(example + ".log").Trim());
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    static List<(string Name, string Binary)> Variants(string place)
    {
        var built = Path.Combine(ResultsFile.Root, "artifacts", "bin", "Quoin.Cli");
        var variants = new List<(string, string)>();
        if (File.Exists(Path.Combine(built, "release", "quoin")))
            variants.Add(("JIT", Path.Combine(built, "release", "quoin")));
        var ready = Path.Combine(place, "ready");
        Tool.RunTo(ready + ".log", "dotnet", "publish",
            Path.Combine(ResultsFile.Root, "src", "Quoin.Cli"), "-c", "Release",
            "-r", "linux-" + $"{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant(),
            "--self-contained", "false", "-p:PublishReadyToRun=true",
            "--artifacts-path", Path.Combine(place, "artifacts"), "-o", ready, "-v", "quiet");
        variants.Add(("ReadyToRun", Path.Combine(ready, "quoin")));
        var isNative = !File.Exists(BuildBench.QuoinBinary + ".dll");
        if (isNative) variants.Add(("native", BuildBench.QuoinBinary));
        else Console.WriteLine("native: not to be had here (artifacts/publish-net9.0.log)\n");
        return variants;
    }

    static string Times(List<ToolRun> runs) => string.Create(CultureInfo.InvariantCulture,
        $"{BuildBench.Median(runs.Select(run => run.Seconds * 1000)):F0} "
        + $"({runs.Min(run => run.Seconds * 1000):F0}-{runs.Max(run => run.Seconds * 1000):F0})");

    static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.EnumerateDirectories(from))
            if (Path.GetFileName(folder) is not (".quoin" or "out"))
                Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
    }
}
