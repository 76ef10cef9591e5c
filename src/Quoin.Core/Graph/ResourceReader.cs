using System.Collections.Immutable;
using System.Globalization;

namespace Quoin.Core;

/// <summary>
/// Checks the <c>resource</c> of one job: its argvs, its durations, and what an ordinary job may
/// say that a resource may not.
/// </summary>
sealed class ResourceReader(
    JobDeclaration job, ResourceDeclaration declared, List<GraphProblem> problems)
{
    static readonly TimeSpan shortest = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan year = TimeSpan.FromDays(365);

    /// <summary>The resource; what is wrong was added to the problems.</summary>
    public ResourceSpec Read(ImmutableArray<Capture> captures)
    {
        CheckJob();
        var release = Argv(declared.Release, captures);
        var watch = Argv(declared.Watch, captures);
        var startup = declared.Startup.Select(hook => Argv(hook, captures)).ToImmutableArray();
        if (release.IsEmpty && declared.Release.IsEmpty)
            problems.Add(new("missing-key", declared.At,
                $"resource of job {job.Name.Text} lacks release: the program that gives the thing "
                + "back"));
        var plain = new ResourceSpec { Release = [] };
        var isWindow = Word("start") == "window";
        return plain with
        {
            Release = Texts(declared.Release),
            Watch = Texts(declared.Watch),
            Startup = [.. declared.Startup.Select(Texts)],
            Templates = new() { Release = release, Watch = watch, Startup = startup },
            Start = isWindow ? ResourceStart.Window : ResourceStart.Now,
            Identity = Word("identity") switch
            {
                "label" => ResourceIdentity.Label,
                "none" => ResourceIdentity.None,
                _ => ResourceIdentity.Key,
            },
            OnDoubt = Doubt(),
            Keep = Time("keep", TimeSpan.Zero, year) ?? plain.Keep,
            Timeout = Time("timeout", shortest, TimeSpan.FromDays(1))
                ?? job.Limits.Timeout ?? plain.Timeout,
            Poll = Polls("poll", isWindow ? TimeSpan.FromMinutes(15) : TimeSpan.FromHours(1)),
            WatchPoll = Polls("watch-poll", null),
            UnknownMax = Number("unknown.count", 3) ?? plain.UnknownMax,
            UnknownTime = Time("unknown.time", shortest, year) ?? plain.UnknownTime,
            ReleaseTime = Time("release-time", shortest, year) ?? plain.ReleaseTime,
            Settle = Time("settle", TimeSpan.Zero, TimeSpan.FromDays(1)) ?? plain.Settle,
        };
    }

    // A resource partition is one thing outside: no bytes, nothing to replace.
    void CheckJob()
    {
        if (job.Outputs.Length > 1)
            problems.Add(new("several-outputs", job.Outputs[1].At,
                $"a resource is one thing, but job {job.Name.Text} has {job.Outputs.Length} "
                + "outputs; make a job of each"));
        if (job.Stdout is { } stdout)
            problems.Add(new("bad-value", stdout.At,
                "a resource has no bytes, so nothing can be printed to it; what there is to know "
                + "goes into the connections of a manifest report"));
        foreach (var arg in job.Exec)
            if (Stands(arg, "out", out var place))
                problems.Add(new("no-output", place,
                    "{out} is a file, but a resource has no bytes; what there is to know goes into "
                    + "the connections of a manifest report"));
        if (job.Limits.Supersede)
            problems.Add(new("bad-value", declared.At,
                "overlap: supersede replaces files; a resource is released, and acquired anew"));
    }

    ImmutableArray<Template> Argv(ImmutableArray<Written> argv, ImmutableArray<Capture> captures)
    {
        var templates = ImmutableArray.CreateBuilder<Template>(argv.Length);
        foreach (var arg in argv)
        {
            var template = TemplateParser.Parse(
                arg.Text, TemplateUse.Argument, captures, out var problem);
            if (template is null)
                problems.Add(JobReader.Locate(problem!, arg));
            else if (Stands(arg, "in", out var place) || Stands(arg, "out", out place))
                problems.Add(new("bad-template", place,
                    "paths stand only in exec; here only captures can"));
            else
                templates.Add(template);
        }
        return templates.DrainToImmutable();
    }

    // True: {name} or {name...} is in the argument.
    static bool Stands(Written arg, string name, out SourceLocation place)
    {
        place = arg.At;
        if (BraceText.Split(arg.Text, "", out _) is not { } pieces) return false;
        foreach (var piece in pieces)
        {
            if (piece.IsLiteral || (piece.Text != name && piece.Text != name + "...")) continue;
            place = arg.Place(piece.Offset);
            return true;
        }
        return false;
    }

    ResourceDoubt Doubt()
    {
        if (!declared.Values.TryGetValue("on-doubt", out var written)) return ResourceDoubt.Ask;
        if (Word("identity") != "none")
            problems.Add(new("bad-value", written.At,
                "on-doubt is for things that cannot be found again: identity: none"));
        return written.Text == "repeat" ? ResourceDoubt.Repeat : ResourceDoubt.Ask;
    }

    PollLimits Polls(string key, TimeSpan? time)
    {
        var plain = new PollLimits();
        var every = Time($"{key}.every", shortest, year);
        var most = Time($"{key}.max", shortest, year);
        // Who only says how often means that; who only says the longest wait begins within it.
        var limits = new PollLimits
        {
            Every = every ?? Least(plain.Every, most ?? plain.Every),
            Max = most ?? Most(plain.Max, every ?? plain.Max),
            Count = Number($"{key}.count", 1),
            Time = Word($"{key}.time") == "none"
                ? null
                : Time($"{key}.time", shortest, year) ?? time,
        };
        if (limits.Every > limits.Max)
            problems.Add(new("bad-value", declared.Values[$"{key}.max"].At,
                $"{key}.max is the longest wait, but every is longer"));
        return limits;
    }

    TimeSpan? Time(string key, TimeSpan least, TimeSpan most)
    {
        if (!declared.Values.TryGetValue(key, out var written)
            || !Quantities.TryParseDuration(written.Text, out var time)) return null;
        if (time < least || time > most)
            problems.Add(new("bad-value", written.At,
                $"{key} must be from {Shown(least)} to {Shown(most)}, not {written.Text}"));
        return time;
    }

    int? Number(string key, int least) =>
        declared.Values.TryGetValue(key, out var written)
        && int.TryParse(
            written.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? Math.Max(least, number)
            : null;

    string? Word(string key) => declared.Values.GetValueOrDefault(key)?.Text;

    static string Shown(TimeSpan time) =>
        time == TimeSpan.Zero ? "0s"
        : time.TotalDays >= 1 ? $"{(int)time.TotalDays}d"
        : $"{(int)time.TotalMilliseconds}ms";

    static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;

    static TimeSpan Most(TimeSpan a, TimeSpan b) => a > b ? a : b;

    static ImmutableArray<string> Texts(ImmutableArray<Written> all) =>
        [.. all.Select(written => written.Text)];
}
