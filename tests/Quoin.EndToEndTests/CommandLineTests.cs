using Xunit;

namespace Quoin.EndToEndTests;

public sealed class CommandLineTests
{
    [Fact]
    public void The_version_is_one_line_on_stdout()
    {
        using var workspace = new TestWorkspace();

        var result = workspace.Quoin("--version").Expect(0);

        Assert.Equal("quoin 0.1.0\n", result.Stdout);
        Assert.Equal("", result.Stderr);
    }

    [Fact]
    public void An_unknown_command_names_the_nearest_one()
    {
        using var workspace = new TestWorkspace();

        var result = workspace.Quoin("inti").Expect(2);

        Assert.Equal(
            "error[usage]: \"inti\" is not a command; did you mean init?"
                + " (quoin --help lists all)\n",
            result.Stderr);
    }

    [Fact]
    public void An_unknown_option_is_never_taken_for_an_argument()
    {
        using var workspace = new TestWorkspace();

        var result = workspace.Quoin("init", "--jsn").Expect(2);

        Assert.Contains("did you mean --json?", result.Stderr, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(workspace.Root));
    }

    [Fact]
    public void With_json_an_error_is_a_document_on_stdout_too()
    {
        using var workspace = new TestWorkspace();

        var result = workspace.Quoin("--json", "-C", "nowhere", "init").Expect(2);

        Assert.Equal("error[no-directory]: -C nowhere: there is no such folder\n", result.Stderr);
        Assert.Equal(
            """{"errors":[{"code":"no-directory","message":"-C nowhere: there is no such folder"}"""
                + "],\"exit_code\":2}\n",
            result.Stdout);
    }

    [Fact]
    public void The_starter_graph_has_no_problems()
    {
        using var workspace = new TestWorkspace();
        workspace.Quoin("init").Expect(0);

        var result = workspace.Quoin("graph").Expect(0);

        Assert.Equal("", result.Stderr);
        Assert.Equal("starter  2 jobs  builds summary", result.Lines[0]);
    }

    [Fact]
    public void The_net_is_printed_without_any_graph()
    {
        using var workspace = new TestWorkspace();

        var dot = workspace.Quoin("graph", "--net").Expect(0);
        var pnml = workspace.Quoin("graph", "--pnml").Expect(0);

        Assert.Equal("digraph net {", dot.Lines[0]);
        Assert.Equal("""<?xml version="1.0" encoding="UTF-8"?>""", pnml.Lines[0]);
    }

    [Fact]
    public void All_problems_of_a_graph_are_printed_with_their_places()
    {
        using var workspace = new TestWorkspace();
        workspace.Write("quoin.yaml", """
            quoin: 1
            jobz: {}
            jobs:
              a:
                outputs: ["a"]
                exec: [touch, "{out}"]
                retires: 3
            """);

        var result = workspace.Quoin("graph").Expect(2);

        Assert.Equal(
            [
                "quoin.yaml:2:1: error[unknown-key]: \"jobz\" is not a key of a graph file;"
                    + " did you mean \"jobs\"?",
                "quoin.yaml:7:5: error[unknown-key]: \"retires\" is not a key of a job;"
                    + " did you mean \"retries\"?",
                "2 errors; nothing was planned",
            ],
            result.ErrorLines);
    }

    [Fact]
    public void Doctor_finds_this_machine_good_enough_to_build()
    {
        using var workspace = new TestWorkspace();
        workspace.Quoin("init").Expect(0);

        var result = workspace.Quoin("doctor").Expect(0);

        Assert.DoesNotContain(result.Lines, line =>
            line.StartsWith("fail", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.Contains("sqlite", StringComparison.Ordinal));
        Assert.False(workspace.Exists(".quoin"));
    }

    [Fact]
    public void Before_the_first_build_there_is_no_log_to_show()
    {
        using var workspace = new TestWorkspace();
        workspace.Quoin("init").Expect(0);

        var result = workspace.Quoin("events").Expect(5);

        Assert.StartsWith("error[store-unavailable]: ", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void Init_writes_a_graph_once()
    {
        using var workspace = new TestWorkspace();

        workspace.Quoin("init").Expect(0);
        var graph = workspace.Read("quoin.yaml");
        workspace.Write("quoin.yaml", graph + "# mine\n");
        var again = workspace.Quoin("init").Expect(2);

        Assert.StartsWith("error[exists]: ", again.Stderr, StringComparison.Ordinal);
        Assert.Equal(graph + "# mine\n", workspace.Read("quoin.yaml"));
    }
}
