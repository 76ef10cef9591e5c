using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// <c>/metrics</c>: what the meters say, as text in the format of Prometheus.
/// </summary>
sealed class MetricsPage : IDisposable
{
    /// <summary>Listens from now on.</summary>
    public MetricsPage(ServerMeter meter) => Readings = new(instrument => meter.Has(instrument)
        || (instrument.Meter.Name == QuoinMeter.Name
            && !meter.HasTwinOf(MeterReadings.NameOf(instrument))));

    /// <summary>What there is to show.</summary>
    public MeterReadings Readings { get; }

    /// <summary>Adds the route.</summary>
    public static void Map(WebApplication web, Served served) => web.MapGet("/metrics", http =>
    {
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(served.Metrics.Text(), http.RequestAborted);
    });

    static string LabelsOf(IReadOnlyList<KeyValuePair<string, string>> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            var escaped = value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n");
            text.Append(text.Length > 0 ? "," : "").Append(name).Append("=\"").Append(escaped)
                .Append('"');
        }
        return text.ToString();
    }

    /// <summary>The page.</summary>
    public string Text()
    {
        var text = new StringBuilder();
        Readings.Read(metric =>
        {
            var name = metric.Name;
            var help = metric.Help.Replace("\\", "\\\\").Replace("\n", "\\n");
            text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
            text.Append("# TYPE ").Append(name).Append(' ').Append(TypeOf(metric.Kind))
                .Append('\n');
            foreach (var one in metric.Series.Values)
            {
                var labels = LabelsOf(one.Labels);
                if (metric.Kind == MeterReadings.Kind.Histogram) Histogram(text, name, labels, one);
                else Sample(text, name, labels, one.Sum);
            }
        });
        return text.ToString();
    }

    static string TypeOf(MeterReadings.Kind kind) => kind switch
    {
        MeterReadings.Kind.Histogram => "histogram",
        MeterReadings.Kind.Counter => "counter",
        _ => "gauge",
    };

    static void Histogram(
        StringBuilder text, string name, string labels, MeterReadings.Series one)
    {
        var comma = labels.Length > 0 ? "," : "";
        for (var i = 0; i < MeterReadings.Bounds.Length; i++)
            Sample(
                text, $"{name}_bucket",
                $"{labels}{comma}le=\"{Number(MeterReadings.Bounds[i])}\"", one.AtMost(i));
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
    public void Dispose() => Readings.Dispose();
}
