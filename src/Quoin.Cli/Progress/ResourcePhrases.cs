using Quoin.Core;

namespace Quoin.Cli;

/// <summary>What people read of a thing outside.</summary>
/// <param name="Verb">One word, as <c>released</c>.</param>
/// <param name="Rest">What else there is to say; may be empty.</param>
/// <param name="Style">How loud the word is.</param>
/// <param name="IsDetail">Only for those who want to see everything.</param>
readonly record struct ResourcePhrase(string Verb, string Rest, Style Style, bool IsDetail);

/// <summary>Facts about things outside in words.</summary>
static class ResourcePhrases
{
    /// <summary>The words for an event of a run; null: nothing to say.</summary>
    public static ResourcePhrase? Of(RunEvent e, DateTimeOffset at) => e switch
    {
        RunDeferred { Kind: DeferKind.Unknown } d => new(
            "unknown", $"{d.Detail}{Comma(d.Detail)}{Again(d.Until, at)}", Style.Yellow, false),
        RunDeferred d => new(
            "busy", $"{d.Detail}{Comma(d.Detail)}{Again(d.Until, at)}", Style.Plain, true),
        RunStarted s => new("hook", $"{s.Hook}", Style.Plain, true),
        ReleaseScheduled { NotBefore: { } keep } => new(
            "kept", $"for {Units.Duration(keep - at)}", Style.Plain, false),
        ReleaseScheduled s => new("releasing", s.Reason, Style.Plain, true),
        ResourceEnded { Failure: { } failure } => new(
            "ended", Units.Describe(failure) + Units.Reason(failure), Style.Red, false),
        ResourceEnded => new("ended", "", Style.Plain, false),
        ResourceReleased => new("released", "", Style.Plain, false),
        ReleaseFailed { RetryAt: { } retryAt } f => new(
            "retry", $"release {Again(retryAt, at)}: {Units.Describe(f.Failure)}"
                + Units.Reason(f.Failure),
            Style.Yellow, false),
        ReleaseFailed f => new(
            "NOT RELEASED", Units.Describe(f.Failure) + Units.Reason(f.Failure), Style.Red, false),
        InterventionOpened i => new(
            "ASK", $"{i.Intervention} {i.Code}: {i.Reason}  (quoin interventions)", Style.Red,
            false),
        InterventionResolved i => new(
            "answered", $"{i.Intervention} {i.Answer.ToString().ToLowerInvariant()}", Style.Plain,
            false),
        _ => null,
    };

    static string Again(DateTimeOffset until, DateTimeOffset at) =>
        until <= at ? "again now" : $"again in {Units.Duration(until - at)}";

    static string Comma(string before) => before.Length > 0 ? ", " : "";
}
