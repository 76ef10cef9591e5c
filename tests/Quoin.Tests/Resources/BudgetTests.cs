using Quoin.Core;

namespace Quoin.Tests.Resources;

/// <summary>How long things outside are waited for, as functions of counters and time.</summary>
public sealed class BudgetTests
{
    static readonly DateTimeOffset Now = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
    static readonly PollLimits Limits = new() { Time = TimeSpan.FromMinutes(15), Count = 5 };

    static ResourceLife After(int polls = 0, int unknowns = 0, int seconds = 0) => new()
    {
        Polls = polls,
        Unknowns = unknowns,
        RoundSince = Now.AddSeconds(-seconds),
        UnknownSince = Now.AddSeconds(-seconds),
    };

    static double Wait(int polls, double spread = 0, TimeSpan? after = null) =>
        (ResourceBudgets.NextPoll(Limits, After(polls), after, Now, spread) - Now).TotalSeconds;

    [Fact]
    public void Waits_grow_by_half_from_5_s_to_60_s()
    {
        Assert.Equal(5, Wait(0));
        Assert.Equal(7.5, Wait(1));
        Assert.Equal(11.25, Wait(2));
        Assert.Equal(60, Wait(7));
        Assert.Equal(60, Wait(1000));
    }

    [Fact]
    public void A_job_says_its_own_wait_of_at_least_100_ms_and_all_are_spread_by_a_tenth()
    {
        Assert.Equal(30, Wait(3, after: TimeSpan.FromSeconds(30)));
        Assert.Equal(33, Wait(3, spread: 1, after: TimeSpan.FromSeconds(30)));
        Assert.Equal(0.1, Wait(0, after: TimeSpan.Zero));
        Assert.Equal(0.1, Wait(0, after: TimeSpan.FromSeconds(-9)));
    }

    // Busy at or after the end fails; so the last look comes at the end, also after an outage.
    [Fact]
    public void The_last_look_comes_when_the_time_is_over()
    {
        var late = After(polls: 9, seconds: 14 * 60);
        Assert.Equal(
            Now.AddSeconds(60), ResourceBudgets.NextPoll(
                Limits, late, TimeSpan.FromHours(1), Now, 1));
        Assert.False(ResourceBudgets.IsTimeSpent(Limits, After(seconds: 899), Now));
        Assert.True(ResourceBudgets.IsTimeSpent(Limits, After(seconds: 900), Now));
        Assert.False(ResourceBudgets.IsTimeSpent(new PollLimits(), After(seconds: 1 << 30), Now));
    }

    [Fact]
    public void A_count_of_5_allows_5_busy_answers()
    {
        Assert.False(ResourceBudgets.IsCountSpent(Limits, After(polls: 4)));
        Assert.True(ResourceBudgets.IsCountSpent(Limits, After(polls: 5)));
        Assert.False(ResourceBudgets.IsCountSpent(new PollLimits(), After(polls: 1 << 30)));
    }

    [Fact]
    public void Contact_is_lost_after_10_answers_or_10_minutes_and_never_on_fewer_than_3()
    {
        static bool IsLost(int unknowns, int seconds) => ResourceBudgets.IsContactLost(
            10, TimeSpan.FromMinutes(10), After(unknowns: unknowns, seconds: seconds), Now);

        Assert.False(IsLost(8, 1));
        Assert.True(IsLost(9, 1));
        Assert.False(IsLost(1, 6000));
        Assert.True(IsLost(2, 600));
        Assert.False(IsLost(2, 599));
    }

    // Data takes 40 s, and after it the session can be launched: begun 40 s before the window.
    [Fact]
    public void A_thing_is_begun_as_much_earlier_as_it_takes()
    {
        var options = new WantOptions { StartAt = Now.AddSeconds(60) };

        Assert.Equal(Now.AddSeconds(20), ResourceBudgets.BeginOf(options, 45_000, 5_000));
        Assert.Null(ResourceBudgets.BeginOf(WantOptions.Default, 45_000, 5_000));
        Assert.Null(ResourceBudgets.BeginOf(options, 5_000, 5_000));
    }
}
