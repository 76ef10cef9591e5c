using Quoin.Core;
using Quoin.Engine;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Things;
using static Quoin.EndToEndTests.Things.ThingStores;

namespace Quoin.EndToEndTests.Things;

/// <summary>
/// PostgreSQL behind a proxy that cuts the connection in the middle of a commit, before the server
/// heard of it or before we heard of its answer: each answer is taken once, and no call is made
/// twice. (23.)
/// </summary>
public sealed class CommitTests(PostgresServer server)
{
    static string Jobs => ThingWorld.Job("storage") + ThingWorld.Job(
        "session", "watch: [look], watch-poll: { every: 1s }", """["storage/{id}"]""");

    [Theory]
    [InlineData("run-leased", 1, true)]
    [InlineData("run-leased", 1, false)]
    [InlineData("run-completed", 1, true)]
    [InlineData("run-completed", 1, false)]
    [InlineData("run-completed", 2, true)]
    [InlineData("run-deferred", 1, true)]
    [InlineData("resource-released", 1, true)]
    [InlineData("resource-released", 2, false)]
    public async Task A_commit_that_is_cut_off_takes_each_answer_once(
        string fact, int number, bool forward)
    {
        var address = server.NewAddress();
        await using var proxy = new CutProxy(
            address.Connection.Host!, TimeProvider.System);
        var cut = Start(
            PostgresAddress.Parse(
                $"postgres://test@/postgres?host={proxy.Folder}&schema={address.Schema}",
                _ => null),
            Jobs);
        await using (cut)
        {
            var done = proxy.CutAt(fact, number, forward);
            _ = cut.Want(new WantOptions { Use = S(2.5) }, "session/1");
            cut.UntilAtRest(S(30));
            await done.WaitAsync(
                TestWorkspace.Patience, TestContext.Current.CancellationToken);

            Assert.Equal(
                [
                    "Acquire storage/1", "Acquire session/1", "Watch session/1",
                    "Watch session/1", "Release session/1", "Release storage/1",
                ],
                cut.Service.Calls.Select(call => $"{call.Direction} {call.Name}"));
            Assert.Equal(2, cut.Of<ResourceReleased>().Count());
            cut.CheckLog();
        }
    }
}
