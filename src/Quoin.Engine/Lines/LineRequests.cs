using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>How a run that a line worker was asked for ended.</summary>
/// <param name="Code">What its DONE said; null: it was lost, as often as it may be.</param>
/// <param name="Failure">What that means; null: success.</param>
public readonly record struct LineEnd(long? Code, FailureCategory? Failure);

/// <summary>
/// How builds ask line workers for runs: a folder of one-line files, which is a feed of the
/// supervisor that serves the workers, and beside it one file for each end. A file is the truth of
/// its request: it outlives the process that asked and the supervisor, and whoever asks next for
/// the same with the same payload finds it, given out or even ended.
/// </summary>
public sealed class LineRequests(string folder)
{
    /// <summary>The program of such jobs: stands for this one, and a word that it knows.</summary>
    public const string Program = "quoin:line";

    /// <summary>The first argument of the process that asks.</summary>
    public const string Word = "line-run";

    /// <summary>How a message begins that says that nobody will take a request.</summary>
    const string NobodyServes = "no supervisor serves the workers of";

    /// <summary>That, and what to do.</summary>
    public static string Unheard(string job) => $"{NobodyServes} {job}: start `quoin supervisor`";

    /// <summary>Whether a run says so.</summary>
    public static bool IsUnheard(string? message) =>
        message?.StartsWith(NobodyServes, StringComparison.Ordinal) == true;

    /// <summary>Variables of the process that asks.</summary>
    public const string Folder = "QUOIN_LINE_FOLDER", Key = "QUOIN_LINE_KEY",
        Place = "QUOIN_LINE_PLACE", Priority = "QUOIN_LINE_PRIORITY";

    const int PriorityMax = 1 << 20;

    readonly ConcurrentDictionary<string, bool> ending = new();

    /// <summary>The folder of the feed.</summary>
    public string Asked { get; } = Path.Combine(folder, "asked");

    /// <summary>The path of the socket of whoever serves, or did last.</summary>
    public string SocketFile { get; } = Path.Combine(folder, "socket");

    /// <summary>The book of what was asked.</summary>
    public string Database { get; } = Path.Combine(folder, "state.db");

    /// <summary>How many requests have no end.</summary>
    public int Waiting => !Directory.Exists(Asked) ? 0
        : Directory.GetFiles(Asked).Count(path => EndOf(Path.GetFileName(path)) is null);

    /// <summary>Whether somebody is at the socket.</summary>
    public bool IsServed
    {
        get
        {
            try
            {
                using var socket = new Socket(
                    AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Connect(new UnixDomainSocketEndPoint(File.ReadAllText(SocketFile)));
                return true;
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                return false;
            }
        }
    }

    string Ended { get; } = Path.Combine(folder, "ended");

    /// <summary>Where the requests of a job are.</summary>
    public static string FolderOf(Workspace workspace, string job) =>
        Path.Combine(workspace.QuoinDirectory, "lines", job);

    /// <summary>
    /// The jobs of a workspace for which something waits that nobody serves, and how much.
    /// </summary>
    public static IEnumerable<(string Job, int Waiting)> Unserved(Workspace workspace)
    {
        var all = Path.Combine(workspace.QuoinDirectory, "lines");
        if (!Directory.Exists(all)) yield break;
        foreach (var folder in Directory.GetDirectories(all).Order(StringComparer.Ordinal))
        {
            var requests = new LineRequests(folder);
            if (requests.Waiting is > 0 and var waiting && !requests.IsServed)
                yield return (Path.GetFileName(folder), waiting);
        }
    }

    /// <summary>The command of a job whose runs line workers do.</summary>
    public static ImmutableArray<string> ExecOf(string job, LineCodes codes) =>
        [Program, job, codes == LineCodes.Category ? "category" : "opaque", "{out}"];

    /// <summary>Whether line workers do the runs of a job.</summary>
    public static bool IsAskedFor(Job job) => job.Exec is [Program, ..];

    /// <summary>Adds the priority of those who want it to the config of such a job.</summary>
    public static JobConfig WithPriority(JobConfig config, int priority) =>
        config with { Env = config.Env.SetItem(Priority, $"{priority}") };

    /// <summary>
    /// The config of such a job as a process of this machine: this program, told in its variables
    /// what to ask for. Every other config is left as it is.
    /// </summary>
    public static JobConfig Resolve(JobConfig config, Workspace workspace, string output)
    {
        if (config.Args is not [Program, var job, ..] || Environment.ProcessPath is not { } here)
            return config;
        var env = config.Env.SetItem(Folder, FolderOf(workspace, job))
            .SetItem(Key, FeedPayloads.KeyOf(config.Outputs[0])).SetItem(Place, output);
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { Length: > 0 } root)
            env = env.SetItem("DOTNET_ROOT", root);
        return config with { Args = [here, Word, .. config.Args[1..]], Env = env };
    }

    /// <summary>Makes the folders; what ended and was withdrawn is forgotten.</summary>
    public void Open()
    {
        Directory.CreateDirectory(Asked);
        Directory.CreateDirectory(Ended);
        foreach (var end in Directory.GetFiles(Ended))
            if (!File.Exists(Path.Combine(Asked, Path.GetFileName(end)))) File.Delete(end);
    }

    /// <summary>
    /// Asks for a run; the name of the request. One that is there with the same payload goes on,
    /// unless it was lost; others of the key are nobody's any more, because whoever asks has the
    /// partition's token.
    /// </summary>
    public string Ask(string key, string payload, int priority, DateTimeOffset now)
    {
        Directory.CreateDirectory(Asked);
        Directory.CreateDirectory(Ended);
        var line = $"{key} {payload}\n";
        string? found = null;
        var number = now.ToUnixTimeMilliseconds();
        foreach (var path in Directory.GetFiles(Asked))
        {
            if (!FeedFileName.TryParse(Path.GetFileName(path), out var name)) continue;
            number = Math.Max(number, name.Number + 1);
            var text = TextOf(path);
            if (!text.StartsWith(key + " ", StringComparison.Ordinal)) continue;
            if (found is null && text == line && EndOf($"{name}") is not { Code: null })
            {
                found = $"{name}";
                File.Delete(KeepMark(found));
            }
            else Withdraw($"{name}");
        }
        if (found is not null) return found;
        var feed = $"p{Math.Clamp(priority, -PriorityMax, PriorityMax)}";
        var draft = Path.Combine(folder, $"draft-{Environment.ProcessId}");
        File.WriteAllText(draft, line);
        while (true)
        {
            var name = $"{feed}.{number++}.txt";
            var error = Folders.RenameNew(draft, Path.Combine(Asked, name));
            if (error == 0) return name;
            if (error != Libc.EEXIST)
                throw new IOException($"cannot write {name}: {Libc.Describe(error)}");
        }
    }

    static string TextOf(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (FileNotFoundException)
        {
            return ""; // Withdrawn just now.
        }
    }

    /// <summary>How a request ended; null: it has not.</summary>
    public LineEnd? EndOf(string name)
    {
        if (TextOf(Path.Combine(Ended, name)) is not { Length: > 0 } text) return null;
        var words = text.TrimEnd('\n').Split(' ');
        FailureCategory? failure = words is [_, var category]
            && CategoryNames.TryParse(category, out var parsed) ? parsed : null;
        return words[0] == "lost"
            ? new LineEnd(null, FailureCategory.Lost)
            : new LineEnd(long.Parse(words[0], CultureInfo.InvariantCulture), failure);
    }

    /// <summary>Nobody asks any more; what was given out goes on.</summary>
    public void Withdraw(string name)
    {
        File.Delete(Path.Combine(Asked, name));
        File.Delete(Path.Combine(Ended, name));
    }

    /// <summary>
    /// Whoever asks for this key will be told to stop only because another one goes on for it.
    /// </summary>
    public void Keep(string key)
    {
        foreach (var name in RequestsOf(key)) File.WriteAllText(KeepMark(name), "");
    }

    IEnumerable<string> RequestsOf(string key) =>
        from path in Directory.GetFiles(Asked)
        where TextOf(path).StartsWith(key + " ", StringComparison.Ordinal)
        select Path.GetFileName(path);

    /// <summary>Told to stop: takes back what was asked, unless it is to be kept.</summary>
    public void Leave(string name)
    {
        if (File.Exists(KeepMark(name))) File.Delete(KeepMark(name));
        else Withdraw(name);
    }

    /// <summary>A build begins that will ask for this key, or finds its end.</summary>
    public void Begin(string key)
    {
        if (RequestsOf(key).Any(name => EndOf(name) is not null)) ending[key] = true;
        else ending.TryRemove(key, out _);
    }

    /// <summary>A worker is done with this key, and whoever asked for it is about to end.</summary>
    public bool IsEnding(string key) => ending.ContainsKey(key);

    string KeepMark(string name) => Path.Combine(Ended, name + ".keep");

    /// <summary>
    /// Writes down the ends among what the book decided, before anybody is answered: a worker
    /// whose DONE is not recorded after all says it again.
    /// </summary>
    public void Note(FeedBook book)
    {
        foreach (var fact in book.Facts)
        {
            if (fact.Flight.Feed < 0 || !book.IsLast(fact)) continue;
            var name = $"{book.Feeds[fact.Flight.Feed]}.{fact.Flight.Number}.txt";
            if (!File.Exists(Path.Combine(Asked, name))) continue;
            var text = fact.Kind == FeedFactKind.Expired ? "lost"
                : fact.Failure is { } failure ? $"{fact.Code} {CategoryNames.Of(failure)}"
                : $"{fact.Code}";
            try
            {
                var draft = Path.Combine(folder, "draft-end");
                File.WriteAllText(draft, text + "\n");
                File.Move(draft, Path.Combine(Ended, name), overwrite: true);
                ending[Encoding.UTF8.GetString(book.KeyBytes(fact.Flight.Key))] = true;
            }
            catch (IOException e)
            {
                throw new StoreException("environment", e.Message);
            }
        }
    }

    /// <summary>
    /// What is published where a worker that may leave nothing left nothing: what it was told, and
    /// what it said.
    /// </summary>
    public static byte[] Record(string payload) =>
        [.. RecordMark, .. Encoding.UTF8.GetBytes($"{payload}\ncode 0\n")];

    /// <summary>How a record begins.</summary>
    public static ReadOnlySpan<byte> RecordMark => "quoin line run\npayload "u8;
}
