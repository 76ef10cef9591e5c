using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// Variables whose values nobody may read afterwards: a job gets them, a fingerprint holds a keyed
/// digest of them, and nothing else does.
/// </summary>
public sealed class SecretTests : IDisposable
{
    const string Value = "hunter2-hunter2";
    static int count;
    readonly string name =
        $"SECRET_{Environment.ProcessId}_{Interlocked.Increment(ref count)}";
    readonly EngineWorld world;

    public SecretTests()
    {
        Environment.SetEnvironmentVariable(name, Value);
        world = new EngineWorld($$"""
            quoin: 1
            name: secret
            jobs:
              a:
                outputs: [a]
                env: { A: x, Z: y }
                secrets: [{{name}}]
                exec: [sh, -c, "printf %s ${{name}} | tr a-z A-Z", "{out}"]
                stdout: "{out}"
            """);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(name, null);
        world.Dispose();
    }

    [Fact]
    public async Task A_job_gets_its_secret_and_nothing_else_does()
    {
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("HUNTER2-HUNTER2", world.Output("a"));
        foreach (var file in Directory.EnumerateFiles(
            world.Workspace.QuoinDirectory, "*", SearchOption.AllDirectories))
            Assert.DoesNotContain(Value, File.ReadAllText(file));
        foreach (var raw in world.Store.Query(new EventQuery()))
            Assert.DoesNotContain(Value, Encoding.UTF8.GetString(raw.Body.Span));
        var run = Assert.Single(world.Last.Of<RunCompleted>());
        var text = Encoding.UTF8.GetString(world.Store.FingerprintText(run.Fingerprint)!);
        Assert.DoesNotContain(Value, text);
        var env = Fingerprint.Parse(Encoding.UTF8.GetBytes(text)).Where(i => i.Kind == "env");
        Assert.Equal(["A", name, "Z"], env.Select(item => item.Name));
        Assert.Matches(@"\tSECRET_.*\thmac:[0-9a-f]{8}:[0-9a-f]{32}\n", text);
        var key = new FileInfo(Path.Combine(world.Workspace.QuoinDirectory, "secret.key"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, key.UnixFileMode);
    }

    [Fact]
    public async Task Another_value_is_a_change_and_the_same_one_is_none()
    {
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("", world.Ran);
        Environment.SetEnvironmentVariable(name, "other");
        Assert.Equal("Succeeded", await world.BuildAsync("a"));
        Assert.Equal("OTHER", world.Output("a"));
        var stale = Assert.Single(world.Last.Of<PartitionStale>());
        Assert.Matches(@"^env SECRET_\w+ hmac:[\w:]+ -> hmac:[\w:]+$", stale.Detail);
    }

    [Fact]
    public async Task A_secret_that_is_not_there_blocks_its_job()
    {
        Environment.SetEnvironmentVariable(name, null);
        Assert.Equal("Failed", await world.BuildAsync("a"));
        var problem = Assert.Single(world.Last.Plan!.Problems);
        Assert.Equal("secret-missing", problem.Code);
        Assert.StartsWith(
            $"job a: {name} is not set in the environment of the process that decides (",
            problem.Message);
    }

    [Fact]
    public void A_digest_hangs_on_name_value_and_key()
    {
        var variables = new Dictionary<string, string> { ["A"] = "1", ["B"] = "1" };
        var digests = Open();
        var a = digests.Of("A");
        Assert.Null(digests.Of("C"));
        Assert.NotEqual(a!.Value.KeyedDigest, digests.Of("B")!.Value.KeyedDigest);
        Assert.Equal(a, Open().Of("A")); // The key was kept.
        variables[SecretDigests.KeyVariable] = "of the team";
        var shared = Open().Of("A");
        Assert.NotEqual(a, shared);
        variables.Remove(SecretDigests.KeyVariable);
        File.WriteAllText(Path.Combine(world.Workspace.QuoinDirectory, "secret.key"), "no key");
        var e = Assert.Throws<IOException>(() => Open().Of("A"));
        Assert.EndsWith(
            "secret.key is not a key (hexadecimal digits); remove it, and jobs with secrets run "
            + "once more", e.Message);

        SecretDigests Open() => new(
            world.Workspace, variables.GetValueOrDefault, () => [1, 2, 3, 4, 5, 6, 7, 8],
            keeps: true);
    }

    [Fact]
    public async Task A_worker_that_has_another_value_or_none_does_not_run_it()
    {
        Assert.Equal("Succeeded", await world.BuildAsync("a")); // The key is there.
        var asked = new SecretDigests(
            world.Workspace, n => n == name ? Value : null, () => [], keeps: false)
            .Of(name)!.Value;
        Assert.True(Worker(Value).Has(asked));
        Assert.False(Worker("other").Has(asked));
        Assert.False(Worker(null).Has(asked));
        Assert.True(Worker("other").Has(asked with { KeyedDigest = "" })); // Nobody compares.

        // A worker with a folder of its own has another key: nobody can say.
        using var other = new EngineWorld("quoin: 1\njobs: {}\n");
        Assert.NotNull(Elsewhere(keeps: true).Of(name));
        Assert.True(Elsewhere(keeps: false).Has(asked));

        SecretDigests Elsewhere(bool keeps) => new(
            other.Workspace, _ => Value, () => [8, 7, 6, 5, 4, 3, 2, 1], keeps);

        SecretDigests Worker(string? value) =>
            new(world.Workspace, n => n == name ? value : null, () => [], keeps: false);
    }

    [Fact]
    public void Names_that_cannot_be_are_told_with_their_place()
    {
        world.Write("bad.yaml", """
            quoin: 1
            name: bad
            jobs:
              a:
                outputs: [a]
                env: { A: x }
                secrets: [A, "B C", QUOIN_RUN]
                exec: [touch, "{out}"]
            """);
        var load = GraphLoader.Load(
            world.Workspace.Root, Path.Combine(world.Workspace.Root, "bad.yaml"));
        Assert.Equal(
            [
                "7:15 A is in env, where everybody can read it, and in secrets; which?",
                "7:18 \"B C\" cannot name a variable: letters, digits and _ can",
                "7:25 QUOIN_RUN is one that every job has",
            ],
            load.Problems.Select(p => $"{p.Location.Line}:{p.Location.Column} {p.Message}"));
    }
}
