using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Quoin.Bench;

/// <summary>
/// <c>quoin serve</c> as a process of its own on a free port of loopback, over a folder.
/// </summary>
sealed class ServeProcess : IDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromMinutes(2);

    readonly Process process;

    /// <summary>Starts it and waits until it answers from all that is recorded.</summary>
    public ServeProcess(string folder, params string[] options)
    {
        var clock = Stopwatch.StartNew();
        process = Process.Start(new ProcessStartInfo(
            BuildBench.QuoinBinary, ["-C", folder, "serve", "--listen", "127.0.0.1:0", .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, e) => LastWords = e.Data ?? LastWords;
        process.BeginErrorReadLine();
        var address = process.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException($"quoin serve said nothing: {LastWords}");
        Listening = clock.Elapsed;
        Http = new HttpClient { BaseAddress = new Uri(address), Timeout = patience };
        while (Status("/readyz") != HttpStatusCode.OK)
        {
            if (clock.Elapsed > patience) throw new TimeoutException("it does not get ready");
            Task.Delay(TimeSpan.FromMilliseconds(20)).GetAwaiter().GetResult();
        }
        Ready = clock.Elapsed;
    }

    /// <summary>Speaks to it.</summary>
    public HttpClient Http { get; }

    /// <summary>From its start until it listened.</summary>
    public TimeSpan Listening { get; }

    /// <summary>From its start until it was ready.</summary>
    public TimeSpan Ready { get; }

    /// <summary>The last line that it told people.</summary>
    public string LastWords { get; private set; } = "";

    /// <summary>Processor time that it took so far.</summary>
    public TimeSpan Cpu
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>A line of <c>/proc/PID/status</c> in MB: <c>VmRSS</c>, <c>VmHWM</c>.</summary>
    public long Megabytes(string name) => File.ReadLines($"/proc/{process.Id}/status")
        .Where(line => line.StartsWith(name + ":", StringComparison.Ordinal))
        .Select(line => long.Parse(
            line.AsSpan(name.Length + 1, line.Length - name.Length - 1 - 2).Trim(),
            CultureInfo.InvariantCulture) / 1024).Single();

    /// <summary>Gets a page to its last byte.</summary>
    public (HttpStatusCode Status, int Bytes) Get(string path)
    {
        using var answer = Http.GetAsync(path).GetAwaiter().GetResult();
        var bytes = answer.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult();
        return (answer.StatusCode, bytes.Length);
    }

    HttpStatusCode Status(string path) => Get(path).Status;

    /// <inheritdoc/>
    public void Dispose()
    {
        Http.Dispose();
        process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }
}

/// <summary>
/// Follows the event stream over a connection of its own and checks that each position is the one
/// behind the last. It reads what comes as bytes, because two hundred of them share the machine
/// with what they measure.
/// </summary>
sealed class EventFollower(Uri server) : IDisposable
{
    readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    readonly byte[] buffer = new byte[128 << 10];
    long left; // Of a chunk; 0: its head comes next.
    bool isBody;
    int heads; // Of line ends before the body.
    long number;
    LineState line;

    enum LineState
    {
        Start,
        I,
        D,
        Colon,
        Number,
        Rest,
    }

    /// <summary>The last position that it got.</summary>
    public long Last { get; private set; }

    /// <summary>Events that were not the next one: missed, repeated or out of order.</summary>
    public int Wrong { get; private set; }

    /// <summary>How many bytes came.</summary>
    public long Bytes { get; private set; }

    /// <summary>Follows behind a position until it got the last one.</summary>
    public async Task FollowAsync(long after, Func<long> until, CancellationToken ct)
    {
        Last = after;
        await socket.ConnectAsync(server.Host, server.Port, ct);
        await socket.SendAsync(
            System.Text.Encoding.ASCII.GetBytes(
                $"GET /api/v1/events?after={after} HTTP/1.1\r\nHost: {server.Authority}\r\n"
                + "Accept: text/event-stream\r\n\r\n"), ct);
        while (Last < until())
        {
            var count = await socket.ReceiveAsync(buffer, ct);
            if (count == 0) throw new IOException("the stream ended");
            Bytes += count;
            Take(buffer.AsSpan(0, count));
        }
    }

    void Take(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (!isBody)
            {
                var end = bytes.IndexOf((byte)'\n');
                if (end < 0)
                {
                    if (bytes.IndexOfAnyExcept((byte)'\r') >= 0) heads = 0;
                    return;
                }
                heads = bytes[..end].IndexOfAnyExcept((byte)'\r') < 0 ? heads + 1 : 1;
                isBody = heads == 2;
                bytes = bytes[(end + 1)..];
            }
            else if (left > 0)
            {
                var part = bytes[..(int)Math.Min(left, bytes.Length)];
                Lines(part);
                left -= part.Length;
                bytes = bytes[part.Length..];
            }
            else bytes = ChunkHead(bytes);
        }
    }

    long size; // Of the chunk whose head is being read.
    bool hasSize;

    ReadOnlySpan<byte> ChunkHead(ReadOnlySpan<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            var c = (char)bytes[i];
            if (char.IsAsciiHexDigit(c))
            {
                (size, hasSize) = ((size * 16) + Convert.ToInt32($"{c}", 16), true);
            }
            else if (c == '\n' && hasSize)
            {
                (left, size, hasSize) = (size, 0, false);
                return bytes[(i + 1)..];
            }
        }
        return [];
    }

    void Lines(ReadOnlySpan<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            var c = bytes[i];
            if (c == '\n')
            {
                if (line == LineState.Number) Got();
                line = LineState.Start;
                continue;
            }
            switch (line)
            {
                case LineState.Start: line = c == 'i' ? LineState.I : LineState.Rest; break;
                case LineState.I: line = c == 'd' ? LineState.D : LineState.Rest; break;
                case LineState.D: line = c == ':' ? LineState.Colon : LineState.Rest; break;
                case LineState.Colon: (line, number) = (LineState.Number, 0); break;
                case LineState.Number: number = (number * 10) + c - '0'; break;
                case LineState.Rest: // The fact itself: on to the line's end.
                    var end = bytes[i..].IndexOf((byte)'\n');
                    if (end < 0) return;
                    i += end - 1;
                    break;
            }
        }
    }

    void Got()
    {
        if (number != Last + 1) Wrong++;
        Last = number;
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();
}
