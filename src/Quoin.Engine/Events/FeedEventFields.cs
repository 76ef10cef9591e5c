using Quoin.Core;
using static Quoin.Engine.ProtoReader;

namespace Quoin.Engine;

/// <summary>
/// The fields of the events of feeds, both ways; only <see cref="EventCodec"/> calls it.
/// </summary>
static class FeedEventFields
{
    public static void Write(ref ProtoWriter w, FeedLinesAccepted e)
    {
        w.Text(1, e.Feed);
        w.Int64(2, e.Number);
        w.Text(3, e.File);
        w.Int64(4, e.From);
        w.Int64(5, e.To);
        w.Int32(6, e.Lines);
        w.Int32(7, e.Skipped);
        w.Bool(8, e.Complete);
    }

    public static void Write(ref ProtoWriter w, FeedFileRemoved e)
    {
        w.Text(1, e.Feed);
        w.Int64(2, e.Number);
        w.Text(3, e.File);
    }

    public static void Write(ref ProtoWriter w, RunUndelivered e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
    }

    public static void Write(ref ProtoWriter w, RunUnowned e) => w.Int32(1, e.Run.Value);

    /// <summary>An event of feeds; null: it is another kind.</summary>
    public static BuildEvent? Read(ReadOnlySpan<byte> type, ProtoReader body)
    {
        if (type.SequenceEqual("feed-lines-accepted"u8)) return LinesAccepted(body);
        if (type.SequenceEqual("feed-file-removed"u8)) return FileRemoved(body);
        if (type.SequenceEqual("run-undelivered"u8))
        {
            var (run, epoch) = RunAndEpoch(body);
            return new RunUndelivered(EventValues.Run(run), epoch);
        }
        return type.SequenceEqual("run-unowned"u8)
            ? new RunUnowned(EventValues.Run(RunAndEpoch(body).Run))
            : null;
    }

    static (int Run, int Epoch) RunAndEpoch(ProtoReader r)
    {
        var (run, epoch) = (0, 0);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return (run, epoch);
    }

    static FeedLinesAccepted LinesAccepted(ProtoReader r)
    {
        var (feed, file) = ("", "");
        var (number, from, to) = (0L, 0L, 0L);
        var (lines, skipped, isComplete) = (0, 0, false);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: feed = r.Text(); break;
                case (2 << 3) | Number: number = r.Int64(); break;
                case (3 << 3) | Block: file = r.Text(); break;
                case (4 << 3) | Number: from = r.Int64(); break;
                case (5 << 3) | Number: to = r.Int64(); break;
                case (6 << 3) | Number: lines = r.Int32(); break;
                case (7 << 3) | Number: skipped = r.Int32(); break;
                case (8 << 3) | Number: isComplete = r.Bool(); break;
                default: r.Skip(); break;
            }
        }
        return new(feed, number, file)
        {
            From = from,
            To = to,
            Lines = lines,
            Skipped = skipped,
            Complete = isComplete,
        };
    }

    static FeedFileRemoved FileRemoved(ProtoReader r)
    {
        var (feed, file, number) = ("", "", 0L);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: feed = r.Text(); break;
                case (2 << 3) | Number: number = r.Int64(); break;
                case (3 << 3) | Block: file = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(feed, number, file);
    }
}
