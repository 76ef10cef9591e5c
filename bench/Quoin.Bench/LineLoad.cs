using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>What many line workers at once saw.</summary>
/// <param name="Answers">How many answers came.</param>
/// <param name="Seconds">From the first question to the last answer.</param>
/// <param name="Jobs">How many of them were jobs.</param>
/// <param name="Latencies">From each question to its answer, in microseconds, sorted.</param>
sealed record LineLoadResult(int Answers, double Seconds, int Jobs, double[] Latencies)
{
    public double PerSecond => Answers / Seconds;

    public double Percentile(double share) =>
        Latencies.Length == 0 ? 0 : Latencies[(int)((Latencies.Length - 1) * share)];
}

/// <summary>
/// Line workers for measurements: each connection asks, waits for the answer and asks again; all of
/// them on one thread with one poller, and without garbage, so that the server is what is measured.
/// </summary>
static class LineLoad
{
    const int PatienceMs = 60_000;

    /// <summary>
    /// Asks <paramref name="questions"/> times on so many connections. With
    /// <paramref name="isDone"/> each question after a job is its DONE, else READY.
    /// </summary>
    public static LineLoadResult Run(string socket, int connections, int questions, bool isDone)
    {
        var clients = new Client[connections];
        var byFile = new Dictionary<int, Client>();
        var poller = LineNative.NewPoller();
        for (var i = 0; i < connections; i++)
        {
            clients[i] = new Client(socket, isDone);
            byFile[clients[i].File] = clients[i];
            _ = LineNative.Watch(poller, LineNative.Add, clients[i].File, LineNative.In);
        }
        var latencies = new double[questions];
        var room = LineNative.Room(256);
        var (asked, answered, jobs) = (0, 0, 0);
        // One that asks alone looks for its answer all the time: to be woken takes longer than a
        // server needs, and would be what is measured.
        var isAwake = connections == 1;
        var heard = Environment.TickCount64;
        var since = Stopwatch.GetTimestamp();
        foreach (var client in clients.Take(questions))
        {
            client.Ask();
            asked++;
        }
        while (answered < questions)
        {
            var count = LineNative.Wait(poller, room, isAwake ? 0 : PatienceMs);
            if (count > 0) heard = Environment.TickCount64;
            else if (Environment.TickCount64 - heard >= PatienceMs)
                throw new TimeoutException($"{answered} of {questions} answers came");
            for (var i = 0; i < count; i++)
            {
                var client = byFile[LineNative.Event(room, i).File];
                if (!client.Read(out var isJob)) continue;
                latencies[answered++] = client.Elapsed;
                if (isJob) jobs++;
                if (asked >= questions) continue;
                client.Ask();
                asked++;
            }
        }
        var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        foreach (var client in clients) client.Dispose();
        _ = Libc.close(poller);
        Array.Sort(latencies);
        return new LineLoadResult(answered, seconds, jobs, latencies);
    }

    sealed class Client : IDisposable
    {
        readonly Socket socket;
        readonly byte[] buffer = new byte[64 * 1024];
        readonly byte[] question = new byte[64 * 1024];
        readonly bool isDone;
        int length, questionLength;
        long askedAt;

        public Client(string path, bool isDone)
        {
            this.isDone = isDone;
            socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            socket.Blocking = false;
            File = (int)socket.Handle;
            questionLength = Encoding.ASCII.GetBytes("READY\n", question);
        }

        public int File { get; }

        public double Elapsed => Stopwatch.GetElapsedTime(askedAt).TotalMicroseconds;

        public void Ask()
        {
            askedAt = Stopwatch.GetTimestamp();
            if (LineNative.Write(File, question.AsSpan(0, questionLength)) != questionLength)
                throw new IOException("a question was not sent");
        }

        // True: a whole answer is there.
        public bool Read(out bool isJob)
        {
            isJob = false;
            var count = LineNative.Read(File, buffer.AsSpan(length));
            if (count == -Libc.EAGAIN) return false;
            if (count <= 0) throw new IOException($"the server closed a connection ({count})");
            length += count;
            if (buffer[length - 1] != '\n') return false;
            var answer = buffer.AsSpan(0, length);
            length = 0;
            isJob = answer.StartsWith("JOB "u8);
            if (isDone && isJob)
            {
                var key = answer[4..];
                key = key[..key.IndexOf((byte)' ')];
                "DONE "u8.CopyTo(question);
                key.CopyTo(question.AsSpan(5));
                " 0\n"u8.CopyTo(question.AsSpan(5 + key.Length));
                questionLength = key.Length + 8;
            }
            else if (isDone) questionLength = Encoding.ASCII.GetBytes("READY\n", question);
            return true;
        }

        public void Dispose() => socket.Dispose();
    }
}
