using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Quoin.Engine;

namespace Quoin.Tests.Resources;

/// <summary>Listens to what the engine counts, in all worlds of this process.</summary>
sealed class MetricsHeard : IDisposable
{
    readonly MeterListener listener = new();
    readonly ConcurrentDictionary<string, long> counts = [];

    public MetricsHeard()
    {
        listener.InstrumentPublished = (instrument, heard) =>
        {
            if (instrument.Meter.Name == QuoinMeter.Name) heard.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, count, tags, _) =>
        {
            var name = instrument.Name;
            foreach (var (tag, value) in tags) name += $" {tag}={value}";
            counts.AddOrUpdate(name, count, (_, before) => before + count);
        });
        listener.Start();
    }

    /// <summary>Of one instrument, as <c>interventions_total code=lost-contact</c>.</summary>
    public long Of(string name) => counts.GetValueOrDefault(name);

    public void Dispose() => listener.Dispose();
}
