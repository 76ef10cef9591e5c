using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

public sealed class NodeFingerprintTests
{
    [Fact]
    public void The_text_has_everything_that_decides_the_outputs()
    {
        var world = new PlanWorld(
            Source("etc/{x}", "etc/{x}.csv"),
            Job("clean", "clean/{x}"),
            Job("daily", "right/{x} left/{x}", "clean/{x}", "etc/{x}", "clean/a") with
            {
                Exec = [At("tool"), At("--x={x}"), At("{out...}")],
                Env = [new("REGION", At("eu")), new("DAY", At("{x}"))],
                Options =
                [
                    new JobOption("theme", "dark", true), new JobOption("locale", "C", false),
                ],
            });
        world.Files["etc/1.csv"] = "text";
        world.JobFacts["daily"] = new JobFact
        {
            Code = [new PathDigest("z.py", default), new PathDigest("a.py", DigestOf("a"))],
            Conditions = [new ConditionFact("tool --version", "1.0")],
        };
        world.Build("clean/1");

        Assert.Equal(
            $"""
            quoin-fingerprint	1
            job	daily
            output	left/1
            output	right/1
            code	a.py	{DigestOf("a")}
            code	z.py	-
            arg	0	tool
            arg	1	--x=1
            arg	2	{"{out...}"}
            env	DAY	1
            env	REGION	eu
            option	locale	C
            option	theme	dark
            condition	tool --version	1.0
            input	clean/1	{world.Fact("clean/1").Output}
            input	clean/a	-
            source	etc/1.csv	{DigestOf("text")}

            """,
            Text(world, "left/1"));
    }

    [Fact]
    public void The_definition_leaves_contents_out()
    {
        var world = new PlanWorld(
            Source("s", "s.csv"), Job("a", "a"), Job("b", "b", "a", "s") with { Code = ["b.py"] });
        world.Files["s.csv"] = "text";
        world.JobFacts["b"] = new JobFact { Code = [new PathDigest("b.py", DigestOf("b"))] };
        var graph = world.Analyze("b");
        var fingerprints = new NodeFingerprints(graph, world);

        Assert.Equal(
            "quoin-definition\t1\njob\tb\noutput\tb\narg\t0\tmake\narg\t1\t{out...}\n"
            + "input\ta\nsource\ts.csv\n",
            Encoding.UTF8.GetString(fingerprints.DefinitionTextOf(graph.ProducerOf(world.P("b")))));
    }

    [Fact]
    public void How_a_resource_is_found_and_released_belongs_to_its_definition_and_limits_do_not()
    {
        var resource = new ResourceDeclaration(At("").At)
        {
            Release = [At("stop"), At("{x}")],
            Watch = [At("look")],
            Startup = [[At("one")], [At("two")]],
            Values = Values(("keep", "1h"), ("identity", "label"), ("poll.count", "7")),
        };

        Assert.Equal(
            "quoin-definition\t1\njob\ts\noutput\ts/4\narg\t0\tlaunch\n"
            + "resource\tidentity\tlabel\nresource\ton-doubt\task\n"
            + "resource\trelease 0000\tstop\nresource\trelease 0001\t{x}\n"
            + "resource\tstart\tnow\nresource\tstartup 0000 0000\tone\n"
            + "resource\tstartup 0001 0000\ttwo\nresource\twatch 0000\tlook\n",
            Definition(resource));
        Assert.Equal(
            Definition(resource),
            Definition(resource with { Values = Values(("identity", "label")) }));

        static string Definition(ResourceDeclaration resource)
        {
            var world = new PlanWorld(
                Job("s", "s/{x}") with { Exec = [At("launch")], Resource = resource });
            var graph = world.Analyze("s/4");
            return Encoding.UTF8.GetString(new NodeFingerprints(graph, world)
                .DefinitionTextOf(graph.ProducerOf(world.P("s/4"))));
        }

        static ImmutableDictionary<string, Written> Values(params (string, string)[] values) =>
            values.ToImmutableDictionary(value => value.Item1, value => At(value.Item2));
    }

    // The lines are written past the config; they have to be those of the config.
    [Theory]
    [InlineData("p/plain/2026-01-31")]
    [InlineData("p/with{braces}/2026-01-31")]
    [InlineData("p/%09tab/2026-01-31")]
    [InlineData("p/Größe 數/2024-02-29")]
    public void Arguments_and_env_are_those_of_the_config(string name)
    {
        var world = new PlanWorld(Job("p", "p/{x}/{d:date}") with
        {
            Exec = [
                At("tool"), At("{{x}}"), At("-x"), At("{x}"), At("d={d-1d} of {d.month}"),
                At("a\tb\\c"), At("{out}"), .. Enumerable.Range(0, 8).Select(i => At($"{i}"))],
            Env =
            [
                new("B", At("{x}")), new("A", At("1")), new("C", At("line\nbreak")),
                new("a", At("{d.year}")),
            ],
        });
        var writer = new FingerprintWriter();
        writer.Begin();
        var config = world.Graph.Jobs[0].Configure(name);
        writer.Arguments(config.Args);
        foreach (var (key, value) in config.Env) writer.Line("env\t"u8, key, value);

        var lines = Text(world, name).Split('\n')
            .Where(line => line.StartsWith("arg", StringComparison.Ordinal)
                || line.StartsWith("env", StringComparison.Ordinal));
        Assert.Equal(
            Encoding.UTF8.GetString(writer.Text).Split('\n').Where(line => line.Length > 0).Skip(1),
            lines);
        Assert.Equal(15 + 4, lines.Count());
    }

    static string Text(PlanWorld world, string name)
    {
        var graph = world.Analyze(name);
        return Encoding.UTF8.GetString(
            new NodeFingerprints(graph, world).TextOf(graph.ProducerOf(world.P(name))));
    }
}
