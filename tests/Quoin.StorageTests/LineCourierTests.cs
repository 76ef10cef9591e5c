using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Quoin.Engine;

namespace Quoin.StorageTests;

/// <summary>
/// When many ask at once: while one group of lines is written down, the next one is read, and the
/// answers of the one before are sent. The first line that anybody says is a group of its own;
/// those of <see cref="Many.First"/> come meanwhile and are the second, which is big.
/// </summary>
public sealed class LineCourierTests
{
    const int Size = 20;

    [Fact]
    public void Lines_are_read_and_answers_sent_while_a_group_is_written()
    {
        using var many = new Many(lines: 1 + (2 * Size));
        var second = many.Connect(Size);
        using var answered = new ManualResetEventSlim();
        bool isRead = false, isSent = false;
        many.Decide(2, () => Say(second, "READY\n"));
        many.Write(2, () => isRead = AreRead(second));
        many.Write(3, () => isSent = answered.Wait(Patience));
        many.Begin();
        var keys = many.First.ConvertAll(it => KeyOf(Answer(it)));
        answered.Set();
        keys.AddRange(second.Select(it => KeyOf(Answer(it))));
        Assert.True(isRead);
        Assert.True(isSent);
        Assert.Equal(2 * Size, keys.Distinct().Count());
        Assert.Equal(3, many.Serving.Store.Writes);
        Assert.Equal(1 + (2 * Size), many.World.Query("SELECT 1 FROM log", 1).Count);
    }

    [Fact]
    public void Who_leaves_before_its_answer_is_sent_did_not_get_the_job()
    {
        using var many = new Many(lines: 1 + (2 * Size));
        var (second, third) = (many.Connect(Size), many.Connect(Size));
        many.Decide(2, () => Say(second, "READY\n"));
        many.Write(2, () => AreRead(second));
        many.Decide(3, () => many.First.ForEach(it => it.Dispose()));
        many.Begin();
        var keys = second.Select(it => KeyOf(Answer(it))).ToList();
        Say(third, "READY\n");
        keys.AddRange(third.Select(it => KeyOf(Answer(it))));
        Assert.Equal(2 * Size, keys.Distinct().Count());
        Assert.DoesNotContain(many.Key, keys);
    }

    [Fact]
    public void What_cannot_be_written_down_is_nobodys_though_older_answers_are_being_sent()
    {
        using var many = new Many(lines: 100);
        var (second, third) = (many.Connect(Size), many.Connect(Size));
        var isRead = false;
        many.Decide(2, () =>
        {
            Say(many.First, "READY\n"); // Again, before the first answer.
            Say(second, "READY\n");
        });
        many.Write(2, () => AreRead([.. many.First, .. second]));
        many.Decide(3, () => Say(third, "READY\n"));
        many.Write(3, () =>
        {
            isRead = AreRead(third); // After all was sent that may be sent.
            throw new StoreException("disk-full", "the disk is full");
        });
        many.Begin();
        foreach (var it in many.First)
        {
            Assert.StartsWith("JOB ", Answer(it), StringComparison.Ordinal);
            Assert.Equal("NOJOBS", Answer(it));
        }
        Assert.All(second.Concat(third), it => Assert.Equal("NOJOBS", Answer(it)));
        Assert.True(isRead);
        Assert.Equal(1 + Size, many.World.Query("SELECT 1 FROM log", 1).Count);
    }

    [Fact]
    public void An_end_of_the_server_sends_what_is_written_down()
    {
        using var many = new Many(lines: 100);
        var second = many.Connect(Size);
        many.Decide(2, () => Say(second, "READY\n"));
        many.Write(2, () =>
        {
            AreRead(second);
            many.Serving.Stop();
        });
        many.Begin();
        Assert.Equal(Size, many.First.Select(it => KeyOf(Answer(it))).Distinct().Count());
        many.Serving.End();
        Assert.All(second, it => Assert.Equal("", Answer(it))); // And says it again elsewhere.
        Assert.Equal(1 + Size, many.World.Query("SELECT 1 FROM log", 1).Count);
    }

    [Fact]
    public void Lines_behind_a_WAIT_wait_with_it()
    {
        using var many = new Many(lines: 1 + Size);
        var waiter = many.Connect(1);
        // More than is read at once, so that most of it comes when it waits already.
        many.Decide(2, () => Say(
            waiter, "HELLO w1\nWAIT 3600\n" + string.Concat(Enumerable.Repeat("READY\n", 1500))));
        many.Write(2, () => AreRead(waiter));
        many.Begin();
        Assert.Equal("OK 60", Answer(waiter[0]));
        Assert.True(many.First[0].Poll(Patience, SelectMode.SelectRead));
        many.First[0].Dispose(); // Its answer is there and was not read: the job comes back.
        Assert.StartsWith("JOB ", Answer(waiter[0]), StringComparison.Ordinal);
        for (var i = 0; i < 1500; i++) Assert.Equal("NOJOBS", Answer(waiter[0]));
    }

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    static void Say(List<Socket> clients, string lines) =>
        clients.ForEach(it => it.Send(Encoding.ASCII.GetBytes(lines)));

    // Whether the server took all that they said out of their sockets, within some time.
    static bool AreRead(List<Socket> clients)
    {
        for (var since = Stopwatch.GetTimestamp(); ; Thread.Yield())
        {
            if (clients.All(it => LineNative.Unread((int)it.Handle) == 0)) return true;
            if (Stopwatch.GetElapsedTime(since) > Patience) return false;
        }
    }

    static string KeyOf(string answer)
    {
        Assert.StartsWith("JOB ", answer, StringComparison.Ordinal);
        return answer.Split(' ')[1];
    }

    // One line; empty at the end of the stream.
    static string Answer(Socket client)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (client.Receive(one) == 1 && one[0] != '\n') line.Append((char)one[0]);
        return line.ToString();
    }

    sealed class Many : IDisposable
    {
        readonly Dictionary<int, Action> decide = [], write = [];
        readonly List<Socket> sockets = [];

        public Many(int lines)
        {
            World.Put("f.1.txt", [.. Enumerable.Range(0, lines).Select(i => $"key-{i} {i}")]);
            World.WorkToEnd();
            Serving = new LineServing(World);
            First = Connect(Size);
            Serving.Decided = () => Turn(decide, Serving.Store.Writes + 1);
            Serving.Store.Writing = () => Turn(write, Serving.Store.Writes);
            Write(1, () => Say(First, "READY\n"));
        }

        public FeedWorld World { get; } = new();

        public LineServing Serving { get; }

        public List<Socket> First { get; }

        /// <summary>What was given out first of all.</summary>
        public string Key { get; private set; } = "";

        public List<Socket> Connect(int count)
        {
            var some = Enumerable.Range(0, count).Select(_ => Serving.Connect()).ToList();
            sockets.AddRange(some);
            return some;
        }

        /// <summary>Does something when the given group is decided.</summary>
        public void Decide(int group, Action action) => decide.Add(group, action);

        /// <summary>Does something while the given group is written.</summary>
        public void Write(int group, Action action) => write.Add(group, action);

        static void Turn(Dictionary<int, Action> actions, int group)
        {
            if (actions.Remove(group, out var action)) action();
        }

        /// <summary>The first line. All others are connected by then.</summary>
        public void Begin()
        {
            var opener = Connect(1);
            Say(opener, "READY\n");
            Key = KeyOf(Answer(opener[0]));
        }

        public void Dispose()
        {
            Serving.Dispose();
            sockets.ForEach(it => it.Dispose());
            World.Dispose();
        }
    }
}
