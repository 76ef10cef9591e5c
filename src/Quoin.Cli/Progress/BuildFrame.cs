using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// What a build looks like at one moment: the bar, a row for each job, the slots. A function of the
/// model, the time and the window's size. Rows go and columns go where they do not fit; a count is
/// never cut.
/// </summary>
static class BuildFrame
{
    const int BarMost = 40;
    const int BarLeast = 8;

    /// <summary>The lines of the frame, at most <paramref name="height"/> - 1 of them.</summary>
    public static IReadOnlyList<Line> Lines(
        BuildProgress progress, BuildBackground background, DateTimeOffset now, int width,
        int height)
    {
        if (progress.Phase == BuildPhase.Planning)
        {
            var since = progress.StartedAt == default ? TimeSpan.Zero : now - progress.StartedAt;
            return
            [
                new Line(
                    $" {BuildPhrases.Planning(progress)}  {Units.Duration(since)}", Style.Dim),
            ];
        }
        var lines = new List<Line> { new(), Bar(progress, background, now, width) };
        var jobs = JobRow.Of(progress);
        var room = Math.Max(1, height - 6);
        var shown = jobs.Count <= room ? jobs : Notable(jobs, room);
        lines.AddRange(Rows(progress, background, shown, now, width));
        if (shown.Count < jobs.Count)
            lines.Add(new Line($" … and {jobs.Count - shown.Count} more jobs", Style.Dim));
        lines.Add(new Line($" slots {progress.Running}/{progress.Slots}", Style.Dim));
        return lines;
    }

    static Line Bar(
        BuildProgress progress, BuildBackground background, DateTimeOffset now, int width)
    {
        var total = progress.Counts.Total;
        var numbers = new Line($"{progress.Done}/{total}", Style.Bold)
            .Add($"   {Units.Duration(now - progress.StartedAt)}");
        if (progress.Failed > 0) numbers.Add($"   {progress.Failed} failed", Style.Red);
        if (background.TimeLeft() is { } left)
        {
            var eta = $"   left {left}";
            if (numbers.Width + eta.Length + 3 <= width) numbers.Add(eta);
        }
        var columns = Math.Min(BarMost, width - numbers.Width - 4);
        if (columns < BarLeast || total == 0) return new Line(" ").Add(numbers);
        var elsewhere = progress.Delegated - progress.DelegatedDone;
        var current = Cells(progress.Current, total, columns);
        var built = Cells(progress.Done, total, columns) - current;
        var delegated = Cells(progress.Done + elsewhere, total, columns) - current - built;
        return new Line(" ")
            .Add(new string('█', current), Style.Dim)
            .Add(new string('▓', built), Style.Green)
            .Add(new string('▒', delegated), Style.Cyan)
            .Add(new string('░', columns - current - built - delegated), Style.Dim)
            .Add("  ").Add(numbers);
    }

    // Rounded down, so that the bar is full only when everything is there.
    static int Cells(long part, long total, int columns) =>
        (int)(Math.Clamp(part, 0, total) * columns / total);

    static List<JobRow> Notable(List<JobRow> jobs, int room)
    {
        var notable = jobs.OrderByDescending(job => job.Running).ThenBy(job => job.IsOver)
            .Take(room).ToHashSet();
        return [.. jobs.Where(notable.Contains)];
    }

    static IReadOnlyList<Line> Rows(
        BuildProgress progress, BuildBackground background, List<JobRow> jobs, DateTimeOffset now,
        int width)
    {
        var table = new Table(
            new TableColumn("job", 9) { ShrinkTo = 6 },
            new TableColumn("done", 10) { AlignRight = true },
            new TableColumn("run", 8) { AlignRight = true },
            new TableColumn("wait", 7) { AlignRight = true },
            new TableColumn("fail", 8) { AlignRight = true, HideEmpty = true },
            new TableColumn("usually", 3) { AlignRight = true, HideEmpty = true },
            new TableColumn("", 5) { ShrinkTo = 12 },
            new TableColumn("", 4) { AlignRight = true });
        foreach (var job in jobs)
        {
            var usual = job.IsDelegated ? null : background.UsualOfJob(job.Name);
            var slowest = job.Slowest;
            table.Add(
                (job.Name, job.IsDelegated ? Style.Cyan : Style.Plain),
                ($"{job.Done}/{job.Total}", job.IsOver ? Style.Dim : Style.Plain),
                (Number(job.Running), Style.Plain),
                (Number(job.Waiting), Style.Dim),
                (Number(job.Failed + job.Cancelled), Style.Red),
                (usual is { } u ? Units.Duration(u) : "", Style.Dim),
                (slowest is null ? "" : "▸ " + progress.NameOf(slowest.Name), Style.Plain),
                (slowest is null ? "" : Elapsed(slowest, background, now), Style.Plain));
        }
        return table.Lines(width - 1, indent: " ");
    }

    static string Elapsed(BuildTask task, BuildBackground background, DateTimeOffset now)
    {
        var fraction = task.Run is { } run ? background.FractionOf(run) : null;
        var elapsed = Units.Duration(now - task.StartedAt);
        return fraction is { } part ? $"{elapsed} {part * 100:0}%" : elapsed;
    }

    static string Number(int count) => count > 0 ? $"{count}" : "";
}

/// <summary>One job's line: its partitions by what became of them.</summary>
sealed class JobRow(string name, bool isDelegated)
{
    public string Name { get; } = name;

    public bool IsDelegated { get; } = isDelegated;

    public int Total { get; private set; }

    public int Done { get; private set; }

    public int Running { get; private set; }

    public int Waiting { get; private set; }

    public int Failed { get; private set; }

    public int Cancelled { get; private set; }

    /// <summary>The running task that began first.</summary>
    public BuildTask? Slowest { get; private set; }

    public bool IsOver => Done + Failed + Cancelled == Total;

    /// <summary>
    /// All jobs of the plan, those that others wait for first, delegated work last.
    /// </summary>
    public static List<JobRow> Of(BuildProgress progress)
    {
        var rows = new Dictionary<string, JobRow>();
        // The plan names what is wanted first and walks to what that needs, so backwards is the
        // order in which the work is done.
        for (var i = progress.Tasks.Count - 1; i >= 0; i--)
        {
            var task = progress.Tasks[i];
            var name = task.IsDelegated ? "delegated" : task.Job;
            if (!rows.TryGetValue(name, out var row))
                rows.Add(name, row = new JobRow(name, task.IsDelegated));
            row.Count(task);
        }
        return [.. rows.Values.OrderBy(row => row.IsDelegated)];
    }

    void Count(BuildTask task)
    {
        var outputs = task.Outputs.Length;
        Total += outputs;
        switch (task.State)
        {
            case TaskState.Built or TaskState.Current:
                Done += outputs;
                break;
            case TaskState.Running:
                Running++;
                if (Slowest is null || task.StartedAt < Slowest.StartedAt) Slowest = task;
                break;
            case TaskState.Waiting or TaskState.Retrying:
                Waiting += outputs;
                break;
            case TaskState.Failed:
                Failed += outputs;
                break;
            case TaskState.Cancelled:
                Cancelled += outputs;
                break;
        }
    }
}
