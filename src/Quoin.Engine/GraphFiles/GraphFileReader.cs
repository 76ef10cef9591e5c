using System.Collections.Immutable;
using System.Globalization;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Takes declarations out of one graph file that <see cref="ShapeChecker"/> has looked at. What was
/// reported there is passed over here, so that one mistake is one problem.
/// </summary>
sealed class GraphFileReader(string file, string folder, YamlNode root)
{
    /// <summary>
    /// True: something that may declare jobs or datasets was passed over. Complete once all of them
    /// were asked for.
    /// </summary>
    public bool IsIncomplete { get; private set; } = root.Entries.Exists(entry =>
        !Array.Exists(GraphShape.File.Keys, key => key.Key == entry.Key.Text)
        || (entry.Key.Text is "jobs" or "datasets" && entry.Value.Kind != YamlKind.Map)
        || (entry.Key.Text == "include" && entry.Value.Kind != YamlKind.List));

    /// <summary>The project's name, or null.</summary>
    public string? Name => root.Find("name") is { Kind: YamlKind.Text } name ? name.Text : null;

    /// <summary>What a bare build wants.</summary>
    public ImmutableArray<Written> Targets => WrittenList(root, "targets");

    /// <summary>Globs of more files.</summary>
    public ImmutableArray<Written> Include => WrittenList(root, "include");

    /// <summary>Pools with their place.</summary>
    public IEnumerable<(Written Pool, int Places)> Pools =>
        from entry in EntriesOf(root, "pools")
        let places = IntOf(entry.Value)
        where places is not null
        select (At(entry.Key), places.Value);

    /// <summary>
    /// The file's datasets. One without path and source, or with both, is a problem.
    /// </summary>
    public IEnumerable<DatasetDeclaration> Datasets(List<GraphProblem> problems)
    {
        foreach (var (key, value) in EntriesOf(root, "datasets"))
        {
            if (value.Kind != YamlKind.Map)
            {
                IsIncomplete = true;
                continue;
            }
            var (path, source) = (value.Find("path"), value.Find("source"));
            if (path is null == source is null)
            {
                IsIncomplete = true;
                problems.Add(new(path is null ? "missing-key" : "bad-value", At(key).At,
                    path is null
                        ? $"dataset {key.Text} says neither path nor source"
                        : $"dataset {key.Text} says path and source; something either builds it "
                            + "or not"));
                continue;
            }
            if ((path ?? source) is { Kind: YamlKind.Text, IsEmpty: false } place)
                yield return new()
                {
                    Pattern = At(key),
                    Path = At(place),
                    IsSource = source is not null,
                    Folder = folder,
                };
        }
    }

    /// <summary>The file's jobs, its defaults given to them.</summary>
    public IEnumerable<JobDeclaration> Jobs()
    {
        var defaults = root.Find("defaults") is { Kind: YamlKind.Map } map ? map : null;
        foreach (var (key, value) in EntriesOf(root, "jobs"))
        {
            var (outputs, exec) = (WrittenList(value, "outputs"), WrittenList(value, "exec"));
            if (outputs.IsEmpty || exec.IsEmpty)
            {
                IsIncomplete = true;
                continue;
            }
            yield return new()
            {
                Name = At(key),
                Outputs = outputs,
                Inputs = WrittenList(value, "inputs"),
                ConfigCommand = WrittenList(value, "config"),
                ConfigCache = value.Find("config_cache")?.Text != "false",
                Exec = exec,
                Stdout = value.Find("stdout") is { Text: "{out}" } stdout ? At(stdout) : null,
                Folder = folder,
                Code = TextList(value, "code"),
                Env = [.. EnvOf(defaults), .. EnvOf(value)],
                Options = [.. OptionsOf(value)],
                Conditions = [.. ConditionsOf(value)],
                Limits = LimitsOf(value, defaults),
                Tags = TextList(value, "tags"),
            };
        }
    }

    IEnumerable<(string, Written)> EnvOf(YamlNode? job) =>
        from entry in EntriesOf(job, "env")
        where entry.Value.Kind == YamlKind.Text && !entry.Value.IsEmpty
        select (entry.Key.Text, At(entry.Value));

    static IEnumerable<JobOption> OptionsOf(YamlNode job)
    {
        foreach (var (key, value) in EntriesOf(job, "options"))
        {
            var isMap = value.Kind == YamlKind.Map;
            yield return new(
                key.Text,
                isMap ? value.Find("value")?.Text ?? "" : value.Text,
                isMap && value.Find("affects")?.Text == "presentation");
        }
    }

    static IEnumerable<ImmutableArray<string>> ConditionsOf(YamlNode job)
    {
        if (job.Find("conditions") is not { } conditions) yield break;
        foreach (var argv in conditions.Items)
            if (argv.Items.Count > 0) yield return [.. argv.Items.Select(item => item.Text)];
    }

    static JobLimits LimitsOf(YamlNode job, YamlNode? defaults)
    {
        var codes = ImmutableSortedDictionary.CreateBuilder<int, FailureCategory?>();
        foreach (var owner in (ReadOnlySpan<YamlNode?>)[defaults, job])
            foreach (var (code, category) in EntriesOf(owner, "exit_codes"))
                if (IntOf(code) is { } number
                    && Array.IndexOf(GraphShape.Categories, category.Text) is >= 0 and var index)
                    codes[number] = (FailureCategory)index;
        var limits = new JobLimits
        {
            Timeout = Duration("timeout"),
            Retries = Find("retries") is { } retries ? IntOf(retries) ?? 0 : 0,
            ExitCodes = codes.ToImmutable(),
            Resources = ResourcesOf(Find("resources")),
            Estimate = Duration("estimate"),
            MaxAge = Duration("max_age"),
            Supersede = job.Find("overlap")?.Text == "supersede",
        };
        return Duration("grace") is { } grace ? limits with { Grace = grace } : limits;

        YamlNode? Find(string key) => job.Find(key) ?? defaults?.Find(key);

        TimeSpan? Duration(string key) =>
            Find(key) is { } node && Quantities.TryParseDuration(node.Text, out var duration)
                ? duration
                : null;
    }

    static ResourceVector ResourcesOf(YamlNode? node)
    {
        if (node is null) return ResourceVector.OneCpu;
        var pools = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var (pool, places) in EntriesOf(node, "pools"))
            if (IntOf(places) is { } count) pools[pool.Text] = count;
        return new()
        {
            Cpu = node.Find("cpu") is { } cpu ? IntOf(cpu) ?? 1 : 1,
            MemoryBytes = node.Find("memory") is { } memory
                && Quantities.TryParseSize(memory.Text, out var bytes) ? bytes : 0,
            Pools = [.. pools.Select(entry => new PoolClaim(entry.Key, entry.Value))],
        };
    }

    ImmutableArray<Written> WrittenList(YamlNode owner, string key)
    {
        // Find looks at a map's entries; of anything else there are none.
        if (owner.Find(key) is not { Kind: YamlKind.List } list) return [];
        var texts = ImmutableArray.CreateBuilder<Written>(list.Items.Count);
        foreach (var item in list.Items)
            if (item.Kind == YamlKind.Text && !item.IsEmpty) texts.Add(At(item));
        return texts.DrainToImmutable();
    }

    static ImmutableArray<string> TextList(YamlNode owner, string key) =>
        owner.Find(key) is { Kind: YamlKind.List } list
            ? [.. list.Items.Where(item => item.Kind == YamlKind.Text).Select(item => item.Text)]
            : [];

    static List<(YamlNode Key, YamlNode Value)> EntriesOf(YamlNode? owner, string key) =>
        owner?.Find(key) is { Kind: YamlKind.Map } map ? map.Entries : [];

    static int? IntOf(YamlNode node) =>
        int.TryParse(node.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    // A quote stands before the text, so what is meant inside of it lies one column further.
    Written At(YamlNode node) =>
        new(node.Text, new(file, node.Line, node.Column))
        {
            ColumnsBefore = node.HasColumns ? (node.IsPlain ? 0 : 1) : null,
        };
}
