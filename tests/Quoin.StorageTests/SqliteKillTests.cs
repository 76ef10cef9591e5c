using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// kill -9 while a process appends: what it was told is there, and no batch is half there.
/// </summary>
public sealed class SqliteKillTests : IDisposable
{
    readonly TempFolder folder = new();

    string Db => folder.File("quoin.db");

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_killed_appender_loses_no_acknowledged_batch_and_leaves_no_half_one()
    {
        // Where it dies differs each time: after so many acknowledged batches, at any instruction.
        foreach (var batches in new[] { 1, 7, 200, 1500, 3 })
        {
            using var child = AppendingChild.Start(Db);
            long acknowledged = 0;
            for (var i = 0; i < batches; i++)
            {
                var line = await child.StandardOutput.ReadLineAsync(Ct);
                acknowledged = long.Parse(line!);
            }
            child.Kill();
            var rest = await child.StandardOutput.ReadToEndAsync(Ct);
            await child.WaitForExitAsync(Ct);
            Assert.Equal(137, child.ExitCode);
            if (rest.LastIndexOf('\n') is > 0 and var end)
                acknowledged = long.Parse(rest[..end].Split('\n')[^1]);

            await CheckAsync(acknowledged);
        }
    }

    async Task CheckAsync(long acknowledged)
    {
        var options = new StoreOptions { NewId = "test", Lead = true };
        await using var store = SqliteStore.Open(Db, options);
        var found = store.Read(0, new PartitionNames())
            .Select(e => (StaleReportRejected)e.Event).Select(e => (e.Run.Value, e.Epoch)).ToList();

        Assert.InRange(found.Count, acknowledged, long.MaxValue);
        var whole = Enumerable.Range(1, found.Count > 0 ? found[^1].Value : 0)
            .SelectMany(run => Enumerable.Range(1, AppendingChild.Size(run)).Select(e => (run, e)));
        Assert.Equal(whole, found);
    }

    [Fact]
    public async Task While_a_process_leads_another_is_told_its_number()
    {
        using var child = AppendingChild.Start(Db);
        await child.StandardOutput.ReadLineAsync(Ct);

        var refused = Assert.Throws<StoreException>(
            () => SqliteStore.Open(Db, new StoreOptions { NewId = "test", Lead = true }));
        child.Kill();
        await child.WaitForExitAsync(Ct);

        Assert.Equal("store-locked", refused.Code);
        Assert.Equal(
            $"{Db} is in use by another quoin process (pid {child.Id}); wait until it ends, then "
            + "run the command again",
            refused.Message);
        await using var store = SqliteStore.Open(
            Db, new StoreOptions { NewId = "test", Lead = true });
        Assert.NotEqual(0, store.LastPosition);
    }

    [Fact]
    public async Task A_follower_in_another_process_sees_no_gap_and_no_half_batch()
    {
        using var child = AppendingChild.Start(Db);
        await child.StandardOutput.ReadLineAsync(Ct);
        await using (var store = SqliteStore.Open(
            Db, new StoreOptions { NewId = "", ReadOnly = true }))
        {
            long seen = 0;
            var names = new PartitionNames();
            while (seen < 2000)
            {
                var last = (Run: 0, Epoch: 0);
                foreach (var e in store.Read(seen, names))
                {
                    Assert.Equal(++seen, e.Position);
                    last = ((StaleReportRejected)e.Event) is var x ? (x.Run.Value, x.Epoch) : last;
                }
                if (last.Run > 0) Assert.Equal(AppendingChild.Size(last.Run), last.Epoch);
                if (seen < 2000) await child.StandardOutput.ReadLineAsync(Ct);
            }
        }
        child.Kill();
        await child.WaitForExitAsync(Ct);
    }
}
