using System.Collections.Immutable;
using System.Text;
using Google.Protobuf;
using Quoin.Core;
using Quoin.Engine;
using Xunit;
using Wire = Quoin.V1;

namespace Quoin.Tests;

public class ConfigProtocolTests
{
    static readonly Job Job = MakeJob();

    [Fact]
    public void A_question_is_what_the_generated_class_reads()
    {
        ImmutableArray<string> outputs = ["a/é", "a/x\"y"];

        var text = Encoding.UTF8.GetString(ConfigProtocol.WriteQuestion(outputs).Span);

        Assert.Equal("""{"outputs":["a/é","a/x\"y"]}""" + "\n", text);
        Assert.Equal(outputs, Wire.ConfigQuestion.Parser.ParseJson(text).Outputs);
    }

    [Fact]
    public void An_answer_that_the_generated_class_writes_is_read()
    {
        var answer = new Wire.ConfigAnswer
        {
            Configs =
            {
                new Wire.JobConfig
                {
                    Outputs = { "a/1" },
                    Inputs = { "raw/1" },
                    Args = { "--in={in}", "{{}}" },
                    Env = { ["B"] = "2" },
                    Resources = new() { Cpu = 2, MemoryBytes = 1L << 40, Pools = { ["gpu"] = 1 } },
                },
                new Wire.JobConfig { Outputs = { "a/2" } },
            },
        };

        var read = Read(JsonFormatter.Default.Format(answer), "a/1", "a/2");

        Assert.Null(read.Failure);
        var first = read.Configs[0];
        Assert.Equal(
            ("j", "a/1", "raw/1"), (first.Job, first.Outputs.Single(), first.Inputs.Single()));
        Assert.Equal(["run", "x=1", "--in={in}", "{{}}"], first.Args);
        Assert.Equal(["A=1", "B=2"], first.Env.Select(entry => $"{entry.Key}={entry.Value}"));
        Assert.Equal((2, 1L << 40), (first.Resources.Cpu, first.Resources.MemoryBytes));
        Assert.Equal([new PoolClaim("gpu", 1)], first.Resources.Pools);
        Assert.Equal(["run", "x=2"], read.Configs[1].Args);
        Assert.Equal(7, read.Configs[1].Resources.Cpu);
        Assert.Equal(
            ["run", "x=1", "--in=/p", "{}"], Arguments.Fill(first.Args, ["/p"], ["/q"]));
    }

    [Theory]
    [InlineData("", "config printed no answer on stdout")]
    [InlineData("hello", "config's answer is not JSON: line 1, byte 1: "
        + "'h' is an invalid start of a value")]
    [InlineData("""{"configs":[{"outputs":["a/1"]}]} x""", "config's answer is not JSON: line 1, "
        + "byte 35: 'x' is invalid after a single JSON value. Expected end of data")]
    [InlineData("[]", "config's answer: the answer must be an object")]
    [InlineData("""{"config":[]}""", "config's answer: the answer has an unknown field \"config\"; "
        + "did you mean \"configs\"?; configs must be a list")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"input":["raw/1"]}]}""",
        "config's answer: configs[0] has an unknown field \"input\"; did you mean \"inputs\"?")]
    [InlineData("""{"configs":[{"outputs":"a/1"}]}""",
        "config's answer: configs[0].outputs must be a list; configs[0].outputs is empty")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"inputs":["raw//1",3]}]}""",
        "config's answer: configs[0].inputs[0]: \"raw//1\" has an empty segment; "
        + "configs[0].inputs[1] must be text")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"inputs":["a/1"]}]}""",
        "config's answer: configs[0]: a/1 is its own input")]
    [InlineData("""{"configs":[{"outputs":["a/1","b/1"]}]}""",
        "config's answer: configs[0]: b/1 is not an output of job j (a/{x})")]
    [InlineData("""{"configs":[{"outputs":["a/2"]}]}""", "config's answer: a/1 is in no config")]
    [InlineData("""{"configs":[{"outputs":["a/1"]},{"outputs":["a/1"],"args":["x"]}]}""",
        "config's answer: configs[1].outputs[0]: a/1 is in configs[0] too")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"args":["{x}"],"env":{"A":1}}]}""",
        "config's answer: configs[0].args[0]: {x} is not a capture here; there are none; "
        + "configs[0].env.A must be text")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"resources":{"cpu":-1,"memoryBytes":"lots"}}]}""",
        "config's answer: configs[0].resources.cpu must be a whole number from 0 to 4096; "
        + "configs[0].resources.memoryBytes must be a whole number from 0 to 9007199254740992")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"inputs":["r/1","r/2"],"args":["{in}"]}]}""",
        "config's answer: configs[0]: {in} is one path, but the config has 2 inputs; "
        + "{in...} is all of them")]
    [InlineData("""{"configs":[{"outputs":["a/1","a/2"]}]}""",
        "config's answer: configs[0]: exec has captures, but outputs a/1 and a/2 of one config "
        + "differ in them")]
    [InlineData("""{"configs":[{"outputs":["a/1"],"job":"k"}]}""",
        "config's answer: configs[0].job is \"k\", not j")]
    [InlineData("""{"configs":[{"outputs":["a/\ud800"]}]}""",
        "config's answer has text that is not Unicode")]
    public void A_wrong_answer_names_the_field(string answer, string expected) =>
        Assert.Equal(expected, Read(answer, "a/1").Failure);

    [Fact]
    public void Doubled_fields_and_bytes_that_are_not_UTF8_are_refused()
    {
        Assert.StartsWith(
            "config's answer: the answer has \"configs\" twice",
            Read("""{"configs":[],"configs":[]}""", "a/1").Failure);
        var request = new ConfigRequest(Job, ["a/1"]);
        Assert.Equal(
            "config's answer is not UTF-8",
            ConfigProtocol.ReadAnswer(new byte[] { (byte)'"', 0xFF, (byte)'"' }, request).Failure);
    }

    static ConfigAnswer Read(string answer, params string[] asked) =>
        ConfigProtocol.ReadAnswer(
            Encoding.UTF8.GetBytes(answer), new ConfigRequest(Job, [.. asked]));

    static Job MakeJob()
    {
        var builder = new GraphBuilder("test");
        builder.Add(new JobDeclaration
        {
            Name = new("j", default),
            Outputs = [new("a/{x}", default)],
            ConfigCommand = [new("ask", default)],
            Exec = [new("run", default), new("x={x}", default)],
            Env = [new("A", new("1", default))],
            Limits = new() { Resources = new() { Cpu = 7 } },
        });
        var problems = new List<GraphProblem>();
        var graph = builder.Build(default, problems);
        Assert.Empty(problems);
        return graph!.Jobs[0];
    }
}
