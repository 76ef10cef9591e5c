using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>The time that all processes of a store agree on.</summary>
public sealed class StoreClockTests(PostgresServer server)
{
    sealed class Host : TimeProvider
    {
        public DateTimeOffset Wall { get; set; } = DateTimeOffset.UnixEpoch;
        public TimeSpan Up { get; set; }

        public override DateTimeOffset GetUtcNow() => Wall + Up;

        public override long GetTimestamp() => Up.Ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    }

    static readonly DateTimeOffset noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void It_is_asked_once_and_again_when_the_wall_clock_of_the_host_jumps()
    {
        var (host, asked) = (new Host(), 0);
        DateTimeOffset? now = noon;
        var clock = new StoreClock(host, () =>
        {
            asked++;
            return now;
        });
        Assert.Equal(noon, clock.GetUtcNow());
        host.Up += TimeSpan.FromMinutes(10);
        Assert.Equal(noon.AddMinutes(10), clock.GetUtcNow());
        Assert.Equal(1, asked);

        now = noon.AddMinutes(11);
        host.Wall += TimeSpan.FromHours(1); // Somebody set it.
        Assert.Equal(noon.AddMinutes(11), clock.GetUtcNow());
        host.Up += TimeSpan.FromMinutes(1);
        Assert.Equal(noon.AddMinutes(12), clock.GetUtcNow());
        Assert.Equal(2, asked);

        now = null; // It does not answer: what is known goes on.
        host.Wall -= TimeSpan.FromHours(2);
        Assert.Equal(noon.AddMinutes(12), clock.GetUtcNow());
        host.Up += TimeSpan.FromMinutes(1);
        Assert.Equal(noon.AddMinutes(13), clock.GetUtcNow());
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task On_a_server_it_is_the_server_s()
    {
        await using var store = Quoin.Storage.PostgresStore.Open(
            server.NewAddress(), new() { NewId = "clock" });
        var host = new Host { Wall = DateTimeOffset.UnixEpoch };

        var off = store.ClockOn(host).GetUtcNow() - TimeProvider.System.GetUtcNow();
        Assert.InRange(off.Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }
}
