using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Server;

namespace Quoin.ServerTests;

/// <summary>What the fold of the log keeps so that a question costs what it answers.</summary>
public sealed class ViewTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    static LoggedEvent At(long position, BuildEvent e) => new(position, Noon, e);

    // Partitions with names as runs and wants have them, too.
    static IEnumerable<BuildEvent> Events(PartitionNames names)
    {
        var worker = new WorkerId("host/1/a");
        var parts = Enumerable.Range(0, 200)
            .Select(i => names.Intern(i switch { 3 => "r-3", 4 => "w-1", _ => $"part/{i}" }))
            .ToImmutableArray();
        yield return new WorkerAdded(worker, 4);
        yield return new WantAccepted(new WantId(1), parts);
        foreach (var part in parts) yield return new PartitionPlanned(new(1), "part", [part], []);
        for (var i = 0; i < 150; i++)
        {
            yield return new RunScheduled(new(i + 1), [parts[i]], []);
            yield return new RunLeased(new(i + 1), worker, 1);
            yield return i % 7 == 0
                ? new RunFailed(new(i + 1), 1, new(FailureCategory.Failed, "exit code 1"))
                : new RunCompleted(new(i + 1), 1, [new OutputManifest(parts[i], default, 1)]);
        }
        for (var i = 0; i < 50; i++) yield return new CommandAnswered($"c{i}", "done", "");
        yield return new WorkerRemoved(worker);
    }

    [Theory]
    [InlineData("r-3", "")]
    [InlineData("r-150", "")]
    [InlineData("r-151", "")]
    [InlineData("w-1", "")]
    [InlineData("part/17", "")]
    [InlineData("host/1/a", "")]
    [InlineData("c17", "")]
    [InlineData("nobody", "")]
    [InlineData(null, "run-failed")]
    [InlineData(null, "run-failed worker-removed want-accepted")]
    [InlineData(null, "lease-expired")]
    [InlineData("r-8", "run-failed run-leased")]
    [InlineData(null, "")]
    public async Task Filtered_events_are_those_that_the_store_finds(string? subject, string types)
    {
        var names = new PartitionNames();
        await using var store = new MemoryStore();
        await store.AppendAsync(
            new AppendBatch { At = Noon, Names = names, Events = [.. Events(names)] }, default);
        using var views = new StoreViews(store, _ => { });
        using var patience = new CancellationTokenSource(ServedSpace.Patience);
        await views.ReadyAsync(patience.Token);
        var filter = new EventFilter(subject, types.Length == 0 ? [] : types.Split(' '));
        var query = new EventQuery { Subject = subject, Types = [.. filter.Types] };

        foreach (var edge in (long[])[0, 1, 4, 210, 400, 640, 655, 9_999])
        {
            foreach (var limit in (int[])[1, 3, 1_000])
            {
                Assert.Equal(
                    store.Query(query with { After = edge }).Take(limit).Select(e => e.Position),
                    EventReads.Oldest(views, store, filter, edge, limit).Select(e => e.Position));
                Assert.Equal(
                    store.Query(query with { Before = edge, Last = limit }).Reverse()
                        .Select(e => e.Position),
                    EventReads.Newest(views, store, filter, edge, limit).Select(e => e.Position));
            }
        }
    }

    [Fact]
    public void Every_event_has_its_type_in_the_index()
    {
        var kinds = typeof(BuildEvent).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(BuildEvent)) && !type.IsAbstract)
            .Select(type => JsonNamingPolicy.KebabCaseLower.ConvertName(type.Name));

        Assert.Equal(EventCodec.Types.Order(), kinds.Order());
    }

    [Fact]
    public void Events_that_are_too_old_for_the_index_leave_it_and_are_found_no_more()
    {
        const int most = 1 << 17, kept = (1 << 16) + 10;
        var index = new EventIndex(new PartitionNames(), most);
        long last = most + 10;
        for (long at = 1; at <= last; at++)
            index.Add(At(at, new StaleReportRejected(new((int)(at % 1000) + 1), 1)));

        Assert.Equal(last - kept + 1, index.First);
        var all = index.Newest(new EventFilter("r-5", []), last, int.MaxValue);
        Assert.All(all, at => Assert.InRange(at, index.First, last));
        Assert.InRange(all.Count, (kept / 1000) - 1, (kept / 1000) + 1);
    }

    [Fact]
    public void A_reader_that_takes_an_input_leaves_it_and_takes_it_again_is_one_reader()
    {
        var lineage = new Lineage();
        var (x, y, made) = (new PartitionId(0), new PartitionId(1), new PartitionId(2));
        void Plan(params ImmutableArray<PartitionId> inputs) =>
            lineage.Add(new PartitionPlanned(new(1), "job", [made], inputs));

        Plan(x);
        Plan(y);
        Assert.Equal([], lineage.ReadersOf(x));
        Plan(x);
        Plan(y, x, x);
        Plan(x);

        Assert.Equal([made], lineage.ReadersOf(x));
        Assert.Equal([], lineage.ReadersOf(y));
        Assert.Equal([x], lineage.InputsOf(made));
        Assert.Equal([], lineage.ReadersOf(new PartitionId(99)));
    }

    [Fact]
    public void Answers_are_kept_as_long_as_keys_and_of_very_many_the_newest()
    {
        var book = new AnswerBook();
        var answer = new CommandAnswer(1, "done", "", null);
        book.Add("old", answer, Noon);
        book.Add("newer", answer, Noon.AddDays(6));
        book.Add("newest", answer, Noon.AddDays(7).AddHours(2));

        Assert.Null(book.Find("old"));
        Assert.NotNull(book.Find("newer"));
        Assert.False(book.HasForgotten);
        for (var i = 0; i < AnswerBook.AnswersMax; i++)
            book.Add($"c{i}", answer, Noon.AddDays(7).AddHours(2));
        Assert.Equal((AnswerBook.AnswersMax, true), (book.Count, book.HasForgotten));
        Assert.Null(book.Find("newest"));
        Assert.NotNull(book.Find($"c{AnswerBook.AnswersMax - 1}"));
    }

    [Fact]
    public void A_part_of_a_wide_matrix_is_found_by_its_columns_and_too_many_keys_are_a_list()
    {
        var grid = new DatasetGrid(Pattern.Parse("cell/{region}/{user:int}"));
        for (var i = 0; i < 100_000; i++) // From the last column to the first.
            grid.Add(new PartitionId(i), Encoding.UTF8.GetBytes($"cell/r{i % 10}/{99_999 - i}"));

        var page = grid.Page(1, 2);

        Assert.Equal((2_500, 1), (page.ColumnPages, page.Pages));
        Assert.Equal(["40", "41"], page.Columns.Take(2));
        Assert.Equal("r9", page.Rows[9].Heads[0]);
        Assert.Equal(new PartitionId(99_959), page.Rows[9].Cells[0]); // cell/r9/40
        Assert.Null(page.Rows[8].Cells[0]);
        var wide = new DatasetGrid(Pattern.Parse("cell/{region}/{user:int}"));
        for (var i = 0; i <= DatasetGrid.KeysMax; i++)
            wide.Add(new PartitionId(i), Encoding.UTF8.GetBytes($"cell/r/{i}"));
        Assert.Equal((GridShape.List, 0), (wide.Shape, wide.Count));
    }

    [Fact]
    public void Datasets_are_paged_by_name_whatever_a_first_segment_varies()
    {
        var state = new StoreState();
        state.Partitions.Build();
        state.Apply(At(1, new WantAccepted(new(1), [
            .. Enumerable.Range(0, 500).Select(i => state.Names.Intern($"u{i:000}/x"))])));

        var first = DatasetModel.Page(state, null, null);
        var last = DatasetModel.Page(state, null, "u398");

        Assert.Equal(("u000", "u199"), (first[0].Name, first[^1].Name));
        Assert.Equal(("u399", 101), (last[0].Name, last.Length));
        Assert.Equal(1, DatasetModel.Find(state, null, "u007")!.Total);
        Assert.Null(DatasetModel.Find(state, null, "u500"));
        Assert.Empty(DatasetModel.Page(state, null, "v"));
    }
}
