namespace Quoin.Engine;

/// <summary>
/// All keys of a graph file: the one table that the loader checks files against and that
/// <c>schemas/quoin.schema.json</c> is generated from.
/// </summary>
static class GraphShape
{
    /// <summary>The words of <c>exit_codes</c>, in the order of the failure categories.</summary>
    public static readonly string[] Categories =
    [
        "failed", "bad-input", "permission", "configuration", "contract", "temporary", "timeout",
        "out-of-memory", "signal", "lost",
    ];

    static readonly TextShape Text = new("text");
    static readonly DurationShape Duration = new();
    static readonly DurationShape DurationOrNone = new(AllowsNone: true);
    static readonly ListShape Texts = new(Text);
    static readonly ListShape Argv = new(Text, 1);
    static readonly MapShape TextByName = new(Text, "NAME");

    static readonly MapShape ExitCodes = new(
        new ChoiceShape(
            "success", "failed", "bad-input", "permission", "configuration", "temporary", "timeout",
            "out-of-memory", "signal"),
        "CODE")
    {
        Key = new(1, 255),
    };

    static readonly ObjectShape Resources = new("resources",
        new("cpu", new CoresShape(),
            "Cores that a run takes (1); 1-8 when it can do with one and use eight."),
        new("memory", new SizeShape(), "Memory that a run takes."),
        new("pools", new MapShape(new IntShape(1, 1_000_000), "POOL"),
            "Places that a run takes in named pools."));

    static readonly IntShape Times = new(1, 1_000_000);

    static readonly ObjectShape Resource = new("resource",
        new("release", Argv, "The program that gives the thing back.") { IsRequired = true },
        new("watch", Argv, "A program that looks whether it is still in use (nobody looks)."),
        new("startup", new ListShape(Argv),
            "Programs to run one by one, once it is acquired and before it counts as available."),
        new("start", new ChoiceShape("now", "window"),
            "window: launched only inside the want's start window (now)."),
        new("identity", new ChoiceShape("key", "label", "none"),
            "How a thing is found again whose launch nobody heard of (key)."),
        new("on-doubt", new ChoiceShape("ask", "repeat"),
            "With identity none, when it may be there already: ask a person, or repeat (ask)."),
        new("keep", Duration, "How long it is kept after its last holder let go (0s)."),
        new("timeout", Duration, "Limit of one call of a program (60s)."),
        new("poll", new ObjectShape("poll",
            new("every", Duration, "Before the first look; waits grow by half (5s)."),
            new("max", Duration, "The longest wait (60s)."),
            new("count", Times, "Busy answers before it fails (any number)."),
            new("time", DurationOrNone, "How long it may be busy (1h; with start: window 15m).")),
            "Looks while it gets ready."),
        new("watch-poll", new ObjectShape("watch-poll",
            new("every", Duration, "Before the first look; waits grow by half (5s)."),
            new("max", Duration, "The longest wait (60s).")),
            "Looks while it is in use."),
        new("unknown", new ObjectShape("unknown",
            new("count", new IntShape(3, 1_000_000), "Answers in a row that said nothing (10)."),
            new("time", Duration, "How long there was none that said anything (10m).")),
            "When contact counts as lost."),
        new("release-time", Duration,
            "How long a release is tried before a person is asked (24h)."),
        new("settle", Duration,
            "How long after a lost call the service may still create what was asked for (60s)."));

    static readonly ObjectShape Line = new("line",
        new("socket", Text, "The path of the socket, relative to this file's folder.")
            { IsRequired = true },
        new("name", new ChoiceShape("ref", "key"),
            "What workers call a job: its whole reference, or the key alone (ref)."),
        new("hold", Duration, "How long a job stays blocked without DONE (12h)."),
        new("lease", Duration, "How long a worker that is not heard of keeps its jobs (60s)."),
        new("plain", new ChoiceShape("auto", "path", "connection"),
            "Who holds the jobs of clients without HELLO (auto)."),
        new("done", new ChoiceShape("holder", "any"), "Whose DONE counts (holder)."),
        new("codes", new ChoiceShape("opaque", "category"),
            "category: exit codes mean what those of jobs do, and the output must be there "
            + "(opaque)."),
        new("attempts", new IntShape(1, 200),
            "How often a line is given out at most when its workers are lost (3)."));

    static readonly ObjectShape Feed = new("a feed",
        new("dir", Text, "The folder of its files, relative to this file's folder.")
            { IsRequired = true },
        new("want", Text, "What a line wants: {key} is its first word.") { IsRequired = true },
        new("max_line", new SizeShape(), "Longer lines are skipped (64MB)."));

    // Keys that a job has and that `defaults` may give to all jobs of a file.
    static readonly KeyShape[] Shared =
    [
        new("env", TextByName, "Variables of the job's environment; captures may stand in them."),
        new("timeout", DurationOrNone, "After this a run is stopped (none)."),
        new("grace", Duration, "From SIGTERM to SIGKILL (10s)."),
        new("retries", new IntShape(0, 1000), "How often a failed run is tried again (0)."),
        new("exit_codes", ExitCodes, "What the job's exit codes mean."),
        new("estimate", Duration, "How long a run takes, as long as there is no history."),
        new("cache", new BoolShape(),
            "Copies of outputs are kept, and restored instead of made (true with artifacts)."),
        new("max_age", DurationOrNone, "An output older than this is not current (none)."),
        new("resources", Resources, "What a run takes while it runs."),
    ];

    static readonly ObjectShape Job = new("a job",
    [
        new("outputs", new ListShape(Text, 1), "Patterns of the partitions that it makes.")
            { IsRequired = true },
        new("inputs", Texts, "Templates of the partitions that it reads."),
        new("config", Argv, "A program that tells inputs and arguments for asked outputs."),
        new("exec", Argv, "The program and its arguments; no shell. {in} and {out} are paths.")
            { UnlessKey = "line" },
        new("stdout", new ChoiceShape("{out}"), "Makes what the job prints its output."),
        new("code", Texts, "Globs of files that it consists of; a change makes outputs stale."),
        new("secrets", Texts,
            "Variables that a run gets from the environment; their values are kept nowhere."),
        new("options", new MapShape(
            new EitherShape(Text, new("an option",
                new("value", Text, "The option's value.") { IsRequired = true },
                new("affects", new ChoiceShape("output", "presentation"),
                    "presentation: matters only to --thorough (output)."))), "NAME"),
            "Values that make outputs stale when they change."),
        new("conditions", new ListShape(Argv),
            "Programs whose output makes outputs stale when it changes."),
        new("tags", Texts, "Words to select the job's outputs by."),
        new("config_cache", new BoolShape(), "Answers of config may be reused (true)."),
        new("overlap", new ChoiceShape("shadow", "supersede"),
            "What becomes of outputs that are there already: left alone, or replaced (shadow)."),
        new("keep", new ChoiceShape("check", "temp"),
            "When the output's bytes can go: at once (check), or after the last reader (temp)."),
        new("labels", TextByName, "Labels that a worker must have: {os: linux}."),
        new("silence", Duration,
            "An attempt that prints nothing for so long is ended and taken for lost (none)."),
        new("before", Argv,
            "A program to run before each attempt, in its folder and environment; no templates."),
        new("order", new ChoiceShape("critical-path", "fifo", "least-recently-dispatched"),
            "Which of the lines of a feed comes first (critical-path)."),
        new("resource", Resource,
            "Makes its output a thing outside that is held while it is used, then released."),
        new("line", Line, "Workers at a Unix socket do its runs."),
        .. Shared,
    ]);

    static readonly ObjectShape Dataset = new("a dataset",
        new("path", Text, "Where its partitions lie, relative to this file's folder."),
        new("source", Text, "The same for files that are there already: nothing builds them."));

    /// <summary>A graph file.</summary>
    public static readonly ObjectShape File = new("a graph file",
        new("quoin", new IntShape(1, 1), "Version of this format: 1.") { IsRequired = true },
        new("name", Text, "The project's name (that of its folder)."),
        new("targets", Texts, "What a bare `quoin build` wants."),
        new("pools", new MapShape(new IntShape(1, 1_000_000), "POOL"),
            "Capacities of named pools, over the whole store."),
        new("defaults", new ObjectShape("defaults", Shared), "Values for all jobs of this file."),
        new("datasets", new MapShape(Dataset, "PATTERN"),
            "Where partitions lie, by pattern; without an entry below .quoin/data."),
        new("jobs", new MapShape(Job, "NAME"), "What is made, from what, and how."),
        new("include", Texts, "Globs of more graph files, each with paths of its own folder."),
        new("artifacts", new ObjectShape("artifacts",
            new("shared", Text, "A folder that other hosts or clones have too."),
            new("s3", Text, "A bucket: s3://BUCKET/PREFIX?endpoint=URL&region=NAME."),
            new("database", new BoolShape(), "Also in the store, on PostgreSQL (false)."),
            new("write", new BoolShape(), "What is made here is put there (true)."),
            new("retain", new IntShape(1, 1000),
                "Records of each partition that `clean --unused` leaves (1).")),
            "Where copies of outputs are kept beside .quoin/cas."),
        new("feeds", new MapShape(Feed, "NAME"), "Folders of files with wanted partitions."));
}
