using System.Collections.Immutable;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
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
/// the same with the same payload and inputs finds it, given out or even ended. Where a line asks
/// that is not done yet, its request stays when it ended, so that a build that is made anew for the
/// line has the end that an earlier one handed over.
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

    // What a request was made from; of each key of a line that is out a file with the line's name
    // and those of its requests.
    string Inputs { get; } = Path.Combine(folder, "inputs");

    string Held { get; } = Path.Combine(folder, "held");

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

    /// <summary>Whether it is the config of such a job, for any machine.</summary>
    public static bool IsAskedFor(JobConfig config) => config.Args is [Program, ..];

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
        MakeFolders();
        foreach (var about in (string[])[Ended, Inputs])
            foreach (var path in Directory.GetFiles(about))
                if (!File.Exists(Path.Combine(Asked, Path.GetFileName(path)))) File.Delete(path);
    }

    void MakeFolders()
    {
        foreach (var made in (string[])[Asked, Ended, Inputs, Held])
            Directory.CreateDirectory(made);
    }

    /// <summary>
    /// Asks for a run; the name of the request. One that is there with the same payload and inputs
    /// (any text that tells them apart) goes on, unless it was lost; others of the key are nobody's
    /// any more, because whoever asks has the partition's token.
    /// </summary>
    public string Ask(
        string key, string payload, string inputs, int priority, DateTimeOffset now)
    {
        MakeFolders();
        var line = $"{key} {payload}\n";
        var madeFrom = Hash(inputs);
        string? found = null;
        var number = now.ToUnixTimeMilliseconds();
        foreach (var path in Directory.GetFiles(Asked))
        {
            if (!FeedFileName.TryParse(Path.GetFileName(path), out var name)) continue;
            number = Math.Max(number, name.Number + 1);
            var text = TextOf(path);
            if (!text.StartsWith(key + " ", StringComparison.Ordinal)) continue;
            if (found is null && text == line && EndOf($"{name}") is not { Code: null }
                && TextOf(Path.Combine(Inputs, $"{name}")) == madeFrom)
                found = $"{name}";
            else Withdraw($"{name}");
        }
        found ??= Write(line, madeFrom, priority, number);
        if (Heard(key, found) != found) AppendIfThere(HeldFile(key), found + "\n");
        return found;
    }

    string Write(string line, string madeFrom, int priority, long number)
    {
        var feed = $"p{Math.Clamp(priority, -PriorityMax, PriorityMax)}";
        var draft = Path.Combine(folder, $"draft-{Environment.ProcessId}");
        // Its inputs first, which makes the name ours: killed in between, nothing was asked.
        while (true)
        {
            var name = $"{feed}.{number++}.txt";
            if (Publish(madeFrom, draft, Path.Combine(Inputs, name))
                && Publish(line, draft, Path.Combine(Asked, name))) return name;
        }
    }

    // False: the name is taken.
    static bool Publish(string text, string draft, string path)
    {
        File.WriteAllText(draft, text);
        var error = Folders.RenameNew(draft, path);
        return error is 0 or Libc.EEXIST
            ? error == 0
            : throw new IOException($"cannot write {path}: {Libc.Describe(error)}");
    }

    /// <summary>Whether somebody still asks: a request that was withdrawn has no end.</summary>
    public bool IsAsked(string name) => File.Exists(Path.Combine(Asked, name));

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
        File.Delete(Path.Combine(Inputs, name));
    }

    /// <summary>
    /// Whoever asked has its end, or was told to stop: the request is withdrawn, unless a line asks
    /// for it, too.
    /// </summary>
    public void Leave(string key, string name)
    {
        if (Heard(key, name) is null) Withdraw(name);
        else if (EndOf(name) is null) AppendIfThere(HeldFile(key), Left(name) + "\n");
    }

    // What was said last of a request of a line: its name, or that it was left; null: it is none.
    string? Heard(string key, string name) =>
        TextOf(HeldFile(key)).Split('\n').Skip(1).LastOrDefault(
            it => it == name || it == Left(name));

    static string Left(string name) => "-" + name;

    // A key may hold what a file's name may not.
    string HeldFile(string key) => Path.Combine(Held, Hash(key));

    static string Hash(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));

    static void AppendIfThere(string path, string text)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
            file.Seek(0, SeekOrigin.End);
            file.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (FileNotFoundException)
        {
            // The line was done just now.
        }
    }

    /// <summary>
    /// Holds the requests of lines that the book gave out, and lets go those of lines that are
    /// done, before anybody is answered.
    /// </summary>
    public void Hold(FeedBook lines)
    {
        foreach (var fact in lines.Facts)
        {
            if (fact.Flight.Feed < 0) continue;
            var reference = Encoding.UTF8.GetString(lines.KeyBytes(fact.Flight.Key));
            var key = FeedPayloads.KeyOf(reference);
            try
            {
                if (fact.Kind == FeedFactKind.GivenOut)
                    Hold(key, $"{lines.Feeds[fact.Flight.Feed]}.{fact.Flight.Number}");
                else if (lines.IsLast(fact)) LetGo(key);
            }
            catch (IOException e)
            {
                throw new StoreException("environment", e.Message);
            }
        }
    }

    // Given out again it is the same line.
    void Hold(string key, string line)
    {
        if (TextOf(HeldFile(key)).Split('\n')[0] == line) return;
        LetGo(key);
        File.WriteAllText(HeldFile(key), line + "\n");
    }

    // What is asked from here on is not the line's, so it is renamed first.
    void LetGo(string key)
    {
        var draft = Path.Combine(folder, "draft-held");
        try
        {
            File.Move(HeldFile(key), draft, overwrite: true);
        }
        catch (FileNotFoundException)
        {
            return;
        }
        var said = TextOf(draft).Split('\n')[1..];
        foreach (var name in said.Where(it => it.Length > 0 && it[0] != '-').Distinct())
            if (EndOf(name) is not null || said.LastIndexOf(Left(name)) > said.LastIndexOf(name))
                Withdraw(name);
        File.Delete(draft);
    }

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
            }
            catch (IOException e)
            {
                throw new StoreException("environment", e.Message);
            }
        }
    }

    /// <summary>
    /// Takes what a worker made for a run's output. It stays in its place, too, until that is
    /// published there: who is killed in between leaves it to the next attempt.
    /// </summary>
    public static void Bring(string place, string output)
    {
        if (TryLink(place, output)) return;
        _ = Folders.RemoveAny(output); // The file system cannot, or a name is not UTF-8.
        if (Directory.Exists(place)) Directory.Move(place, output);
        else File.Move(place, output);
    }

    static bool TryLink(string from, string to)
    {
        var stat = FileStat.OfLink(from);
        if (stat.Kind != FileKind.Directory) return Folders.Link(from, to) == 0;
        Directory.CreateDirectory(to);
        foreach (var path in Directory.GetFileSystemEntries(from))
            if (!TryLink(path, Path.Combine(to, Path.GetFileName(path)))) return false;
        return Folders.SetMode(to, (uint)stat.Mode) == 0;
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
