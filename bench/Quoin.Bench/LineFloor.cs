using System.Text;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>
/// A bare loop that answers all questions that are there, after it has written their rows and
/// synced them, or without that.
/// </summary>
sealed class LineFloor : IDisposable
{
    readonly int listener;
    readonly Thread thread;
    readonly LineRows? rows;
    readonly bool isAwake;
    volatile bool isOver;

    /// <summary>
    /// Serves at a path until disposed. <paramref name="databasePath"/>: a feed store with all its
    /// rows filled; null: nothing is written. <paramref name="isAwake"/>: it never sleeps.
    /// </summary>
    public LineFloor(string path, string? databasePath, bool isAwake)
    {
        this.isAwake = isAwake;
        if (databasePath is not null) rows = new LineRows(databasePath);
        listener = LineNative.Listen(path, 128);
        if (listener < 0) throw new IOException($"{path} cannot be listened at");
        thread = new Thread(Serve);
        thread.Start();
    }

    void Serve()
    {
        var poller = LineNative.NewPoller();
        _ = LineNative.Watch(poller, LineNative.Add, listener, LineNative.In);
        var (events, room) = (LineNative.Room(256), new byte[4096]);
        var answers = new List<(int File, byte[] Text)>();
        while (!isOver)
        {
            var count = LineNative.Wait(poller, events, isAwake ? 0 : 50);
            for (var i = 0; i < count; i++)
            {
                var file = LineNative.Event(events, i).File;
                if (file == listener)
                {
                    while (LineNative.Accept(listener) is >= 0 and var accepted)
                        _ = LineNative.Watch(poller, LineNative.Add, accepted, LineNative.In);
                    continue;
                }
                var length = LineNative.Read(file, room);
                if (length > 0) answers.Add((file, Answer(room.AsSpan(0, length))));
                else if (length != -Libc.EAGAIN) _ = Libc.close(file);
            }
            rows?.Commit();
            foreach (var (file, text) in answers) _ = LineNative.Write(file, text);
            answers.Clear();
        }
        _ = Libc.close(poller);
    }

    byte[] Answer(ReadOnlySpan<byte> question)
    {
        if (rows is null) return "JOB package 1.0 1.1 https://a.org/1\n"u8.ToArray();
        var ended = question.StartsWith("DONE "u8) ? question[5..] : default;
        var key = rows.Give(ended.IsEmpty ? default : ended[..ended.IndexOf((byte)' ')]);
        return Encoding.UTF8.GetBytes(
            $"JOB {Encoding.UTF8.GetString(key)} 1.0 1.1 https://a.org/1\n");
    }

    public void Dispose()
    {
        isOver = true;
        thread.Join();
        _ = Libc.close(listener);
        rows?.Dispose();
    }
}
