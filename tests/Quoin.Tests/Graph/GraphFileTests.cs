using System.Text;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests;

/// <summary>Files that are hardly graph files: each gets a clear problem, soon.</summary>
public class GraphFileTests
{
    const string Small = "quoin: 1\njobs: {a: {outputs: [a], exec: [x]}}\n";

    [Theory]
    [InlineData("", "quoin.yaml:1:1: error[empty-file]: the file is empty; "
        + "`quoin init` writes a first one")]
    [InlineData("# nothing\n", "quoin.yaml:1:1: error[empty-file]: the file is empty; "
        + "`quoin init` writes a first one")]
    [InlineData("---\n", "quoin.yaml:1:1: error[empty-file]: the file is empty; "
        + "`quoin init` writes a first one")]
    [InlineData("hello", "quoin.yaml:1:1: error[wrong-type]: the file must be a map, "
        + "not \"hello\"")]
    [InlineData("quoin: 2\n", "quoin.yaml:1:8: error[bad-value]: quoin must be a whole number from "
        + "1 to 1, not \"2\"")]
    [InlineData("name: x\n", "quoin.yaml:1:1: error[missing-key]: the file lacks quoin: "
        + "Version of this format: 1.")]
    [InlineData("quoin: 1\njobs:\n\ta: 1\n", "quoin.yaml:3:1: error[tab-indent]: a tab in the "
        + "indentation; YAML indents with spaces")]
    [InlineData("quoin: 1\njobs:\n  a:\n  \tb: 1\n", "quoin.yaml:4:3: error[tab-indent]: a tab in "
        + "the indentation; YAML indents with spaces")]
    [InlineData("quoin: 1\njobs: [\n", "quoin.yaml:3:1: error[yaml-syntax]: not valid YAML: ")]
    [InlineData("quoin: 1\njobs: {a: {outputs: [a]\nname: 1\n",
        "quoin.yaml:2:1: error[yaml-syntax]: not valid YAML: what begins here is not closed, or "
        + "not indented as it should be")]
    [InlineData("quoin: 1\nname: \"x\n", "quoin.yaml:2:7: error[yaml-syntax]: not valid YAML: ")]
    [InlineData("quoin: 1\n---\nquoin: 1\n", "quoin.yaml:2:1: error[several-documents]: a graph "
        + "file is one document; what follows this --- would be ignored")]
    [InlineData("quoin: 1\nname: *x\n", "quoin.yaml:2:7: error[bad-alias]: *x has no anchor "
        + "&x above")]
    [InlineData("quoin: 1\ntargets: &x [*x]\n",
        "quoin.yaml:2:14: error[bad-alias]: *x is inside of what it stands for")]
    [InlineData("quoin: 1\n? [a]\n: 1\n", "quoin.yaml:2:3: error[wrong-type]: a key is a list, "
        + "not text")]
    public void A_strange_file_is_told(string text, string expected)
    {
        var problems = Problems(Encoding.UTF8.GetBytes(text));

        Assert.StartsWith(expected, problems);
        Assert.DoesNotContain("\n", problems);
    }

    [Fact]
    public void A_byte_order_mark_is_no_problem() =>
        Assert.Equal("", Problems([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Small)]));

    [Fact]
    public void Windows_line_ends_are_no_problem() =>
        Assert.Equal("", Problems(Encoding.UTF8.GetBytes(Small.Replace("\n", "\r\n"))));

    [Fact]
    public void UTF16_is_told() => Assert.Equal(
        "quoin.yaml:1:1: error[not-utf8]: the file is UTF-16; save it as UTF-8",
        Problems([0xFF, 0xFE, (byte)'q', 0]));

    [Fact]
    public void A_byte_that_is_not_UTF8_is_shown() => Assert.Equal(
        "quoin.yaml:2:9: error[not-utf8]: byte 0xE9 is not UTF-8",
        Problems([.. "quoin: 1\nname: \u00e9x"u8, 0xE9, .. "\n"u8]));

    [Fact]
    public void Ten_megabytes_are_too_many() => Assert.Equal(
        "quoin.yaml:1:1: error[file-too-big]: quoin.yaml has 10 MiB; a graph file has at most "
        + "8 MiB. A job's config command can generate configs",
        Problems(new byte[10 << 20]));

    [Fact]
    public void Deep_nesting_is_refused_where_it_is_too_deep() => Assert.Equal(
        "quoin.yaml:2:42: error[too-deep]: more than 32 levels deep; no graph file is",
        Problems(Encoding.UTF8.GetBytes(
            "quoin: 1\ntargets: " + new string('[', 100_000))));

    [Fact]
    public void A_bomb_of_aliases_is_counted_not_opened()
    {
        var text = new StringBuilder("quoin: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i <= 9; i++)
        {
            var aliases = string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10));
            text.Append($"a{i}: &a{i} [{aliases}]\n");
        }

        Assert.Contains(
            "error[too-many-nodes]: more than 2000000 values, aliases counted each time",
            Problems(Encoding.UTF8.GetBytes(text.ToString())));
    }

    [Fact]
    public void An_alias_is_what_it_stands_for()
    {
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", """
            quoin: 1
            jobs:
              a: { outputs: [a], exec: [x], env: &env { K: v } }
              b: { outputs: [b], exec: [x], env: *env }
            """);

        var graph = GraphLoader.Load(folder.Root, "quoin.yaml").Graph!;

        Assert.Equal("v", graph.Jobs[1].Configure("b").Env["K"]);
    }

    [Fact]
    public void A_file_that_is_not_there_and_one_that_is_a_folder_are_told()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(Path.Combine(folder.Root, "sub"));

        Assert.Equal(
            "quoin.yaml:1:1: error[file-missing]: there is no graph file quoin.yaml; "
            + "`quoin init` writes a first one",
            string.Join('\n', GraphLoader.Load(folder.Root, "quoin.yaml").Problems));
        Assert.Equal(
            "sub:1:1: error[file-missing]: sub is a folder, not a graph file",
            string.Join('\n', GraphLoader.Load(folder.Root, "sub").Problems));
    }

    [Fact]
    public void Included_files_have_paths_of_their_own_folder_and_defaults_of_their_own()
    {
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", """
            quoin: 1
            include: [parts/*/quoin.yaml]
            pools: { gpu: 2 }
            defaults: { retries: 1 }
            jobs: { a: { outputs: [a], inputs: ["b/1"], exec: [x] } }
            """);
        folder.Write("parts/one/quoin.yaml", """
            quoin: 1
            include: [../../quoin.yaml]
            datasets: { "b/{x}": { path: "../out/{x}" } }
            jobs: { b: { outputs: ["b/{x}"], exec: [x], resources: { pools: { gpu: 1 } } } }
            """);
        folder.Write("parts/two/quoin.yaml", """
            quoin: 1
            jbos: {}
            jobs: { c: { outputs: [a], exec: [x] } }
            """);

        var load = GraphLoader.Load(folder.Root, "quoin.yaml");

        Assert.Equal(
            ["quoin.yaml", "parts/one/quoin.yaml", "parts/two/quoin.yaml"], load.Files);
        Assert.Equal(
            [
                "parts/two/quoin.yaml:2:1: error[unknown-key]: \"jbos\" is not a key of a graph "
                    + "file; did you mean \"jobs\"?",
                "parts/two/quoin.yaml:3:9: error[two-producers]: job a (quoin.yaml:5:9) and job c "
                    + "both make a",
            ],
            load.Problems.Select(problem => problem.ToString()));

        File.Delete(Path.Combine(folder.Root, "parts/two/quoin.yaml"));
        var graph = GraphLoader.Load(folder.Root, "quoin.yaml").Graph!;
        Assert.Equal(("parts/out/1", "parts/one"), (graph.PathOf("b/1"u8), graph.Jobs[1].Folder));
        Assert.Equal((1, 0), (graph.Jobs[0].Limits.Retries, graph.Jobs[1].Limits.Retries));
    }

    [Fact]
    public void A_workspace_is_found_upwards()
    {
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", Small);
        folder.Write("a/b/c.txt", "");

        var workspace = Workspace.Find(Path.Combine(folder.Root, "a/b"))!;

        Assert.Equal(folder.Root, workspace.Root);
        Assert.Equal(Path.Combine(folder.Root, ".quoin"), workspace.QuoinDirectory);
        Assert.Null(Workspace.Find("/"));
    }

    static string Problems(byte[] bytes)
    {
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", bytes);
        return string.Join('\n', GraphLoader.Load(folder.Root, "quoin.yaml").Problems);
    }
}
