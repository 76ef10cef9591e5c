using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Quoin.EndToEndTests;

/// <summary>
/// Commands that look on while another process builds, and what a terminal shows.
/// </summary>
public sealed partial class FollowingTests
{
    [Fact]
    public void Events_are_followed_from_another_process_as_they_are_logged()
    {
        using var workspace = Waiting();
        var build = workspace.Start("build");
        build.WaitForLine(line => line.Contains("1 wanted", StringComparison.Ordinal));

        var events = workspace.Start("events", "-f", "--type", "run-completed", "--json");
        workspace.Write("go", "");
        var line = events.WaitForLine(line => line.Contains("slow", StringComparison.Ordinal));
        events.Interrupt();

        events.WaitForExit().Expect(130);
        build.WaitForExit().Expect(0);
        var type = JsonDocument.Parse(line).RootElement.GetProperty("type").GetString();
        Assert.Equal("run-completed", type);
    }

    [Fact]
    public void A_log_is_followed_to_its_end()
    {
        using var workspace = Waiting();
        var build = workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  slow", StringComparison.Ordinal));

        var log = workspace.Start("log", "r-1", "-f");
        log.WaitForLine(line => line.EndsWith("| waiting for go", StringComparison.Ordinal));
        workspace.Write("go", "");
        var printed = log.WaitForExit().Expect(0);

        build.WaitForExit().Expect(0);
        Assert.EndsWith("ended  end=Completed", printed.Lines[^1], StringComparison.Ordinal);
        Assert.Contains(printed.Lines, line => line.EndsWith(" ! gone", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(80)]
    [InlineData(40)]
    public void A_terminal_shows_a_live_table_and_keeps_the_end(int columns)
    {
        if (!File.Exists("/usr/bin/script")) Assert.Skip("script(1) makes the terminal");
        using var workspace = Waiting();
        workspace.Environment["TERM"] = "xterm";
        workspace.Write("go", "");
        var command = $"stty cols {columns} rows 24; {TestWorkspace.Binary} build";

        var result = workspace.StartProgram("script", "-qec", command, "typescript").WaitForExit();

        var shown = EscapeSequence().Replace(result.Expect(0).Stdout, "");
        Assert.Contains("\e[?2026h", result.Stdout, StringComparison.Ordinal);
        Assert.Contains("✔ 1 of 1 built in ", shown, StringComparison.Ordinal);
        var lines = shown.Split('\n').Select(line => line.TrimEnd('\r'));
        Assert.All(lines, line => Assert.InRange(line.Length, 0, columns));
    }

    // One job that waits for a file, with a bounded number of looks.
    static TestWorkspace Waiting() => new TestWorkspace().Write("quoin.yaml", """
        quoin: 1
        name: waiting
        targets: [slow]
        jobs:
          slow:
            outputs: [slow]
            exec: [sh, wait.sh, "{out}"]
        """).Write("wait.sh", """
        echo waiting for go
        for i in $(seq 600); do
          if [ -e go ]; then echo gone >&2; echo ok > "$1"; exit 0; fi
          sleep 0.1
        done
        exit 1
        """);

    [GeneratedRegex("\e\\[[0-9;?]*[A-Za-z]")]
    private static partial Regex EscapeSequence();
}
