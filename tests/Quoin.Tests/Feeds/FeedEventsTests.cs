using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests.Feeds;

/// <summary>The events of a feed book have the bytes that the codec gives the same facts.</summary>
public sealed class FeedEventsTests
{
    readonly FeedEvents events = new("update");
    readonly PartitionNames names = new();

    static FeedFlight Flight => new()
    {
        Run = 19,
        Key = 0,
        Feed = 0,
        Number = 100,
        StartedAt = 1_800_000_000,
        HolderName = "w1",
        Times = 2,
    };

    void Same(BuildEvent expected, EncodedEvent actual)
    {
        byte[] buffer = [];
        var encoded = EventCodec.Encode(expected, names, ref buffer);
        Assert.Equal(Encoding.UTF8.GetString(encoded.Type), Encoding.UTF8.GetString(actual.Type));
        Assert.Equal(
            Encoding.UTF8.GetString(encoded.Subject), Encoding.UTF8.GetString(actual.Subject));
        Assert.Equal(Convert.ToHexString(encoded.Body), Convert.ToHexString(actual.Body));
    }

    [Theory]
    [InlineData("alpha", "update/alpha")]
    [InlineData("a/b%c\u0001é", "update/a%2Fb%25c%01é")]
    [InlineData("..", "update/%2E%2E")]
    [InlineData("\u0085x", "update/%C2%85x")]
    public void A_line_that_is_given_out(string key, string reference)
    {
        Assert.Null(PartitionRef.Check(reference));
        Assert.Equal(reference, "update/" + PartitionRef.EncodeSegment(key));
        Same(
            new RunScheduled(new RunId(19), [names.Intern(reference)], [])
            {
                Feed = "github",
                FeedNumber = 100,
            },
            events.Scheduled(Flight, Encoding.UTF8.GetBytes(key), "github"));
        Same(
            new RunLeased(new RunId(19), new WorkerId("w1"), 1) { Attempt = 2 },
            events.Leased(Flight));
    }

    [Fact]
    public void A_key_that_is_too_long_for_a_reference_is_kept_beside_it()
    {
        var key = string.Concat(Enumerable.Repeat("ü/", 3000));
        byte[] buffer = [.. events.Scheduled(Flight, Encoding.UTF8.GetBytes(key), "f").Body];
        var scheduled = Assert.IsType<RunScheduled>(
            EventCodec.Decode(1, "run-scheduled"u8, buffer, names));
        Assert.Equal(key, scheduled.FeedKey);
        Assert.Null(PartitionRef.Check(names.Text(scheduled.Claims[0])));
    }

    static FeedFact Ended(long code, FailureCategory? failure) =>
        new(FeedFactKind.Ended, Flight, code, 0, failure);

    [Fact]
    public void A_line_that_ended()
    {
        var usage = new RunUsage(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000), 5000, 0, 0);
        Same(
            new RunCompleted(
                new RunId(19), 1, [new OutputManifest(names.Intern("update/a"), default, 0)])
            {
                Usage = usage,
            },
            events.Ended(Ended(0, null), "a"u8, 1_800_000_005_000));
        Same(
            new RunFailed(
                new RunId(19), 1, new RunFailure(FailureCategory.Timeout, "") { ExitCode = 124 })
            {
                Usage = usage,
            },
            events.Ended(Ended(124, FailureCategory.Timeout), "a"u8, 1_800_000_005_000));
        Same(
            new RunFailed(
                new RunId(19), 1,
                new RunFailure(FailureCategory.Failed, $"exit code {long.MaxValue}"))
            {
                Usage = usage,
            },
            events.Ended(Ended(long.MaxValue, FailureCategory.Failed), "a"u8, 1_800_000_005_000));
    }

    [Fact]
    public void What_else_may_become_of_a_line()
    {
        FeedFact Fact(FeedFactKind kind) => new(kind, Flight);
        Same(
            new RunUndelivered(new RunId(19), 1), events.Other(Fact(FeedFactKind.Undelivered)));
        Same(new RunUnowned(new RunId(19)), events.Other(Fact(FeedFactKind.Unowned)));
        Same(new LeaseExpired(new RunId(19), 1), events.Other(Fact(FeedFactKind.Expired)));
    }

    [Fact]
    public void What_becomes_of_files()
    {
        Assert.True(FeedFileName.TryParse("f.7.txt", out var name));
        var source = new FeedSource { Name = name, Offset = 10 };
        var batch = new FeedBatch();
        batch.Begin(source);
        batch.Add("a"u8, "1"u8);
        (batch.To, batch.LinesRead, batch.Skipped, batch.IsComplete) = (20, 2, 1, true);
        Same(
            new FeedLinesAccepted("f", 7, "f.7.txt")
            {
                From = 10,
                To = 20,
                Lines = 1,
                Skipped = 1,
                Complete = true,
            },
            events.LinesAccepted(batch));
        Same(new FeedFileRemoved("f", 7, "f.7.txt"), events.FileRemoved(source));
    }
}
