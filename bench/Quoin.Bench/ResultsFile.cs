using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Bench;

/// <summary>
/// bench/RESULTS.md: one section a measurement, each with the machine and the day it was made on,
/// because sections are replaced one by one.
/// </summary>
sealed class ResultsFile
{
    const string Head = """
        # Results

        Written by `./dev bench` (all) or `./dev bench NAME...` (some). Absolute times belong to the
        machine and hour they were taken in; compare only what one section measured side by side.
        """;

    readonly Dictionary<string, string> sections = [];

    static string Place => Path.Combine(Root, "bench", "RESULTS.md");

    /// <summary>The repository.</summary>
    public static string Root { get; } = FindRoot();

    public static ResultsFile Load()
    {
        var file = new ResultsFile();
        if (!File.Exists(Place)) return file;
        foreach (var part in File.ReadAllText(Place).Split("\n## ").Skip(1))
            file.sections[part[..part.IndexOfAny([':', '\n'])]] = part.TrimEnd();
        return file;
    }

    public void Replace(string name, string title, string output) =>
        sections[name] = $"""
            {name}: {title}

            `./dev bench {name}`, {Today()}, {Machine()}

            ```text
            {output.Trim().ReplaceLineEndings("\n")}
            ```
            """;

    public void Save(IEnumerable<string> order)
    {
        var text = new StringBuilder(Head);
        // Sections that no measurement writes are people's, and stay behind the others.
        var measured = order.ToArray();
        foreach (var name in measured.Concat(sections.Keys.Except(measured)))
            if (sections.TryGetValue(name, out var section))
                text.Append("\n\n## ").Append(section);
        File.WriteAllText(Place, text.Append('\n').ToString());
    }

    static string Today() =>
        TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    static string Machine()
    {
        var cpu = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            ?.Split(':')[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
        var kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        var load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        return $"{Environment.ProcessorCount} cores of {cpu}, Linux {kernel}, "
            + $"{RuntimeInformation.FrameworkDescription}, load at the end {load}";
    }

    static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Quoin.slnx")))
            folder = folder.Parent;
        return folder?.FullName
            ?? throw new InvalidOperationException("The benchmarks run outside the repository.");
    }
}

/// <summary>Writes to two writers.</summary>
sealed class TeeWriter(TextWriter first, TextWriter second) : TextWriter
{
    public override Encoding Encoding => first.Encoding;

    public override void Write(char value)
    {
        first.Write(value);
        second.Write(value);
    }

    public override void Write(string? value)
    {
        first.Write(value);
        second.Write(value);
    }

    public override void Flush() => first.Flush();
}
