using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Puts feeds and the jobs that they ask for together, and finds what is wrong between them.
/// </summary>
sealed partial class FeedJobReader(List<GraphProblem> problems)
{
    // All else means what it means elsewhere.
    static readonly string[] notWithFeed = ["config", "resource"];

    static readonly string[] notWithLine =
    [
        .. notWithFeed, "stdout", "before", "silence", "exit_codes", "retries", "secrets",
    ];

    /// <summary>All of them; what is wrong is added to the problems.</summary>
    public static ImmutableArray<FeedJob> Read(
        IReadOnlyList<GraphFileReader> files, List<GraphProblem> problems)
    {
        var feeds = files.SelectMany(file => file.Feeds()).ToList();
        var wanted = feeds.Select(feed => DatasetOf(feed.Want.Text)).ToHashSet();
        var jobs = files.SelectMany(file => file.FedJobs(wanted)).ToList();
        var reader = new FeedJobReader(problems);
        foreach (var feed in feeds) reader.Check(feed, jobs);
        foreach (var order in files.SelectMany(file => file.IdleOrders()))
        {
            problems.Add(new("no-effect", order.At,
                "order has no effect in this version of Quoin but on the lines of a feed")
            { IsWarning = true });
        }
        return [.. jobs.Select(job => reader.Read(job, feeds)).OfType<FeedJob>()];
    }

    /// <summary>
    /// <c>update</c> of <c>update/{key}</c>; something that no job has, of any other form.
    /// </summary>
    public static string DatasetOf(string pattern) =>
        Form().Match(pattern) is { Success: true } form ? form.Groups[1].Value : "\0" + pattern;

    static string CaptureOf(string pattern) => Form().Match(pattern).Groups[2].Value;

    [GeneratedRegex(@"\A([^{}]+)/\{([A-Za-z_][A-Za-z0-9_]*)(?::string)?\}\z")]
    private static partial Regex Form();

    void Check(FeedDeclaration feed, List<FedJobDeclaration> jobs)
    {
        var dataset = DatasetOf(feed.Want.Text);
        if (dataset[0] == '\0' || CaptureOf(feed.Want.Text) != "key")
        {
            problems.Add(new("bad-value", feed.Want.At,
                $"feed {feed.Name.Text} wants \"{feed.Want.Text}\"; write a dataset and {{key}}, "
                    + "such as \"update/{key}\""));
        }
        else if (!jobs.Exists(job => job.Outputs.Any(it => DatasetOf(it.Text) == dataset)))
        {
            problems.Add(new("no-producer", feed.Want.At,
                $"no job makes \"{feed.Want.Text}\", which feed {feed.Name.Text} wants"));
        }
    }

    FeedJob? Read(FedJobDeclaration job, List<FeedDeclaration> feeds)
    {
        var name = job.Name.Text;
        var before = problems.Count;
        if (job.Outputs is not [var output] || DatasetOf(output.Text) is ['\0', ..])
        {
            problems.Add(new("bad-value", (job.Outputs is [var first, ..] ? first : job.Name).At,
                $"job {name} gets the lines of a feed, so it has one output of a dataset and a "
                    + "capture, such as \"update/{key}\""));
            return null;
        }
        foreach (var key in job.Node.Find("line") is null ? notWithFeed : notWithLine)
        {
            if (job.Node.Find(key) is { } node)
            {
                problems.Add(new("not-supported", job.Name.At with { Line = node.Line },
                    $"job {name} gets the lines of a feed; {key} is not for such a job"));
            }
        }
        var its = feeds.Where(it => DatasetOf(it.Want.Text) == DatasetOf(output.Text)).ToList();
        if (its.Count != 1)
        {
            problems.Add(new(its.Count == 0 ? "missing-key" : "bad-value", job.Name.At,
                its.Count == 0
                    ? $"job {name} has line, but no feed wants \"{output.Text}\""
                    : $"{its.Count} feeds want \"{output.Text}\"; one folder can have the files of "
                        + "many"));
        }
        if (job.Exec.IsEmpty && job.Socket is null) return null; // Reported.
        return problems.Count > before ? null : Made(job, its[0], output.Text);
    }

    FeedJob? Made(FedJobDeclaration job, FeedDeclaration feed, string output)
    {
        var line = job.Node.Find("line");
        var folder = Inside(feed.Folder, feed.Dir);
        var socket = job.Socket is { } written ? Inside(job.Folder, written) : null;
        if (folder is null || (socket is null && job.Socket is not null)) return null;
        return new FeedJob
        {
            Name = job.Name.Text,
            Dataset = DatasetOf(output),
            Capture = CaptureOf(output),
            FeedFolder = folder,
            LineBytesMax = feed.Node.Find("max_line") is { } size
                && Quantities.TryParseSize(size.Text, out var bytes)
                ? (int)Math.Clamp(bytes, 1024, 1 << 30) : 64 << 20,
            Rules = RulesOf(job.Node, line, DatasetOf(output)),
            Socket = socket,
            Location = job.Name.At,
        };
    }

    string? Inside(string folder, Written path)
    {
        var place = Path.GetFullPath(Path.Combine("/", folder, path.Text.TrimEnd('/')));
        var isOut = path.Text.StartsWith('/')
            || path.Text.Split('/').Contains("..") || path.Text.Contains('\0');
        if (!isOut && place.Length > 1) return place[1..];
        problems.Add(new("bad-path", path.At, $"\"{path.Text}\" leaves the workspace"));
        return null;
    }

    static LineRules RulesOf(YamlNode job, YamlNode? line, string dataset)
    {
        var plain = new FeedRules();
        return new LineRules
        {
            Feed = new FeedRules
            {
                HoldMs = Milliseconds("hold") ?? plain.HoldMs,
                LeaseMs = Milliseconds("lease") ?? plain.LeaseMs,
                AttemptsMax = int.TryParse(
                    Word("attempts"), CultureInfo.InvariantCulture, out var often)
                    ? often : plain.AttemptsMax,
                Order = job.Find("order")?.Text switch
                {
                    "least-recently-dispatched" => FeedOrder.LeastRecentlyDispatched,
                    "fifo" => FeedOrder.Fifo,
                    _ => FeedOrder.CriticalPath,
                },
            },
            Plain = Word("plain") switch
            {
                "path" => PlainClients.Path,
                "connection" => PlainClients.Connection,
                _ => PlainClients.Auto,
            },
            AnyDone = Word("done") == "any",
            Codes = Word("codes") == "category" ? LineCodes.Category : LineCodes.Opaque,
            Dataset = Word("name") == "key" ? null : dataset,
        };

        string? Word(string key) => line?.Find(key)?.Text;

        long? Milliseconds(string key) =>
            Word(key) is { } text && Quantities.TryParseDuration(text, out var time)
                ? (long)time.TotalMilliseconds
                : null;
    }
}
