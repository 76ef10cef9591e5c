using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests.Feeds;

/// <summary>The files by which builds ask line workers for runs.</summary>
public sealed class LineRequestsTests : IDisposable
{
    static readonly DateTimeOffset noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    readonly string folder = Directory.CreateTempSubdirectory("quoin-test-").FullName;
    readonly LineRequests requests;

    public LineRequestsTests() => requests = new LineRequests(folder);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string Line(string name) => File.ReadAllText(Path.Combine(requests.Asked, name));

    // What the book of the supervisor decides when a worker takes the request and says this.
    void End(string name, string key, long code, FailureCategory? failure = null)
    {
        var book = new FeedBook(new FeedRules { HasPriorities = true });
        Assert.True(FeedFileName.TryParse(name, out var file));
        book.Accept(
            book.AddFile(book.FeedOf(file.Feed), file.Number), Encoding.UTF8.GetBytes(key),
            new FeedPayload(1, 0, 1));
        book.TryTake(0, 0, FeedHolderKind.Nobody, null, "w", out var flight);
        book.End(flight!, code, 1, failure);
        requests.Note(book);
    }

    [Fact]
    public void A_request_is_a_line_of_a_feed_named_by_its_priority()
    {
        Assert.Equal("p3.1769860800000.txt", requests.Ask("home", "a b", 3, noon));
        Assert.Equal("home a b\n", Line("p3.1769860800000.txt"));
        Assert.Null(requests.EndOf("p3.1769860800000.txt"));
    }

    [Fact]
    public void Numbers_grow_though_the_clock_goes_back()
    {
        requests.Ask("a", "1", 0, noon);
        Assert.Equal(
            "p-1.1769860800001.txt", requests.Ask("b", "1", -1, noon - TimeSpan.FromDays(1)));
    }

    [Fact]
    public void What_was_asked_and_not_taken_back_goes_on_with_the_same_payload_only()
    {
        var first = requests.Ask("a", "1", 0, noon);
        Assert.Equal(first, requests.Ask("a", "1", 5, noon));
        var second = requests.Ask("a", "2", 0, noon);
        Assert.Equal([Path.Combine(requests.Asked, second)], Directory.GetFiles(requests.Asked));
        requests.Withdraw(second);
        Assert.NotEqual(second, requests.Ask("a", "2", 0, noon.AddSeconds(1)));
    }

    [Fact]
    public void An_end_waits_for_whoever_asks_next()
    {
        var name = requests.Ask("a", "1", 0, noon);
        End(name, "a", 64, FailureCategory.BadInput);
        Assert.Equal(name, requests.Ask("a", "1", 0, noon));
        Assert.Equal(new LineEnd(64, FailureCategory.BadInput), requests.EndOf(name));
        requests.Withdraw(name);
        Assert.Null(requests.EndOf(name));
    }

    [Fact]
    public void What_was_lost_as_often_as_it_may_be_is_asked_for_anew()
    {
        var name = requests.Ask("a", "1", 0, noon);
        Assert.True(FeedFileName.TryParse(name, out var file));
        var book = new FeedBook(new FeedRules { HasPriorities = true, AttemptsMax = 2 });
        book.Accept(
            book.AddFile(book.FeedOf(file.Feed), file.Number), "a"u8, new FeedPayload(1, 0, 1));
        for (var times = 1; times <= 2; times++)
        {
            Assert.Null(requests.EndOf(name));
            book.TryTake(0, 0, FeedHolderKind.Nobody, null, "w", out var flight);
            book.Lose(flight!, 1);
            requests.Note(book);
            book.Facts.Clear();
        }
        Assert.Equal(new LineEnd(null, FailureCategory.Lost), requests.EndOf(name));
        Assert.NotEqual(name, requests.Ask("a", "1", 0, noon));
        Assert.False(File.Exists(Path.Combine(requests.Asked, name)));
    }

    [Fact]
    public void Told_to_stop_a_request_is_taken_back_unless_it_is_to_be_kept()
    {
        var name = requests.Ask("a", "1", 0, noon);
        requests.Keep("a");
        requests.Leave(name);
        Assert.Equal(1, requests.Waiting);
        requests.Leave(name);
        Assert.Equal(0, requests.Waiting);
    }

    [Fact]
    public void Who_finds_the_end_of_what_he_asks_for_is_about_to_end()
    {
        var name = requests.Ask("a", "1", 0, noon);
        requests.Begin("a");
        Assert.False(requests.IsEnding("a"));
        End(name, "a", 0);
        Assert.True(requests.IsEnding("a"));
        requests.Begin("a"); // The end is still to be handed over.
        Assert.True(requests.IsEnding("a"));
        requests.Withdraw(name);
        Assert.True(requests.IsEnding("a"));
        requests.Begin("a");
        Assert.False(requests.IsEnding("a"));
    }

    [Fact]
    public void What_is_tried_again_or_was_taken_back_has_no_end()
    {
        var name = requests.Ask("a", "1", 0, noon);
        End(name, "a", 75, FailureCategory.Temporary);
        Assert.Null(requests.EndOf(name));
        requests.Withdraw(name);
        End(name, "a", 0);
        Assert.Null(requests.EndOf(name));
    }
}
