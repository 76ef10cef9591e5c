using System.Text;
using Quoin.Engine;

namespace Quoin.Tests;

/// <summary>What the store could not take is kept beside it, and sent once.</summary>
public sealed class AnswerJournalTests : IDisposable
{
    readonly JobSandbox box = new();
    readonly List<string> sent = [];
    readonly List<string> warnings = [];

    public void Dispose() => box.Dispose();

    AnswerJournal Journal => new(box.At("journal"));

    static InboxCommand Row(string id, string body) =>
        new(id, "activation-answered", Encoding.UTF8.GetBytes(body));

    Task Take(InboxCommand row, CancellationToken ct)
    {
        sent.Add($"{row.Id} {row.Type} {Encoding.UTF8.GetString(row.Body.Span)}");
        return Task.CompletedTask;
    }

    Task<int> SendAsync() =>
        Journal.SendAsync(Take, warnings.Add, TestContext.Current.CancellationToken);

    [Fact]
    public async Task What_is_written_is_one_line_in_a_file_and_is_sent_once()
    {
        Assert.False(Journal.HasAny);
        Assert.Equal(0, await SendAsync());
        Journal.Write(Row("answer/4/7", "done"));
        Journal.Write(Row("answer/4/7", "done"));

        Assert.True(Journal.HasAny);
        Assert.Equal(
            """{"id":"answer/4/7","type":"activation-answered","body":"ZG9uZQ=="}""" + "\n",
            box.Read("journal/answer-4-7.json"));
        Assert.Equal(1, await SendAsync());
        Assert.Equal(["answer/4/7 activation-answered done"], sent);
        Assert.False(Journal.HasAny);
    }

    [Fact]
    public async Task What_the_store_does_not_take_stays()
    {
        Journal.Write(Row("answer/1/1", "a"));
        Journal.Write(Row("answer/2/1", "b"));

        await Assert.ThrowsAsync<StoreException>(() => Journal.SendAsync(
            (row, ct) => row.Id == "answer/2/1"
                ? throw new StoreException("disk-full", "full")
                : Take(row, ct),
            warnings.Add, TestContext.Current.CancellationToken));
        Assert.Equal(["answer/1/1 activation-answered a"], sent);
        Assert.Equal(1, await SendAsync());
        Assert.Equal(2, sent.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"id\":\"answer/1/1\"")]
    [InlineData("{\"id\":\"answer/1/1\",\"type\":\"t\",\"body\":\"*\"}")]
    [InlineData("[]")]
    public async Task A_file_that_cannot_be_read_is_put_aside_and_told(string text)
    {
        box.Write("journal/answer-1-1.json", text);
        Journal.Write(Row("answer/2/1", "b"));

        Assert.Equal(1, await SendAsync());
        Assert.Contains("answer-1-1.json cannot be read", Assert.Single(warnings));
        Assert.True(File.Exists(box.At("journal/answer-1-1.json.broken")));
        Assert.False(Journal.HasAny);
    }
}
