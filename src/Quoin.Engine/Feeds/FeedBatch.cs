using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Lines of one file on their way into the book: their bytes as <c>KEY PAYLOAD</c> and LF, cut into
/// pieces that a page of the database holds. Used again and again.
/// </summary>
public sealed class FeedBatch
{
    const int PieceBytesMax = 3800;

    byte[] bytes = new byte[64 * 1024];
    int length;
    readonly List<int> pieceStarts = [];
    readonly List<Line> lines = [];

    readonly record struct Line(int Piece, int Start, int KeyLength, int PayloadLength);

    /// <summary>The file.</summary>
    public FeedSource Source { get; private set; } = null!;

    /// <summary>Where the file was read from, and up to where.</summary>
    public long From { get; private set; }

    /// <summary>Where the next line begins.</summary>
    public long To { get; set; }

    /// <summary>Lines of the file that these are, skipped ones included.</summary>
    public int LinesRead { get; set; }

    /// <summary>Lines that were no jobs.</summary>
    public int Skipped { get; set; }

    /// <summary>With these lines the file is complete.</summary>
    public bool IsComplete { get; set; }

    /// <summary>The last bytes before <see cref="To"/>.</summary>
    public byte[] Tail { get; set; } = [];

    /// <summary>It ends within a line that is too long.</summary>
    public bool SkipsLine { get; set; }

    /// <summary>There is something to write down.</summary>
    public bool ChangesAnything => To != From || Source.File is null
        || IsComplete != Source.IsComplete || SkipsLine != Source.SkipsLine;

    /// <summary>How many lines are jobs.</summary>
    public int Count => lines.Count;

    /// <summary>How many pieces there are.</summary>
    public int PieceCount => pieceStarts.Count;

    /// <summary>Empties it for a file, at the place to which that was read.</summary>
    public void Begin(FeedSource source)
    {
        Source = source;
        From = To = source.Offset;
        Tail = source.Tail;
        SkipsLine = source.SkipsLine;
        IsComplete = source.IsComplete;
        LinesRead = Skipped = length = 0;
        pieceStarts.Clear();
        lines.Clear();
    }

    /// <summary>Adds a job.</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> payload)
    {
        var size = key.Length + payload.Length + 2;
        if (pieceStarts.Count == 0 || length + size - pieceStarts[^1] > PieceBytesMax)
            pieceStarts.Add(length);
        if (length + size > bytes.Length)
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, length + size));
        lines.Add(new Line(pieceStarts.Count - 1, length, key.Length, payload.Length));
        key.CopyTo(bytes.AsSpan(length));
        bytes[length + key.Length] = (byte)' ';
        payload.CopyTo(bytes.AsSpan(length + key.Length + 1));
        length += size;
        bytes[length - 1] = (byte)'\n';
    }

    /// <summary>The bytes of a piece.</summary>
    public ReadOnlySpan<byte> Piece(int piece) => bytes.AsSpan(
        pieceStarts[piece],
        (piece + 1 < pieceStarts.Count ? pieceStarts[piece + 1] : length) - pieceStarts[piece]);

    /// <summary>
    /// Tells the book, once the pieces are in the store under successive numbers.
    /// <paramref name="isDone"/> says of a key whether it is known to be given out; null: of none.
    /// </summary>
    public void Tell(FeedBook book, int firstPiece, Func<ReadOnlySpan<byte>, bool>? isDone)
    {
        var file = Source.File!;
        foreach (var line in lines)
        {
            var key = bytes.AsSpan(line.Start, line.KeyLength);
            var payload = new FeedPayload(
                firstPiece + line.Piece, line.Start - pieceStarts[line.Piece] + line.KeyLength + 1,
                line.PayloadLength);
            book.Accept(file, key, payload, isDone is not null && isDone(key));
        }
    }

    /// <summary>Notes in the file's record what was written down.</summary>
    public void Settle()
    {
        Source.Offset = To;
        Source.Tail = Tail;
        Source.Lines += LinesRead;
        Source.Skipped += Skipped;
        Source.SkipsLine = SkipsLine;
        Source.IsComplete = IsComplete;
    }
}
