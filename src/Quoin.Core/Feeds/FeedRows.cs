namespace Quoin.Core;

/// <summary>
/// The lines of all files as rows of 32 bytes, chained by key (the one that was put last first) and
/// by file; and which of a key's rows counts. Knows nothing of order between keys.
/// </summary>
sealed class FeedRows
{
    public struct Row
    {
        public int Key, File, NextOfKey, NextOfFile;
        public FeedPayload Payload;
        public FeedRowState State;
        public byte Times;
    }

    readonly Paged<Row> rows = new();
    readonly List<FeedFile> files = [];

    /// <summary>By feed: rows of runs below this number wait.</summary>
    public List<long> Barriers { get; } = [];

    /// <summary>Which of them may not be given out for a while.</summary>
    public FeedRests Rests { get; } = new();

    /// <summary>How many rows there are.</summary>
    public int Count { get; private set; }

    public ref Row this[int row] => ref rows[row];

    public FeedFile FileOf(int row) => files[rows[row].File];

    public FeedFile AddFile(int feed, long number)
    {
        var file = new FeedFile(files.Count, feed, number);
        files.Add(file);
        return file;
    }

    /// <summary>
    /// Puts a line; its row, or -1 when the file has the key already and only the payload changes.
    /// A <paramref name="sibling"/> is the row of another file of the same run that counted so far:
    /// what became of it is passed on.
    /// </summary>
    public int Put(FeedFile file, ref int first, int key, FeedPayload payload, out int sibling)
    {
        sibling = -1;
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
        {
            if (rows[row].File == file.Index)
            {
                rows[row].Payload = payload;
                if (sibling < 0) return -1;
                MoveToFront(ref first, row);
                Inherit(row, sibling);
                return row;
            }
            if (sibling < 0 && IsOtherOfRun(row, file)) sibling = row;
        }
        var added = rows.Add(new Row
        {
            Key = key,
            File = file.Index,
            NextOfKey = first,
            NextOfFile = file.FirstRow,
            Payload = payload,
        });
        if (sibling >= 0) Inherit(added, sibling);
        first = file.FirstRow = added;
        file.RowCount++;
        Count++;
        return added;
    }

    // What became of the line of a run goes on in the row that counts.
    void Inherit(int row, int sibling)
    {
        (rows[row].State, rows[row].Times) = (rows[sibling].State, rows[sibling].Times);
        if (rows[sibling].State != FeedRowState.Open) rows[sibling].State = FeedRowState.Done;
        Rests.PassOn(sibling, row);
    }

    bool IsOtherOfRun(int row, FeedFile file) =>
        FileOf(row) is { IsPresent: true } other && other.Feed == file.Feed
            && other.Number == file.Number && other != file;

    void MoveToFront(ref int first, int row)
    {
        Unchain(ref first, row);
        rows[row].NextOfKey = first;
        first = row;
    }

    void Unchain(ref int first, int row)
    {
        if (first == row)
        {
            first = rows[row].NextOfKey;
            return;
        }
        var before = first;
        while (rows[before].NextOfKey != row) before = rows[before].NextOfKey;
        rows[before].NextOfKey = rows[row].NextOfKey;
    }

    /// <summary>Forgets the first row of a file.</summary>
    public void Unlink(FeedFile file, ref int first)
    {
        var row = file.FirstRow;
        Unchain(ref first, row);
        file.FirstRow = rows[row].NextOfFile;
        rows.Remove(row);
        Rests.Remove(row);
        file.RowCount--;
        Count--;
    }

    /// <summary>
    /// A row is forgotten: another file of its run that lists the key goes on in its place; -1:
    /// there is none.
    /// </summary>
    public int PassOn(int first, int row)
    {
        if (rows[row].State is not (FeedRowState.Held or FeedRowState.Lost)) return -1;
        var heir = Find(first, FileOf(row).Feed, FileOf(row).Number);
        if (heir < 0) return -1;
        (rows[heir].State, rows[heir].Times) = (rows[row].State, rows[row].Times);
        Rests.PassOn(row, heir);
        return heir;
    }

    /// <summary>
    /// The row to give out next: of those that count and are free, the one that was given out least
    /// often, then the one of the first feed. -1: none; <paramref name="waits"/> says whether one
    /// would be free but for a barrier.
    /// </summary>
    public int Best(int first, FeedFlight? overdue, int attemptsMax, out bool waits)
    {
        waits = false;
        var best = -1;
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
        {
            if (!IsFree(row, overdue, attemptsMax) || !Counts(first, row)) continue;
            var file = FileOf(row);
            if (file.Number < Barriers[file.Feed]) waits = true;
            else if (best < 0 || IsBefore(row, best)) best = row;
        }
        return best;
    }

    /// <summary>Whether any row counts and is free, barriers aside.</summary>
    public bool HasSome(int first, FeedFlight? overdue, int attemptsMax)
    {
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
            if (IsFree(row, overdue, attemptsMax) && Counts(first, row)) return true;
        return false;
    }

    /// <summary>
    /// Where the first payload is of the rows that count and are free: pieces of a store are in the
    /// order in which lines were accepted.
    /// </summary>
    public long EarliestPlace(int first, FeedFlight? overdue, int attemptsMax)
    {
        var earliest = long.MaxValue;
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
        {
            if (!IsFree(row, overdue, attemptsMax) || !Counts(first, row)) continue;
            var (chunk, offset, _) = rows[row].Payload;
            earliest = Math.Min(earliest, ((long)chunk << 32) | (uint)offset);
        }
        return earliest;
    }

    bool IsBefore(int a, int b) => rows[a].Times != rows[b].Times
        ? rows[a].Times < rows[b].Times
        : FileOf(a).Feed < FileOf(b).Feed;

    bool IsFree(int row, FeedFlight? overdue, int attemptsMax) => rows[row].State switch
    {
        FeedRowState.Open => true,
        FeedRowState.Lost => rows[row].Times < attemptsMax && !Rests.Has(row),
        FeedRowState.Held =>
            overdue is { IsOverdue: true } && overdue.Row == row && overdue.Times < attemptsMax,
        FeedRowState.Done => false,
    };

    // Of a feed, the newest run that lists the key; of two files of one run, what was put last.
    bool Counts(int first, int row)
    {
        var file = FileOf(row);
        if (!file.IsPresent) return false;
        if (first == row && rows[row].NextOfKey < 0) return true;
        var isAfter = false;
        for (var other = first; other >= 0; other = rows[other].NextOfKey)
        {
            if (other == row)
            {
                isAfter = true;
                continue;
            }
            var its = FileOf(other);
            if (!its.IsPresent || its.Feed != file.Feed) continue;
            if (its.Number > file.Number || (its.Number == file.Number && !isAfter)) return false;
        }
        return true;
    }

    /// <summary>A giving out is for all present rows of the key in its feed.</summary>
    public (int Row, FeedRowState Before)[] MarkOthers(int first, int given)
    {
        if (rows[first].NextOfKey < 0) return [];
        var feed = FileOf(given).Feed;
        List<(int, FeedRowState)>? marked = null;
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
        {
            if (row == given || rows[row].State == FeedRowState.Done) continue;
            if (FileOf(row) is not { IsPresent: true } file || file.Feed != feed) continue;
            (marked ??= []).Add((row, rows[row].State));
            rows[row].State = FeedRowState.Done;
        }
        return marked is null ? [] : [.. marked];
    }

    /// <summary>The one of these rows that was lost; null: none was.</summary>
    public (long Number, int Times)? LostOf((int Row, FeedRowState Before)[] marked)
    {
        foreach (var (row, before) in marked)
            if (before == FeedRowState.Lost) return (FileOf(row).Number, rows[row].Times);
        return null;
    }

    /// <summary>A file's row of a key.</summary>
    public (FeedRowState State, FeedPayload Payload)? Line(FeedFile file, int first)
    {
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
            if (rows[row].File == file.Index) return (rows[row].State, rows[row].Payload);
        return null;
    }

    /// <summary>All rows of a run are over; false: it has none.</summary>
    public bool SetDone(int first, int feed, long number)
    {
        var isThere = false;
        for (var row = Find(first, feed, number); row >= 0;
            row = Find(rows[row].NextOfKey, feed, number))
        {
            rows[row].State = FeedRowState.Done;
            isThere = true;
        }
        return isThere;
    }

    /// <summary>The row of a run; -1: none.</summary>
    public int Find(int first, int feed, long number)
    {
        for (var row = first; row >= 0; row = rows[row].NextOfKey)
        {
            if (FileOf(row) is { IsPresent: true } file && file.Feed == feed
                && file.Number == number) return row;
        }
        return -1;
    }
}
