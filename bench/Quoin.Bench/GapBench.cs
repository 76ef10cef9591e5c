using System.Globalization;
using System.Text;

namespace Quoin.Bench;

/// <summary>
/// How long a slot stands still between the end of a run and the start of the one that waited for
/// it: chains of runs of 0.3 s, which write down themselves when they began and ended.
/// </summary>
static class GapBench
{
    const int Chains = 4, Links = 10;

    public static void Run()
    {
        var place = Directory.CreateTempSubdirectory("quoin-bench-");
        try
        {
            Write(place.FullName);
            Tool.RunTo(
                Path.Combine(place.FullName, "log"), BuildBench.QuoinBinary, "-C", place.FullName,
                "build", "-j", Chains.ToString(CultureInfo.InvariantCulture));
            var gaps = new List<double>();
            for (var chain = 0; chain < Chains; chain++)
            {
                var ended = 0L;
                for (var link = 0; link < Links; link++)
                {
                    var times = File.ReadAllLines(
                        Path.Combine(place.FullName, ".quoin", "data", $"c{chain}", $"{link}"));
                    if (ended > 0) gaps.Add((long.Parse(times[0]) - ended) / 1e6);
                    ended = long.Parse(times[1]);
                }
            }
            gaps.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Chains} chains of {Links} runs of 0.3 s on {Chains} slots: from the end of a "
                + $"run to the start of the next, ms: median {gaps[gaps.Count / 2]:F1}, "
                + $"least {gaps[0]:F1}, most {gaps[^1]:F1} (two starts of `date` are in each)"));
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    static void Write(string folder)
    {
        var yaml = new StringBuilder("quoin: 1\nname: gaps\ntargets: [");
        yaml.AppendJoin(", ", Enumerable.Range(0, Chains).Select(c => $"c{c}/{Links - 1}"));
        yaml.Append("]\njobs:\n");
        for (var chain = 0; chain < Chains; chain++)
        {
            for (var link = 0; link < Links; link++)
            {
                var input = link == 0 ? "" : $", inputs: [c{chain}/{link - 1}]";
                yaml.Append(CultureInfo.InvariantCulture, $$"""
                      j{{chain}}-{{link}}:
                        { outputs: [c{{chain}}/{{link}}]{{input}}, stdout: "{out}",
                          exec: [sh, -c, "date +%s%N; sleep 0.3; date +%s%N"] }

                    """);
            }
        }
        File.WriteAllText(Path.Combine(folder, "quoin.yaml"), yaml.ToString());
    }
}
