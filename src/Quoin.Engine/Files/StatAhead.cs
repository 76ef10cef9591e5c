namespace Quoin.Engine;

/// <summary>
/// Looks on a second thread whether the files of a table are still what was recorded, from its last
/// row to its first, while the first thread reads the state and the graph: half of a build with
/// nothing to do is asking the file system. It only notes that a file is as it was; of all others
/// whoever needs them finds out. What it noted is good for one plan, right after it began.
/// </summary>
sealed class StatAhead(FileStampTable table, IFileView view)
{
    const byte Untouched = 0, Asked = 1, Same = 2;

    /// <summary>Fewer files are looked at before a second thread has started.</summary>
    public const int FilesMin = 256;

    volatile bool isOver;

    /// <summary>
    /// True when the file of a row is as it was recorded. False: whoever asks has to look, and
    /// this one does not any more.
    /// </summary>
    public bool IsSame(int row)
    {
        ref var seen = ref table.Seen(row);
        if (Volatile.Read(ref seen) == Same) return !isOver;
        Volatile.Write(ref seen, Asked); // If both look at the same time, nothing is lost by it.
        return false;
    }

    /// <summary>The work; ends when all is seen, or at <see cref="End"/>.</summary>
    public void Look()
    {
        for (var row = table.Count - 1; row >= 0 && !isOver; row--)
        {
            ref var seen = ref table.Seen(row);
            if (Volatile.Read(ref seen) == Untouched) Look(row, ref seen);
        }
    }

    bool Look(int row, ref byte seen)
    {
        try
        {
            var stat = view.StatOf(table.PathWithNul(row));
            if (stat.Kind != FileKind.File || !table[row].Fits(stat.Stamp)) return false;
            Volatile.Write(ref seen, Same);
            return true;
        }
        catch (IOException)
        {
            Volatile.Write(ref seen, Asked); // Whoever needs it gets the error and tells it.
            return false;
        }
    }

    /// <summary>
    /// Looks from the first row on, until the two threads meet: true when all that is needed is
    /// recorded as it was then, and on the disk as it is recorded.
    /// </summary>
    public bool AreStill(KeptFiles files)
    {
        var sum = 0UL;
        for (var row = 0; row < table.Count; row++)
        {
            var mark = table.MarkOf(row);
            if (files.Others.Contains(mark)) continue;
            sum += mark;
            ref var seen = ref table.Seen(row);
            if (Volatile.Read(ref seen) != Same && !Look(row, ref seen)) return false;
        }
        return sum == files.Sum;
    }

    /// <summary>
    /// What <see cref="AreStill"/> compares with: all rows but those that nobody asked for and that
    /// are not as they were recorded. Null: those are too many.
    /// </summary>
    public static KeptFiles? Needed(FileStampTable table)
    {
        var (sum, others) = (0UL, new HashSet<ulong>());
        for (var row = 0; row < table.Count; row++)
        {
            var mark = table.MarkOf(row);
            if (table.IsNeeded(row) || table.Seen(row) == Same) sum += mark;
            else if (others.Count == KeptFiles.OthersMax || !others.Add(mark)) return null;
        }
        return new KeptFiles(sum, others);
    }

    /// <summary>From here on what was noted is the past.</summary>
    public void End() => isOver = true;
}

/// <summary>The recorded files that a plan was made from.</summary>
/// <param name="Sum">The sum of the rows' marks.</param>
/// <param name="Others">Marks of the rows that do not count.</param>
sealed record KeptFiles(ulong Sum, IReadOnlySet<ulong> Others)
{
    /// <summary>More rows that nobody needs are not worth being told apart.</summary>
    public const int OthersMax = 4_096;
}
