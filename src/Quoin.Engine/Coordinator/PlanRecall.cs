using System.Globalization;
using System.Reflection;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Knows when a plan need not be made again: the last build here found all that it wanted to be
/// current, and nothing that its plan was made from is different by now. That is: the program, the
/// graph, what is wanted, the log (but for builds like it), the jobs' code, and every file, each by
/// its recorded digest and its stat. Whatever cannot be compared so, no plan is remembered of:
/// folders, missing files, patterns over files, config commands, probes, ages, things outside.
/// What it remembers lies beside the store and may be removed at any time. Belongs to the
/// coordinator's thread.
/// </summary>
sealed class PlanRecall(CoordinatorParts parts)
{
    // What the memo says of a program that tests otherwise is worth nothing.
    static readonly string program = typeof(PlanRecall).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        + $" {typeof(PlanRecall).Module.ModuleVersionId}";

    Found? found;
    bool isSpoiled;

    /// <summary>What the newest plan was, to be remembered.</summary>
    sealed record Found(string Key, PlanCounts Counts, KeptFiles Files, string[] Jobs);

    /// <summary>
    /// Something happened: no plan is recalled after anything but wants that came and went.
    /// </summary>
    public void See(BuildEvent e) => isSpoiled |= e is not (WantAccepted or WantPlanned
        or WantSucceeded or WorkerAdded or WorkerRemoved);

    bool IsSettled => !isSpoiled && parts.State.Wants.Count == 0 && parts.State.Runs.Count == 0;

    /// <summary>The plan of this request, if it is known to be the last one again.</summary>
    public Plan? Recall(WantRequest request)
    {
        if (!parts.PlansAtOnce || !IsSettled || !IsPlain(request)) return null;
        var key = KeyOf(request);
        if (Read(key) is not { } memo || !parts.Files.AreStill(memo.Files)
            || !memo.Jobs.All(IsStill)) return null;
        parts.Files.EndLookAhead(); // What was seen is the past from here on.
        found = memo;
        return Plan.Recall(
            parts.Graph, parts.State.Names, parts.Facts,
            new PlanOptions { Now = parts.Time.GetUtcNow() },
            [.. request.Targets.Select(name => parts.State.Names.Intern(name))], memo.Counts);
    }

    /// <summary>A plan was made: is it one to be remembered?</summary>
    /// <param name="request">What it is for.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="asksCommands">Config commands had a say in it.</param>
    public void Note(WantRequest request, Plan plan, bool asksCommands)
    {
        found = null;
        var counts = plan.Counts;
        if (asksCommands || !parts.PlansAtOnce || !IsSettled || !IsPlain(request)
            || counts.Current != counts.Total || plan.Delegated > 0 || !plan.Problems.IsEmpty
            || !plan.Graph.Warnings.IsEmpty || plan.Targets.Length != request.Targets.Length
            || parts.Facts.KeptFiles is not { } files) return;
        found = new Found(
            KeyOf(request), counts, files,
            [.. parts.Facts.JobFacts.Select(fact => LineOf(fact.Key, fact.Value))]);
    }

    // Nothing in it depends on the time, on what is asked of other programs, or on modes.
    bool IsPlain(WantRequest request) =>
        request.Options with
        {
            Priority = 0,
            Deadline = null,
            OnFailure = FailureMode.KeepGoing,
            Strict = false,
            Trace = "",
        } == WantOptions.Default
        && parts.Graph.Jobs.All(job => job.Resource is null && job.Limits.MaxAge is null
            && job.Conditions.IsEmpty);

    string KeyOf(WantRequest request)
    {
        var wanted = Xxh3.Hash(Encoding.UTF8.GetBytes(string.Join('\n', request.Targets)));
        return $"quoin-plan 1\nprogram {program}\ngraph {parts.Graph.Digest}\nwanted {wanted}\n";
    }

    // Two stores, or one that was put back, may have the same position, but not at the same time.
    string LogLine(out long position)
    {
        var last = parts.Store.Query(new EventQuery { Last = 1 }).FirstOrDefault();
        position = last?.Position ?? 0;
        return $"log {position} {last?.At.ToUnixTimeMilliseconds()} {last?.Subject}\n";
    }

    bool IsStill(string line)
    {
        var name = line.Split(' ')[1];
        return parts.Graph.FindJob(name) is { } job && LineOf(name, parts.Facts.Job(job)) == line;
    }

    static string LineOf(string job, JobFact fact)
    {
        var text = new StringBuilder();
        foreach (var (path, digest) in fact.Code) text.Append($"{path}\t{digest}\n");
        foreach (var (name, digest) in fact.Secrets) text.Append($"{name}\t{digest}\n");
        return $"job {job} {Xxh3.Hash(Encoding.UTF8.GetBytes(text.ToString()))}";
    }

    // Null: there is none, of something else, or damaged.
    Found? Read(string key)
    {
        string text;
        try
        {
            text = File.ReadAllText(parts.Workspace.PlanMemoFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        var end = text.LastIndexOf("end ", StringComparison.Ordinal);
        if (end < 0 || text[end..] != EndOf(text[..end])) return null;
        var head = key + LogLine(out _);
        if (!text.StartsWith(head, StringComparison.Ordinal)) return null;
        try
        {
            var lines = text[head.Length..end].Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var files = lines[1].Split(' ');
            return new Found(
                key, new PlanCounts(Number(lines[0]), Number(lines[0]), 0, 0, 0),
                new KeptFiles(Mark(files[1]), files[2..].Select(Mark).ToHashSet()), lines[2..]);
        }
        catch (Exception e) when (e is FormatException or OverflowException
            or IndexOutOfRangeException)
        {
            return null; // Of another format.
        }

        static int Number(string line) =>
            int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
        static ulong Mark(string word) =>
            ulong.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Remembers the newest plan, as of the end of the log. It is made good again by the next
    /// build, so it is not synced, and when it cannot be written that is nobody's trouble.
    /// </summary>
    /// <param name="end">The last event that this process wrote.</param>
    public void Save(long end)
    {
        if (found is not { } memo || !IsSettled) return;
        string log;
        try
        {
            log = LogLine(out var last);
            if (last != end) return; // Somebody else decides by now.
        }
        catch (StoreException)
        {
            return;
        }
        var text = new StringBuilder(memo.Key).Append(log)
            .Append(CultureInfo.InvariantCulture, $"current {memo.Counts.Total}\n")
            .Append(CultureInfo.InvariantCulture, $"files {memo.Files.Sum:x16}");
        foreach (var mark in memo.Files.Others)
            text.Append(CultureInfo.InvariantCulture, $" {mark:x16}");
        text.Append('\n');
        foreach (var line in memo.Jobs) text.Append(line).Append('\n');
        var body = text.ToString();
        try
        {
            File.WriteAllText(parts.Workspace.PlanMemoFile, body + EndOf(body));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    static string EndOf(string body) => $"end {Xxh3.Hash(Encoding.UTF8.GetBytes(body))}\n";
}
