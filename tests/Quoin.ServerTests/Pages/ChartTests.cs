using System.Text;
using Quoin.Core;
using Quoin.Server;

namespace Quoin.ServerTests.Pages;

/// <summary>Timelines, grids and state machines.</summary>
public sealed class ChartTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    static TimelineRun Run(string worker, int from, int to, bool isCritical = false) =>
        new("p", "/runs/r-1", worker, Noon.AddSeconds(from), Noon.AddSeconds(to))
        {
            IsCritical = isCritical,
        };

    [Fact]
    public void Attempts_at_the_same_time_get_rows_of_their_own_and_later_ones_use_them_again()
    {
        var timeline = Timeline.Of(
            [Run("a", 0, 10), Run("a", 5, 8), Run("a", 8, 12), Run("b", 1, 2)]);

        Assert.Equal(["a", "b"], timeline.Workers.Select(worker => worker.Name));
        Assert.Equal(2 * Timeline.RowHeight, timeline.Workers[0].Height);
        Assert.Equal(timeline.Bars[1].Y, timeline.Bars[2].Y);
        Assert.Equal(TimeSpan.FromSeconds(12), timeline.Span);
        Assert.Equal(Timeline.Left + (Timeline.Plot * 5 / 12), timeline.Bars[1].X, 3);
    }

    [Fact]
    public void Of_very_many_attempts_the_longest_are_drawn_and_the_critical_ones()
    {
        var runs = Enumerable.Range(0, 5_000).Select(i => Run("a", i, i + 1)).ToList();
        runs[0] = Run("a", 0, 0, isCritical: true);
        runs[4_999] = Run("a", 4_999, 6_000);

        var timeline = Timeline.Of(runs);

        Assert.Equal(Timeline.BarsMax, timeline.Bars.Length);
        Assert.Equal(5_000 - Timeline.BarsMax, timeline.Undrawn);
        Assert.Contains(timeline.Bars, bar => bar.Run.IsCritical);
        Assert.Contains(timeline.Bars, bar => bar.Run.To == Noon.AddSeconds(6_000));
        Assert.InRange(timeline.Ticks.Length, 2, 11);
    }

    [Theory]
    [InlineData("daily/{city}/{date:date}", GridShape.Calendar)]
    [InlineData("monthly/{month:month}", GridShape.Calendar)]
    [InlineData("hourly/{at:hour}", GridShape.Calendar)]
    [InlineData("yearly/{city}/{year:year}", GridShape.Matrix)]
    [InlineData("pair/{a}/{b}", GridShape.Matrix)]
    [InlineData("span/{from:date}/{to:date}", GridShape.Matrix)]
    [InlineData("records/{city}", GridShape.List)]
    [InlineData("three/{a}/{b}/{c}", GridShape.List)]
    [InlineData("report", GridShape.List)]
    public void The_keys_decide_how_a_dataset_is_laid_out(string pattern, GridShape shape) =>
        Assert.Equal(shape, new DatasetGrid(Pattern.Parse(pattern)).Shape);

    static DatasetGrid Grid(string pattern, params string[] names)
    {
        var grid = new DatasetGrid(Pattern.Parse(pattern));
        foreach (var (i, name) in names.Index())
            grid.Add(new PartitionId(i), Encoding.UTF8.GetBytes(name));
        return grid;
    }

    [Fact]
    public void A_calendar_has_a_row_a_month_the_newest_first_and_a_column_a_day()
    {
        var page = Grid(
            "daily/{city}/{date:date}", "daily/rome/2026-01-31", "daily/oslo/2025-12-01",
            "daily/oslo/2026-01-01", "daily/oslo/2026-13-01", "other/oslo/2026-01-01").Page(1, 1);

        Assert.Equal(["city", "month"], page.HeadNames);
        Assert.Equal(31, page.Columns.Length);
        Assert.Equal(["oslo 2026-01", "oslo 2025-12", "rome 2026-01"],
            page.Rows.Select(row => string.Join(' ', row.Heads)));
        Assert.Equal(new PartitionId(2), page.Rows[0].Cells[0]);
        Assert.Equal(new PartitionId(0), page.Rows[2].Cells[30]);
        Assert.Null(page.Rows[0].Cells[1]);
    }

    [Fact]
    public void A_matrix_sorts_numbers_as_numbers()
    {
        var page = Grid("shard/{name}/{n:int}", "shard/b/10", "shard/a/9", "shard/a/2").Page(1, 1);

        Assert.Equal(["2", "9", "10"], page.Columns);
        Assert.Equal(["a", "b"], page.Rows.Select(row => row.Heads[0]));
    }

    [Fact]
    public void A_page_of_100_000_partitions_is_bounded_and_all_pages_together_have_them_all()
    {
        var names = Enumerable.Range(0, 100_000).Select(i => $"m/{i / 500}/{i % 500}").ToArray();
        var grid = Grid("m/{a:int}/{b:int}", names);
        var first = grid.Page(1, 1);
        var seen = new HashSet<int>();
        for (var rows = 1; rows <= first.Pages; rows++)
        {
            for (var columns = 1; columns <= first.ColumnPages; columns++)
            {
                var page = grid.Page(rows, columns);
                Assert.InRange(page.Rows.Length * page.Columns.Length, 1, DatasetGrid.CellsMax);
                foreach (var cell in page.Rows.SelectMany(row => row.Cells))
                    if (cell is { } p) seen.Add(p.Value);
            }
        }
        Assert.Equal(100_000, seen.Count);
        Assert.Equal(first.Pages, grid.Page(99_999, 1).Number);
    }

    [Theory]
    [InlineData("Partition")]
    [InlineData("Want")]
    [InlineData("Run")]
    public void Every_state_of_the_net_has_its_place_on_the_picture(string token)
    {
        var chart = MachineChart.Of(token, name => name.Length);

        Assert.All(chart.States, state => Assert.True(
            MachineChart.Knows(token, state.Name), $"choose a place for {token}.{state.Name}"));
        Assert.All(chart.States, state => Assert.Equal(state.Name.Length, state.Tokens));
        Assert.Equal(chart.States.Length, chart.States.DistinctBy(s => (s.X, s.Y)).Count());
        var moves = Net.Transitions.SelectMany(row => row.Moves)
            .Concat(Net.Cascades.SelectMany(rule => rule.Moves))
            .Where(move => move.Token == token).Select(move => (move.From, move.To)).ToHashSet();
        Assert.Equal(moves, chart.Arrows.Select(arrow => (arrow.From, arrow.To)).ToHashSet());
    }

    [Theory]
    [InlineData("/runs?state=failed", "/runs?state=failed")]
    [InlineData("//evil.example/", "/")]
    [InlineData("/\\evil.example/", "/")]
    [InlineData("https://evil.example/", "/")]
    [InlineData("/a\r\nSet-Cookie: b", "/")]
    [InlineData(null, "/")]
    public void A_form_leads_back_to_this_site_only(string? back, string path) =>
        Assert.Equal(path, Links.Local(back));

    [Fact]
    public void A_name_is_one_address_whatever_is_in_it() => Assert.Equal(
        "/partitions/a%20b/c%252Fd/%3Fe%3D%23/%C3%A9", Links.Partition("a b/c%2Fd/?e=#/é"));
}
