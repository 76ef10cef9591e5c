using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// <c>/metrics</c>: what the meters say, as text in the format of Prometheus. Counters are summed,
/// observed values are asked for when somebody looks, durations are put into buckets.
/// </summary>
sealed class MetricsPage : IDisposable
{
    const int SeriesMax = 10_000;

    static readonly double[] bounds =
        [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400];

    readonly MeterListener listener = new();
    readonly Lock gate = new();
    readonly SortedDictionary<string, Family> families = new(StringComparer.Ordinal);
    int series;

    sealed class Series
    {
        public double Sum { get; set; }

        public long Count { get; set; }

        public long[] Buckets { get; } = new long[bounds.Length];
    }

    sealed record Family(string Type, string Help)
    {
        public SortedDictionary<string, Series> Series { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>Listens from now on.</summary>
    public MetricsPage(ServerMeter meter)
    {
        listener.InstrumentPublished = (instrument, heard) =>
        {
            if (meter.Has(instrument) || instrument.Meter.Name == QuoinMeter.Name)
                heard.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Take(i, value, tags));
        listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Take(i, value, tags));
        listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Take(i, value, tags));
        listener.Start();
    }

    /// <summary>Adds the route.</summary>
    public static void Map(WebApplication web, Served served) => web.MapGet("/metrics", http =>
    {
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(served.Metrics.Text(), http.RequestAborted);
    });

    void Take(
        Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = NameOf(instrument);
        var labels = LabelsOf(tags);
        lock (gate)
        {
            if (!families.TryGetValue(name, out var family))
                families[name] = family = new Family(TypeOf(instrument), HelpOf(instrument));
            if (!family.Series.TryGetValue(labels, out var one))
            {
                if (series == SeriesMax) return;
                series++;
                family.Series[labels] = one = new Series();
            }
            if (instrument.IsObservable) one.Sum = value;
            else one.Sum += value;
            one.Count++;
            for (var i = 0; i < bounds.Length; i++) if (value <= bounds[i]) one.Buckets[i]++;
        }
    }

    static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        return name.StartsWith("quoin_", StringComparison.Ordinal) ? name : $"quoin_{name}";
    }

    static string TypeOf(Instrument instrument) => instrument switch
    {
        Histogram<double> => "histogram",
        _ when instrument.Name.EndsWith("_total", StringComparison.Ordinal) => "counter",
        _ => "gauge",
    };

    static string HelpOf(Instrument instrument) =>
        (instrument.Description ?? "").Replace("\\", "\\\\").Replace("\n", "\\n");

    static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            var escaped = $"{value}".Replace("\\", "\\\\").Replace("\"", "\\\"")
                .Replace("\n", "\\n");
            text.Append(text.Length > 0 ? "," : "").Append(name).Append("=\"").Append(escaped)
                .Append('"');
        }
        return text.ToString();
    }

    /// <summary>The page.</summary>
    public string Text()
    {
        listener.RecordObservableInstruments();
        var text = new StringBuilder();
        lock (gate)
        {
            foreach (var (name, family) in families)
            {
                text.Append("# HELP ").Append(name).Append(' ').Append(family.Help).Append('\n');
                text.Append("# TYPE ").Append(name).Append(' ').Append(family.Type).Append('\n');
                foreach (var (labels, one) in family.Series)
                {
                    if (family.Type == "histogram") Histogram(text, name, labels, one);
                    else Sample(text, name, labels, one.Sum);
                }
            }
        }
        return text.ToString();
    }

    static void Histogram(StringBuilder text, string name, string labels, Series one)
    {
        var comma = labels.Length > 0 ? "," : "";
        for (var i = 0; i < bounds.Length; i++)
            Sample(text, $"{name}_bucket", $"{labels}{comma}le=\"{Number(bounds[i])}\"",
                one.Buckets[i]);
        Sample(text, $"{name}_bucket", $"{labels}{comma}le=\"+Inf\"", one.Count);
        Sample(text, $"{name}_sum", labels, one.Sum);
        Sample(text, $"{name}_count", labels, one.Count);
    }

    static void Sample(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();
}
