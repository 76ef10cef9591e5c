using System.Diagnostics.Metrics;
using Quoin.Engine;

namespace Quoin.Tests.Telemetry;

/// <summary>What is kept of what instruments say.</summary>
public sealed class MeterReadingsTests : IDisposable
{
    readonly Meter meter = new("readings of a test");

    [Fact]
    public void What_cannot_be_observed_while_the_store_is_away_keeps_its_last_value()
    {
        var isAway = false;
        var lag = 7L;
        meter.CreateObservableGauge(
            "quoin_lag", () => isAway ? throw new StoreException("store-away", "away") : lag);
        var counter = meter.CreateCounter<long>("quoin_made_total");
        using var readings = new MeterReadings(it => it.Meter == meter);
        counter.Add(2);
        Assert.Equal([("quoin_lag", 7.0), ("quoin_made_total", 2.0)], Read(readings));

        (isAway, lag) = (true, 8);
        counter.Add(1);

        Assert.Equal([("quoin_lag", 7.0), ("quoin_made_total", 3.0)], Read(readings));
    }

    [Fact]
    public void A_counter_that_is_observed_began_before_this_process()
    {
        meter.CreateObservableCounter("quoin_wants_total", static () => 5L);
        meter.CreateCounter<long>("quoin_made_total").Add(0);
        using var readings = new MeterReadings(it => it.Meter == meter);
        meter.CreateCounter<long>("quoin_looks_total").Add(1);
        var observed = new List<(string, bool)>();

        readings.Read(it => observed.Add((it.Name, it.IsObserved)));

        Assert.Equal([("quoin_looks_total", false), ("quoin_wants_total", true)], observed);
    }

    static List<(string, double)> Read(MeterReadings readings)
    {
        var all = new List<(string, double)>();
        readings.Read(it => all.Add((it.Name, it.Series.Values.Single().Sum)));
        return all;
    }

    public void Dispose() => meter.Dispose();
}
