using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// On PostgreSQL what a turn says is one row of the inbox; whoever takes single commands does not
/// notice.
/// </summary>
public sealed class PackedCommandsTests(PostgresServer server)
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static AppendBatch Batch() => new()
    {
        At = DateTimeOffset.UnixEpoch,
        Names = new PartitionNames(),
        Events = [],
    };

    static Task<long> TakeAsync(PostgresStore store, params string[] ids) =>
        store.AppendAsync(Batch() with { InboxTaken = ids }, Ct);

    static string Inbox(PostgresStore store) => string.Join(", ", store.Waiting().Select(
        c => $"{c.Id} {Encoding.ASCII.GetString(c.Body.Span)}"));

    static PostgresStore Open(PostgresAddress address) =>
        PostgresStore.Open(address, new StoreOptions { NewId = "store-1" });

    static async Task<PostgresStore> WithTurnsAsync(PostgresAddress address)
    {
        var store = Open(address);
        await store.JoinAsync(
            new() { Owner = "a", Slots = 9, Capacity = 9 }, TimeSpan.FromMinutes(1),
            new("joined", "worker-joined", "J"u8.ToArray()), Ct);
        await store.AppendAsync(
            Batch() with
            {
                Offered =
                [
                    .. Enumerable.Range(1, 3).Select(run => new OfferedRun
                    {
                        Run = new(run), Epoch = 0, Attempt = 1, Spec = default,
                    }),
                ],
            },
            Ct);
        var turn = new WorkerTurn
        {
            Owner = "a",
            Claim = 9,
            FreeCpu = 9,
            Cpu = 9,
            LeasedBody = "by a"u8.ToArray(),
        };
        await store.WorkAsync(turn, Ct);
        await store.WorkAsync(
            turn with
            {
                Ended =
                [
                    new(new(2), 1, 1, "end of 2"u8.ToArray(), null),
                    new(new(1), 1, 1, ReadOnlyMemory<byte>.Empty, null),
                ],
                Known = [new(3)],
            },
            Ct);
        return store;
    }

    const string All =
        "joined J, leased/1/1 by a, leased/2/1 by a, leased/3/1 by a, "
        + "ended/2/1 end of 2, ended/1/1 ";

    [Fact]
    public async Task What_is_left_of_a_turn_stays_in_its_place()
    {
        var address = server.NewAddress();
        await using var store = await WithTurnsAsync(address);
        Assert.Equal(All, Inbox(store));

        await TakeAsync(store, "leased/2/1", "ended/1/1");
        Assert.Equal(
            "joined J, leased/1/1 by a, leased/3/1 by a, ended/2/1 end of 2", Inbox(store));
        await TakeAsync(store, "leased/1/1");
        Assert.Equal("joined J, leased/3/1 by a, ended/2/1 end of 2", Inbox(store));
        await using var fresh = Open(address);
        Assert.Equal("joined J, leased/3/1 by a, ended/2/1 end of 2", Inbox(fresh));

        await TakeAsync(store, "leased/3/1", "ended/2/1", "joined");
        Assert.Equal("", Inbox(fresh));
        Assert.Equal("", Inbox(store));
    }

    [Fact]
    public async Task Whoever_did_not_look_before_takes_it_too()
    {
        var address = server.NewAddress();
        await using var store = await WithTurnsAsync(address);
        Assert.Equal(All, Inbox(store));
        await using var other = Open(address);

        await TakeAsync(other, "leased/1/1", "leased/2/1");
        Assert.Equal("joined J, leased/3/1 by a, ended/2/1 end of 2, ended/1/1 ", Inbox(store));
        await TakeAsync(store, "leased/3/1", "ended/2/1", "ended/1/1");
        Assert.Equal("joined J", Inbox(other));
    }
}
