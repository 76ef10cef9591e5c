using Quoin.Cli;

namespace Quoin.Tests.Cli;

/// <summary>The start window as people type it.</summary>
public sealed class UseOptionsTests
{
    static readonly DateTimeOffset now = new(2026, 3, 1, 9, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("2026-03-01T10:00:00Z/PT5M", "10:00:00", 300)]
    [InlineData("2026-03-01T10:00Z/30s", "10:00:00", 30)]
    [InlineData("2026-03-01T12:00+02:00/1h", "10:00:00", 3600)]
    [InlineData("2026-03-01T10:00Z", "10:00:00", 300)]
    [InlineData("2026-03-01T08:59:59Z/1s", "08:59:59", 1)]
    public void A_window_is_a_time_and_a_slack(string text, string at, int slackS)
    {
        var window = UseOptions.Window(text, now);

        Assert.Equal(
            ($"2026-03-01 {at}", TimeSpan.FromSeconds(slackS)),
            ($"{window.At.UtcDateTime:yyyy-MM-dd HH:mm:ss}", window.Slack));
    }

    [Theory]
    [InlineData("soon", "usage",
        "--start soon: write 2026-03-01T10:00Z/PT5M, a time and a slack")]
    [InlineData("2026-03-01T10:00Z/", "usage",
        "--start: \"\" is not a duration such as 5m or PT2H")]
    [InlineData("2026-03-01T10:00Z/-5m", "usage",
        "--start: \"-5m\" is not a duration such as 5m or PT2H")]
    [InlineData("2026-03-01T08:50Z/PT5M", "start-window-missed",
        "--start 2026-03-01T08:50Z/PT5M: that window closed at 2026-03-01T08:55:00Z; "
        + "nothing would be launched")]
    public void One_that_means_nothing_or_is_over_is_refused(
        string text, string code, string message)
    {
        var refused = Assert.Throws<UsageException>(() => UseOptions.Window(text, now));

        Assert.Equal((code, message), (refused.Code, refused.Message));
    }
}
