using System.Collections.Immutable;

namespace Quoin.Server;

/// <summary>A box to be placed. Sizes and places are in the units of the picture.</summary>
public readonly record struct LayoutBox(double Width, double Height);

/// <summary>An arrow between two boxes, by their numbers.</summary>
public readonly record struct LayoutArrow(int From, int To);

/// <summary>A point of the picture.</summary>
public readonly record struct LayoutPoint(double X, double Y);

/// <summary>An arrow's way, from the right side of one box to the left side of another.</summary>
/// <param name="Points">At least two.</param>
/// <param name="IsBack">It leads against the direction of the picture.</param>
public sealed record LayoutRoute(ImmutableArray<LayoutPoint> Points, bool IsBack);

/// <summary>
/// A drawing of a directed graph in layers from left to right, after Sugiyama, Tagawa and Toda
/// (1981): arrows against the order are turned for the while, each box goes one layer behind the
/// last of what leads to it, long arrows get a bend in each layer that they pass, and the order
/// inside the layers is improved by barycentres, forwards and backwards, as long as fewer arrows
/// cross. The same input gives the same drawing.
/// </summary>
public sealed class LayeredLayout
{
    const double LayerGap = 56, BoxGap = 18, BendHeight = 10, Margin = 12;
    const int SweepsMax = 12, StraightenMax = 8;

    readonly List<Vertex> vertices = [];
    readonly List<List<Vertex>> layers = [];

    LayeredLayout() { }

    /// <summary>The upper left corner of each box.</summary>
    public ImmutableArray<LayoutPoint> Places { get; private set; } = [];

    /// <summary>The way of each arrow, in the order in which they were given.</summary>
    public ImmutableArray<LayoutRoute> Routes { get; private set; } = [];

    /// <summary>The size of the whole picture.</summary>
    public LayoutBox Size { get; private set; }

    /// <summary>How many pairs of arrows cross.</summary>
    public int Crossings { get; private set; }

    /// <summary>The layer of each box, from 0 on the left.</summary>
    public ImmutableArray<int> Layers { get; private set; } = [];

    /// <summary>Places boxes and arrows. Arrows from a box to itself have a route of one point.
    /// </summary>
    public static LayeredLayout Of(
        IReadOnlyList<LayoutBox> boxes, IReadOnlyList<LayoutArrow> arrows)
    {
        var layout = new LayeredLayout();
        if (boxes.Count == 0) return layout;
        foreach (var box in boxes) layout.vertices.Add(new Vertex(box));
        var turned = Backwards(boxes.Count, arrows);
        layout.Rank(arrows, turned);
        var chains = layout.Bend(arrows, turned);
        layout.Order();
        layout.Place();
        layout.Draw(arrows, turned, chains, boxes.Count);
        return layout;
    }

    // Arrows that close a cycle, found by walking depth first from the boxes in their order.
    static bool[] Backwards(int count, IReadOnlyList<LayoutArrow> arrows)
    {
        var turned = new bool[arrows.Count];
        var ways = new List<int>[count];
        var hasInput = new bool[count];
        for (var box = 0; box < count; box++) ways[box] = [];
        for (var i = 0; i < arrows.Count; i++)
        {
            ways[arrows[i].From].Add(i);
            if (arrows[i].From != arrows[i].To) hasInput[arrows[i].To] = true;
        }
        var state = new byte[count]; // 0 unseen, 1 on the way, 2 done
        // What nothing leads to comes first: so a cycle is cut where it is entered.
        var starts = Enumerable.Range(0, count).OrderBy(box => hasInput[box]);
        foreach (var start in starts)
        {
            if (state[start] != 0) continue;
            var way = new Stack<(int Box, int Next)>();
            way.Push((start, 0));
            state[start] = 1;
            while (way.TryPop(out var at))
            {
                if (at.Next == ways[at.Box].Count)
                {
                    state[at.Box] = 2;
                    continue;
                }
                way.Push((at.Box, at.Next + 1));
                var arrow = ways[at.Box][at.Next];
                var to = arrows[arrow].To;
                if (state[to] == 1) turned[arrow] = true;
                if (state[to] != 0) continue;
                state[to] = 1;
                way.Push((to, 0));
            }
        }
        return turned;
    }

    // The longest way to each box; then what leads to something goes as near to it as it can.
    void Rank(IReadOnlyList<LayoutArrow> arrows, bool[] turned)
    {
        var edges = new List<(int From, int To)>();
        for (var i = 0; i < arrows.Count; i++)
        {
            var (from, to) = (arrows[i].From, arrows[i].To);
            if (from != to) edges.Add(turned[i] ? (to, from) : (from, to));
        }
        var incoming = new int[vertices.Count];
        foreach (var (_, to) in edges) incoming[to]++;
        var outgoing = edges.ToLookup(edge => edge.From, edge => edge.To);
        var order = new List<int>();
        for (var box = 0; box < vertices.Count; box++) if (incoming[box] == 0) order.Add(box);
        for (var i = 0; i < order.Count; i++)
        {
            foreach (var to in outgoing[order[i]])
            {
                vertices[to].Layer = Math.Max(vertices[to].Layer, vertices[order[i]].Layer + 1);
                if (--incoming[to] == 0) order.Add(to);
            }
        }
        var hasInput = edges.Select(edge => edge.To).ToHashSet();
        foreach (var box in order)
        {
            if (hasInput.Contains(box) || !outgoing[box].Any()) continue;
            vertices[box].Layer = outgoing[box].Min(to => vertices[to].Layer) - 1;
        }
    }

    // Long arrows pass through a vertex of their own in each layer between.
    List<Vertex>[] Bend(IReadOnlyList<LayoutArrow> arrows, bool[] turned)
    {
        var depth = vertices.Max(vertex => vertex.Layer) + 1;
        for (var i = 0; i < depth; i++) layers.Add([]);
        foreach (var vertex in vertices) layers[vertex.Layer].Add(vertex);
        var chains = new List<Vertex>[arrows.Count];
        for (var i = 0; i < arrows.Count; i++)
        {
            var (from, to) = (vertices[arrows[i].From], vertices[arrows[i].To]);
            if (turned[i]) (from, to) = (to, from);
            var chain = new List<Vertex> { from };
            if (from != to)
            {
                for (var layer = from.Layer + 1; layer < to.Layer; layer++)
                {
                    var bend = new Vertex(new LayoutBox(0, BendHeight)) { Layer = layer };
                    layers[layer].Add(bend);
                    chain.Add(bend);
                }
                chain.Add(to);
                for (var j = 1; j < chain.Count; j++)
                {
                    chain[j - 1].Next.Add(chain[j]);
                    chain[j].Previous.Add(chain[j - 1]);
                }
            }
            chains[i] = chain;
        }
        return chains;
    }

    void Order()
    {
        Number();
        var best = layers.Select(layer => layer.ToArray()).ToArray();
        Crossings = CountCrossings();
        for (var sweep = 0; sweep < SweepsMax && Crossings > 0; sweep++)
        {
            var forwards = sweep % 2 == 0;
            for (var i = 1; i < layers.Count; i++)
            {
                var layer = layers[forwards ? i : layers.Count - 1 - i];
                foreach (var vertex in layer)
                {
                    var others = forwards ? vertex.Previous : vertex.Next;
                    vertex.Weight = others.Count == 0
                        ? vertex.Index
                        : others.Average(other => other.Index);
                }
                // A stable sort: equals stay in their order.
                var sorted = layer.OrderBy(vertex => vertex.Weight).ToArray();
                for (var j = 0; j < sorted.Length; j++)
                    (layer[j], sorted[j].Index) = (sorted[j], j);
            }
            var crossings = CountCrossings();
            if (crossings >= Crossings) continue;
            Crossings = crossings;
            best = [.. layers.Select(layer => layer.ToArray())];
        }
        for (var i = 0; i < layers.Count; i++) layers[i] = [.. best[i]];
        Number();
    }

    void Number()
    {
        foreach (var layer in layers)
            for (var i = 0; i < layer.Count; i++) layer[i].Index = i;
    }

    int CountCrossings()
    {
        var count = 0;
        foreach (var layer in layers)
        {
            var ends = new List<int>();
            foreach (var vertex in layer)
                ends.AddRange(vertex.Next.Select(next => next.Index).Order());
            for (var i = 0; i < ends.Count; i++)
                for (var j = i + 1; j < ends.Count; j++)
                    if (ends[i] > ends[j]) count++;
        }
        return count;
    }

    void Place()
    {
        var x = Margin;
        foreach (var layer in layers)
        {
            var width = layer.Max(vertex => vertex.Box.Width);
            var y = 0.0;
            foreach (var vertex in layer)
            {
                vertex.X = x + ((width - vertex.Box.Width) / 2);
                vertex.Y = y + (vertex.Box.Height / 2);
                y += vertex.Box.Height + BoxGap;
            }
            x += width + LayerGap;
        }
        // Each vertex is drawn to the middle of its neighbours, as far as its layer has room.
        for (var i = 0; i < StraightenMax; i++)
        {
            for (var j = 0; j < layers.Count; j++)
                Settle(layers[i % 2 == 0 ? j : layers.Count - 1 - j], isForwards: i % 2 == 0);
        }
        var top = vertices.Concat(layers.SelectMany(layer => layer))
            .Min(vertex => vertex.Y - (vertex.Box.Height / 2));
        foreach (var vertex in layers.SelectMany(layer => layer)) vertex.Y += Margin - top;
        Size = new LayoutBox(
            x - LayerGap + Margin,
            layers.SelectMany(layer => layer).Max(v => v.Y + (v.Box.Height / 2)) + Margin);
    }

    // The least-squares places that keep order and distance: neighbours that would overlap are
    // moved as one block to the mean of where they want to be.
    static void Settle(List<Vertex> layer, bool isForwards)
    {
        var blocks = new List<(int First, int Count, double Sum, double Weight)>();
        var offsets = new double[layer.Count];
        for (var i = 0; i < layer.Count; i++)
        {
            if (i > 0)
                offsets[i] = offsets[i - 1] + (layer[i - 1].Box.Height / 2) + BoxGap
                    + (layer[i].Box.Height / 2);
            var near = isForwards ? layer[i].Previous : layer[i].Next;
            if (near.Count == 0) near = isForwards ? layer[i].Next : layer[i].Previous;
            var wish = near.Count == 0 ? layer[i].Y : Middle(near);
            var weight = layer[i].Box.Width == 0 ? 4.0 : 1.0; // Long arrows are best straight.
            blocks.Add((i, 1, (wish - offsets[i]) * weight, weight));
            while (blocks is [.., var left, var right]
                && left.Sum / left.Weight > right.Sum / right.Weight)
            {
                blocks.RemoveAt(blocks.Count - 1);
                blocks[^1] = (left.First, left.Count + right.Count, left.Sum + right.Sum,
                    left.Weight + right.Weight);
            }
        }
        foreach (var (first, count, sum, weight) in blocks)
            for (var i = first; i < first + count; i++) layer[i].Y = (sum / weight) + offsets[i];
    }

    static double Middle(List<Vertex> near)
    {
        var places = near.Select(vertex => vertex.Y).Order().ToArray();
        return (places[(places.Length - 1) / 2] + places[places.Length / 2]) / 2;
    }

    void Draw(
        IReadOnlyList<LayoutArrow> arrows, bool[] turned, List<Vertex>[] chains, int boxCount)
    {
        var routes = ImmutableArray.CreateBuilder<LayoutRoute>(arrows.Count);
        for (var i = 0; i < arrows.Count; i++)
        {
            var points = ImmutableArray.CreateBuilder<LayoutPoint>();
            var chain = chains[i];
            for (var j = 0; j < chain.Count; j++)
            {
                if (j > 0) points.Add(new LayoutPoint(chain[j].X, chain[j].Y));
                if (j < chain.Count - 1 && (j == 0 || chain[j].Box.Width > 0))
                    points.Add(new LayoutPoint(chain[j].X + chain[j].Box.Width, chain[j].Y));
            }
            if (points.Count == 0) points.Add(new LayoutPoint(chain[0].X, chain[0].Y));
            if (turned[i]) points.Reverse();
            routes.Add(new LayoutRoute(points.ToImmutable(), turned[i]));
        }
        Routes = routes.ToImmutable();
        Places = [.. vertices.Take(boxCount).Select(v =>
            new LayoutPoint(v.X, v.Y - (v.Box.Height / 2)))];
        Layers = [.. vertices.Take(boxCount).Select(v => v.Layer)];
    }

    sealed class Vertex(LayoutBox box)
    {
        public LayoutBox Box { get; } = box;
        public int Layer { get; set; }
        public int Index { get; set; }
        public double Weight { get; set; }
        public double X { get; set; }
        public double Y { get; set; }
        public List<Vertex> Previous { get; } = [];
        public List<Vertex> Next { get; } = [];
    }
}
