using System.Buffers;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Everything that the calls of a resource's run need from its first to its release, written into
/// the log with the run: by then the job may be another one, or gone from the graph.
/// </summary>
sealed record ResourceRecipe
{
    // A release is worth more tries than data, which can be made anew.
    const int DefaultRetries = 4;

    /// <summary>What the service knows the thing by, in every call the same.</summary>
    public required string Key { get; init; }

    /// <summary>What a service has to know that says "look now"; empty: none may.</summary>
    public string WakeToken { get; init; } = "";

    /// <summary>Labels that whoever makes its calls has to have; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>How often acquiring it may fail and be tried again.</summary>
    public required int Retries { get; init; }

    /// <summary>Limits, and the argvs with all captures filled.</summary>
    public required ResourceSpec Resource { get; init; }

    /// <summary>The call that acquires it; the others have another argv.</summary>
    public required AttemptSpec Attempt { get; init; }

    /// <summary>The recipe of a planned resource.</summary>
    public static ResourceRecipe Of(
        string key, string wakeToken, Job job, AttemptSpec attempt)
    {
        var commands = job.CommandsOf(attempt.Config.Outputs[0]);
        return new ResourceRecipe
        {
            Key = key,
            WakeToken = wakeToken,
            Labels = job.Limits.Labels,
            Retries = job.Limits.Retries > 0 ? job.Limits.Retries : DefaultRetries,
            Resource = job.Resource! with
            {
                Release = commands.Release,
                Watch = commands.Watch,
                Startup = commands.Startup,
            },
            Attempt = attempt,
        };
    }

    /// <summary>
    /// The command that wakes a run. A token has to be the run's own; null: whoever asks may.
    /// </summary>
    public static WakeRun Wake(KernelState state, RunId run, string? token, DateTimeOffset now)
    {
        var own = token is not null && state.Runs.GetValueOrDefault(run.Value)?.Life is { } life
            ? Read(life.Recipe).WakeToken
            : "";
        var isRight = token is null || (own.Length > 0 && CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(own), Encoding.UTF8.GetBytes(token)));
        return new WakeRun(run, now)
        {
            NotAllowed = isRight ? null : new("wrong-token", $"That is not the token of {run}."),
        };
    }

    /// <summary>The argv of a call.</summary>
    public ImmutableArray<string> ArgvOf(RunDirection direction, int hook) => direction switch
    {
        RunDirection.Acquire when hook > 0 => Resource.Startup[hook - 1],
        RunDirection.Acquire => Attempt.Config.Args,
        RunDirection.Watch => Resource.Watch,
        RunDirection.Release => Resource.Release,
    };

    /// <summary>As JSON.</summary>
    public string ToText()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("key", Key);
            json.WriteNumber("retries", Retries);
            if (WakeToken.Length > 0) json.WriteString("wakeToken", WakeToken);
            if (!Labels.IsEmpty) Write(json, "labels", Labels);
            Write(json, "release", Resource.Release);
            Write(json, "watch", Resource.Watch);
            json.WriteStartArray("startup");
            foreach (var hook in Resource.Startup) Write(json, null, hook);
            json.WriteEndArray();
            json.WriteString("start", ResourceWords.Of(Resource.Start));
            json.WriteString("identity", ResourceWords.Of(Resource.Identity));
            json.WriteString("onDoubt", ResourceWords.Of(Resource.OnDoubt));
            Write(json, "keepMs", Resource.Keep);
            Write(json, "timeoutMs", Resource.Timeout);
            Write(json, "poll", Resource.Poll);
            Write(json, "watchPoll", Resource.WatchPoll);
            json.WriteNumber("unknownMax", Resource.UnknownMax);
            Write(json, "unknownTimeMs", Resource.UnknownTime);
            Write(json, "releaseTimeMs", Resource.ReleaseTime);
            Write(json, "settleMs", Resource.Settle);
            json.WriteBase64String("attempt", Attempt.ToBytes());
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    static void Write(Utf8JsonWriter json, string? name, ImmutableArray<string> argv)
    {
        if (name is null) json.WriteStartArray();
        else json.WriteStartArray(name);
        foreach (var arg in argv) json.WriteStringValue(arg);
        json.WriteEndArray();
    }

    static void Write(Utf8JsonWriter json, string name, TimeSpan span) =>
        json.WriteNumber(name, (long)span.TotalMilliseconds);

    static void Write(Utf8JsonWriter json, string name, PollLimits limits)
    {
        json.WriteStartObject(name);
        Write(json, "everyMs", limits.Every);
        Write(json, "maxMs", limits.Max);
        if (limits.Count is { } count) json.WriteNumber("count", count);
        if (limits.Time is { } time) Write(json, "timeMs", time);
        json.WriteEndObject();
    }

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static ResourceRecipe Read(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or ProtoException
            or InvalidOperationException)
        {
            throw new FormatException($"a resource's recipe cannot be read: {e.Message}", e);
        }
    }

    static ResourceRecipe Read(JsonElement json) => new()
    {
        Key = json.GetProperty("key").GetString()!,
        Retries = json.GetProperty("retries").GetInt32(),
        WakeToken = json.TryGetProperty("wakeToken", out var token) ? token.GetString()! : "",
        Labels = json.TryGetProperty("labels", out var labels) ? Argv(labels) : [],
        Resource = new ResourceSpec
        {
            Release = Argv(json.GetProperty("release")),
            Watch = Argv(json.GetProperty("watch")),
            Startup = [.. json.GetProperty("startup").EnumerateArray().Select(Argv)],
            Start = json.GetProperty("start").GetString() == "window"
                ? ResourceStart.Window : ResourceStart.Now,
            Identity = json.GetProperty("identity").GetString() switch
            {
                "label" => ResourceIdentity.Label,
                "none" => ResourceIdentity.None,
                _ => ResourceIdentity.Key,
            },
            OnDoubt = json.GetProperty("onDoubt").GetString() == "repeat"
                ? ResourceDoubt.Repeat : ResourceDoubt.Ask,
            Keep = Span(json, "keepMs"),
            Timeout = Span(json, "timeoutMs"),
            Poll = Limits(json.GetProperty("poll")),
            WatchPoll = Limits(json.GetProperty("watchPoll")),
            UnknownMax = json.GetProperty("unknownMax").GetInt32(),
            UnknownTime = Span(json, "unknownTimeMs"),
            ReleaseTime = Span(json, "releaseTimeMs"),
            Settle = Span(json, "settleMs"),
        },
        Attempt = AttemptSpec.Read(json.GetProperty("attempt").GetBytesFromBase64()),
    };

    static ImmutableArray<string> Argv(JsonElement argv) =>
        [.. argv.EnumerateArray().Select(arg => arg.GetString()!)];

    static TimeSpan Span(JsonElement json, string name) =>
        TimeSpan.FromMilliseconds(json.GetProperty(name).GetInt64());

    static PollLimits Limits(JsonElement json) => new()
    {
        Every = Span(json, "everyMs"),
        Max = Span(json, "maxMs"),
        Count = json.TryGetProperty("count", out var count) ? count.GetInt32() : null,
        Time = json.TryGetProperty("timeMs", out _) ? Span(json, "timeMs") : null,
    };
}
