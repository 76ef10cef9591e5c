using System.Globalization;
using System.Text;

namespace Quoin.Bench;

/// <summary>One tiny command: <c>cp FIRST OUT</c>, waiting for all its inputs.</summary>
sealed record TinyTask(string Out, string[] Inputs);

/// <summary>
/// A generated graph of tiny commands, the same for every tool, ending in <c>touch out/done</c>,
/// which waits for all of them.
/// </summary>
sealed class BuildGraph
{
    /// <summary>What people call it: <c>wide 1,000</c>.</summary>
    public required string Name { get; init; }

    /// <summary>In an order in which inputs come first.</summary>
    public required TinyTask[] Tasks { get; init; }

    /// <summary>How many files <c>src/0</c>, <c>src/1</c>, … there are.</summary>
    public required int Sources { get; init; }

    /// <summary>What <c>out/done</c> waits for.</summary>
    public required string[] Last { get; init; }

    /// <summary>Quoin's form: patterns where the others list every edge.</summary>
    public required string QuoinYaml { get; init; }

    public IEnumerable<string> Folders =>
        Tasks.Select(task => Path.GetDirectoryName(task.Out)!).Append("out").Distinct();

    public IEnumerable<string> Outputs => Tasks.Select(task => task.Out).Append("out/done");

    /// <summary>Tasks without a word to each other.</summary>
    public static BuildGraph Wide(int count) => new()
    {
        Name = $"wide {Count(count)}",
        Tasks = [.. Numbers(count).Select(i => new TinyTask($"out/w/{i}", [$"src/{i}"]))],
        Sources = count,
        Last = [.. Numbers(count).Select(i => $"out/w/{i}")],
        QuoinYaml = $$"""
            quoin: 1
            name: wide
            targets: [done]
            datasets:
              src/{i:int}: { source: "src/{i}" }
              w/{i:int}: { path: "out/w/{i}" }
              done: { path: out/done }
            jobs:
              w:
                outputs: ["w/{i:int}"]
                inputs: ["src/{i}"]
                exec: [cp, "{in}", "{out}"]
              done:
                outputs: [done]
                inputs: ["w/{i:range(0,{{count - 1}})}"]
                exec: [touch, "{out}"]

            """,
    };

    /// <summary>Each task reads the one before; nothing can run beside another.</summary>
    public static BuildGraph Chain(int count) => new()
    {
        Name = $"chain {Count(count)}",
        Tasks =
        [
            .. Numbers(count).Select(i =>
                new TinyTask($"out/c/{i}", [i == 0 ? "src/0" : $"out/c/{i - 1}"])),
        ],
        Sources = 1,
        Last = [$"out/c/{count - 1}"],
        QuoinYaml = $$"""
            quoin: 1
            name: chain
            targets: [done]
            datasets:
              src/{i:int}: { source: "src/{i}" }
              c/{i:int}: { path: "out/c/{i}" }
              done: { path: out/done }
            jobs:
              first:
                outputs: [c/0]
                inputs: [src/0]
                exec: [cp, "{in}", "{out}"]
              next:
                outputs: ["c/{i:int(1,)}"]
                inputs: ["c/{i-1}"]
                exec: [cp, "{in}", "{out}"]
              done:
                outputs: [done]
                inputs: [c/{{count - 1}}]
                exec: [touch, "{out}"]

            """,
    };

    /// <summary>
    /// Layers in which every task waits for three of the layer before. The last layer has
    /// <paramref name="width"/> tasks, every layer before it two more.
    /// </summary>
    public static BuildGraph Layered(int layers, int width)
    {
        var tasks = new List<TinyTask>();
        var datasets = new StringBuilder();
        var jobs = new StringBuilder();
        for (var layer = 0; layer < layers; layer++)
        {
            foreach (var i in Numbers(WidthOf(layer)))
                tasks.Add(new TinyTask(
                    $"out/l{layer}/{i}",
                    layer == 0
                        ? [$"src/{i}"]
                        : [.. Numbers(3).Select(j => $"out/l{layer - 1}/{i + j}")]));
            datasets.Append(CultureInfo.InvariantCulture,
                $"  l{layer}/{{i:int}}: {{ path: \"out/l{layer}/{{i}}\" }}\n");
            var (input, first) = layer == 0
                ? ("src/{i}", "src/{i}")
                : ($"l{layer - 1}/{{j:range(i,i+2)}}", $"out/l{layer - 1}/{{i}}");
            jobs.Append(CultureInfo.InvariantCulture, $$"""
                  l{{layer}}:
                    outputs: ["l{{layer}}/{i:int}"]
                    inputs: ["{{input}}"]
                    exec: [cp, "{{first}}", "{out}"]

                """);
        }
        return new()
        {
            Name = $"layered {Count(tasks.Count)}",
            Tasks = [.. tasks],
            Sources = WidthOf(0),
            Last = [.. Numbers(width).Select(i => $"out/l{layers - 1}/{i}")],
            QuoinYaml = $$"""
                quoin: 1
                name: layered
                targets: [done]
                datasets:
                  src/{i:int}: { source: "src/{i}" }
                  done: { path: out/done }
                {{datasets}}jobs:
                {{jobs}}  done:
                    outputs: [done]
                    inputs: ["l{{layers - 1}}/{i:range(0,{{width - 1}})}"]
                    exec: [touch, "{out}"]

                """,
        };

        int WidthOf(int layer) => width + (2 * (layers - 1 - layer));
    }

    public string NinjaFile()
    {
        var text = new StringBuilder("""
            rule cp
              command = cp $in $out
            rule touch
              command = touch $out

            """);
        foreach (var task in Tasks)
        {
            text.Append(CultureInfo.InvariantCulture, $"build {task.Out}: cp {task.Inputs[0]}");
            if (task.Inputs.Length > 1) text.Append(" | ").AppendJoin(' ', task.Inputs.Skip(1));
            text.Append('\n');
        }
        return text.Append("build out/done: touch | ").AppendJoin(' ', Last)
            .Append("\ndefault out/done\n").ToString();
    }

    public string MakeFile()
    {
        var text = new StringBuilder("MAKEFLAGS += -rR\n.SUFFIXES:\n");
        text.Append("out/done: ").AppendJoin(' ', Last).Append("\n\ttouch out/done\n");
        foreach (var task in Tasks)
            text.Append(CultureInfo.InvariantCulture, $"{task.Out}: ").AppendJoin(' ', task.Inputs)
                .Append(CultureInfo.InvariantCulture, $"\n\tcp {task.Inputs[0]} {task.Out}\n");
        return text.ToString();
    }

    static IEnumerable<int> Numbers(int count) => Enumerable.Range(0, count);

    static string Count(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
