using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Takes declarations out of one graph file that <see cref="ShapeChecker"/> has looked at. What was
/// reported there is passed over here, so that one mistake is one problem.
/// </summary>
sealed class GraphFileReader(string file, string folder, YamlNode root)
{
    readonly HashSet<YamlNode> fed = [];

    const int ResourceRetries = 4; // What is outside has bad minutes; it is tried for a while.

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

    /// <summary>Where copies of outputs are kept; null: the file does not say.</summary>
    public ArtifactSettings? Artifacts(List<GraphProblem> problems)
    {
        if (root.Find("artifacts") is not { Kind: YamlKind.Map } map) return null;
        var s3 = map.Find("s3") is { Kind: YamlKind.Text, IsEmpty: false } bucket
            ? At(bucket)
            : null;
        if (s3 is not null && ArtifactAddress.Check(s3.Text) is { } wrong)
            problems.Add(new("bad-value", s3.At, wrong));
        return new ArtifactSettings
        {
            Shared = map.Find("shared")?.Text ?? "",
            S3 = s3?.Text ?? "",
            Database = map.Find("database")?.Text == "true",
            Writes = map.Find("write")?.Text != "false",
            Retain = map.Find("retain") is { } retain ? IntOf(retain) ?? 1 : 1,
        };
    }

    /// <summary>Globs of more files.</summary>
    public ImmutableArray<Written> Include => WrittenList(root, "include");

    /// <summary>Pools with their place.</summary>
    public IEnumerable<PoolDeclaration> Pools
    {
        get
        {
            foreach (var (key, value) in EntriesOf(root, "pools"))
                if (IntOf(value) is { } places) yield return new(At(key), places);
        }
    }

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

    /// <summary>
    /// The file's jobs, its defaults given to them.
    /// </summary>
    public IEnumerable<JobDeclaration> Jobs(ImmutableArray<FeedJob> feedJobs)
    {
        var defaults = root.Find("defaults") is { Kind: YamlKind.Map } map ? map : null;
        foreach (var (key, value) in EntriesOf(root, "jobs"))
        {
            var line = fed.Contains(key) ? value.Find("line") : null;
            var feed = feedJobs.FirstOrDefault(it => it.Location == At(key).At);
            var outputs = WrittenList(value, "outputs");
            var exec = line is null
                ? WrittenList(value, "exec")
                : [.. LineRequests.ExecOf(key.Text, feed?.Rules.Codes ?? LineCodes.Opaque)
                    .Select(word => At(key) with { Text = word })];
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
                FeedFolder = fed.Contains(key) ? feed?.FeedFolder ?? "" : null,
                Exec = exec,
                Before = TextList(value, "before"),
                Stdout = value.Find("stdout") is { Text: "{out}" } stdout ? At(stdout) : null,
                Folder = folder,
                Code = TextList(value, "code"),
                Env = EnvOf(defaults, value),
                Secrets = WrittenList(value, "secrets"),
                Options = OptionsOf(value),
                Conditions = ConditionsOf(value),
                Limits = line is null
                    ? LimitsOf(value, defaults)
                    : LimitsOf(value, defaults) with // Its line has attempts of its own.
                    {
                        Retries = JobLimits.NoRetries,
                        ExitCodes = ImmutableSortedDictionary<int, FailureCategory?>.Empty,
                    },
                Resource = ResourceOf(value),
                Keep = value.Find("keep")?.Text switch
                {
                    "check" => KeepRule.Check,
                    "temp" => KeepRule.Temp,
                    _ => KeepRule.All,
                },
                Cache = (value.Find("cache") ?? defaults?.Find("cache"))?.Text switch
                {
                    "true" => true,
                    "false" => false,
                    _ => null,
                },
                Tags = TextList(value, "tags"),
            };
        }
    }

    /// <summary>The feeds of the file.</summary>
    public IEnumerable<FeedDeclaration> Feeds()
    {
        foreach (var (key, value) in EntriesOf(root, "feeds"))
        {
            if (value.Find("dir") is { Kind: YamlKind.Text, IsEmpty: false } dir
                && value.Find("want") is { Kind: YamlKind.Text, IsEmpty: false } want)
                yield return new(At(key), At(dir), At(want), value, folder);
        }
    }

    /// <summary>
    /// The jobs of this file that feeds ask for: those with <c>line</c>, and those that make what a
    /// feed wants.
    /// </summary>
    public IEnumerable<FedJobDeclaration> FedJobs(IReadOnlyCollection<string> wanted)
    {
        foreach (var (key, value) in EntriesOf(root, "jobs"))
        {
            var outputs = WrittenList(value, "outputs");
            if (value.Kind != YamlKind.Map || (value.Find("line") is null
                && !outputs.Any(output => wanted.Contains(FeedJobReader.DatasetOf(output.Text)))))
                continue;
            fed.Add(key);
            var line = value.Find("line");
            yield return new(At(key), outputs, value)
            {
                Exec = WrittenList(value, "exec"),
                Socket = line?.Find("socket") is { Kind: YamlKind.Text } socket ? At(socket) : null,
                Folder = folder,
            };
        }
    }

    /// <summary>Where other jobs say an order, which only the lines of feeds have.</summary>
    public IEnumerable<Written> IdleOrders() =>
        from entry in EntriesOf(root, "jobs")
        where !fed.Contains(entry.Key) && entry.Value.Kind == YamlKind.Map
        let order = entry.Value.Find("order")
        where order is { Kind: YamlKind.Text } && order.Text != "critical-path"
        select At(order);

    ImmutableArray<EnvDeclaration> EnvOf(YamlNode? defaults, YamlNode job)
    {
        var env = ImmutableArray.CreateBuilder<EnvDeclaration>();
        foreach (var (key, value) in EntriesOf(defaults, "env")) Add(key, value);
        foreach (var (key, value) in EntriesOf(job, "env")) Add(key, value);
        return env.DrainToImmutable();

        void Add(YamlNode key, YamlNode value)
        {
            if (value.Kind == YamlKind.Text && !value.IsEmpty) env.Add(new(key.Text, At(value)));
        }
    }

    static ImmutableArray<JobOption> OptionsOf(YamlNode job)
    {
        if (EntriesOf(job, "options") is not { Count: > 0 } entries) return [];
        var options = ImmutableArray.CreateBuilder<JobOption>();
        foreach (var (key, value) in entries)
        {
            var isMap = value.Kind == YamlKind.Map;
            options.Add(new(
                key.Text,
                isMap ? value.Find("value")?.Text ?? "" : value.Text,
                isMap && value.Find("affects")?.Text == "presentation"));
        }
        return options.DrainToImmutable();
    }

    static ImmutableArray<ImmutableArray<string>> ConditionsOf(YamlNode job)
    {
        if (job.Find("conditions") is not { } conditions) return [];
        var argvs = ImmutableArray.CreateBuilder<ImmutableArray<string>>();
        foreach (var argv in conditions.Items)
            if (argv.Items.Count > 0) argvs.Add([.. argv.Items.Select(item => item.Text)]);
        return argvs.DrainToImmutable();
    }

    static JobLimits LimitsOf(YamlNode job, YamlNode? defaults)
    {
        var codes = ImmutableSortedDictionary<int, FailureCategory?>.Empty;
        foreach (var owner in (YamlNode?[])[defaults, job])
            foreach (var (code, category) in EntriesOf(owner, "exit_codes"))
                if (IntOf(code) is { } number) codes = codes.SetItem(number, CategoryOf(category));
        var limits = new JobLimits
        {
            Timeout = Duration("timeout"),
            Silence = Duration("silence"),
            Retries = Find("retries") is { } retries
                ? IntOf(retries) ?? 0
                : job.Find("resource") is null ? 0 : ResourceRetries,
            ExitCodes = codes,
            Resources = ResourcesOf(Find("resources")),
            Labels = LabelsOf(job),
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

    // Null also when release is missing, which was reported.
    ResourceDeclaration? ResourceOf(YamlNode job)
    {
        if (job.Find("resource") is not { Kind: YamlKind.Map } map) return null;
        var values = ImmutableDictionary.CreateBuilder<string, Written>();
        foreach (var (key, value) in map.Entries)
        {
            Add(key.Text, value);
            if (value.Kind != YamlKind.Map) continue;
            foreach (var (part, one) in value.Entries) Add($"{key.Text}.{part.Text}", one);
        }
        var release = WrittenList(map, "release");
        if (release.IsEmpty) return null;
        return new(At(map).At)
        {
            Release = release,
            Watch = WrittenList(map, "watch"),
            Startup = map.Find("startup") is { Kind: YamlKind.List } hooks
                ? [.. hooks.Items.Select(WrittenItems).Where(hook => !hook.IsEmpty)]
                : [],
            Values = values.ToImmutable(),
        };

        void Add(string key, YamlNode value)
        {
            if (value.Kind == YamlKind.Text && !value.IsEmpty) values[key] = At(value);
        }
    }

    static ImmutableArray<string> LabelsOf(YamlNode job)
    {
        if (EntriesOf(job, "labels") is not { Count: > 0 } labels) return [];
        var texts = labels.Select(entry => $"{entry.Key.Text}={entry.Value.Text}").ToArray();
        Array.Sort(texts, StringComparer.Ordinal);
        return ImmutableCollectionsMarshal.AsImmutableArray(texts);
    }

    // Null is success. What is no category was reported; its place does not matter any more.
    static FailureCategory? CategoryOf(YamlNode category) =>
        category.Text == "success"
            ? null
            : (FailureCategory)Math.Max(0, Array.IndexOf(GraphShape.Categories, category.Text));

    static ResourceVector ResourcesOf(YamlNode? node)
    {
        if (node is null) return ResourceVector.OneCpu;
        var claims = EntriesOf(node, "pools");
        var pools = new PoolClaim[claims.Count];
        for (var i = 0; i < pools.Length; i++)
            pools[i] = new(claims[i].Key.Text, IntOf(claims[i].Value) ?? 0);
        Array.Sort(pools, (a, b) => string.CompareOrdinal(a.Pool, b.Pool));
        var cores = node.Find("cpu") is { } cpu && CoreRange.TryParse(cpu.Text, out var range)
            ? range
            : CoreRange.One;
        return new()
        {
            Cpu = cores.Least,
            CpuMost = cores.Most,
            MemoryBytes = node.Find("memory") is { } memory
                && Quantities.TryParseSize(memory.Text, out var bytes) ? bytes : 0,
            Pools = ImmutableCollectionsMarshal.AsImmutableArray(pools),
        };
    }

    ImmutableArray<Written> WrittenList(YamlNode owner, string key)
    {
        // Find looks at a map's entries; of anything else there are none.
        return owner.Find(key) is { Kind: YamlKind.List } list ? WrittenItems(list) : [];
    }

    ImmutableArray<Written> WrittenItems(YamlNode list)
    {
        var texts = ImmutableArray.CreateBuilder<Written>(list.Items.Count);
        foreach (var item in list.Items)
            if (item.Kind == YamlKind.Text && !item.IsEmpty) texts.Add(At(item));
        return texts.DrainToImmutable();
    }

    static ImmutableArray<string> TextList(YamlNode owner, string key)
    {
        if (owner.Find(key) is not { Kind: YamlKind.List } list) return [];
        var texts = ImmutableArray.CreateBuilder<string>(list.Items.Count);
        foreach (var item in list.Items)
            if (item.Kind == YamlKind.Text) texts.Add(item.Text);
        return texts.DrainToImmutable();
    }

    static List<YamlEntry> EntriesOf(YamlNode? owner, string key) =>
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

/// <summary>A pool and its places.</summary>
sealed record PoolDeclaration(Written Pool, int Places);
