using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// What makes a job's output a thing that exists outside: it is asked for, looked at while it is in
/// use, and given back. The job's <c>exec</c> acquires it. Immutable.
/// </summary>
public sealed record ResourceSpec
{
    /// <summary>The argv that gives the thing back, captures unfilled.</summary>
    public required ImmutableArray<string> Release { get; init; }

    /// <summary>The argv that looks whether it is still in use; empty: nobody looks.</summary>
    public ImmutableArray<string> Watch { get; init; } = [];

    /// <summary>Argvs to run one by one, once it is acquired and before it is Live.</summary>
    public ImmutableArray<ImmutableArray<string>> Startup { get; init; } = [];

    /// <summary>When it may be launched.</summary>
    public ResourceStart Start { get; init; }

    /// <summary>How a thing is found again whose launch nobody heard of.</summary>
    public ResourceIdentity Identity { get; init; }

    /// <summary>What to do when it cannot be found again.</summary>
    public ResourceDoubt OnDoubt { get; init; }

    /// <summary>How long it is kept after its last holder let go.</summary>
    public TimeSpan Keep { get; init; }

    /// <summary>Wall clock of one activation; after it nothing is known.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Budgets of getting ready.</summary>
    public PollLimits Poll { get; init; } = new() { Time = TimeSpan.FromHours(1) };

    /// <summary>Between looks at what is in use; without limits.</summary>
    public PollLimits WatchPoll { get; init; } = new();

    /// <summary>After so many answers in a row that said nothing, contact is lost.</summary>
    public int UnknownMax { get; init; } = 10;

    /// <summary>After so long without an answer, contact is lost, too.</summary>
    public TimeSpan UnknownTime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a release is tried before a person is asked.</summary>
    public TimeSpan ReleaseTime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// How long after a lost call the service may still create what it was asked for.
    /// </summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The argvs of <see cref="Release"/>, <see cref="Watch"/> and the hooks.</summary>
    internal ResourceTemplates Templates { get; init; } = new();

    /// <summary>
    /// What belongs to the definition, by name, ordinal: the argvs and how the thing is found again
    /// and launched. Limits do not.
    /// </summary>
    internal IEnumerable<(string Name, string Value)> DefinitionItems()
    {
        yield return ("identity", ResourceWords.Of(Identity));
        yield return ("on-doubt", ResourceWords.Of(OnDoubt));
        foreach (var item in Argv("release", Release)) yield return item;
        yield return ("start", ResourceWords.Of(Start));
        for (var i = 0; i < Startup.Length; i++)
            foreach (var item in Argv($"startup {i:0000}", Startup[i])) yield return item;
        foreach (var item in Argv("watch", Watch)) yield return item;

        static IEnumerable<(string, string)> Argv(string name, ImmutableArray<string> argv)
        {
            for (var i = 0; i < argv.Length; i++) yield return ($"{name} {i:0000}", argv[i]);
        }
    }
}

/// <summary>How often something is looked at, and for how long.</summary>
public sealed record PollLimits
{
    /// <summary>Before the first look; each further wait is half as long again.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait.</summary>
    public TimeSpan Max { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Busy answers before it fails; null: any number.</summary>
    public int? Count { get; init; }

    /// <summary>How long it may be busy; null: for ever.</summary>
    public TimeSpan? Time { get; init; }
}

/// <summary>When a resource may be launched.</summary>
public enum ResourceStart : byte
{
    /// <summary>As soon as its inputs are there.</summary>
    Now = 0,

    /// <summary>Only inside the want's start window.</summary>
    Window = 1,
}

/// <summary>How a thing is found again whose launch nobody heard of.</summary>
public enum ResourceIdentity : byte
{
    /// <summary>The service knows the key that it was asked with.</summary>
    Key = 0,

    /// <summary>The thing carries a label that it can be searched by.</summary>
    Label = 1,

    /// <summary>Not at all.</summary>
    None = 2,
}

/// <summary>What to do when a thing without identity may or may not be there.</summary>
public enum ResourceDoubt : byte
{
    /// <summary>A person decides.</summary>
    Ask = 0,

    /// <summary>It is asked for once more, and a person is told of both.</summary>
    Repeat = 1,
}

/// <summary>The words of the enums in a graph file.</summary>
public static class ResourceWords
{
    /// <summary><c>now</c> or <c>window</c>.</summary>
    public static string Of(ResourceStart start) =>
        start == ResourceStart.Window ? "window" : "now";

    /// <summary><c>key</c>, <c>label</c> or <c>none</c>.</summary>
    public static string Of(ResourceIdentity identity) => identity switch
    {
        ResourceIdentity.Label => "label",
        ResourceIdentity.None => "none",
        _ => "key",
    };

    /// <summary><c>ask</c> or <c>repeat</c>.</summary>
    public static string Of(ResourceDoubt doubt) =>
        doubt == ResourceDoubt.Repeat ? "repeat" : "ask";
}

/// <summary>The argvs of one resource partition, captures filled; see <see cref="Job"/>.</summary>
public sealed record ResourceCommands
{
    /// <summary>Gives it back.</summary>
    public required ImmutableArray<string> Release { get; init; }

    /// <summary>Looks at it; empty: nobody looks.</summary>
    public ImmutableArray<string> Watch { get; init; } = [];

    /// <summary>The hooks.</summary>
    public ImmutableArray<ImmutableArray<string>> Startup { get; init; } = [];
}

/// <summary>The templates behind the argvs of a <see cref="ResourceSpec"/>.</summary>
sealed record ResourceTemplates
{
    public ImmutableArray<Template> Release { get; init; } = [];
    public ImmutableArray<Template> Watch { get; init; } = [];
    public ImmutableArray<ImmutableArray<Template>> Startup { get; init; } = [];

    public IEnumerable<Template> All => Release.Concat(Watch).Concat(Startup.SelectMany(h => h));
}

/// <summary>
/// The <c>resource</c> of a job as somebody wrote it. <see cref="Values"/> has what is one text, by
/// its key: <c>keep</c>, <c>poll.every</c>.
/// </summary>
public sealed record ResourceDeclaration(SourceLocation At)
{
    /// <summary>The argv that gives back; empty: it is missing.</summary>
    public ImmutableArray<Written> Release { get; init; } = [];

    /// <summary>The argv that looks.</summary>
    public ImmutableArray<Written> Watch { get; init; } = [];

    /// <summary>The hooks.</summary>
    public ImmutableArray<ImmutableArray<Written>> Startup { get; init; } = [];

    /// <summary>Texts by key.</summary>
    public ImmutableDictionary<string, Written> Values { get; init; } =
        ImmutableDictionary<string, Written>.Empty;
}
