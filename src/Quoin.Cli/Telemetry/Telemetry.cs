using System.Globalization;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// What a command tells an OpenTelemetry collector of its work. <see cref="Open"/> gives nothing
/// where nothing is configured: then the packages of the network are not touched.
/// </summary>
sealed class Telemetry : IDisposable
{
    readonly OtlpSender sender;
    readonly MeterReadings? readings;
    readonly bool ownsReadings;

    Telemetry(Cli cli, TelemetryOptions options, MeterReadings? shared)
    {
        ownsReadings = shared is null && options.Metrics is not null;
        readings = ownsReadings ? new(i => i.Meter.Name == QuoinMeter.Name) : shared;
        sender = new OtlpSender(options, cli.Time, cli.Warn, readings);
        Tracing = options.Traces is null ? null : new(NewId, Take);
    }

    /// <summary>What a session needs to record spans; null: they go nowhere.</summary>
    public Tracing? Tracing { get; }

    /// <summary>Begins to send what the environment asks for; null: nothing.</summary>
    /// <param name="shared">What is measured, where somebody else keeps it.</param>
    public static Telemetry? Open(Cli cli, MeterReadings? shared = null) =>
        TelemetryOptions.Read(cli.Env, cli.Warn) is { } options
            ? new Telemetry(cli, options, shared)
            : null;

    void Take(Span span)
    {
        SpanActivities.Tell(span);
        sender.Take(span);
    }

    static ulong NewId() => ulong.Parse(
        ThisMachine.Hex(16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>
    /// What a command wants is a part of the trace that started it (<c>TRACEPARENT</c>, as CI
    /// services set it).
    /// </summary>
    public static WantOptions Below(Cli cli, WantOptions options) =>
        TraceContext.Read(cli.Env(TraceContext.Variable)) is { } parent
            ? options with { Trace = parent.ToString() }
            : options;

    /// <summary>A command begins: its span, and what it wants as a part of that.</summary>
    public CommandSpan? Begin(Cli cli, string command, string text)
    {
        if (Tracing is not { } tracing) return null;
        var parent = TraceContext.Read(cli.Env(TraceContext.Variable)) ?? tracing.NewTrace();
        return parent.IsRecorded
            ? new(tracing, cli.Time, parent, NewId() | 1) { Name = $"quoin {command}", Text = text }
            : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        sender.Dispose();
        if (ownsReadings) readings?.Dispose();
    }
}

/// <summary>The span of a command, while it runs.</summary>
sealed class CommandSpan(Tracing tracing, TimeProvider time, TraceContext parent, ulong id)
{
    readonly DateTimeOffset start = time.GetUtcNow();

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What was typed.</summary>
    public required string Text { get; init; }

    /// <summary>What it wants is below it.</summary>
    public WantOptions Above(WantOptions options) =>
        options with { Trace = (parent with { Span = id }).ToString() };

    /// <summary>It is over.</summary>
    public void End(int exitCode) => tracing.Take(new Span
    {
        Name = Name,
        Context = parent with { Span = id },
        Parent = parent.Span,
        Start = start,
        End = time.GetUtcNow(),
        Attributes =
        [
            new("quoin.request", Text),
            new("process.exit.code", (long)exitCode),
        ],
        Error = exitCode == ExitCode.Ok ? null : $"exit code {exitCode}",
    });
}
