using System.Diagnostics;
using Quoin.Core;
using Quoin.FakeService;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>A disk that fills while a call is made. Mounting a small one needs root.</summary>
public sealed class ResourceDiskTests : IDisposable
{
    readonly string disk = Directory.CreateTempSubdirectory("quoin-disk-").FullName;

    public void Dispose()
    {
        Run("umount", disk);
        Directory.Delete(disk, recursive: true);
    }

    static bool Run(string program, params string[] args)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    // 25, with the other way in which a store can refuse.
    [Fact]
    public async Task What_was_performed_while_the_disk_was_full_is_adopted_and_given_back()
    {
        Assert.SkipUnless(
            Run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk),
            "a tmpfs cannot be mounted here (needs root), so a full disk is not tested");
        await using var world = await ResourceWorld.StartAsync(
            null, One("identity: key"), new Rule { Verb = Verb.Post, To = 1, LatencyMs = 1500 });
        var store = Path.Combine(disk, "quoin.db");
        var build = world.Start("build", "--store", store, "--use", "100ms");
        await world.WaitForCallsAsync(calls => calls.Any(call => call.Verb == Verb.Post));
        Fill();
        Assert.Contains("error[disk-full]", build.WaitForExit().Expect(5).Stderr);

        Assert.Single(Directory.GetFiles(world.Workspace.PathOf(".quoin/journal")));
        File.Delete(Path.Combine(disk, "filler"));
        world.Quoin("build", "--store", store, "--use", "0s").Expect(0);

        Assert.Equal(1, world.Service.Count().CallsByVerb[Verb.Post]);
        Assert.Empty(world.Service.Count().Live);
        Assert.Empty(Directory.GetFiles(world.Workspace.PathOf(".quoin/journal")));
    }

    void Fill()
    {
        using var file = File.Create(Path.Combine(disk, "filler"));
        var piece = new byte[4096];
        try
        {
            while (true) file.Write(piece);
        }
        catch (IOException)
        {
            // Now it is full.
        }
    }
}
