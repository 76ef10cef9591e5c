using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Explorer;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresResourceKillTests(PostgresServer server) : ResourceKillTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    private protected override int EachOf => Long.IsAsked ? 1 : 3;
}

/// <summary>
/// kill -9 of the real program at each named moment of each direction, then started again: one
/// thing each while it is needed, nothing in the end, nothing made twice. (20, 21.)
/// </summary>
public class ResourceKillTests
{
    const int Abreast = 4;

    private protected virtual PostgresAddress? NewAddress() => null;

    /// <summary>
    /// Moments of a call, each for the first, … calls of the worked example: to acquire, to look,
    /// hooks, to release.
    /// </summary>
    static IEnumerable<string> Faults =>
        from point in (string[])[
            "claim.before-commit", "claim.committed", "call.before", "call.answered",
            "take.before", "take.between-writes", "take.committed"]
        from number in Long.IsAsked ? (int[])[1, 2, 4, 6, 8, 10, 12] : [2, 8]
        select $"{point}:{number}";

    static string[] Rare =>
    [
        "hook.between", "external.inserted:4", "live.before-commit:4", "appended:16",
        .. Long.IsAsked ? (string[])[
            "external.inserted", "external.inserted:2", "live.before-commit",
            "live.before-commit:2", "appended:2", "appended:9", "appended:23", "appended:30"] : [],
    ];

    static string[] Ends =>
    [
        "call.accepted:3", "handin.before:5", "release.scheduled:2", "release.call-accepted:2",
        "release.between-two:3",
        .. Long.IsAsked
            ? from point in (string[])[
                  "call.accepted", "handin.before", "release.scheduled", "release.call-accepted",
                  "release.between-two"]
              from number in point[0] == 'r' ? (int[])[1, 2, 3, 4] : [1, 2, 4, 6, 8, 10, 12]
              select $"{point}:{number}"
            : [],
    ];

    // On both stores the kernel decides the same: one of them is killed more often.
    private protected virtual int EachOf => 1;

    [Fact]
    public Task Killed_at_any_moment_it_goes_on_where_it_was() =>
        EachAsync([.. Faults, .. Rare, .. Ends], "key");

    [Fact]
    public Task Killed_at_any_moment_it_finds_things_by_their_label() =>
        EachAsync(
            Long.IsAsked
                ? [.. Faults, .. Rare, .. Ends] : ["call.accepted:3", "call.before:5", .. Rare],
            "label");

    Task EachAsync(string[] faults, string identity) => Scenarios.EachAsync(
        faults.Where((_, i) => i % EachOf == 0), Abreast, fault => KillAsync(fault, identity));

    async Task KillAsync(string fault, string identity)
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), Notebook(identity: identity),
            new Rule { Verb = Verb.Post, Label = "kind=data", BusyLooks = 1 },
            new Rule { Verb = Verb.Post, Label = "kind=session", BusyLooks = 1 });
        string[] build = ["build", "--use", "300ms"];

        // How often a moment comes depends on how quick the service is: the last may not come.
        var death = world.StartWith(fault, build).WaitForExit();
        if (death.ExitCode != 0) death.Expect(137);
        world.CheckKilled();
        world.Start(build).WaitForExit().Expect(0);

        Assert.NotEmpty(world.Events<WantReady>());
        world.CheckOver();
    }
}
