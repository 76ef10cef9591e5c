using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Quoin.Engine;

/// <summary>
/// Spans for whoever listens in this process to the source <see cref="Name"/>, as .NET has them: an
/// OpenTelemetry SDK of the program that Quoin is a part of, or a diagnostic tool. Each activity
/// appears when it is over. Without a listener nothing is made.
/// </summary>
public static class SpanActivities
{
    /// <summary>The name of the source.</summary>
    public const string Name = "Quoin";

    static readonly ActivitySource source = new(Name);

    /// <summary>Tells whoever listens.</summary>
    public static void Tell(Span span)
    {
        if (!source.HasListeners()) return;
        var parent = new ActivityContext(
            ActivityTraceId.CreateFromString($"{span.Context.Trace:x32}"),
            span.Parent == 0 ? default : IdOf(span.Parent), ActivityTraceFlags.Recorded);
        var links = span.Links.Select(link => new ActivityLink(new ActivityContext(
            ActivityTraceId.CreateFromString($"{link.Trace:x32}"), IdOf(link.Span),
            ActivityTraceFlags.Recorded)));
        var current = Activity.Current;
        using var activity = source.StartActivity(
            span.Name, ActivityKind.Internal, parent,
            span.Attributes.Select(a => new KeyValuePair<string, object?>(a.Key, a.Value)), links,
            span.Start);
        if (activity is null) return;
        // A child is over before its parent is, and its parent's id is known: it follows from the
        // want. .NET lets nobody choose an activity's id, so the field that holds it is written.
        SpanIdOf(activity) = $"{span.Context.Span:x16}";
        if (span.Error is { } error) activity.SetStatus(ActivityStatusCode.Error, error);
        activity.SetEndTime(span.End.UtcDateTime);
        activity.Stop();
        Activity.Current = current;
    }

    static ActivitySpanId IdOf(ulong span) => ActivitySpanId.CreateFromString($"{span:x16}");

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_spanId")]
    static extern ref string? SpanIdOf(Activity activity);
}
