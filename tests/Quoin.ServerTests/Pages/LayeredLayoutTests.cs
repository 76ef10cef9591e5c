using Quoin.Server;

namespace Quoin.ServerTests.Pages;

/// <summary>Drawings of graphs in layers.</summary>
public sealed class LayeredLayoutTests
{
    static LayeredLayout Of(int boxes, params (int From, int To)[] arrows) => LayeredLayout.Of(
        [.. Enumerable.Repeat(new LayoutBox(80, 30), boxes)],
        [.. arrows.Select(arrow => new LayoutArrow(arrow.From, arrow.To))]);

    [Fact]
    public void Nothing_has_a_drawing_of_nothing() => Assert.Equal(default, Of(0).Size);

    [Fact]
    public void A_chain_runs_from_left_to_right_on_one_line()
    {
        var layout = Of(3, (0, 1), (1, 2));

        Assert.Equal([0, 1, 2], layout.Layers);
        Assert.Equal(layout.Places[0].Y, layout.Places[2].Y);
        Assert.True(layout.Places[0].X < layout.Places[1].X);
    }

    [Fact]
    public void A_box_lies_behind_the_last_of_what_leads_to_it_and_a_start_beside_its_use()
    {
        // 0 -> 1 -> 2 -> 3, 0 -> 3, and 4 that only 3 reads.
        var layout = Of(5, (0, 1), (1, 2), (2, 3), (0, 3), (4, 3));

        Assert.Equal([0, 1, 2, 3, 2], layout.Layers);
        Assert.Equal(4, layout.Routes[3].Points.Length); // It passes two layers, bent in each.
    }

    [Fact]
    public void Arrows_that_need_not_cross_do_not()
    {
        // Given so that the first order crosses everything.
        var layout = Of(6, (0, 5), (1, 4), (2, 3));

        Assert.Equal(0, layout.Crossings);
    }

    [Fact]
    public void A_cycle_is_cut_by_one_arrow_that_leads_back()
    {
        var layout = Of(3, (0, 1), (1, 2), (2, 0), (2, 2));

        Assert.Equal([0, 1, 2], layout.Layers);
        Assert.Equal([false, false, true, true], layout.Routes.Select(route => route.IsBack));
        Assert.Single(layout.Routes[3].Points);
    }

    [Fact]
    public void No_two_boxes_overlap_and_all_lie_inside_whatever_the_graph()
    {
        for (var seed = 1; seed <= 40; seed++)
        {
            var next = (uint)seed * 2654435761u;
            var arrows = new List<(int, int)>();
            for (var i = 0; i < 60; i++)
                arrows.Add(((int)(Draw() % 30), (int)(Draw() % 30)));
            var layout = Of(30, [.. arrows]);

            for (var a = 0; a < 30; a++)
            {
                Assert.InRange(layout.Places[a].X, 0, layout.Size.Width - 80);
                Assert.InRange(layout.Places[a].Y, 0, layout.Size.Height - 30);
                for (var b = 0; b < a; b++)
                    Assert.False(
                        Math.Abs(layout.Places[a].X - layout.Places[b].X) < 80
                        && Math.Abs(layout.Places[a].Y - layout.Places[b].Y) < 29.9,
                        $"seed {seed}: {a} and {b} overlap");
            }

            uint Draw() => (next = (next * 1664525) + 1013904223) >> 8;
        }
    }
}
