using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// One job of a graph: what it makes, from what, and how. Made by <see cref="GraphBuilder"/>, which
/// checks it. Immutable; safe for many threads.
/// </summary>
public sealed class Job
{
    internal Job() { }

    /// <summary>Its place in <see cref="Graph.Jobs"/>.</summary>
    public required int Index { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Where it is declared.</summary>
    public required SourceLocation Location { get; init; }

    /// <summary>
    /// What it makes. Every pattern binds the same captures, so one output tells them all.
    /// </summary>
    public required ImmutableArray<Pattern> Outputs { get; init; }

    /// <summary>
    /// What it reads, in declared order; empty too when <see cref="ConfigCommand"/> says it.
    /// </summary>
    public ImmutableArray<Template> Inputs { get; init; } = [];

    /// <summary>
    /// The argv of its <c>config</c> command; empty: inputs follow from the patterns.
    /// </summary>
    public ImmutableArray<string> ConfigCommand { get; init; } = [];

    /// <summary>
    /// The folder of the feed whose lines are the payloads of its runs, relative to the workspace;
    /// null: its runs have none.
    /// </summary>
    public string? FeedFolder { get; init; }

    /// <summary>
    /// Its configs are asked for when planning: of its config command, or of its feed's lines.
    /// False: they follow from the patterns alone.
    /// </summary>
    public bool IsAsked => !ConfigCommand.IsEmpty || FeedFolder is not null;

    /// <summary>The variable of the environment that has a run's payload.</summary>
    public const string PayloadVariable = "QUOIN_PAYLOAD";

    /// <summary>True: answers of <see cref="ConfigCommand"/> may be reused.</summary>
    public bool ConfigCache { get; init; } = true;

    /// <summary>The argv as written, captures and <c>{in}</c> unfilled.</summary>
    public required ImmutableArray<string> Exec { get; init; }

    /// <summary>
    /// An argv to run before each attempt, in the same folder and environment; empty: none. It is
    /// part of the fingerprint.
    /// </summary>
    public ImmutableArray<string> Before { get; init; } = [];

    /// <summary>Where stdout goes: <c>{out}</c>, or null.</summary>
    public string? Stdout { get; init; }

    /// <summary>
    /// Folder of its graph file relative to the workspace, <c>""</c> for the workspace itself.
    /// </summary>
    public string Folder { get; init; } = "";

    /// <summary>
    /// Globs of files that are part of the fingerprint, relative to <see cref="Folder"/>.
    /// </summary>
    public ImmutableArray<string> Code { get; init; } = [];

    /// <summary>Declared environment, defaults included.</summary>
    public ImmutableSortedDictionary<string, string> Env { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);

    /// <summary>
    /// Variables that a run gets from the environment of the process that runs it, sorted: their
    /// values are written down nowhere.
    /// </summary>
    public ImmutableArray<string> Secrets { get; init; } = [];

    /// <summary>Options that enter the fingerprint; see <see cref="JobOption"/>.</summary>
    public ImmutableArray<JobOption> Options { get; init; } = [];

    /// <summary>Argvs whose output enters the fingerprint.</summary>
    public ImmutableArray<ImmutableArray<string>> Conditions { get; init; } = [];

    /// <summary>Limits; not part of the fingerprint.</summary>
    public JobLimits Limits { get; init; } = new();

    /// <summary>Which of its outputs stay as files.</summary>
    public KeepRule Keep { get; init; }

    /// <summary>Whether copies are kept; null: if the project keeps any.</summary>
    public bool? Cache { get; init; }

    /// <summary>Labels of runs for selection.</summary>
    public ImmutableArray<string> Tags { get; init; } = [];

    /// <summary>
    /// Its output is a thing outside that is held and released; null: data, made once.
    /// </summary>
    public ResourceSpec? Resource { get; init; }

    /// <summary>The templates behind <see cref="Exec"/>.</summary>
    internal ImmutableArray<Template> ExecTemplates { get; init; } = [];

    /// <summary>The templates behind <see cref="Env"/>, sorted by name.</summary>
    internal ImmutableArray<EnvTemplate> EnvTemplates { get; init; } = [];

    /// <summary>Where <see cref="Inputs"/> were written.</summary>
    internal ImmutableArray<Written> InputsWritten { get; init; } = [];

    /// <summary>
    /// Adds the outputs and inputs of the config that makes <paramref name="output"/>, in declared
    /// order and each once, to the two lists, interning names. Only for jobs without a config
    /// command. Allocates nothing but new names, except for <c>{x:known}</c>, which asks <paramref
    /// name="known"/>. Returns null, or what is wrong (then nothing was added).
    /// </summary>
    [SkipLocalsInit]
    public string? Expand(
        PartitionId output,
        PartitionNames names,
        List<PartitionId> outputs,
        List<PartitionId> inputs,
        IKnownPartitions? known = null)
    {
        var name = names.Utf8(output);
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        if (!TryBind(name, slots)) return NotAnOutput(name);
        foreach (var template in Shifting)
            if (template.Render(name, slots) is null) return LeavesTheCalendar(template, name);
        var (outputsBefore, inputsBefore) = (outputs.Count, inputs.Count);
        if (Outputs.Length == 1) outputs.Add(output);
        else AddOutputs(name, slots, names, outputs);
        foreach (var template in Inputs)
        {
            var sink = new IdSink(names, inputs, inputsBefore);
            var wrong = Expansion.Expand(template, name, slots, known, ref sink);
            if (wrong is null && OwnInput(outputs, outputsBefore, inputs, sink.First) is { } own)
                wrong = $"{names.Text(own)} would be its own input (input \"{template.Text}\")";
            if (wrong is null) continue;
            outputs.RemoveRange(outputsBefore, outputs.Count - outputsBefore);
            inputs.RemoveRange(inputsBefore, inputs.Count - inputsBefore);
            return wrong;
        }
        return null;
    }

    /// <summary>
    /// The whole config that makes <paramref name="output"/>; only for jobs without a config
    /// command. <paramref name="known"/> as in <see cref="Expand"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// What <see cref="Expand"/> returns as wrong for the same output.
    /// </exception>
    public JobConfig Configure(string output, IKnownPartitions? known = null) =>
        Configure(output, known, null);

    /// <summary>
    /// The same for inputs that a plan has found out before, in declared order.
    /// </summary>
    public JobConfig ConfigureWith(string output, ImmutableArray<string> inputs) =>
        Configure(output, null, inputs);

    JobConfig Configure(string output, IKnownPartitions? known, ImmutableArray<string>? found)
    {
        var name = Encoding.UTF8.GetBytes(output);
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        if (!TryBind(name, slots)) throw new InvalidOperationException(NotAnOutput(name));
        var inputs = found?.ToBuilder() ?? ImmutableArray.CreateBuilder<string>(Inputs.Length);
        foreach (var template in found is null ? Inputs : [])
        {
            var sink = new TextSink(inputs);
            if (Expansion.Expand(template, name, slots, known, ref sink) is { } wrong)
                throw new InvalidOperationException(wrong);
        }
        var outputs = Outputs.Length == 1 ? [output] : OutputTexts(name, slots);
        if (inputs.FirstOrDefault(outputs.Contains) is { } own)
            throw new InvalidOperationException($"{own} would be its own input");
        var args = ImmutableArray.CreateBuilder<string>(ExecTemplates.Length);
        foreach (var template in ExecTemplates) args.Add(Render(template, name, slots));
        return new JobConfig
        {
            Job = Name,
            Outputs = outputs,
            Inputs = inputs.DrainToImmutable(),
            Args = args.DrainToImmutable(),
            Env = EnvOf(name, slots),
            Resources = Limits.Resources,
        };
    }

    /// <summary>
    /// The config that a config command answered, with what the job adds: exec before the args, the
    /// declared environment under the answered one, resources if none were answered. Captures in
    /// exec and env are those of the outputs. Null, and what is wrong, when they differ between
    /// outputs, or when <c>{in}</c> or <c>{out}</c> would not be one path.
    /// </summary>
    public JobConfig? Complete(JobConfig answered, ResourceVector? resources, out string? wrong)
    {
        wrong = null;
        ImmutableArray<string> first = [];
        var env = answered.Env;
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        foreach (var output in answered.Outputs)
        {
            var name = Encoding.UTF8.GetBytes(output);
            if (!TryBind(name, slots))
            {
                wrong = NotAnOutput(name);
                return null;
            }
            var args = ImmutableArray.CreateBuilder<string>(ExecTemplates.Length);
            foreach (var template in ExecTemplates) args.Add(Render(template, name, slots));
            if (first.IsEmpty)
            {
                first = args.DrainToImmutable();
                env = EnvOf(name, slots).SetItems(answered.Env);
            }
            else if (!first.SequenceEqual(args))
            {
                wrong = $"exec has captures, but outputs {answered.Outputs[0]} and {output} of one "
                    + "config differ in them";
            }
        }
        if (Resource is not null && answered.Outputs.Length > 1)
            wrong ??= "a resource is one thing, but the config has "
                + $"{answered.Outputs.Length} outputs";
        var all = first.AddRange(answered.Args);
        if (answered.Outputs.Length > 1 && all.Any(arg => Arguments.Has(arg, "{out}")))
            wrong ??= "{out} is one path, but the config has several outputs; "
                + "{out...} is all of them";
        if (answered.Inputs.Length != 1 && all.Any(arg => Arguments.Has(arg, "{in}")))
            wrong ??= $"{{in}} is one path, but the config has {answered.Inputs.Length} inputs; "
                + "{in...} is all of them";
        return wrong is null
            ? answered with { Args = all, Env = env, Resources = resources ?? Limits.Resources }
            : null;
    }

    /// <summary>
    /// The commands for one resource partition; only for jobs with <see cref="Resource"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is not an output of this job.</exception>
    public ResourceCommands CommandsOf(string output)
    {
        var name = Encoding.UTF8.GetBytes(output);
        var slots = new Slot[Pattern.CapturesMax];
        if (!TryBind(name, slots)) throw new InvalidOperationException(NotAnOutput(name));
        var templates = Resource!.Templates;
        return new()
        {
            Release = Argv(templates.Release),
            Watch = Argv(templates.Watch),
            Startup = [.. templates.Startup.Select(Argv)],
        };

        ImmutableArray<string> Argv(ImmutableArray<Template> argv) =>
            [.. argv.Select(template => Render(template, name, slots))];
    }

    /// <summary>Finds the captures of an output.</summary>
    internal bool TryBind(ReadOnlySpan<byte> name, Span<Slot> slots)
    {
        foreach (var pattern in Outputs)
            if (pattern.TryMatch(name, slots)) return true;
        return false;
    }

    void AddOutputs(
        ReadOnlySpan<byte> name,
        ReadOnlySpan<Slot> slots,
        PartitionNames names,
        List<PartitionId> to)
    {
        Span<byte> buffer = stackalloc byte[PartitionRef.BytesMax];
        foreach (var pattern in Outputs)
            to.Add(names.Intern(buffer[..Math.Max(0, pattern.Fill(name, slots, buffer))]));
    }

    ImmutableArray<string> OutputTexts(ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots)
    {
        Span<byte> buffer = stackalloc byte[PartitionRef.BytesMax];
        var texts = ImmutableArray.CreateBuilder<string>(Outputs.Length);
        foreach (var pattern in Outputs)
        {
            var length = Math.Max(0, pattern.Fill(name, slots, buffer));
            texts.Add(Encoding.UTF8.GetString(buffer[..length]));
        }
        return texts.MoveToImmutable();
    }

    ImmutableSortedDictionary<string, string> EnvOf(
        ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots)
    {
        if (EnvTemplates.All(entry => entry.Value.IsLiteral)) return PlainEnv;
        var env = Env.ToBuilder();
        foreach (var (key, template) in EnvTemplates)
            env[key] = Render(template, name, slots);
        return env.ToImmutable();
    }

    // Made once and shared by the configs of all partitions.
    ImmutableSortedDictionary<string, string> PlainEnv => field ??= MakePlainEnv();

    ImmutableSortedDictionary<string, string> MakePlainEnv()
    {
        var env = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (key, template) in EnvTemplates) env[key] = Render(template, [], []);
        return env.ToImmutable();
    }

    static string Render(Template template, ReadOnlySpan<byte> name, ReadOnlySpan<Slot> slots) =>
        template.Render(name, slots)
        ?? throw new InvalidOperationException(LeavesTheCalendar(template, name));

    static string LeavesTheCalendar(Template template, ReadOnlySpan<byte> name) =>
        $"\"{template.Text}\" of {Encoding.UTF8.GetString(name)} leaves the years 1 to 9999";

    // Arguments and values of env that have no text for some outputs: found when planning.
    Template[] Shifting => field ??=
        [.. ExecTemplates.Concat(EnvTemplates.Select(entry => entry.Value))
            .Concat(Resource?.Templates.All ?? []).Where(template =>
                template.Parts.ToArray().Any(part => part.Value?.MayLeaveRange == true))];

    string NotAnOutput(ReadOnlySpan<byte> name)
    {
        var text = Encoding.UTF8.GetString(name);
        foreach (var pattern in Outputs)
            if (pattern.ExplainMismatch(name) is { } why)
                return $"{text} is not an output of job {Name} ({pattern.Text}): {why}";
        return $"{text} is not an output of job {Name} ({string.Join(", ", Outputs)})";
    }

    static PartitionId? OwnInput(
        List<PartitionId> outputs, int outputsFrom, List<PartitionId> inputs, int inputsFrom)
    {
        var own = CollectionsMarshal.AsSpan(outputs)[outputsFrom..];
        foreach (var input in CollectionsMarshal.AsSpan(inputs)[inputsFrom..])
            if (own.Contains(input)) return input;
        return null;
    }

    // What another template gave already is left out: planning counts the inputs that are missing.
    ref struct IdSink(PartitionNames names, List<PartitionId> ids, int from) : IReferenceSink
    {
        const int ScanMax = 64;

        readonly HashSet<PartitionId>? seen =
            ids.Count - from > ScanMax ? [.. ids.Skip(from)] : null;

        /// <summary>
        /// Where the inputs of this template begin; those before are of other ones.
        /// </summary>
        public int First { get; } = ids.Count;

        public readonly void Add(scoped ReadOnlySpan<byte> reference)
        {
            var id = names.Intern(reference);
            var isTwice = seen is not null
                ? seen.Contains(id)
                : CollectionsMarshal.AsSpan(ids)[from..First].Contains(id);
            if (!isTwice) ids.Add(id);
        }
    }

    readonly ref struct TextSink(ImmutableArray<string>.Builder texts) : IReferenceSink
    {
        readonly HashSet<string>? seen = texts.Count > 0 ? [.. texts] : null;

        public void Add(scoped ReadOnlySpan<byte> reference)
        {
            var text = Encoding.UTF8.GetString(reference);
            if (seen is null || !seen.Contains(text)) texts.Add(text);
        }
    }
}

/// <summary>A variable of a job's environment.</summary>
sealed record EnvTemplate(string Name, Template Value);

/// <summary>An option of a job. A presentation option matters only to <c>--thorough</c>.</summary>
public readonly record struct JobOption(string Name, string Value, bool IsPresentation);

/// <summary>What bounds a job's runs.</summary>
public sealed record JobLimits
{
    /// <summary>Wall clock of one attempt; null: none.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>From SIGTERM to SIGKILL.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// An attempt that prints nothing for so long is taken for lost; null: it may be silent.
    /// </summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>Not even what fails for a reason that passes is tried again.</summary>
    public const int NoRetries = -1;

    /// <summary>n retries are n + 1 attempts.</summary>
    public int Retries { get; init; }

    /// <summary>The job's own meaning of exit codes; null: success.</summary>
    public ImmutableSortedDictionary<int, FailureCategory?> ExitCodes { get; init; } =
        ImmutableSortedDictionary<int, FailureCategory?>.Empty;

    /// <summary>What a run takes.</summary>
    public ResourceVector Resources { get; init; } = ResourceVector.OneCpu;

    /// <summary>Labels that its worker has to have, as <c>os=linux</c>; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>Declared duration, when there is no history.</summary>
    public TimeSpan? Estimate { get; init; }

    /// <summary>An output older than this is not current; null: any age.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>
    /// True: claim and replace outputs that are Live already (<c>overlap: supersede</c>).
    /// </summary>
    public bool Supersede { get; init; }
}
