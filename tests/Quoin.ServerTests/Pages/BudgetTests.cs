using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Server;

namespace Quoin.ServerTests.Pages;

/// <summary>
/// What a page may cost with 100,000 partitions in the store: how often it reads the store, and how
/// much it shows. What has no store as an argument cannot read one.
/// </summary>
public sealed class BudgetTests : IClassFixture<BudgetTests.Large>
{
    const int Leaves = 100_000, Built = 2_000;

    static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    readonly Large large;
    readonly Holdups holdups;

    public BudgetTests(Large large)
    {
        this.large = large;
        holdups = large.Views.Read(s =>
            new Holdups(s.Kernel, new HoldupFacts(true, large.Graph.FindJob, Noon)));
        large.Counted.Reads = 0;
    }

    [Fact]
    public void Now_shows_a_few_of_each_kind_and_how_many_there_are()
    {
        var now = large.Views.Read(s => NowModel.Of(s, holdups, large.Graph, Noon));

        Assert.Equal(Leaves + 1 - Built, now.WaitingCount);
        Assert.Equal(NowModel.RowsMax, now.Waiting.Length);
        Assert.Equal("queued", holdups.Of(large.IdOf("leaf/a/5000")).Code);
        Assert.Equal([Built, Leaves + 1 - Built],
            now.Places.OrderBy(place => place.Count).Select(place => place.Count));
        Assert.Equal((1, true), (now.WantCount, now.Wants[0].IsCut));
        Assert.Equal(0, large.Counted.Reads);
    }

    [Fact]
    public void A_want_shows_its_newest_runs_and_a_bounded_picture()
    {
        var want = large.Views.Read(s =>
            WantModel.Of(s, new WantId(1), holdups, large.Graph, Noon))!;

        Assert.Equal((Built, WantModel.RowsMax), (want.RunCount, want.Runs.Length));
        // All at the same time: one row each, as far as there are rows.
        Assert.Equal(Timeline.RowsMax, want.Timeline.Bars.Length);
        Assert.Equal(Built - Timeline.RowsMax, want.Timeline.Undrawn);
        Assert.Equal(Built, want.Jobs.Single(job => job.Job == "leaf").Done);
        Assert.Equal(0, large.Counted.Reads);
    }

    [Fact]
    public void A_run_and_its_inputs_and_readers_cost_no_read()
    {
        var run = large.Views.Read(s => RunModel.Of(s, new RunId(7), holdups, large.Graph))!;

        Assert.Equal(("built", "leaf/a/6"), (run.Line.State, run.Line.First));
        Assert.Equal(0, large.Counted.Reads);
    }

    [Fact]
    public void A_dataset_shows_one_page_of_its_grid()
    {
        var grids = new DatasetGrids();
        var dataset = DatasetModel.Of(
            large.Views, large.Graph, grids, _ => holdups, "leaf", new DatasetQuery())!;

        Assert.Equal(Leaves, dataset.Line.Total);
        Assert.InRange(
            dataset.Grids.Single().Cells.Sum(row => row.Length), 1, DatasetGrid.CellsMax);
        var list = DatasetModel.Of(
            large.Views, large.Graph, grids, _ => holdups, "leaf",
            new DatasetQuery(PartitionPlace.Planned))!;
        Assert.Equal(DatasetModel.ListMax, list.List.Length);
        Assert.Equal(list.List[^1].Name, list.Next);
        Assert.Equal(0, large.Counted.Reads);
    }

    [Theory]
    [InlineData("leaf/a/6", 1, 0)] // Live, goes into one.
    [InlineData("leaf/a/5000", 1, 0)] // Planned.
    [InlineData("all", 0, PartitionModel.RowsMax)] // Has 100,000 inputs.
    public void A_partition_is_a_few_reads(string name, int readers, int inputs)
    {
        var model = PartitionModel.Of(
            large.Views, large.Store, name, s => new Holdups(
                s.Kernel, new HoldupFacts(true, large.Graph.FindJob, Noon)), large.Graph)!;

        Assert.Equal((readers, inputs), (model.Readers.Length, model.Inputs.Length));
        Assert.InRange(large.Counted.Reads, 1, PartitionModel.StoreReadsMax);
    }

    [Fact]
    public void A_page_of_the_log_is_one_read_of_its_rows()
    {
        var events = EventsModel.Of(large.Views, large.Store, new EventsQuery());

        Assert.Equal(EventsModel.RowsMax, events.Events.Length);
        Assert.Equal(large.Store.LastPosition, events.Events[0].Position);
        var older = EventsModel.Of(large.Views, large.Store, new EventsQuery(Before: events.Next));
        Assert.Equal(events.Next - 1, older.Events[0].Position);
        Assert.Equal(EventsModel.RowsMax, older.Events.Length);
        Assert.Equal(2, large.Counted.Reads);
    }

    [Fact]
    public void The_graph_the_workers_and_the_states_are_read_from_memory()
    {
        var graph = large.Views.Read(s => GraphModel.Of(s, large.Graph));

        Assert.Equal(["leaf", "all"], graph.Jobs.Select(job => job.Name));
        Assert.Equal(4, graph.Nodes.Length);
        Assert.Single(large.Views.Read(s => WorkerLine.All(s)));
        Assert.Equal(0, large.Counted.Reads);
    }

    /// <summary>A want for one partition that is made from 100,000, of which 2,000 are built.
    /// </summary>
    public sealed class Large : IAsyncLifetime
    {
        readonly string folder = Directory.CreateTempSubdirectory("quoin-pages-").FullName;

        internal Graph Graph { get; private set; } = null!;
        internal IBuildStore Store { get; private set; } = null!;
        internal CountingStore Counted => (CountingStore)(object)Store;
        internal StoreViews Views { get; private set; } = null!;

        internal PartitionId IdOf(string name) => Views.Read(s =>
            s.Names.TryFind(name, out var id) ? id : throw new ArgumentException(name));

        /// <inheritdoc/>
        public async ValueTask InitializeAsync()
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "quoin.yaml"), """
                quoin: 1
                name: large
                jobs:
                  leaf:
                    outputs: ["leaf/{name}/{n:int}"]
                    exec: ["true"]
                  all:
                    outputs: [all]
                    inputs: ["leaf/a/{n:range(0,99999)}"]
                    exec: ["true"]
                """);
            var load = GraphLoader.Load(folder, "quoin.yaml");
            Graph = load.Graph ?? throw new InvalidOperationException(
                string.Join('\n', load.Problems));
            var names = new PartitionNames();
            var memory = new MemoryStore();
            await memory.AppendAsync(
                new AppendBatch { At = Noon, Names = names, Events = [.. Events(names)] }, default);
            Store = CountingStore.Around(memory);
            Views = new StoreViews(Store, _ => { });
            Views.SetGraph(Graph);
            using var patience = new CancellationTokenSource(ServedSpace.Patience);
            await Views.ReadyAsync(patience.Token);
        }

        static IEnumerable<BuildEvent> Events(PartitionNames names)
        {
            var want = new WantId(1);
            var all = names.Intern("all");
            var leaves = Enumerable.Range(0, Leaves).Select(i => names.Intern(
                string.Create(CultureInfo.InvariantCulture, $"leaf/a/{i}"))).ToImmutableArray();
            yield return new WorkerAdded(new WorkerId("host/1/a"), 4);
            yield return new WantAccepted(want, [all]) { Request = "build all" };
            yield return new PartitionPlanned(want, "all", [all], leaves);
            foreach (var leaf in leaves)
                yield return new PartitionPlanned(want, "leaf", [leaf], []);
            yield return new WantPlanned(want, new PlanCounts(Leaves + 1, 0, Leaves + 1, 0, 0));
            for (var i = 0; i < Built; i++)
            {
                var run = new RunId(i + 1);
                yield return new RunScheduled(run, [leaves[i]], []);
                yield return new RunLeased(run, new WorkerId("host/1/a"), 1);
                yield return new RunCompleted(run, 1, [new OutputManifest(leaves[i], default, 10)])
                {
                    Usage = new RunUsage(Noon, 5 + (i % 7), 3, 1_000),
                };
            }
        }

        /// <inheritdoc/>
        public async ValueTask DisposeAsync()
        {
            Views.Dispose();
            await Store.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A store that counts how often somebody reads from it.</summary>
    public class CountingStore : DispatchProxy
    {
        static readonly string[] Reading =
        [
            nameof(IBuildStore.Query), nameof(IBuildStore.Read),
            nameof(IBuildStore.FingerprintText), nameof(IBuildStore.RunLog),
            nameof(IBuildStore.LatestSnapshot), nameof(IBuildStore.Waiting),
        ];

        IBuildStore inner = null!;

        /// <summary>How often.</summary>
        public int Reads { get; set; }

        internal static IBuildStore Around(IBuildStore inner)
        {
            var proxy = Create<IBuildStore, CountingStore>();
            ((CountingStore)(object)proxy).inner = inner;
            return proxy;
        }

        /// <inheritdoc/>
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (Reading.Contains(targetMethod!.Name)) Reads++;
            return targetMethod.Invoke(inner, args);
        }
    }
}
