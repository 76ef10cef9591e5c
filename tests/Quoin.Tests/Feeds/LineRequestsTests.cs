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
    readonly FeedBook lines = new(new FeedRules());
    FeedFlight? flight;

    public LineRequestsTests()
    {
        requests = new LineRequests(folder);
        requests.Open();
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string TextOf(string name) => File.ReadAllText(Path.Combine(requests.Asked, name));

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
        Assert.Equal("p3.1769860800000.txt", requests.Ask("home", "a b", "in", 3, noon));
        Assert.Equal("home a b\n", TextOf("p3.1769860800000.txt"));
        Assert.Null(requests.EndOf("p3.1769860800000.txt"));
    }

    [Fact]
    public void Numbers_grow_though_the_clock_goes_back()
    {
        requests.Ask("a", "1", "in", 0, noon);
        Assert.Equal(
            "p-1.1769860800001.txt", requests.Ask("b", "1", "in", -1, noon - TimeSpan.FromDays(1)));
    }

    [Fact]
    public void Killed_while_it_asks_nothing_was_asked()
    {
        var first = Path.Combine(folder, "inputs", "p0.1769860800000.txt");
        File.WriteAllText(first, ""); // What there is then.
        var name = requests.Ask("a", "1", "in", 0, noon);
        Assert.Equal("p0.1769860800001.txt", name);
        Assert.Equal(name, requests.Ask("a", "1", "in", 0, noon));
        requests.Open();
        Assert.False(File.Exists(first));
    }

    [Fact]
    public void What_was_asked_and_not_taken_back_goes_on_with_the_same_payload_only()
    {
        var first = requests.Ask("a", "1", "in", 0, noon);
        Assert.Equal(first, requests.Ask("a", "1", "in", 5, noon));
        var second = requests.Ask("a", "2", "in", 0, noon);
        Assert.Equal([Path.Combine(requests.Asked, second)], Directory.GetFiles(requests.Asked));
        requests.Withdraw(second);
        Assert.NotEqual(second, requests.Ask("a", "2", "in", 0, noon.AddSeconds(1)));
    }

    [Fact]
    public void An_end_waits_for_whoever_asks_next()
    {
        var name = requests.Ask("a", "1", "in", 0, noon);
        End(name, "a", 64, FailureCategory.BadInput);
        Assert.Equal(name, requests.Ask("a", "1", "in", 0, noon));
        Assert.Equal(new LineEnd(64, FailureCategory.BadInput), requests.EndOf(name));
        requests.Withdraw(name);
        Assert.Null(requests.EndOf(name));
    }

    [Fact]
    public void What_was_lost_as_often_as_it_may_be_is_asked_for_anew()
    {
        var name = requests.Ask("a", "1", "in", 0, noon);
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
        Assert.NotEqual(name, requests.Ask("a", "1", "in", 0, noon));
        Assert.False(File.Exists(Path.Combine(requests.Asked, name)));
    }

    [Fact]
    public void What_was_asked_from_other_inputs_is_asked_anew()
    {
        var name = requests.Ask("a", "1", "in", 0, noon);
        End(name, "a", 0);
        var other = requests.Ask("a", "1", "edited", 0, noon);
        Assert.NotEqual(name, other);
        Assert.Null(requests.EndOf(other));
        Assert.False(requests.IsAsked(name));
    }

    // What a supervisor decides about the line that asks.
    void Line(Action<FeedBook> decide)
    {
        decide(lines);
        requests.Hold(lines);
        lines.Facts.Clear();
    }

    void GiveLine(int number)
    {
        Line(book =>
        {
            book.Accept(
                book.AddFile(book.FeedOf("x"), number), "page/a"u8, new FeedPayload(1, 0, 1));
            book.TryTake(0, 0, FeedHolderKind.Nobody, null, "w", out flight);
        });
    }

    void LineIsDone() => Line(book => book.End(flight!, 0, 1, null));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_worker_made_stays_in_its_place_until_it_is_published(bool isFolder)
    {
        var (place, output) = (Path.Combine(folder, "made"), Path.Combine(folder, "staged"));
        var (there, brought) = isFolder
            ? (Path.Combine(place, "in", "it"), Path.Combine(output, "in", "it"))
            : (place, output);
        Directory.CreateDirectory(Path.GetDirectoryName(there)!);
        File.WriteAllText(there, "a picture");
        LineRequests.Bring(place, output);
        Assert.Equal("a picture", File.ReadAllText(brought)); // Killed now, nothing is lost.
        Assert.Equal("a picture", File.ReadAllText(there));
        Assert.Equal(0, JobPublish.MoveOne(output, place, output + ".old"));
        Assert.Equal("a picture", File.ReadAllText(there));
    }

    [Fact]
    public void The_end_of_what_a_line_asks_stays_until_the_line_is_done()
    {
        GiveLine(1);
        var name = requests.Ask("a", "1", "in", 0, noon);
        End(name, "a", 0);
        requests.Leave("a", name);
        Line(book => book.Lose(flight!, 1));
        requests.Open(); // The supervisor is started again.
        Line(book => book.TryTake(1, 0, FeedHolderKind.Nobody, null, "w", out flight));
        Assert.Equal(name, requests.Ask("a", "1", "in", 0, noon));
        Assert.Equal(new LineEnd(0, null), requests.EndOf(name));
        requests.Leave("a", name);
        LineIsDone();
        Assert.False(requests.IsAsked(name));
        GiveLine(2);
        Assert.Null(requests.EndOf(requests.Ask("a", "1", "in", 0, noon)));
    }

    [Fact]
    public void A_line_that_is_given_up_leaves_its_end_to_no_other_line()
    {
        GiveLine(1);
        var name = requests.Ask("a", "1", "in", 0, noon);
        End(name, "a", 0);
        requests.Leave("a", name);
        Line(book => book.Lose(flight!, 1));
        GiveLine(2);
        Assert.False(requests.IsAsked(name));
    }

    [Fact]
    public void Told_to_stop_a_request_is_taken_back_at_the_latest_when_its_line_is_done()
    {
        var name = requests.Ask("a", "1", "in", 0, noon);
        requests.Leave("a", name);
        Assert.False(requests.IsAsked(name));
        GiveLine(1);
        name = requests.Ask("a", "1", "in", 0, noon);
        requests.Leave("a", name);
        Assert.Equal(name, requests.Ask("a", "1", "in", 0, noon)); // Another build of the line.
        Assert.Equal(1, requests.Waiting);
        requests.Leave("a", name);
        LineIsDone(); // Cancelled, say.
        Assert.Equal(0, requests.Waiting);
    }

    [Fact]
    public void Who_still_waits_for_what_a_line_asked_goes_on()
    {
        GiveLine(1);
        var name = requests.Ask("a", "1", "in", 0, noon);
        requests.Leave("a", name);
        requests.Ask("a", "1", "in", 0, noon);
        LineIsDone();
        Assert.True(requests.IsAsked(name));
    }

    [Fact]
    public void What_is_tried_again_or_was_taken_back_has_no_end()
    {
        var name = requests.Ask("a", "1", "in", 0, noon);
        End(name, "a", 75, FailureCategory.Temporary);
        Assert.Null(requests.EndOf(name));
        requests.Withdraw(name);
        End(name, "a", 0);
        Assert.Null(requests.EndOf(name));
    }
}
