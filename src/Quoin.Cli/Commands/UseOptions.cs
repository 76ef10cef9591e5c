using System.CommandLine;
using System.Globalization;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// The options of a want that holds things outside: when they start, for how long they are used,
/// and whether it is only an offer.
/// </summary>
sealed class UseOptions
{
    /// <summary>How much later than said is still in time, when nothing else is said.</summary>
    public static readonly TimeSpan SlackPlain = TimeSpan.FromMinutes(5);

    readonly Option<string?> start = new("--start")
    {
        Description = "Launch things that have a start window then, at most SLACK later"
            + " (2026-03-01T10:00Z/PT5M)",
        HelpName = "TIME[/SLACK]",
    };

    readonly Option<string?> use = new("--use")
    {
        Description = "Release everything so long after it was ready (PT2H, 90m)",
        HelpName = "DURATION",
    };

    readonly Option<bool> offer = new("--offer")
    {
        Description = "Ask for nothing yet: quoin accept takes the offer, for five minutes",
    };

    readonly Option<string?> group = new("--group")
    {
        Description = "Of the offers of a group only one can be accepted",
        HelpName = "NAME",
    };

    bool isForOffers;

    /// <summary>Adds them to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="offers">False: it is there to be built at once.</param>
    public void AddTo(Command command, bool offers)
    {
        command.Options.Add(start);
        command.Options.Add(use);
        isForOffers = offers;
        if (!offers) return;
        command.Options.Add(offer);
        command.Options.Add(group);
    }

    /// <summary>The options with these in them. Throws on values that mean nothing.</summary>
    public WantOptions Read(ParseResult parsed, WantOptions options, DateTimeOffset now)
    {
        if (parsed.GetValue(start) is { } window)
        {
            var (at, slack) = Window(window, now);
            options = options with { StartAt = at, StartSlack = slack };
        }
        if (parsed.GetValue(use) is { } duration)
            options = options with { Use = Duration("--use", duration) };
        if (!isForOffers) return options; // The parser knows only what it was given.
        var name = parsed.GetValue(group) ?? "";
        if (name.Length > 0 && !parsed.GetValue(offer))
            throw new UsageException("usage", "--group is for offers: add --offer");
        return options with { Offer = parsed.GetValue(offer), Group = name };
    }

    /// <summary>Reads <c>TIME</c> or <c>TIME/SLACK</c>; a window that is over is refused.</summary>
    public static (DateTimeOffset At, TimeSpan Slack) Window(string text, DateTimeOffset now)
    {
        var cut = text.LastIndexOf('/');
        var time = cut < 0 ? text : text[..cut];
        if (!DateTimeOffset.TryParse(
            time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var at))
            throw new UsageException(
                "usage", $"--start {text}: write 2026-03-01T10:00Z/PT5M, a time and a slack");
        var slack = cut < 0 ? SlackPlain : Duration("--start", text[(cut + 1)..]);
        if (now - at > slack)
            throw new UsageException(
                "start-window-missed",
                $"--start {text}: that window closed at "
                + $"{(at + slack).UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}; nothing would be launched");
        return (at.ToUniversalTime(), slack);
    }

    static TimeSpan Duration(string option, string text) =>
        Quantities.TryParseDuration(text, out var duration)
            ? duration
            : throw new UsageException(
                "usage", $"{option}: \"{text}\" is not a duration such as 5m or PT2H");
}
