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

    /// <summary>True while what was noted counts.</summary>
    public bool IsOn => !isOver;

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
            if (Volatile.Read(ref seen) != Untouched) continue;
            try
            {
                var stat = view.StatOf(table.PathWithNul(row));
                if (stat.Kind == FileKind.File && table[row].Fits(stat.Stamp))
                    Volatile.Write(ref seen, Same);
            }
            catch (IOException)
            {
                Volatile.Write(ref seen, Asked); // Whoever needs it gets the error and tells it.
            }
        }
    }

    /// <summary>From here on what was noted is the past.</summary>
    public void End() => isOver = true;
}
