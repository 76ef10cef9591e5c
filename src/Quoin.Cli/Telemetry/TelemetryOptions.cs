using System.Collections.Immutable;
using System.Globalization;

namespace Quoin.Cli;

/// <summary>
/// Where spans and metrics go, as the environment variables of OpenTelemetry say it; nothing is
/// sent unless one of them names an endpoint.
/// </summary>
sealed record TelemetryOptions
{
    const string Base = "OTEL_EXPORTER_OTLP";
    static readonly TimeSpan TimeoutUsual = TimeSpan.FromSeconds(10);
    static readonly TimeSpan IntervalUsual = TimeSpan.FromSeconds(60);

    /// <summary>Where spans are sent; null: nowhere.</summary>
    public Uri? Traces { get; init; }

    /// <summary>Where metrics are sent; null: nowhere.</summary>
    public Uri? Metrics { get; init; }

    /// <summary>Headers of every request.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>For one request.</summary>
    public TimeSpan Timeout { get; init; } = TimeoutUsual;

    /// <summary>Between two exports of metrics.</summary>
    public TimeSpan Interval { get; init; } = IntervalUsual;

    /// <summary>What the process is: <c>service.name</c> and others.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Resource { get; init; } = [];

    /// <summary>
    /// Reads the variables; null: none asks for anything. What is wrong is told, and not obeyed: a
    /// build does not fail for it.
    /// </summary>
    public static TelemetryOptions? Read(Func<string, string?> env, Action<string> warn)
    {
        var both = env($"{Base}_ENDPOINT");
        var (traces, metrics) = (env($"{Base}_TRACES_ENDPOINT"), env($"{Base}_METRICS_ENDPOINT"));
        if (string.IsNullOrEmpty(both) && string.IsNullOrEmpty(traces)
            && string.IsNullOrEmpty(metrics)) return null;
        if (IsTrue(env("OTEL_SDK_DISABLED"))) return null;
        var options = new TelemetryOptions
        {
            Traces = Endpoint(env, "TRACES", both, traces, warn),
            Metrics = Endpoint(env, "METRICS", both, metrics, warn),
            Headers = Pairs(env($"{Base}_HEADERS")),
            Timeout = Milliseconds(env($"{Base}_TIMEOUT")) ?? TimeoutUsual,
            Interval = Milliseconds(env("OTEL_METRIC_EXPORT_INTERVAL")) ?? IntervalUsual,
            Resource = ResourceOf(env),
        };
        return options.Traces is null && options.Metrics is null ? null : options;
    }

    static Uri? Endpoint(
        Func<string, string?> env, string signal, string? both, string? own, Action<string> warn)
    {
        var (exporter, word) = (env($"OTEL_{signal}_EXPORTER"), signal.ToLowerInvariant());
        if (exporter is { Length: > 0 } and not "otlp")
        {
            if (exporter != "none")
                warn($"OTEL_{signal}_EXPORTER={exporter}: there is otlp, and none");
            return null;
        }
        // The own one is used as it is; to the other one the path of the signal is added.
        var text = own is { Length: > 0 }
            ? own
            : both is { Length: > 0 } ? $"{both.TrimEnd('/')}/v1/{word}" : null;
        if (text is null) return null;
        var protocol = env($"{Base}_{signal}_PROTOCOL") ?? env($"{Base}_PROTOCOL");
        if (protocol is { Length: > 0 } and not "http/protobuf")
        {
            warn($"{Base}_PROTOCOL={protocol}: Quoin speaks http/protobuf; {word} are not sent");
            return null;
        }
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
            return uri;
        warn($"{Base}_ENDPOINT: {text} is not an address, as http://127.0.0.1:4318; {word} are not"
            + " sent");
        return null;
    }

    static bool IsTrue(string? text) =>
        string.Equals(text, "true", StringComparison.OrdinalIgnoreCase);

    static TimeSpan? Milliseconds(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) && ms > 0
            ? TimeSpan.FromMilliseconds(ms)
            : null;

    // name=value,name=value, percent-encoded.
    static ImmutableArray<KeyValuePair<string, string>> Pairs(string? text) =>
    [
        .. from pair in (text ?? "").Split(',')
           let at = pair.IndexOf('=')
           where at > 0
           select KeyValuePair.Create(
               pair[..at].Trim(), Uri.UnescapeDataString(pair[(at + 1)..].Trim())),
    ];

    static ImmutableArray<KeyValuePair<string, string>> ResourceOf(Func<string, string?> env)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["service.name"] = "quoin",
            ["service.version"] = Program.VersionLine["quoin ".Length..],
            ["host.name"] = Environment.MachineName,
            ["process.pid"] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
            ["telemetry.sdk.language"] = "dotnet",
            ["telemetry.sdk.name"] = "quoin",
        };
        foreach (var (name, value) in Pairs(env("OTEL_RESOURCE_ATTRIBUTES"))) all[name] = value;
        if (env("OTEL_SERVICE_NAME") is { Length: > 0 } service) all["service.name"] = service;
        return [.. all];
    }
}
