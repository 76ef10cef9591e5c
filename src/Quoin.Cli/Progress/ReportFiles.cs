using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Xml;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Files that a build writes for other programs: <c>--junit</c>, <c>--summary-md</c> (appended to,
/// as CI services want it), <c>--events</c>. Null: not asked for.
/// </summary>
sealed record ReportFiles(string? JUnit, string? Markdown, string? Events)
{
    /// <summary>True when no file was asked for.</summary>
    public bool IsEmpty => JUnit is null && Markdown is null && Events is null;
}

/// <summary>The options behind <see cref="ReportFiles"/>.</summary>
sealed class ReportOptions
{
    readonly Option<string?> junit = File(
        "--junit", "Write the runs and how they ended as JUnit XML");

    readonly Option<string?> markdown = File(
        "--summary-md", "Append a summary in Markdown ($GITHUB_STEP_SUMMARY)");

    readonly Option<string?> events = File("--events", "Write the events as JSON lines");

    static Option<string?> File(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "FILE",
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(junit);
        command.Options.Add(markdown);
        command.Options.Add(events);
    }

    /// <summary>Their values, as paths from where the command works.</summary>
    public ReportFiles Read(ParseResult parsed, Cli cli)
    {
        return new(Full(junit), Full(markdown), Full(events));

        string? Full(Option<string?> option) => parsed.GetValue(option) is { Length: > 0 } path
            ? Path.GetFullPath(path, cli.Options.Directory)
            : null;
    }
}

/// <summary>
/// A view that also writes <see cref="ReportFiles"/>, while and after another shows.
/// </summary>
sealed class ReportingView(
    Cli cli, IBuildView inner, BuildProgress progress, ReportFiles files,
    Func<AttemptId, LogTail?> logTailOf) : IBuildView
{
    readonly Dictionary<BuildTask, (DateTimeOffset At, RunUsage Usage)> built = [];
    readonly Dictionary<BuildTask, PartitionId?> cancelled = [];
    StreamWriter? events;
    byte[] buffer = [];
    bool isBroken;

    /// <inheritdoc/>
    public void Show(LoggedEvent logged, IReadOnlyList<ProgressNotice> notices)
    {
        inner.Show(logged, notices);
        foreach (var notice in notices)
        {
            if (notice is ProgressNotice.Built b) built[b.Task] = (b.At, b.Usage);
            else if (notice is ProgressNotice.Cancelled c) cancelled[c.Task] = c.Because;
        }
        if (files.Events is { } path)
            Write(path, () =>
            {
                events ??= new StreamWriter(path, append: false, new UTF8Encoding(false));
                events.WriteLine(
                    EventJson.ToJson(RawEvents.Of(logged, progress.Names, ref buffer)));
            });
    }

    /// <inheritdoc/>
    public void Say(string message) => inner.Say(message);

    /// <inheritdoc/>
    public void Tick(DateTimeOffset now)
    {
        inner.Tick(now);
        events?.Flush();
    }

    /// <inheritdoc/>
    public void End(DateTimeOffset now, int exitCode)
    {
        inner.End(now, exitCode);
        if (files.Events is { } path) Write(path, () => events?.Dispose());
        isBroken = false;
        if (files.JUnit is { } junit) Write(junit, () => WriteJUnit(junit));
        isBroken = false;
        if (files.Markdown is { } markdown)
            Write(markdown, () => File.AppendAllText(markdown, Markdown(now)));
    }

    // A report that cannot be written ends no build: it is said once.
    void Write(string path, Action write)
    {
        if (isBroken) return;
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            isBroken = true;
            cli.Warn($"{path} was not written: {e.Message}");
        }
    }

    void WriteJUnit(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var xml = XmlWriter.Create(path, new XmlWriterSettings
        {
            Indent = true,
            Encoding = new UTF8Encoding(false),
            CheckCharacters = false,
        });
        var failures = progress.Failures.ToDictionary(failure => failure.Task);
        xml.WriteStartElement("testsuites");
        xml.WriteAttributeString("name", $"quoin {Title}".TrimEnd());
        foreach (var job in progress.Tasks.GroupBy(task => task.Job))
        {
            xml.WriteStartElement("testsuite");
            xml.WriteAttributeString("name", job.Key);
            xml.WriteAttributeString("tests", Number(job.Count()));
            xml.WriteAttributeString("failures", Number(job.Count(failures.ContainsKey)));
            xml.WriteAttributeString("skipped", Number(
                job.Count(task => task.State == TaskState.Cancelled)));
            foreach (var task in job) WriteCase(xml, task, failures.GetValueOrDefault(task));
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    void WriteCase(XmlWriter xml, BuildTask task, BuildFailure? failure)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", task.Job);
        xml.WriteAttributeString("name", progress.NameOf(task.Name));
        var took = failure?.Elapsed ?? TimeSpan.FromMilliseconds(
            built.TryGetValue(task, out var done) ? done.Usage.ElapsedMs : 0);
        xml.WriteAttributeString(
            "time", took.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture));
        if (failure is not null)
        {
            xml.WriteStartElement("failure");
            xml.WriteAttributeString("type", Units.Name(failure.Failure.Category));
            xml.WriteAttributeString(
                "message", Units.Describe(failure.Failure) + Units.Reason(failure.Failure));
            if (logTailOf(failure.Attempt) is { } tail)
                xml.WriteString(Legal(string.Join('\n', tail.Lines)));
            xml.WriteEndElement();
        }
        else if (task.State == TaskState.Cancelled)
        {
            xml.WriteStartElement("skipped");
            xml.WriteAttributeString("message", cancelled.GetValueOrDefault(task) is { } input
                ? $"input {progress.NameOf(input)} failed"
                : "it was stopped");
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    // XML has no way at all to write most control characters.
    static string Legal(string text) => string.Concat(
        text.Select(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c) ? c : '\uFFFD'));

    static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    // A build with nothing to do has no want.
    string Title => progress.IsAccepted ? $"{progress.Want} " : "";

    string Markdown(DateTimeOffset now)
    {
        var text = new StringBuilder();
        var mark = progress.Phase == BuildPhase.Succeeded ? "✔" : "✘";
        text.AppendLine(CultureInfo.InvariantCulture,
            $"### {mark} quoin {Title}{BuildPhrases.Outcome(progress.Phase)}\n");
        foreach (var line in BuildEnd.PlainLines(progress, now))
            text.AppendLine(CultureInfo.InvariantCulture, $"{Cell(line.Render(false))}\n");
        if (progress.Tasks.Count > 0)
        {
            text.AppendLine("| job | built | current | failed | cancelled | time |");
            text.AppendLine("|---|---:|---:|---:|---:|---:|");
        }
        foreach (var job in progress.Tasks.GroupBy(task => task.Job))
        {
            var time = TimeSpan.FromMilliseconds(
                job.Sum(task => built.TryGetValue(task, out var b) ? (long)b.Usage.ElapsedMs : 0));
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {Cell(job.Key)} | {Of(TaskState.Built)} | {Of(TaskState.Current)} | "
                + $"{Of(TaskState.Failed)} | {Of(TaskState.Cancelled)} | {Units.Duration(time)} |");

            int Of(TaskState state) => job.Count(task => task.State == state);
        }
        foreach (var failure in progress.Failures)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"\n**{Cell(progress.NameOf(failure.Task.Name))}** failed "
                + $"{Cell(BuildPhrases.HowItFailed(failure, BuildBackground.None))}");
            if (logTailOf(failure.Attempt) is not { Lines.IsEmpty: false } tail) continue;
            var fence = new string('`', Math.Max(3, LongestRun(tail.Lines, '`') + 1));
            text.AppendLine(CultureInfo.InvariantCulture,
                $"\n{fence}text\n{Legal(string.Join('\n', tail.Lines))}\n{fence}");
        }
        foreach (var problem in progress.Problems)
            text.AppendLine(CultureInfo.InvariantCulture,
                $"\n**error[{problem.Code}]** {Cell(problem.Message)}");
        return text.Append('\n').ToString();
    }

    // Names and messages are text, not markup.
    static string Cell(string text)
    {
        var cell = new StringBuilder();
        foreach (var c in Legal(text))
        {
            if (c is '|' or '<' or '>' or '*' or '_' or '`' or '[' or ']' or '\\')
                cell.Append('\\');
            cell.Append(c is '\n' or '\r' ? ' ' : c);
        }
        return cell.ToString();
    }

    static int LongestRun(IEnumerable<string> lines, char of)
    {
        var longest = 0;
        foreach (var line in lines)
        {
            var run = 0;
            foreach (var c in line) longest = Math.Max(longest, run = c == of ? run + 1 : 0);
        }
        return longest;
    }
}
