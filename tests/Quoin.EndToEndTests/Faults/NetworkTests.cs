using System.Diagnostics;
using Quoin.Core;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Faults;

/// <summary>
/// A worker on another host: a network namespace of its own, from which only the server of these
/// tests is to be reached, over a cable that can be pulled out.
/// </summary>
public sealed class NetworkTests : IAsyncLifetime
{
    const string Server = "10.77.1.1", Far = "10.77.1.2";

    const string Graph = """
        quoin: 1
        name: hosts
        targets: [word, other]
        jobs:
          word:
            outputs: [word]
            exec:
              - sh
              - -c
              - |
                word=new; if [ -e old ]; then word=old; fi
                echo word >> ran
                until [ -e go ]; do sleep 0.02; done
                echo $word
            stdout: "{out}"
          other:
            outputs: [other]
            exec: [sh, -c, "echo from afar; echo other >> ran; echo other > {out}"]
        """;

    readonly string hub = $"quoin-hub-{Environment.ProcessId}";
    readonly string far = $"quoin-far-{Environment.ProcessId}";
    readonly PostgresServer server;

    public NetworkTests() =>
        server = new() { Listens = Server, Within = ["ip", "netns", "exec", hub] };

    public ValueTask InitializeAsync() => server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Ip("netns", "delete", far);
        Ip("netns", "delete", hub);
    }

    [Fact]
    public void A_worker_that_was_cut_off_past_its_lease_publishes_nothing_old_and_goes_on()
    {
        if (server.Missing is { } missing) Assert.Skip(missing);
        if (Environment.UserName != "root" || !Lay())
            Assert.Skip("network namespaces need root and ip (Debian: apt-get install iproute2)");
        var address = server.NewAddress();
        using var world = new FaultWorld(address, Graph);
        world.Workspace.Write("old", "");
        var build = world.Start("build", "word", "-j", "0");
        var away = world.Workspace.StartProgram(
            "ip", "netns", "exec", far, TestWorkspace.Binary, "worker", "-j", "1", "--lease", "2s",
            "--store", $"postgres://test@{Server}/postgres?schema={address.Schema}");
        world.WaitForRun();
        Assert.True(Ip("-n", hub, "link", "set", "near", "down"));
        File.Delete(world.Workspace.PathOf("old"));
        var near = world.Start("worker", "-j", "1", "-v");
        near.WaitForLine(line => line.Contains("r-1/2  word", StringComparison.Ordinal));
        world.Workspace.Write("go", "");
        build.WaitForExit().Expect(0);
        near.Terminate();
        near.WaitForExit().Expect(0);

        Assert.True(Ip("-n", hub, "link", "set", "near", "up"));
        away.WaitForLine(
            line => line.Contains("its runs were given to others", StringComparison.Ordinal));
        world.Start("build", "other", "-j", "0").WaitForExit().Expect(0);

        away.Terminate();
        Assert.Contains(
            "r-2/1  other", away.WaitForExit().Expect(0).Stderr, StringComparison.Ordinal);
        Assert.Equal("new\n", world.Workspace.Read(".quoin/data/word"));
        Assert.Equal(2, world.Log().OfType<RunCompleted>().First().Epoch);
        File.Delete(world.Workspace.PathOf(".quoin/log/r-2.1.jsonl"));
        Assert.Contains(
            "from afar", world.Start("log", "r-2").WaitForExit().Expect(0).Stdout,
            StringComparison.Ordinal);
        world.Finish();
    }

    // Two hosts and a cable.
    bool Lay() =>
        Ip("netns", "add", hub) && Ip("netns", "add", far)
        && Ip("-n", hub, "link", "add", "near", "type", "veth", "peer", "name", "far",
            "netns", far)
        && Ip("-n", hub, "addr", "add", $"{Server}/24", "dev", "near")
        && Ip("-n", far, "addr", "add", $"{Far}/24", "dev", "far")
        && Ip("-n", hub, "link", "set", "near", "up")
        && Ip("-n", far, "link", "set", "far", "up");

    static bool Ip(params string[] args)
    {
        try
        {
            using var ip = Process.Start(
                new ProcessStartInfo("ip", args) { RedirectStandardError = true })!;
            ip.StandardError.ReadToEnd();
            ip.WaitForExit();
            return ip.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // There is no such program.
        }
    }
}
