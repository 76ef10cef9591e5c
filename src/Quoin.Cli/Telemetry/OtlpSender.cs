using System.Collections.Concurrent;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Sends spans and metrics on a thread of its own (OTLP over HTTP, protobuf). It never has a build
/// wait: what does not fit into its queue, or is not taken by the endpoint, is lost and counted,
/// and the end waits for <see cref="EndMax"/> at most.
/// </summary>
sealed class OtlpSender : IDisposable
{
    /// <summary>How long the last spans and metrics may take to be sent.</summary>
    public static readonly TimeSpan EndMax = TimeSpan.FromSeconds(2);

    const int QueueMax = 8192, BatchMax = 512;
    static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    readonly TelemetryOptions options;
    readonly TimeProvider time;
    readonly Action<string> warn;
    readonly MeterReadings? readings;
    readonly DateTimeOffset since;
    readonly ConcurrentQueue<Span> queue = new();
    readonly HttpClient http;
    readonly CancellationTokenSource ending = new();
    readonly ManualResetEventSlim wake = new();
    readonly Thread thread;
    int queued;
    long lost;
    string problem = "";
    bool isOver;

    /// <summary>Begins; <paramref name="readings"/> null: there are no metrics to send.</summary>
    public OtlpSender(
        TelemetryOptions options, TimeProvider time, Action<string> warn, MeterReadings? readings)
    {
        (this.options, this.time, this.warn, this.readings) = (options, time, warn, readings);
        since = time.GetUtcNow();
        http = new HttpClient { Timeout = options.Timeout };
        thread = new Thread(Run) { IsBackground = true, Name = "telemetry" };
        thread.Start();
    }

    /// <summary>Takes a span that is over; from any thread, at once.</summary>
    public void Take(Span span)
    {
        if (options.Traces is null) return;
        var waiting = Interlocked.Increment(ref queued);
        if (waiting > QueueMax)
        {
            Interlocked.Decrement(ref queued);
            Interlocked.Increment(ref lost);
            return;
        }
        queue.Enqueue(span);
        if (waiting == BatchMax) wake.Set();
    }

    void Run()
    {
        var measured = time.GetTimestamp();
        while (!Volatile.Read(ref isOver))
        {
            wake.Wait(Every);
            wake.Reset();
            SendSpans();
            if (time.GetElapsedTime(measured) < options.Interval) continue;
            measured = time.GetTimestamp();
            SendMetrics();
        }
        SendSpans();
        SendMetrics();
    }

    void SendSpans()
    {
        while (!queue.IsEmpty)
        {
            var spans = new List<Span>();
            while (spans.Count < BatchMax && queue.TryDequeue(out var span)) spans.Add(span);
            Interlocked.Add(ref queued, -spans.Count);
            if (!Send(options.Traces!, OtlpMessages.Of(options.Resource, spans)))
                Interlocked.Add(ref lost, spans.Count);
        }
    }

    void SendMetrics()
    {
        if (readings is not null && options.Metrics is { } endpoint)
            Send(endpoint, OtlpMessages.Of(options.Resource, readings, since, time.GetUtcNow()));
    }

    bool Send(Uri endpoint, byte[] body)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, endpoint)
            {
                Content = new ByteArrayContent(body),
            };
            request.Content.Headers.ContentType = new("application/x-protobuf");
            foreach (var (name, value) in options.Headers)
                request.Headers.TryAddWithoutValidation(name, value);
            using var answer = http.Send(
                request, HttpCompletionOption.ResponseHeadersRead, ending.Token);
            if (answer.IsSuccessStatusCode) return true;
            problem = $"{endpoint} answered {(int)answer.StatusCode}";
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            or OperationCanceledException or InvalidOperationException)
        {
            problem = $"{endpoint}: {e.Message}";
        }
        return false;
    }

    /// <summary>Sends what is left, for a short while, and says what was lost.</summary>
    public void Dispose()
    {
        Volatile.Write(ref isOver, true);
        wake.Set();
        ending.CancelAfter(EndMax);
        thread.Join();
        if (problem.Length > 0)
            warn(lost > 0
                ? $"telemetry: {problem}; {Units.Count(lost, "span")} lost"
                : $"telemetry: {problem}");
        http.Dispose();
        ending.Dispose();
        wake.Dispose();
    }
}
