using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Why everything that is not over does not go on: the kernel's reason, with since when from the
/// log, as a line and as JSON.
/// </summary>
sealed class Standing(
    KernelState state, IBuildStore store, Graph? graph, bool isLed, DateTimeOffset now)
{
    /// <summary>The reasons.</summary>
    public Holdups Holdups { get; } = new(
        state, new HoldupFacts(isLed, job => graph?.FindJob(job), now));

    /// <summary>When the last fact about a want, run or partition was recorded.</summary>
    public DateTimeOffset? Since(string subject) =>
        store.Query(new EventQuery { Subject = subject, Last = 1 }).LastOrDefault()?.At;

    /// <summary>The same for a partition: of its run, if it has one.</summary>
    public DateTimeOffset? Since(PartitionId p) =>
        Since((state.HolderOf(p) ?? state.LifeOf(p))?.Id.ToString() ?? state.Names.Text(p));

    /// <summary><c>busy, poll 3 of 100, since 12:00:01, until 12:00:09</c>.</summary>
    public static Line LineOf(
        Holdup why, DateTimeOffset? since, DateTimeOffset now, TimeProvider time)
    {
        var text = why.Text;
        if (since is { } from) text += $", since {Shown(from, now, time)}";
        if (why.Until is { } until) text += $", until {Shown(until, now, time)}";
        return new Line($"      {text}", Style.Dim);
    }

    static string Shown(DateTimeOffset at, DateTimeOffset now, TimeProvider time) =>
        Math.Abs((at - now).TotalHours) < 12
            ? Units.TimeOfDay(at, time)
            : Units.DayAndMinute(at, time);

    /// <summary>The field holdup of the object that is open.</summary>
    public static void Write(Utf8JsonWriter json, Holdup why, DateTimeOffset? since)
    {
        json.WriteStartObject("holdup");
        json.WriteString("code", why.Code);
        json.WriteString("text", why.Text);
        JsonParts.Time(json, "since", since);
        JsonParts.Time(json, "until", why.Until);
        json.WriteEndObject();
    }

    /// <summary>Fields of the object that is open about one life of a thing outside.</summary>
    public static void Write(Utf8JsonWriter json, ResourceLife life)
    {
        json.WriteString("direction", life.Direction.ToString().ToLowerInvariant());
        json.WriteString("external_id", life.ExternalId);
        json.WriteNumber("polls", life.Polls);
        json.WriteNumber("unknowns", life.Unknowns);
        JsonParts.Time(json, "next_activation", life.Until);
        if (life.NotAfter is { } limit) JsonParts.Time(json, "not_after", limit);
        if (life.KeptUntil is { } kept) JsonParts.Time(json, "kept_until", kept);
        if (life.Connections.Length == 0) return;
        json.WritePropertyName("connections");
        json.WriteRawValue(life.Connections);
    }
}
