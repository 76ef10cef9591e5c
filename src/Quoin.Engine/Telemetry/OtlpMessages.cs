using static Quoin.Engine.MeterReadings;

namespace Quoin.Engine;

/// <summary>
/// Spans and metrics as the messages of the OpenTelemetry protocol (OTLP 1.x, protobuf):
/// ExportTraceServiceRequest and ExportMetricsServiceRequest. Written by hand, as our other
/// messages are: the packages that do it know activities only, whose ids they choose themselves.
/// </summary>
public static class OtlpMessages
{
    const string Scope = "Quoin";

    /// <summary>Spans of one process.</summary>
    public static byte[] Of(
        IReadOnlyList<KeyValuePair<string, string>> resource, IReadOnlyList<Span> spans)
    {
        var w = new ProtoWriter(new byte[4096]);
        var all = w.Begin(1);
        Resource(ref w, resource);
        var scope = w.Begin(2);
        ScopeName(ref w);
        foreach (var span in spans) Write(ref w, span);
        w.End(scope);
        w.End(all);
        return w.Buffer.AsSpan(0, w.Length).ToArray();
    }

    /// <summary>
    /// Metrics of one process, of which counts began at <paramref name="since"/>; of those that are
    /// observed nobody knows when.
    /// </summary>
    public static byte[] Of(
        IReadOnlyList<KeyValuePair<string, string>> resource, MeterReadings readings,
        DateTimeOffset since, DateTimeOffset now)
    {
        var metrics = new List<byte[]>();
        readings.Read(metric => metrics.Add(BytesOf(metric, Nanoseconds(since), Nanoseconds(now))));
        var w = new ProtoWriter(new byte[4096]);
        var all = w.Begin(1);
        Resource(ref w, resource);
        var scope = w.Begin(2);
        ScopeName(ref w);
        foreach (var metric in metrics) w.Bytes(2, metric);
        w.End(scope);
        w.End(all);
        return w.Buffer.AsSpan(0, w.Length).ToArray();
    }

    static void Resource(
        ref ProtoWriter w, IReadOnlyList<KeyValuePair<string, string>> attributes)
    {
        var mark = w.Begin(1);
        foreach (var (name, value) in attributes) Attribute(ref w, 1, name, value);
        w.End(mark);
    }

    static void ScopeName(ref ProtoWriter w)
    {
        var mark = w.Begin(1);
        w.Text(1, Scope);
        w.End(mark);
    }

    static void Write(ref ProtoWriter w, Span span)
    {
        const int kindInternal = 1, statusError = 2;
        var mark = w.Begin(2);
        Ids(ref w, span.Context);
        if (span.Parent != 0) w.Bytes(4, BigEndian(span.Parent));
        w.Text(5, span.Name);
        w.Int32(6, kindInternal);
        w.Fixed64(7, Nanoseconds(span.Start));
        w.Fixed64(8, Nanoseconds(span.End));
        foreach (var (name, value) in span.Attributes) Attribute(ref w, 9, name, value);
        foreach (var link in span.Links)
        {
            var other = w.Begin(13);
            Ids(ref w, link);
            w.End(other);
        }
        if (span.Error is { } error)
        {
            var status = w.Begin(15);
            w.Text(2, error);
            w.Int32(3, statusError);
            w.End(status);
        }
        w.End(mark);
    }

    static void Ids(ref ProtoWriter w, TraceContext context)
    {
        var trace = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(trace, context.Trace);
        w.Bytes(1, trace);
        w.Bytes(2, BigEndian(context.Span));
    }

    static byte[] BigEndian(ulong id)
    {
        var bytes = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, id);
        return bytes;
    }

    static byte[] BytesOf(Metric metric, ulong since, ulong now)
    {
        const int gauge = 5, sum = 7, histogram = 9, cumulative = 2;
        var begin = metric is { Kind: Kind.Counter, IsObserved: false } ? since : 0;
        var w = new ProtoWriter(new byte[512]);
        w.Text(1, metric.Name);
        w.Text(2, metric.Help);
        w.Text(3, metric.Unit);
        var mark = w.Begin(metric.Kind switch
        {
            Kind.Gauge => gauge,
            Kind.Counter => sum,
            Kind.Histogram => histogram,
            _ => throw new InvalidOperationException($"{metric.Kind}"),
        });
        foreach (var one in metric.Series.Values)
        {
            if (metric.Kind == Kind.Histogram) Histogram(ref w, one, since, now);
            else Number(ref w, one, begin, now);
        }
        if (metric.Kind != Kind.Gauge) w.Int32(2, cumulative);
        if (metric.Kind == Kind.Counter) w.Bool(3, true); // It only grows.
        w.End(mark);
        return w.Buffer.AsSpan(0, w.Length).ToArray();
    }

    static void Number(ref ProtoWriter w, Series one, ulong since, ulong now)
    {
        var mark = w.Begin(1);
        w.Fixed64(2, since);
        w.Fixed64(3, now);
        w.Double(4, one.Sum);
        foreach (var (name, value) in one.Labels) Attribute(ref w, 7, name, value);
        w.End(mark);
    }

    static void Histogram(ref ProtoWriter w, Series one, ulong since, ulong now)
    {
        var mark = w.Begin(1);
        w.Fixed64(2, since);
        w.Fixed64(3, now);
        w.Fixed64(4, (ulong)one.Count);
        w.Double(5, one.Sum);
        // Each bucket alone, and what is above the last bound behind them.
        var below = 0L;
        var counts = new byte[(Bounds.Length + 1) * 8];
        var limits = new byte[Bounds.Length * 8];
        for (var i = 0; i <= Bounds.Length; i++)
        {
            var upTo = i < Bounds.Length ? one.AtMost(i) : one.Count;
            BitConverter.TryWriteBytes(counts.AsSpan(i * 8), upTo - below);
            if (i < Bounds.Length) BitConverter.TryWriteBytes(limits.AsSpan(i * 8), Bounds[i]);
            below = upTo;
        }
        w.Bytes(6, counts);
        w.Bytes(7, limits);
        foreach (var (name, value) in one.Labels) Attribute(ref w, 9, name, value);
        w.End(mark);
    }

    static void Attribute(ref ProtoWriter w, int field, string name, object value)
    {
        var mark = w.Begin(field);
        w.Text(1, name);
        var any = w.Begin(2);
        Value(ref w, value);
        w.End(any);
        w.End(mark);
    }

    // An empty text and 0 are written too: a value that is left out is none at all.
    static void Value(ref ProtoWriter w, object value)
    {
        const int text = 1, number = 3, list = 5;
        switch (value)
        {
            case string s: w.Bytes(text, System.Text.Encoding.UTF8.GetBytes(s)); break;
            case long n: w.Varint64(number, n); break;
            case string[] some:
                var mark = w.Begin(list);
                foreach (var one in some)
                {
                    var item = w.Begin(1);
                    Value(ref w, one);
                    w.End(item);
                }
                w.End(mark);
                break;
            default: throw new ArgumentException($"an attribute is not a {value.GetType()}");
        }
    }

    static ulong Nanoseconds(DateTimeOffset at) =>
        (ulong)Math.Max(0, (at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100);
}
