using System.Text.Json;
using Quoin.Storage;
using Xunit;

namespace Quoin.EndToEndTests;

/// <summary>What is selected by which words, and what only looks; build-process.md 5.</summary>
public sealed class SelectionTests : IDisposable
{
    readonly TestWorkspace workspace = new();

    public SelectionTests()
        : this(null)
    {
    }

    internal SelectionTests(PostgresAddress? address) => workspace.On(address)
        .Write("quoin.yaml", """
        quoin: 1
        include: ["sub/quoin.yaml"]
        datasets:
          "src/{n:int}": { source: "src/{n}.txt" }
        jobs:
          a:
            outputs: ["a/{n:int}"]
            inputs: ["src/{n}"]
            exec: [cp, "{in}", "{out}"]
            estimate: 30s
          b:
            outputs: ["b/{n:int}"]
            inputs: ["a/{n}"]
            exec: [cp, "{in}", "{out}"]
            estimate: 2m
            tags: [nightly]
        targets: [c]
        """)
        .Write("sub/quoin.yaml", """
        quoin: 1
        jobs:
          c:
            outputs: [c]
            inputs: ["b/1", "b/2", "b/3"]
            exec: [sh, -c, 'cat "$@" >"$0"', "{out}", "{in...}"]
            timeout: 10m
        """)
        .Write("src/1.txt", "1\n").Write("src/2.txt", "2\n").Write("src/3.txt", "3\n");

    [Theory]
    [InlineData("a/1 a/2 a/3 b/1 b/2 b/3 c", "--all")]
    [InlineData("b/1 b/2 b/3", "--tag", "nightly")]
    [InlineData("c", "--in", "sub")]
    [InlineData("a/2 b/2 c", "--base", "src/2")]
    [InlineData("a/2 b/2 c", "--base", "a/2")]
    [InlineData("a/1 a/2 a/3 b/1 b/3", "--all", "--exclude", "b/2")]
    [InlineData("a/1 a/2 a/3", "--all", "--exclude-tag", "nightly")]
    [InlineData("a/2 b/2", "--base", "src/2", "--exclude", "c")]
    [InlineData("a/1 a/2 a/3 b/1 b/2 b/3", "--requirements", "c")]
    [InlineData("a/1 b/3", "@picked")]
    public void Words_select(string expected, params string[] words)
    {
        workspace.Write("picked", "# these\na/1\n\nb/3\n");

        var listed = workspace.Quoin(["build", "--list", .. words]).Expect(0);

        Assert.Equal(
            expected.Split(' '),
            listed.Lines.Select(line => line.Split([' ', ':'],
                StringSplitOptions.RemoveEmptyEntries)[1]).Order(StringComparer.Ordinal));
        Assert.False(workspace.Exists(".quoin/data"));
    }

    [Fact]
    public void What_means_nothing_is_told_all_at_once()
    {
        var bad = workspace.Quoin("build", "nope/1", "@missing", "--in", "src").Expect(2);

        Assert.Equal(3, bad.ErrorLines.Count(
            line => line.StartsWith("error[", StringComparison.Ordinal)));
        Assert.Contains("error[no-selection-file]: @missing: ", bad.Stderr,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Excluding_wins_over_naming_and_says_so()
    {
        var listed = workspace.Quoin("build", "--list", "b/2", "b/3", "--exclude", "a/2").Expect(0);

        Assert.Equal("build    b/3: never built", Assert.Single(listed.Lines));
        Assert.Equal(
            "warning: b/2 is selected and excluded; it is left out",
            Assert.Single(listed.ErrorLines));
    }

    [Fact]
    public void The_sources_are_those_that_the_build_reads()
    {
        var sources = workspace.Quoin("build", "--only-sources", "b/2", "b/3").Expect(0);

        Assert.Equal(
            ["src/2.txt", "src/3.txt"], sources.Lines.Select(line => line.Split("  ")[1]));
        Assert.All(sources.Lines, line => Assert.Matches("^xxh3:[0-9a-f]{32}  src/", line));
    }

    [Fact]
    public void Cleaning_first_removes_what_was_made_from_it_and_history_stays()
    {
        workspace.Quoin("build").Expect(0);

        var cleaned = workspace.Quoin("build", "a/2", "--clean", "--no-build").Expect(0);
        Assert.Equal(["cleaned a/2", "cleaned b/2", "cleaned c"], cleaned.Lines);
        Assert.False(workspace.Exists(".quoin/data/b/2"));
        Assert.True(workspace.Exists(".quoin/data/b/1"));

        var stats = workspace.Quoin("stats", "c").Expect(0);
        Assert.Contains("built", stats.Lines[1], StringComparison.Ordinal);
        Assert.StartsWith("median of 1: ", stats.Lines[2], StringComparison.Ordinal);

        workspace.Quoin("build", "b/2", "--clean").Expect(0);
        Assert.True(workspace.Exists(".quoin/data/b/2"));
    }

    [Fact]
    public void A_plan_says_when_what_would_run_by_declared_estimates()
    {
        var plan = workspace.Quoin("plan", "--all", "-j", "3", "--json").Expect(0);

        using var json = JsonDocument.Parse(plan.Stdout);
        var root = json.RootElement;
        Assert.Equal(30 + 120 + 300, root.GetProperty("makespan_s").GetDouble());
        Assert.Equal(450, root.GetProperty("lower_bound_s").GetDouble());
        var runs = root.GetProperty("runs").EnumerateArray().ToDictionary(
            run => run.GetProperty("partition").GetString()!,
            run => run.GetProperty("start_s").GetDouble());
        Assert.Equal(7, runs.Count);
        Assert.Equal((0, 30, 150), (runs["a/1"], runs["b/3"], runs["c"]));
    }

    [Fact]
    public void A_plan_is_drawn_slot_by_slot()
    {
        var text = workspace.Quoin("plan", "c", "-j", "2", "--gantt").Expect(0);
        var svg = workspace.Quoin("plan", "c", "-j", "2", "--gantt=svg").Expect(0);

        Assert.Equal(3, text.Lines.Length);
        Assert.StartsWith("slot 1 |a/1=", text.Lines[0], StringComparison.Ordinal);
        Assert.Matches("[| ]c=+", text.Lines[0]);
        Assert.Equal(
            "end 9m30s; path a/1 > b/1 > c (7m30s); 0 of 7 from history, 6 declared, "
                + "1 rough (timeout)",
            text.Lines[2]);
        var picture = System.Xml.Linq.XDocument.Parse(svg.Stdout);
        Assert.Equal(7, picture.Descendants().Count(e => e.Name.LocalName == "title"));
    }

    [Fact]
    public void A_saved_plan_is_built_as_it_was_or_not_at_all()
    {
        workspace.Quoin("plan", "b/1", "--save", "p.json").Expect(0);
        workspace.Quoin("build", "--plan", "p.json").Expect(0);
        Assert.True(workspace.Exists(".quoin/data/b/1"));
        Assert.False(workspace.Exists(".quoin/data/b/2"));

        workspace.Quoin("plan", "b/2", "--save", "p.json").Expect(0);
        workspace.Write("src/2.txt", "two\n");
        var refused = workspace.Quoin("build", "--plan", "p.json").Expect(4);
        Assert.StartsWith(
            "error[plan-stale]: file src/2.txt changed; nothing was started.", refused.Stderr,
            StringComparison.Ordinal);
        Assert.False(workspace.Exists(".quoin/data/b/2"));

        workspace.Quoin("build", "--plan", "quoin.yaml").Expect(2);
    }

    [Fact]
    public void Statistics_tell_the_first_failure_and_what_changed_before_it()
    {
        workspace.Quoin("build").Expect(0);
        workspace.Write("sub/quoin.yaml", workspace.Read("sub/quoin.yaml")
            .Replace("cat \"$@\" >\"$0\"", "exit 65", StringComparison.Ordinal));
        workspace.Quoin("build").Expect(1);

        var one = workspace.Quoin("stats", "c").Expect(0);
        var jobs = workspace.Quoin("stats", "--json").Expect(0);

        Assert.Equal(5, one.Lines.Length); // Header, two attempts, the summary, what changed.
        Assert.Contains("failed", one.Lines[2], StringComparison.Ordinal);
        Assert.Matches("; first failure .* \\(r-8\\); last success .* \\(r-7\\)$", one.Lines[3]);
        Assert.StartsWith("  between them: arg ", one.Lines[4], StringComparison.Ordinal);
        using var json = JsonDocument.Parse(jobs.Stdout);
        var c = json.RootElement.GetProperty("jobs").EnumerateArray()
            .Single(job => job.GetProperty("job").GetString() == "c");
        Assert.Equal(
            (2, 1, 1),
            (c.GetProperty("attempts").GetInt32(), c.GetProperty("built").GetInt32(),
                c.GetProperty("failed").GetInt32()));
        Assert.Equal(1, json.RootElement.GetProperty("slots")[0].GetProperty("slots").GetInt32());
    }

    [Theory]
    [InlineData("build", "bui")]
    [InlineData("a/1 a/2 a/3", "build", "a/")]
    [InlineData("job:a job:b job:c", "build", "job:")]
    [InlineData("nightly", "build", "--tag", "")]
    [InlineData("--exclude --exclude-tag", "plan", "--exc")]
    public void A_shell_completes(string expected, params string[] words)
    {
        var found = workspace.Quoin(["completion", "words", "--", .. words]).Expect(0);

        Assert.Equal(expected, string.Join(' ', found.Lines));
    }

    [Fact]
    public void Bash_completes_with_what_it_is_given()
    {
        const string Script = """
            set -eu
            quoin() { "$QUOIN" "$@"; }
            eval "$(quoin completion bash)"
            COMP_LINE="quoin build b/" COMP_POINT=14 COMP_CWORD=2
            COMP_WORDS=(quoin build b/)
            _quoin
            echo "${COMPREPLY[*]}"
            COMP_LINE="quoin build job:" COMP_POINT=16 COMP_CWORD=3
            COMP_WORDS=(quoin build job :)
            _quoin
            echo "${COMPREPLY[*]}"
            """;
        workspace.Environment["QUOIN"] = TestWorkspace.Binary;

        var said = workspace.StartProgram("bash", "-c", Script).WaitForExit().Expect(0);

        Assert.Equal(["b/1 b/2 b/3", "a b c"], said.Lines);
    }

    // In zsh's own words what the function would offer: only an interactive shell has more.
    [Theory]
    [InlineData("zsh", "-f", """
        compdef() { : }
        compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -r -- "$*" }
        quoin() { "$QUOIN" "$@" }
        eval "$(quoin completion zsh)"
        words=(quoin build b/) CURRENT=3
        _quoin
        words=(quoin build job:) CURRENT=3
        _quoin
        """, "b/1 b/2 b/3|job:a job:b job:c")]
    [InlineData("fish", "--no-config", """
        function quoin; $QUOIN $argv; end
        quoin completion fish | source
        complete -C "quoin build b/" | string join " "
        complete -C "quoin build job:" | string join " "
        """, "b/1 b/2 b/3|job:a job:b job:c")]
    public void Other_shells_complete_too(
        string shell, string option, string script, string expected)
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("PATH")!.Split(':')
                .Any(folder => File.Exists(Path.Combine(folder, shell))),
            $"{shell} is not installed (Debian: apt-get install {shell}): ITS COMPLETION IS NOT "
            + "TESTED");
        workspace.Environment["QUOIN"] = TestWorkspace.Binary;

        var said = workspace.StartProgram(shell, option, "-c", script).WaitForExit().Expect(0);

        Assert.Equal(expected, string.Join('|', said.Lines));
    }

    [Fact]
    public void Selectors_come_from_stdin()
    {
        workspace.Write("all", "# some\na/1\n\nb/2\n");

        var listed = workspace.StartProgram(
            "sh", "-c", "\"$0\" build --list - <all", TestWorkspace.Binary).WaitForExit();

        Assert.Equal(
            ["build    a/1: never built", "build    b/2: never built"], listed.Expect(0).Lines);
    }

    public void Dispose() => workspace.Dispose();
}
