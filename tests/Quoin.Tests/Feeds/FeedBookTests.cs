using System.Text;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Feeds;

/// <summary>Which line is given out next, in the words of the rules.</summary>
public sealed class FeedBookTests
{
    const long Hour = 3600_000;

    FeedBook book = new(new FeedRules());
    long nowMs;

    FeedFile File(string feed, long number, params string[] keys)
    {
        var file = book.AddFile(book.FeedOf(feed), number);
        Add(file, keys);
        return file;
    }

    void Add(FeedFile file, params string[] keys)
    {
        foreach (var key in keys)
            book.Accept(file, Encoding.UTF8.GetBytes(key), new FeedPayload((int)file.Number, 0, 1));
    }

    // "a 101": the key, and the run whose payload it gets; "-": no job.
    string Ready(FeedHolderKind kind = FeedHolderKind.Nobody) =>
        book.TryTake(nowMs, nowMs / 1000, kind, this, "w", out var flight) == FeedTake.Taken
            ? $"{Encoding.UTF8.GetString(book.KeyBytes(flight!.Key))} "
                + $"{book.PayloadOf(flight)!.Value.Chunk}"
            : "-";

    void Done(string key) => book.End(Flight(key), 0, nowMs / 1000);

    FeedFlight Flight(string key) => book.FlightOf(Encoding.UTF8.GetBytes(key))!;

    void Remove(FeedFile file)
    {
        FeedBook.RemoveFile(file);
        Assert.True(book.Unlink(file, int.MaxValue));
    }

    [Fact]
    public void New_keys_come_in_scrambled_order_whatever_the_order_of_lines()
    {
        File("f", 1, "bravo", "alpha", "charlie");
        Assert.Equal(["alpha 1", "charlie 1", "bravo 1"], [Ready(), Ready(), Ready()]);
        Assert.Equal("-", Ready());
    }

    [Fact]
    public void The_newest_run_that_lists_a_key_supplies_it_once()
    {
        File("f", 100, "a", "b", "c");
        File("f", 113, "a", "b");
        Assert.Equal(["a 113", "b 113", "c 100"], new[] { Ready(), Ready(), Ready() }.Order());
        Assert.Equal("-", Ready());
    }

    [Fact]
    public void A_key_twice_in_a_run_is_one_job_with_the_last_payload()
    {
        var file = File("f", 1, "a");
        book.Accept(file, "a"u8, new FeedPayload(77, 0, 1));
        Assert.Equal("a 77", Ready());
        book.Accept(file, "a"u8, new FeedPayload(78, 0, 1));
        Done("a");
        Assert.Equal("-", Ready());
    }

    [Fact]
    public void Only_keys_that_may_be_given_out_are_looked_at()
    {
        File("f", 1, [.. Enumerable.Range(0, 10_000).Select(i => $"k{i}")]);
        for (var i = 0; i < 10_000; i++) Assert.NotEqual("-", Ready());
        Assert.Equal(0, book.EligibleCount);
        Assert.False(book.MayHaveSome(nowMs));
        File("f", 2, "k7"); // It is out.
        Assert.Equal(0, book.EligibleCount);
        Done("k7");
        Assert.Equal(1, book.EligibleCount);
        Assert.Equal("k7 2", Ready());
    }

    [Fact]
    public void What_failed_for_a_reason_that_passes_rests_before_it_is_given_out_again()
    {
        File("f", 1, "a", "b");
        Assert.Equal("a 1", Ready());
        book.End(Flight("a"), 75, 0, FailureCategory.Temporary, nowMs);
        Assert.Equal("b 1", Ready()); // Who has work is not kept waiting.
        Assert.Equal("-", Ready());
        var until = book.NextDeadlineMs!.Value;
        Assert.InRange(until, 1600, 2400); // Two seconds, a fifth more or less.
        nowMs = until;
        Assert.Equal("-", Ready());
        nowMs++;
        Assert.Equal("a 1", Ready());
        book.End(Flight("a"), 75, 0, FailureCategory.Temporary, nowMs);
        Assert.InRange(book.NextDeadlineMs!.Value - nowMs, 3200, 4800); // Then four.
        nowMs = book.NextDeadlineMs.Value + 1;
        Assert.Equal("a 1", Ready());
        book.End(Flight("a"), 75, 0, FailureCategory.Temporary, nowMs);
        nowMs += 600_000;
        Assert.Equal("-", Ready()); // Three times at most.
    }

    [Fact]
    public void Deleting_the_newest_after_it_was_given_out_brings_nothing_back_before_it_does()
    {
        File("f", 100, "a");
        var newer = File("f", 101, "a");
        Assert.Equal("a 101", Ready());
        Done("a");
        Remove(newer);
        Assert.Equal("-", Ready());

        File("f", 200, "a");
        Remove(File("f", 201, "a"));
        Assert.Equal("a 200", Ready());
    }

    [Fact]
    public void A_late_older_run_revives_nothing_unless_the_newest_goes()
    {
        var newest = File("f", 101, "a");
        Assert.Equal("a 101", Ready());
        Done("a");
        File("f", 100, "a");
        Assert.Equal("-", Ready());
        Remove(newest);
        Assert.Equal("a 100", Ready());
    }

    [Fact]
    public void Feeds_are_independent_and_one_key_is_out_once_at_a_time()
    {
        File("f1", 1, "a");
        File("f2", 2, "a");
        Assert.Equal(["a 1", "-"], [Ready(), Ready()]);
        Done("a");
        Assert.Equal(["a 2", "-"], [Ready(), Ready()]);
        Done("a");
        File("f1", 3, "a");
        Assert.Equal("a 3", Ready());
    }

    [Fact]
    public void The_order_is_that_of_giving_out_not_of_the_ends()
    {
        File("f", 1, "a", "b", "c", "d");
        string[] given = [Ready(), Ready(), Ready(), Ready()];
        foreach (var key in given.Reverse()) Done(key[..1]);
        File("f", 2, "a", "b", "c", "d");
        Assert.Equal(given.Select(it => it[..1]), Enumerable.Range(0, 4).Select(_ => Ready()[..1]));
    }

    [Fact]
    public void After_its_hold_another_line_of_the_key_is_free_then_the_line_itself()
    {
        File("f1", 1, "a");
        File("f2", 2, "a");
        Assert.Equal("a 1", Ready());
        nowMs = 11 * Hour;
        Assert.Equal("-", Ready());
        nowMs = 12 * Hour;
        Assert.Equal("-", Ready());
        nowMs += 120_000;
        Assert.Equal("a 2", Ready());
        Done("a");
        Assert.Equal("a 1", Ready());
    }

    [Fact]
    public void What_is_overdue_and_whose_line_goes_is_out_no_more()
    {
        var file = File("f", 1, "a");
        Assert.Equal("a 1", Ready());
        nowMs += book.Rules.HoldMs + 1;
        book.ExpireDue(nowMs, 0);
        Assert.Single(book.Flights);
        Remove(file);
        book.ExpireDue(nowMs, 0);
        Assert.Empty(book.Flights);
    }

    [Fact]
    public void The_holder_may_say_DONE_as_long_as_nobody_else_has_the_key()
    {
        File("f", 1, "a");
        Assert.Equal("a 1", Ready());
        nowMs = 20 * Hour;
        book.ExpireDue(nowMs, 0);
        Done("a");
        Assert.Equal("-", Ready());
    }

    [Fact]
    public void A_line_whose_workers_are_lost_is_given_out_three_times()
    {
        File("f", 1, "a");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("a 1", Ready());
            Assert.Equal("-", Ready());
            nowMs += 13 * Hour;
        }
        Assert.Equal("-", Ready());
        Assert.Empty(book.Flights);
        Assert.Equal(3, book.Facts.Count(fact => fact.Kind == FeedFactKind.Expired));
    }

    [Fact]
    public void What_was_not_delivered_is_as_if_it_had_not_been_given_out()
    {
        File("f", 1, "a", "b");
        File("f", 2, "a");
        Assert.Equal(["a 2", "b 1"], [Ready(), Ready()]);
        Done("b");
        book.Return(Flight("a"), 0);
        File("f", 3, "b");
        Assert.Equal(["a 2", "b 3", "-"], [Ready(), Ready(), Ready()]);
    }

    [Fact]
    public void Deleting_a_file_takes_what_waits_and_leaves_what_is_out()
    {
        var file = File("f", 1, "a", "b");
        var out1 = Ready()[..1];
        Remove(file);
        Assert.Equal("-", Ready());
        Done(out1);
        Assert.Empty(book.Flights);
    }

    [Fact]
    public void Of_two_files_of_a_run_the_lines_of_the_one_that_stays_stay()
    {
        var complete = File("f", 100, "a", "b");
        Assert.Equal("a 100", Ready());
        var part = book.AddFile(book.FeedOf("f"), 100);
        Add(part, "a", "c");
        Remove(complete);
        Done("a");
        Assert.Equal(["c 100", "-"], [Ready(), Ready()]);
    }

    [Fact]
    public void Lines_wait_while_a_newer_file_of_their_feed_is_not_read()
    {
        File("f", 1, "a", "b");
        File("g", 1, "b");
        book.SetBarrier(book.FeedOf("f"), 2);
        Assert.Equal(["b 1", "-"], [Ready(), Ready()]);
        Done("b");
        File("f", 2, "a");
        book.SetBarrier(book.FeedOf("f"), long.MinValue);
        Assert.Equal(["a 2", "b 1", "-"], [Ready(), Ready(), Ready()]);
    }

    [Fact]
    public void A_named_worker_keeps_its_job_as_long_as_it_is_heard_of()
    {
        File("f", 1, "a");
        Assert.Equal("a 1", Ready(FeedHolderKind.Worker));
        for (var i = 0; i < 2000; i++)
        {
            nowMs += 50_000;
            book.Renew(Flight("a"), FeedHolderKind.Worker, this, nowMs + 60_000);
            Assert.Equal("-", Ready());
        }
        nowMs += 60_001;
        Assert.Equal("a 1", Ready());
    }

    [Fact]
    public void What_cannot_be_written_down_is_taken_back()
    {
        File("f", 1, "a", "b");
        Assert.Equal("a 1", Ready());
        book.Facts.Clear();
        Done("a");
        Assert.Equal("b 1", Ready());
        book.TakeBack();
        Assert.Empty(book.Facts);
        Assert.Equal("a", Encoding.UTF8.GetString(book.KeyBytes(Assert.Single(book.Flights).Key)));
        Assert.Equal("b 1", Ready());
        Done("b");
        Done("a");
        Assert.Equal("-", Ready());
    }

    [Fact]
    public void The_scrambled_order_of_a_hundred_keys_is_that_of_their_MD5()
    {
        var keys = Enumerable.Range(0, 100).Select(i => $"key-{i}").ToArray();
        File("f", 1, keys);
        var expected = keys.OrderBy(key => Scramble.Of(Encoding.UTF8.GetBytes(key)))
            .Select(key => $"{key} 1");
        Assert.Equal(expected, keys.Select(_ => Ready()));
    }

    [Fact]
    public void First_come_first_served_where_a_job_says_so()
    {
        book = new FeedBook(new FeedRules { Order = FeedOrder.Fifo });
        File("f", 1, "bravo");
        File("g", 2, "alpha");
        var third = File("f", 3, "charlie");
        File("g", 4, "delta");
        File("h", 5, "charlie");
        Remove(third); // charlie's other line came after delta's.
        Assert.Equal(["bravo 1", "alpha 2"], [Ready(), Ready()]);
        Done("bravo");
        File("g", 6, "bravo");
        Assert.Equal(["delta 4", "charlie 5", "bravo 6"], [Ready(), Ready(), Ready()]);
    }

    [Fact]
    public void The_longest_first_where_a_job_says_so()
    {
        book = new FeedBook(new FeedRules { Order = FeedOrder.CriticalPath });
        File("f", 1, "alpha", "bravo", "charlie");
        Assert.Equal(["alpha 1", "charlie 1", "bravo 1"], [Ready(), Ready(), Ready()]);
        foreach (var key in (string[])["charlie", "alpha", "bravo"])
        {
            nowMs += 60_000;
            Done(key);
        }
        File("f", 2, "alpha", "bravo", "charlie", "new");
        Assert.Equal(
            ["new 2", "bravo 2", "alpha 2", "charlie 2"], [Ready(), Ready(), Ready(), Ready()]);
    }

    [Fact]
    public void Only_keys_that_may_be_given_out_are_in_the_order()
    {
        File("f", 1, [.. Enumerable.Range(0, 5000).Select(i => $"key-{i}")]);
        for (var i = 0; i < 4990; i++) Assert.NotEqual("-", Ready());
        Assert.Equal(10, book.EligibleCount);
        Done("key-7");
        Assert.Equal(10, book.EligibleCount);
        File("f", 2, "key-7");
        Assert.Equal(11, book.EligibleCount);
    }

    [Theory]
    [InlineData(FeedOrder.LeastRecentlyDispatched)]
    [InlineData(FeedOrder.Fifo)]
    [InlineData(FeedOrder.CriticalPath)]
    public void Priority_comes_before_every_order(FeedOrder order)
    {
        book = new(new FeedRules { Order = order, HasPriorities = true });
        File("p0", 1, "alpha");
        Assert.Equal("alpha 1", Ready());
        nowMs += Hour;
        Done("alpha");
        File("p-7", 2, "low");
        File("p0", 3, "bravo");
        File("p9", 4, "alpha");
        File("p10", 5, "charlie");
        Assert.Equal(
            ["charlie 5", "alpha 4", "bravo 3", "low 2"], [Ready(), Ready(), Ready(), Ready()]);
        Assert.Equal("-", Ready());
    }

    [Fact]
    public void A_key_that_is_urgent_no_more_takes_its_old_place()
    {
        book = new(new FeedRules { HasPriorities = true });
        var urgent = File("p5", 9, "bravo");
        File("p0", 10, "alpha", "bravo");
        Remove(urgent);
        Assert.Equal(["alpha 10", "bravo 10"], [Ready(), Ready()]);
    }

    [Theory]
    [InlineData(0, null, true)]
    [InlineData(1, FailureCategory.Failed, true)]
    [InlineData(75, FailureCategory.Temporary, false)]
    public void What_comes_again_is_not_the_end_of_its_line(
        long code, FailureCategory? failure, bool isLast)
    {
        File("f", 1, "a");
        Ready();
        book.End(Flight("a"), code, 0, failure);
        Assert.Equal(isLast, book.IsLast(book.Facts[^1]));
        Assert.False(book.IsLast(book.Facts[0]));
    }
}
