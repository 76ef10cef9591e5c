using System.Diagnostics.Metrics;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// What instruments say, kept: counters are summed, observed values are asked for when somebody
/// reads, durations are put into buckets. Threads may measure and read at once.
/// </summary>
public sealed class MeterReadings : IDisposable
{
    const int SeriesMax = 10_000;

    static readonly double[] bounds =
        [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400];

    readonly MeterListener listener = new();
    readonly Lock gate = new();
    readonly SortedDictionary<string, Metric> metrics = new(StringComparer.Ordinal);
    int series;

    /// <summary>Upper bounds of the buckets of durations, in seconds.</summary>
    public static ReadOnlySpan<double> Bounds => bounds;

    /// <summary>What kind of number it is.</summary>
    public enum Kind
    {
        /// <summary>As much as there is now.</summary>
        Gauge,

        /// <summary>It only grows.</summary>
        Counter,

        /// <summary>How often it was how much.</summary>
        Histogram,
    }

    /// <summary>An instrument, under the name that it has everywhere: <c>quoin_…</c>.</summary>
    public sealed record Metric(string Name, Kind Kind, string Unit, string Help)
    {
        /// <summary>
        /// Somebody counts it by himself, since before this process; else since it began.
        /// </summary>
        public bool IsObserved { get; init; }

        /// <summary>By their labels.</summary>
        public SortedDictionary<string, Series> Series { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>The numbers of one set of labels.</summary>
    public sealed class Series(KeyValuePair<string, string>[] labels)
    {
        /// <summary>Names and values.</summary>
        public IReadOnlyList<KeyValuePair<string, string>> Labels { get; } = labels;

        /// <summary>The value; of a histogram: of all together.</summary>
        public double Sum { get; internal set; }

        /// <summary>How often it was measured.</summary>
        public long Count { get; internal set; }

        internal long[] Below { get; } = new long[bounds.Length];

        /// <summary>How often it was at most this bound.</summary>
        public long AtMost(int bound) => Below[bound];
    }

    /// <summary>Listens, from now on, to the instruments that somebody wants.</summary>
    public MeterReadings(Func<Instrument, bool> wants)
    {
        listener.InstrumentPublished = (instrument, heard) =>
        {
            if (wants(instrument)) heard.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Take(i, value, tags));
        listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Take(i, value, tags));
        listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Take(i, value, tags));
        listener.Start();
    }

    /// <summary>The name that an instrument has on the page of metrics and in exports.</summary>
    public static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        return name.StartsWith("quoin_", StringComparison.Ordinal) ? name : $"quoin_{name}";
    }

    static Kind KindOf(Instrument instrument) => instrument switch
    {
        Histogram<double> => Kind.Histogram,
        _ when instrument.Name.EndsWith("_total", StringComparison.Ordinal) => Kind.Counter,
        _ => Kind.Gauge,
    };

    void Take(
        Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = NameOf(instrument);
        var key = new StringBuilder();
        foreach (var (label, tag) in tags) key.Append(label).Append('\0').Append(tag).Append('\0');
        lock (gate)
        {
            if (!metrics.TryGetValue(name, out var metric))
                metrics[name] = metric = new(
                    name, KindOf(instrument), instrument.Unit ?? "", instrument.Description ?? "")
                {
                    IsObserved = instrument.IsObservable,
                };
            if (!metric.Series.TryGetValue(key.ToString(), out var one))
            {
                if (series == SeriesMax) return;
                series++;
                metric.Series[key.ToString()] = one = new(LabelsOf(tags));
            }
            if (instrument.IsObservable || instrument is Gauge<long>) one.Sum = value;
            else one.Sum += value;
            one.Count++;
            for (var i = 0; i < bounds.Length; i++) if (value <= bounds[i]) one.Below[i]++;
        }
    }

    static KeyValuePair<string, string>[] LabelsOf(
        ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new KeyValuePair<string, string>[tags.Length];
        for (var i = 0; i < tags.Length; i++) labels[i] = new(tags[i].Key, $"{tags[i].Value}");
        return labels;
    }

    /// <summary>
    /// Asks for what is observed, then has all metrics read, by name. What cannot be observed now,
    /// because the store is away, keeps its last value.
    /// </summary>
    public void Read(Action<Metric> read)
    {
        try
        {
            listener.RecordObservableInstruments();
        }
        catch (AggregateException e) when (e.InnerExceptions.All(it => 
            it is StoreException or ObjectDisposedException))
        {
            // The others were asked all the same.
        }
        lock (gate) foreach (var metric in metrics.Values) read(metric);
    }

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();
}
