using Npgsql;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>Who decides for a store on PostgreSQL, and what becomes of who did.</summary>
public sealed class PostgresLeaseTests(PostgresServer server)
{
    readonly PostgresAddress address = server.NewAddress();
    readonly PartitionNames names = new();

    PostgresStore Open(string owner) => PostgresStore.Open(
        address, new StoreOptions { NewId = "store-1", Lead = true, Owner = owner });

    AppendBatch Batch(int want) => new()
    {
        At = DateTimeOffset.UnixEpoch,
        Names = names,
        Events = [new WantSucceeded(new(want))],
    };

    void Run(string sql)
    {
        using var connection = new NpgsqlConnection(address.Connection.ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    [Fact]
    public async Task A_second_process_is_refused_with_the_name_of_the_first()
    {
        await using var first = Open("host-a/17");
        var refused = Assert.Throws<StoreException>(() => Open("host-b/18"));
        Assert.Equal("store-locked", refused.Code);
        Assert.Contains("host-a/17 decides", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, await first.AppendAsync(Batch(1), CancellationToken.None));
    }

    [Fact]
    public async Task A_lease_that_is_given_back_is_free_at_once_and_the_fence_grows()
    {
        await using (var first = Open("host-a/17")) Assert.Equal(1, first.Fence);
        await using var second = Open("host-b/18");
        Assert.Equal(2, second.Fence);
    }

    [Fact]
    public async Task Nobody_waits_for_the_lease_of_a_process_of_this_host_that_is_gone()
    {
        var gone = ProcessNames.New("1").Owner.Split('/');
        await using var first = Open($"{gone[0]}/{int.MaxValue}/{gone[2]}"); // No such number.
        Assert.True(first.LeadMayBeFree()); // Who follows it need not wait either.
        await using var second = Open(ProcessNames.New("2").Owner);
        Assert.Equal(2, second.Fence);
        Assert.False(first.LeadMayBeFree());
        Assert.Throws<StoreException>(() => Open(ProcessNames.New("3").Owner));

        var lost = await Assert.ThrowsAsync<StoreException>(
            () => first.AppendAsync(Batch(1), CancellationToken.None));
        Assert.Equal("lease-lost", lost.Code);
    }

    [Fact]
    public async Task Who_was_paused_past_its_lease_writes_nothing()
    {
        await using var paused = Open("host-a/17");
        await paused.AppendAsync(Batch(1), CancellationToken.None);
        Run("UPDATE coordinator SET expires_at = clock_timestamp()");
        await using var next = Open("host-b/18");
        await next.AppendAsync(Batch(2), CancellationToken.None);

        var lost = await Assert.ThrowsAsync<StoreException>(
            () => paused.AppendAsync(Batch(3), CancellationToken.None));
        Assert.Equal("lease-lost", lost.Code);
        Assert.Equal(
            [1, 2], next.Read(0, names).Select(e => ((WantSucceeded)e.Event).Want.Value));
        Assert.Equal(3, await next.AppendAsync(Batch(4), CancellationToken.None));
    }

    [Fact]
    public async Task An_expired_lease_counts_even_when_nobody_took_it()
    {
        await using var paused = Open("host-a/17");
        Run("UPDATE coordinator SET expires_at = clock_timestamp()");
        var lost = await Assert.ThrowsAsync<StoreException>(
            () => paused.AppendAsync(Batch(1), CancellationToken.None));
        Assert.Equal("lease-lost", lost.Code);
        Assert.Equal(0, paused.LastPosition);
    }

    [Fact]
    public async Task An_append_from_beside_the_lease_is_noticed()
    {
        await using var store = Open("host-a/17");
        await store.AppendAsync(Batch(1), CancellationToken.None);
        Run("SELECT append(1, now(), ARRAY['x'], ARRAY['y'], ARRAY[''::bytea], NULL)");
        var moved = await Assert.ThrowsAsync<StoreException>(
            () => store.AppendAsync(Batch(2), CancellationToken.None));
        Assert.Equal("store-locked", moved.Code);
    }

    [Theory]
    [InlineData("UPDATE event SET type = 'x'", "append only")]
    [InlineData("DELETE FROM event", "append only")]
    [InlineData("TRUNCATE event", "append only")]
    [InlineData("INSERT INTO event VALUES (7, now(), 'a', 'b', '')", "no gaps")]
    [InlineData("INSERT INTO event VALUES (0, now(), 'a', 'b', '')", "event_position_check")]
    public async Task The_tables_themselves_refuse_what_would_break_the_log(string sql, string why)
    {
        await using var store = Open("host-a/17");
        await store.AppendAsync(Batch(1), CancellationToken.None);
        var refused = Assert.Throws<PostgresException>(() => Run(sql));
        Assert.Contains(why, refused.MessageText, StringComparison.Ordinal);
        Assert.Equal(1, store.LastPosition);
    }
}
