using System.Globalization;

namespace Quoin.Server;

/// <summary>What stands around every page, and what its parts know of the request.</summary>
public sealed record Frame
{
    /// <summary>The project's name.</summary>
    public required string Project { get; init; }

    /// <summary>The event up to which the page is told.</summary>
    public required long Position { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>The zone that times are shown in.</summary>
    public required TimeZoneInfo Zone { get; init; }

    /// <summary>How many questions wait for a person.</summary>
    public int Questions { get; init; }

    /// <summary>This page with its query: where forms lead back to.</summary>
    public string Here { get; init; } = "/";

    /// <summary>What proves that a form came from a page of ours; null: who looks may not act.
    /// </summary>
    public string? Proof { get; init; }

    /// <summary>What was done by the form that led here; empty: nothing.</summary>
    public string Done { get; init; } = "";

    /// <summary>Something that everybody should know: nobody decides, the store is gone.</summary>
    public string Alarm { get; init; } = "";

    /// <summary>Somebody signed in; there is a session to leave.</summary>
    public bool HasSession { get; init; }

    /// <summary>Where the news of the log come from; empty: the page is not live.</summary>
    public string Live { get; init; } = "/live";

    /// <summary>Who looks may act.</summary>
    public bool MayAct => Proof is not null;

    /// <summary>
    /// A time as people read it: of the last half a day without its date. With <paramref
    /// name="full"/> always with it.
    /// </summary>
    public string Shown(DateTimeOffset at, bool full = false)
    {
        var local = TimeZoneInfo.ConvertTime(at, Zone);
        var format = full || Math.Abs((Now - at).TotalHours) >= 12
            ? "yyyy-MM-dd HH:mm:ss"
            : "HH:mm:ss";
        return local.ToString(format, CultureInfo.InvariantCulture);
    }

    /// <summary>A time as programs read it.</summary>
    public static string Iso(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    /// <summary>The name of the zone, as <c>UTC</c> or <c>UTC+02:00</c>.</summary>
    public string ZoneName
    {
        get
        {
            var offset = Zone.GetUtcOffset(Now);
            return offset == TimeSpan.Zero
                ? "UTC"
                : $"UTC{(offset < TimeSpan.Zero ? '-' : '+')}{offset:hh\\:mm}";
        }
    }
}
