using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What every store promises. One subclass a store; the facts are the same.</summary>
public abstract class StoreContract : IAsyncDisposable
{
    protected static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);

    protected PartitionNames Names { get; } = new();

    protected abstract IBuildStore Store { get; }

    /// <summary>Closes the store and opens it again, where that means something.</summary>
    protected abstract Task ReopenAsync();

    public abstract ValueTask DisposeAsync();

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected AppendBatch Batch(params BuildEvent[] events) =>
        new() { At = Noon, Names = Names, Events = events };

    protected PartitionStale Stale(string name) =>
        new(Names.Intern(name), StaleReason.Changed) { Detail = "code x.sh" };

    protected string[] ReadAll(long after = 0) =>
    [
        .. from e in Store.Read(after, Names)
           select $"{e.Position} {e.Event.GetType().Name} {Subject(e)}",
    ];

    string Subject(LoggedEvent e) => e.Event switch
    {
        PartitionStale x => Names.Text(x.Partition),
        RunEvent x => x.Run.ToString(),
        WantEvent x => x.Want.ToString(),
        _ => "",
    };

    protected static Digest Sha(byte first) =>
        new(DigestAlgorithm.Sha256, [first, .. Enumerable.Repeat((byte)7, 31)]);

    [Fact]
    public void An_empty_store_has_no_events_and_ends_at_0()
    {
        Assert.Equal(0, Store.LastPosition);
        Assert.Empty(ReadAll());
        Assert.Null(Store.LatestSnapshot(1));
        Assert.Empty(Store.Waiting());
        Assert.Empty(Store.FileStamps());
    }

    [Fact]
    public async Task Positions_count_from_1_without_gaps()
    {
        Assert.Equal(2, await Store.AppendAsync(Batch(Stale("a"), Stale("b")), Ct));
        Assert.Equal(3, await Store.AppendAsync(Batch(new WantSucceeded(new(7))), Ct));

        Assert.Equal(
            ["1 PartitionStale a", "2 PartitionStale b", "3 WantSucceeded w-7"], ReadAll());
        Assert.Equal(["3 WantSucceeded w-7"], ReadAll(after: 2));
        Assert.Empty(ReadAll(after: 3));
        Assert.Equal(3, Store.LastPosition);
    }

    [Fact]
    public async Task An_event_comes_back_as_it_was_with_its_time_to_the_millisecond()
    {
        var e = new RunFailed(new(19), 2, new(FailureCategory.BadInput, "row 7") { ExitCode = 65 })
        {
            RetryAt = Noon.AddTicks(1),
            Usage = new(Noon.AddTicks(3), 58_000, 55_000, 90_000),
        };
        await Store.AppendAsync(Batch(e) with { At = Noon.AddTicks(9999) }, Ct);

        var read = Store.Read(0, Names).Single();

        Assert.Equal(new LoggedEvent(1, Noon, e), read);
    }

    [Fact]
    public async Task An_empty_batch_appends_nothing_and_answers_the_last_position()
    {
        await Store.AppendAsync(Batch(Stale("a")), Ct);
        Assert.Equal(1, await Store.AppendAsync(Batch(), Ct));
        Assert.Equal(1, Store.LastPosition);
    }

    [Fact]
    public async Task Names_of_another_process_get_its_own_ids()
    {
        await Store.AppendAsync(Batch(Stale("x"), Stale("y")), Ct);
        var other = new PartitionNames();
        other.Intern("y");

        var ids = Store.Read(0, other).Select(e => ((PartitionStale)e.Event).Partition.Value);

        Assert.Equal([1, 0], ids);
    }

    [Fact]
    public async Task Batches_of_concurrent_callers_stay_whole_and_in_the_order_of_the_calls()
    {
        const int callers = 8, batches = 50, size = 5;
        var gate = new object();
        var asked = new List<(int Caller, int Number)>();
        await Task.WhenAll(Enumerable.Range(1, callers).Select(caller => Task.Run(
            async () =>
            {
                for (var number = 1; number <= batches; number++)
                {
                    var run = new RunId((caller * 1000) + number);
                    Task<long> append;
                    lock (gate)
                    {
                        asked.Add((caller, number));
                        append = Store.AppendAsync(
                            Batch([.. Enumerable.Range(1, size).Select(
                                epoch => new StaleReportRejected(run, epoch))]),
                            Ct);
                    }
                    await append;
                }
            },
            Ct)));

        var expected =
            from call in asked
            from epoch in Enumerable.Range(1, size)
            select ((call.Caller * 1000) + call.Number, epoch);
        var found = Store.Read(0, Names).Select(e => (StaleReportRejected)e.Event)
            .Select(e => (e.Run.Value, e.Epoch));
        Assert.Equal(expected, found);
    }

    [Fact]
    public async Task A_reader_sees_no_gap_and_no_half_batch_while_others_write()
    {
        const int batches = 300, size = 7;
        var writing = Task.Run(
            async () =>
            {
                for (var i = 0; i < batches; i++)
                    await Store.AppendAsync(
                        Batch([.. Enumerable.Range(1, size).Select(
                            epoch => new StaleReportRejected(new(i + 1), epoch))]),
                        Ct);
            },
            Ct);

        long seen = 0;
        while (seen < batches * size)
        {
            Ct.ThrowIfCancellationRequested();
            var written = writing.IsCompleted;
            foreach (var e in Store.Read(seen, Names))
            {
                Assert.Equal(seen + 1, e.Position);
                Assert.Equal((seen / size) + 1, ((StaleReportRejected)e.Event).Run.Value);
                seen = e.Position;
            }
            Assert.Equal(0, seen % size);
            if (written) Assert.Equal(batches * size, seen);
        }
        await writing;
    }

    [Fact]
    public async Task The_newest_snapshot_replaces_the_older_and_another_format_is_none()
    {
        await Store.AppendAsync(Batch(Stale("a"), Stale("b")), Ct);
        await Store.SaveSnapshotAsync(new StoredSnapshot(1, 3, new byte[] { 1 }), Ct);
        await Store.SaveSnapshotAsync(new StoredSnapshot(2, 3, new byte[] { 2, 0, 2 }), Ct);

        var snapshot = Store.LatestSnapshot(3)!;

        Assert.Equal((2, 3), (snapshot.Position, snapshot.Format));
        Assert.Equal([2, 0, 2], snapshot.Body.ToArray());
        Assert.Null(Store.LatestSnapshot(4));
        await Store.SaveSnapshotAsync(new StoredSnapshot(2, 4, new byte[] { 4 }), Ct);
        Assert.Null(Store.LatestSnapshot(3));
        Assert.Equal([4], Store.LatestSnapshot(4)!.Body.ToArray());
    }

    [Fact]
    public async Task A_command_is_in_the_inbox_once_until_the_batch_that_answers_it()
    {
        var first = new InboxCommand("id-1", "cancel-want", new byte[] { 8, 17 });
        Assert.True(await Store.SendAsync(first, Ct));
        Assert.True(await Store.SendAsync(new("id-2", "cancel-all", default), Ct));
        Assert.False(await Store.SendAsync(first with { Type = "cancel-run" }, Ct));

        Assert.Equal(
            ["id-1 cancel-want 0811", "id-2 cancel-all "],
            Store.Waiting().Select(c =>
                $"{c.Id} {c.Type} {Convert.ToHexString(c.Body.Span)}"));

        await Store.AppendAsync(
            Batch(new WantCancelled(new(17), "cli")) with { InboxTaken = ["id-1"] }, Ct);

        Assert.Equal(["id-2"], Store.Waiting().Select(c => c.Id));
        Assert.Equal(["1 WantCancelled w-17"], ReadAll());
    }

    [Fact]
    public async Task A_fingerprint_text_is_kept_once_short_or_long()
    {
        var shortText = "job\tdaily\toutput\tdaily/1"u8.ToArray();
        var longText = Encoding.UTF8.GetBytes(
            string.Join('\n', Enumerable.Range(0, 500).Select(i => $"input\tdaily/{i}\tab12")));
        await Store.AppendAsync(
            Batch(Stale("a")) with
            {
                Fingerprints =
                    [new(Sha(1), shortText), new(Sha(2), longText), new(Sha(3), default)],
            },
            Ct);
        await Store.AppendAsync(
            Batch() with { Fingerprints = [new(Sha(1), "another text"u8.ToArray())] }, Ct);

        Assert.Equal(shortText, Store.FingerprintText(Sha(1)));
        Assert.Equal(longText, Store.FingerprintText(Sha(2)));
        Assert.Empty(Store.FingerprintText(Sha(3))!);
        Assert.Null(Store.FingerprintText(Sha(4)));
    }

    [Fact]
    public async Task A_config_answer_is_found_by_its_question_and_replaced()
    {
        await Store.SaveConfigAnswerAsync(Sha(1), "one"u8.ToArray(), Ct);
        await Store.SaveConfigAnswerAsync(Sha(2), new byte[5000], Ct);
        await Store.SaveConfigAnswerAsync(Sha(1), "two"u8.ToArray(), Ct);

        Assert.Equal("two"u8.ToArray(), Store.ConfigAnswer(Sha(1)));
        Assert.Equal(new byte[5000], Store.ConfigAnswer(Sha(2)));
        Assert.Null(Store.ConfigAnswer(Sha(3)));
    }

    [Fact]
    public async Task A_stamp_replaces_the_older_one_of_its_path()
    {
        var xxh = new Digest(DigestAlgorithm.Xxh3, new byte[16]);
        await Store.AppendAsync(
            Batch() with
            {
                Stamps =
                [
                    new("b/ü.csv", new(10, 20, 30), xxh, 40),
                    new("a", new(1, 2, 3), Sha(9), 4),
                    new("gone", new(-1, 0, 0), default, 5),
                ],
            },
            Ct);
        await Store.AppendAsync(
            Batch() with { Stamps = [new("a", new(5, 6, long.MaxValue), Sha(8), 7)] }, Ct);

        Assert.Equal(
            [
                new("a", new(5, 6, long.MaxValue), Sha(8), 7),
                new("b/ü.csv", new(10, 20, 30), xxh, 40),
                new("gone", new(-1, 0, 0), default, 5),
            ],
            Store.FileStamps().OrderBy(s => s.Path, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_query_filters_by_type_subject_position_and_takes_the_newest()
    {
        await Store.AppendAsync(
            Batch(
                Stale("a"), new WantSucceeded(new(1)), Stale("b"),
                new RunCancelRequested(new(5), "cli"), Stale("a"),
                new StaleReportRejected(new(5), 1)),
            Ct);

        Assert.Equal([1, 2, 3, 4, 5, 6], Positions(new()));
        Assert.Equal([1, 3, 5], Positions(new() { Types = ["partition-stale"] }));
        Assert.Equal(
            [2, 4], Positions(new() { Types = ["want-succeeded", "run-cancel-requested"] }));
        Assert.Equal([], Positions(new() { Types = ["no'such\"type"] }));
        Assert.Equal([4, 6], Positions(new() { Subject = "r-5" }));
        Assert.Equal([1, 5], Positions(new() { Subject = "a" }));
        Assert.Equal([5], Positions(new() { Subject = "a", After = 1 }));
        Assert.Equal([5, 6], Positions(new() { Last = 2 }));
        Assert.Equal([3, 5], Positions(new() { Last = 2, Types = ["partition-stale"] }));
        Assert.Equal([5, 6], Positions(new() { Last = 9, After = 4 }));
        Assert.Equal([], Positions(new() { Subject = "nobody" }));
        Assert.Equal([1, 2, 3], Positions(new() { Before = 4 }));
        Assert.Equal([2, 3], Positions(new() { Before = 4, Last = 2 }));
        Assert.Equal([1], Positions(new() { Before = 5, Subject = "a" }));
        Assert.Equal([3], Positions(new() { Before = 5, Last = 1, Types = ["partition-stale"] }));
        Assert.Equal([5, 2, 6], Positions(new() { Positions = [5, 2, 6] }));
        Assert.Equal([], Positions(new() { Positions = [] }));

        long[] Positions(EventQuery query) => [.. Store.Query(query).Select(e => e.Position)];
    }

    [Fact]
    public async Task A_query_answers_rows_that_can_be_decoded()
    {
        await Store.AppendAsync(
            Batch(new RunLeased(new(19), new("host/1/a"), 3) { Attempt = 2 }), Ct);

        var row = Store.Query(new()).Single();

        Assert.Equal((1, Noon), (row.Position, row.At));
        Assert.Equal(("run-leased", "r-19"), (row.Type, row.Subject));
        Assert.Equal("08131208686F73742F312F6118032002", Convert.ToHexString(row.Body.Span));
    }

    [Fact]
    public async Task Many_pages_of_events_are_read_and_queried_to_the_end()
    {
        const int events = 9001;
        await Store.AppendAsync(
            Batch([.. Enumerable.Range(1, events).Select(
                i => new StaleReportRejected(new(i), i))]),
            Ct);

        Assert.Equal(
            Enumerable.Range(1, events),
            Store.Read(0, Names).Select(e => ((StaleReportRejected)e.Event).Epoch));
        Assert.Equal(events, Store.Query(new()).Count());
        Assert.Equal(4999, Store.Query(new() { Last = 4999 }).Count());
    }

    [Fact]
    public async Task Everything_is_there_after_the_store_was_closed_and_opened()
    {
        await Store.AppendAsync(
            Batch(Stale("a"), Stale("b")) with
            {
                Fingerprints = [new(Sha(1), "x"u8.ToArray())],
            },
            Ct);
        await Store.SendAsync(new("id", "cancel-all", default), Ct);

        await ReopenAsync();

        Assert.Equal(2, Store.LastPosition);
        Assert.Equal("x"u8.ToArray(), Store.FingerprintText(Sha(1)));
        Assert.Equal(["id"], Store.Waiting().Select(c => c.Id));
        Assert.Equal(3, await Store.AppendAsync(Batch(Stale("c")), Ct));
        Assert.Equal(["1 PartitionStale a", "2 PartitionStale b", "3 PartitionStale c"], ReadAll());
    }

    [Fact]
    public async Task A_cancelled_append_is_not_there()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Store.AppendAsync(Batch(Stale("a")), cancelled.Token));

        Assert.Equal(1, await Store.AppendAsync(Batch(Stale("b")), Ct));
        Assert.Equal(["1 PartitionStale b"], ReadAll());
    }

    [Fact]
    public async Task A_closed_store_refuses_everything()
    {
        await Store.DisposeAsync();
        await Store.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => Store.AppendAsync(Batch(Stale("a")), Ct));
        Assert.Throws<ObjectDisposedException>(() => ReadAll());
    }
}

/// <summary>The contract on the store in memory.</summary>
public sealed class MemoryStoreTests : StoreContract
{
    protected override IBuildStore Store { get; } = new MemoryStore();

    protected override Task ReopenAsync() => Task.CompletedTask;

    public override ValueTask DisposeAsync() => Store.DisposeAsync();
}
