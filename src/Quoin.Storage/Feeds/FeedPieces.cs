using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Reads payloads from the pieces of files, and keeps pieces in memory: lines go out in scrambled
/// order, so a piece is asked for as often as it has lines. Pieces never change, and a number is
/// used once.
/// </summary>
sealed class FeedPieces(SqliteConnection connection)
{
    // 2,048 pieces of at most 3,800 bytes are 8 MB, which is 150,000 lines of 50 bytes. Of more
    // lines each place has the piece that was asked for last.
    const int Places = 2048, BodyMax = 4096;

    readonly SqliteStatement select = connection.Prepare(
        "SELECT body FROM feed_piece WHERE id = ?1"u8);
    readonly (int Piece, byte[] Body)[] places = new (int, byte[])[Places];
    byte[] rare = [];

    /// <summary>The bytes of a payload, valid until the next call.</summary>
    public ReadOnlySpan<byte> Payload(FeedPayload where) =>
        TryKept(where, out var payload) ? payload : Read(where);

    /// <summary>The same, if it is in memory.</summary>
    public bool TryKept(FeedPayload where, out ReadOnlySpan<byte> payload)
    {
        ref var place = ref places[where.Chunk % Places];
        var isKept = place.Piece == where.Chunk && place.Body is not null;
        payload = isKept ? place.Body.AsSpan(where.Offset, where.Length) : default;
        return isKept;
    }

    ReadOnlySpan<byte> Read(FeedPayload where)
    {
        select.Bind(1, where.Chunk);
        try
        {
            if (!select.Step())
            {
                throw new StoreException(
                    "store-corrupt", $"{connection.Path} has no piece {where.Chunk} of a feed; "
                    + "restore it from a backup, or remove it: the files are then read anew");
            }
            var body = select.Bytes(0);
            if (body.Length > BodyMax) // A long line, which has a piece of its own.
            {
                if (rare.Length < where.Length) rare = new byte[where.Length * 2];
                body.Slice(where.Offset, where.Length).CopyTo(rare);
                return rare.AsSpan(0, where.Length);
            }
            ref var place = ref places[where.Chunk % Places];
            place.Body ??= new byte[BodyMax];
            place.Piece = where.Chunk;
            body.CopyTo(place.Body);
            return place.Body.AsSpan(where.Offset, where.Length);
        }
        finally
        {
            select.Reset();
        }
    }
}
