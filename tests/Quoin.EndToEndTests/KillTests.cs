using System.Text;
using Quoin.Core;

namespace Quoin.EndToEndTests;

/// <summary>kill -9 of the real binary, again and again, on the real example.</summary>
public sealed class KillTests
{
    const int Kills = 50;

    [Fact]
    public void Killed_at_50_random_moments_the_example_is_what_a_clean_build_makes()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var killed = Example();
        var edits = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            var process = killed.Start("build", "--plain");
            if (process.WaitForLines(random.Next(150))) process.Kill();
            var result = process.WaitForExit();
            Assert.True(result.ExitCode is 0 or 137, result.Stderr);
            if (result.ExitCode == 0) Edit(killed, edits++); // All built: something to do again.
        }
        killed.Quoin("build").Expect(0);
        Assert.Equal("", Leftovers(killed.Root));

        using var clean = Example();
        for (var edit = 0; edit < edits; edit++) Edit(clean, edit);
        clean.Quoin("build").Expect(0);
        Assert.Equal(Files(clean), Files(killed));
        CheckLog(killed);
    }

    static TestWorkspace Example()
    {
        var workspace = new TestWorkspace();
        var example = Path.Combine(RepositoryRoot(), "examples", "weather");
        foreach (var file in Directory.EnumerateFiles(example, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(example, file);
            if (relative.StartsWith("out/", StringComparison.Ordinal)
                || relative.StartsWith(".quoin", StringComparison.Ordinal)) continue;
            var to = workspace.PathOf(relative);
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        return workspace;
    }

    static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Quoin.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException();
        return folder;
    }

    static void Edit(TestWorkspace workspace, int number)
    {
        var path = $"data/seattle-{2012 + (number % 4)}.csv";
        var day = 10 + (number % 15);
        var lines = workspace.Read(path).Split('\n');
        lines[day] = string.Join(',', lines[day].Split(',').Select((f, i) => i == 1 ? "7.7" : f));
        workspace.Write(path, string.Join('\n', lines));
    }

    static Dictionary<string, string> Files(TestWorkspace workspace) =>
        Directory.EnumerateFiles(workspace.PathOf("out"), "*", SearchOption.AllDirectories)
            .ToDictionary(
                file => Path.GetRelativePath(workspace.Root, file), File.ReadAllText);

    // What still runs with a variable that points into the workspace.
    static string Leftovers(string root)
    {
        var found = new StringBuilder();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out _)) continue;
            try
            {
                var environment = File.ReadAllText(Path.Combine(folder, "environ"));
                if (environment.Contains($"QUOIN_STAGING={root}", StringComparison.Ordinal))
                    found.AppendLine(File.ReadAllText(Path.Combine(folder, "cmdline")));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked, or it is not ours.
            }
        }
        return found.ToString();
    }

    static void CheckLog(TestWorkspace workspace)
    {
        var state = LogCheck.Replay(workspace.PathOf(".quoin/quoin.db"));
        Assert.NotNull(state);
        Assert.Empty(state.Wants);
        Assert.Empty(state.Runs);
        Assert.Equal(3030, state.Count(PartitionPlace.Live));
    }
}
