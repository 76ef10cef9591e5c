using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>A removed file whose lines are still in tables.</summary>
sealed record FeedForgetting(
    long File, string Feed, long Number, FeedFile? Book, int FirstPiece, int LastPiece);

/// <summary>
/// The tables of files: which there are, how far each was read, its pieces, and which are to be
/// forgotten. Within a transaction that the caller began.
/// </summary>
sealed class FeedFiles(SqliteConnection connection)
{
    readonly SqliteStatement insertFile = connection.Prepare("""
        INSERT INTO feed_file (id, feed, number, digits, is_part, device, inode, birth, read_to,
          tail, lines, skipped, skips_line, is_complete, first_piece)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, 0, ?11)
        """u8);
    readonly SqliteStatement insertPiece = connection.Prepare(
        "INSERT INTO feed_piece (id, file, body) VALUES (?1, ?2, ?3)"u8);
    readonly SqliteStatement updateFile = connection.Prepare("""
        UPDATE feed_file SET read_to = ?2, tail = ?3, lines = ?4, skipped = ?5, skips_line = ?6,
          is_complete = ?7
        WHERE id = ?1
        """u8);
    readonly Dictionary<int, long> fetchers = [];
    readonly Dictionary<(int Feed, long Number), HashSet<string>> marks = [];
    long nextFile = 1 + Math.Max(
        connection.Number("SELECT max(id) FROM feed_file"u8) ?? 0,
        connection.Number("SELECT max(file) FROM feed_forget"u8) ?? 0);

    /// <summary>The records of the files that are there.</summary>
    public Dictionary<FeedFile, FeedSource> Sources { get; } = [];

    /// <summary>Removed files whose lines are still in tables, oldest first.</summary>
    public List<FeedForgetting> Forgetting { get; } = [];

    /// <summary>
    /// The number of the next piece: above those that were removed, too, as far as anything speaks
    /// of them.
    /// </summary>
    public int NextPiece { get; set; } = 1 + (int)(connection.Number("""
        SELECT max(coalesce((SELECT max(id) FROM feed_piece), 0),
          coalesce((SELECT max(last_piece) FROM feed_forget), 0), filled_to) FROM feed_state
        """u8) ?? 0);

    /// <summary>A new file: its feed, its run and itself get rows.</summary>
    public void Add(FeedBook book, FeedSource source, int firstPiece)
    {
        var name = source.Name;
        var fetcher = FetcherOf(book, book.FeedOf(name.Feed));
        using (var run = connection.PrepareOnce("""
            INSERT INTO fetcher_runs (fetcher_id, run_started, is_complete) VALUES (?1, ?2, 0)
            ON CONFLICT DO UPDATE SET is_complete = 0
            """u8)) run.Bind(1, fetcher).Bind(2, name.Number).Run();
        source.Id = nextFile++;
        insertFile.Bind(1, source.Id).BindText(2, name.Feed).Bind(3, name.Number);
        insertFile.BindText(4, name.Digits).Bind(5, name.IsPart ? 1 : 0).Bind(6, source.Device);
        insertFile.Bind(7, source.Inode).Bind(8, source.Birth).Bind(9, source.Offset);
        insertFile.BindBlob(10, source.Tail).Bind(11, firstPiece).Run();
    }

    /// <summary>Adds a piece of a file's lines.</summary>
    public void AddPiece(int piece, long file, ReadOnlySpan<byte> body) =>
        insertPiece.Bind(1, piece).Bind(2, file).BindBlob(3, body).Run();

    /// <summary>Writes down how far a file will have been read.</summary>
    public void Read(FeedSource source, FeedBatch batch)
    {
        updateFile.Bind(1, source.Id).Bind(2, batch.To).BindBlob(3, batch.Tail);
        updateFile.Bind(4, source.Lines + batch.LinesRead).Bind(5, source.Skipped + batch.Skipped);
        updateFile.Bind(6, batch.SkipsLine ? 1 : 0).Bind(7, batch.IsComplete ? 1 : 0).Run();
    }

    /// <summary>Writes down a file's name, and which file it is.</summary>
    public void Rename(FeedSource source)
    {
        using var rename = connection.PrepareOnce("""
            UPDATE feed_file SET digits = ?2, is_part = ?3, device = ?4, inode = ?5, birth = ?6
            WHERE id = ?1
            """u8);
        rename.Bind(1, source.Id).BindText(2, source.Name.Digits);
        rename.Bind(3, source.Name.IsPart ? 1 : 0).Bind(4, source.Device).Bind(5, source.Inode);
        rename.Bind(6, source.Birth).Run();
    }

    /// <summary>A file is gone: from here on it is to be forgotten.</summary>
    public void Remove(FeedSource source, int lastPiece)
    {
        using (var remove = connection.PrepareOnce("DELETE FROM feed_file WHERE id = ?1"u8))
            remove.Bind(1, source.Id).Run();
        Forget(source.Id, source.Name.Feed, source.Name.Number, source.FirstPiece, lastPiece);
    }

    /// <summary>No line of a file comes again, if no other file of its run goes on.</summary>
    public void DropLost(FeedSource source)
    {
        if (Sources.Values.Any(it => it != source && it.Name.Feed == source.Name.Feed
            && it.Name.Number == source.Name.Number)) return;
        using var drop = connection.PrepareOnce(
            "DELETE FROM feed_lost WHERE feed = ?1 AND number = ?2"u8);
        drop.BindText(1, source.Name.Feed).Bind(2, source.Name.Number).Run();
    }

    void Forget(long file, string feed, long number, int firstPiece, int lastPiece)
    {
        using var forget = connection.PrepareOnce("""
            INSERT INTO feed_forget (file, feed, number, first_piece, last_piece)
            VALUES (?1, ?2, ?3, ?4, ?5)
            """u8);
        forget.Bind(1, file).BindText(2, feed).Bind(3, number).Bind(4, firstPiece);
        forget.Bind(5, lastPiece).Run();
        using var open = connection.PrepareOnce("""
            UPDATE fetcher_runs SET is_complete = 0
            WHERE run_started = ?1
              AND fetcher_id = (SELECT fetcher_id FROM fetchers WHERE name = ?2)
            """u8);
        open.Bind(1, number).BindText(2, feed).Run();
    }

    /// <summary>Runs in the original's tables that have no file are to be forgotten.</summary>
    public void ForgetUnknown(FeedBook book, IReadOnlyCollection<FeedSource> sources)
    {
        var known = sources.Select(it => (it.Name.Feed, it.Name.Number))
            .Concat(Forgetting.Select(it => (it.Feed, it.Number))).ToHashSet();
        var unknown = new List<(string Feed, long Number)>();
        using (var runs = connection.PrepareOnce("""
            SELECT name, run_started FROM fetcher_runs JOIN fetchers USING (fetcher_id)
            """u8))
        {
            while (runs.Step())
            {
                if (!known.Contains((runs.Text(0), runs.Int64(1))))
                    unknown.Add((runs.Text(0), runs.Int64(1)));
            }
        }
        foreach (var (feed, number) in unknown)
        {
            Forget(nextFile, feed, number, 0, -1);
            Forgetting.Add(new FeedForgetting(nextFile++, feed, number, null, 0, -1));
            DropMarks(book.FeedOf(feed), number);
        }
    }

    /// <summary>Whether lines of a removed file of this run are still in tables.</summary>
    public bool IsForgetting(int feed, long number) => Forgetting.Count > 0
        && Forgetting.Exists(it => it.Number == number && (it.Book?.Feed ?? feed) == feed);

    /// <summary>The original's number of a feed; it gets one.</summary>
    public long FetcherOf(FeedBook book, int feed)
    {
        if (fetchers.TryGetValue(feed, out var id)) return id;
        var name = Encoding.UTF8.GetBytes(book.Feeds[feed]);
        using var add = connection.PrepareOnce("""
            INSERT INTO fetchers (name) VALUES (?1) ON CONFLICT DO NOTHING
            """u8);
        add.BindText(1, name).Run();
        using var look = connection.PrepareOnce(
            "SELECT fetcher_id FROM fetchers WHERE name = ?1"u8);
        look.BindText(1, name).Step();
        return fetchers[feed] = look.Int64(0);
    }

    /// <summary>The book's file of a number; null: it is not there any more.</summary>
    public FeedFile? ById(long id)
    {
        if (last is { } it && it.Id == id && it.File!.IsPresent) return it.File;
        last = Sources.Values.FirstOrDefault(source => source.Id == id);
        return last?.File;
    }

    FeedSource? last;

    /// <summary>A transaction came to nothing: what it gave numbers to may have none.</summary>
    public void RollBack() => fetchers.Clear();

    /// <summary>A feed has no run any more; its number is not used again.</summary>
    public void DropFetcher(int feed) => fetchers.Remove(feed);

    /// <summary>
    /// A row of the original's tables, whose line was not read yet, was given out.
    /// </summary>
    public void KnowMark(int feed, long number, string key)
    {
        if (!marks.TryGetValue((feed, number), out var keys))
            marks[(feed, number)] = keys = new HashSet<string>(StringComparer.Ordinal);
        keys.Add(key);
    }

    /// <summary>What is known of lines that a file will have; null: nothing.</summary>
    public Func<ReadOnlySpan<byte>, bool>? KnownMarks(FeedSource source)
    {
        if (marks.Count == 0
            || !marks.TryGetValue((source.File!.Feed, source.File.Number), out var keys))
            return null;
        return key => keys.Contains(Encoding.UTF8.GetString(key));
    }

    /// <summary>What was known of a run's lines is over.</summary>
    public void DropMarks(int feed, long number) => marks.Remove((feed, number));
}
