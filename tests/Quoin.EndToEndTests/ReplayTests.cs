using System.Text.Json;
using System.Xml.Linq;
using Quoin.Storage;
using Xunit;

namespace Quoin.EndToEndTests;

/// <summary>What is told of a build afterwards: from the log alone, and in files.</summary>
public sealed class ReplayTests : IDisposable
{
    readonly TestWorkspace workspace = new();

    public ReplayTests()
        : this(null)
    {
    }

    internal ReplayTests(PostgresAddress? address) => Declare("cat \"$@\" >\"$0\"")
        .On(address).Write("src/1.txt", "1\n").Write("src/2.txt", "2\n");

    TestWorkspace Declare(string script) => workspace.Write("quoin.yaml", $$"""
        quoin: 1
        datasets:
          "src/{n:int}": { source: "src/{n}.txt" }
        jobs:
          a:
            outputs: ["a/{n:int}"]
            inputs: ["src/{n}"]
            exec: [cp, "{in}", "{out}"]
          c:
            outputs: [c]
            inputs: ["a/1", "a/2"]
            exec: [sh, -c, '{{script}}', "{out}", "{in...}"]
        """);

    [Fact]
    public void The_log_prints_a_build_once_more()
    {
        var first = workspace.Quoin("build", "c").Expect(0);
        workspace.Write("src/2.txt", "22\n");
        Declare("echo \"row <7> is bad\"; exit 65");
        var second = workspace.Quoin("build", "c").Expect(1);

        var replayed = workspace.Quoin("replay", "w-1").Expect(0);
        var failed = workspace.Quoin("replay", "w-2").Expect(1);

        // All but the last line, which counts from the acceptance and not from the command.
        Assert.Equal(first.ErrorLines[..^1], replayed.Lines[..^1]);
        Assert.Equal(
            second.ErrorLines[..^1].Select(Known), failed.Lines[..^1].Select(Known));
        Assert.Contains(failed.Lines, line => line == "  | row <7> is bad");

        // The log knows neither the estimate nor the graph of then.
        static string Known(string line) => line.Split(", about")[0].Split(" of 1, not")[0];
    }

    [Fact]
    public void Two_builds_differ_by_what_was_edited_between_them()
    {
        workspace.Quoin("build", "c").Expect(0);
        workspace.Write("src/2.txt", "22\n");
        workspace.Quoin("build", "c").Expect(0);

        var diff = workspace.Quoin("diff", "w-1", "w-2", "--json").Expect(0);

        using var json = JsonDocument.Parse(diff.Stdout);
        Assert.Equal(1, json.RootElement.GetProperty("same").GetInt32()); // a/1
        var found = json.RootElement.GetProperty("differences").EnumerateArray().Select(
            row => (row.GetProperty("partition").GetString(), row.GetProperty("why").GetString()))
            .ToArray();
        Assert.Equal(["a/2", "c"], found.Select(row => row.Item1));
        Assert.StartsWith("source src/2.txt ", found[0].Item2, StringComparison.Ordinal);
        Assert.StartsWith("input a/2 ", found[1].Item2, StringComparison.Ordinal);
    }

    [Fact]
    public void A_build_that_there_is_not_is_an_error_with_a_remedy()
    {
        workspace.Quoin("build", "c").Expect(0);

        Assert.Equal(
            "error[no-such-want]: there is no want w-9; see: quoin status",
            Assert.Single(workspace.Quoin("replay", "w-9").Expect(2).ErrorLines));
        Assert.StartsWith(
            "error[usage]: \"r-1\" is not a want", workspace.Quoin("diff", "w-1", "r-1").Expect(2)
                .Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_programs_get_their_files()
    {
        Declare("echo \"<b>row 7|</b>\"; exit 65");

        workspace.Quoin(
            "build", "c", "--junit", "out/junit.xml", "--summary-md", "summary.md",
            "--events", "events.jsonl").Expect(1);
        workspace.Quoin("build", "a/1", "--summary-md", "summary.md").Expect(0);

        var suites = XDocument.Load(workspace.PathOf("out/junit.xml")).Root!;
        Assert.Equal(
            ["a a/1", "a a/2", "c c"],
            suites.Descendants("testcase").Select(
                test => $"{test.Attribute("classname")!.Value} {test.Attribute("name")!.Value}")
                .Order(StringComparer.Ordinal));
        var failure = Assert.Single(suites.Descendants("failure"));
        Assert.Equal("bad-input", failure.Attribute("type")!.Value);
        Assert.Equal("<b>row 7|</b>", failure.Value);
        var summary = workspace.Read("summary.md");
        Assert.StartsWith("### ✘ quoin w-1 failed\n", summary, StringComparison.Ordinal);
        Assert.Contains("\n```text\n<b>row 7|</b>\n```\n", summary, StringComparison.Ordinal);
        Assert.Contains("\n### ✔ quoin w-2 succeeded\n", summary, StringComparison.Ordinal);
        var events = workspace.Read("events.jsonl")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("type").GetString())
            .ToArray();
        Assert.Contains("want-accepted", events);
        Assert.Contains("want-failed", events);
    }

    [Fact]
    public void A_file_that_cannot_be_written_ends_no_build()
    {
        var built = workspace.Quoin("build", "c", "--junit", "src/1.txt/x.xml").Expect(0);

        Assert.Contains(
            built.ErrorLines,
            line => line.Contains("src/1.txt/x.xml was not written: ", StringComparison.Ordinal));
    }

    public void Dispose() => workspace.Dispose();
}
