using System.Globalization;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>A worker that named itself; outlives its connections.</summary>
public sealed class NamedWorker(string name)
{
    /// <summary>The name in its HELLO.</summary>
    public string Name => name;

    /// <summary>Its connection; null: it has none now.</summary>
    public LineClient? Client { get; set; }

    /// <summary>What it has.</summary>
    public HeldJobs Jobs { get; } = new();
}

/// <summary>
/// What somebody was given. What is over leaves when half of what is kept may be.
/// </summary>
public sealed class HeldJobs
{
    readonly List<FeedFlight> jobs = [];
    int cleanedAt = 8;

    /// <summary>Those that are not over, in the order of giving out.</summary>
    public IEnumerable<FeedFlight> Active => jobs.Where(job => !job.IsOver);

    /// <summary>One more.</summary>
    public void Add(FeedFlight flight) => jobs.Add(flight);

    /// <summary>
    /// All that was decided is written down: nothing that is over now will be taken back.
    /// </summary>
    public void Settle()
    {
        if (jobs.Count < cleanedAt) return;
        jobs.RemoveAll(job => job.IsOver);
        cleanedAt = Math.Max(8, jobs.Count * 2);
    }
}

/// <summary>
/// One connection as the desk sees it: who it is, what it was given, what it is still to be told.
/// Knows no socket.
/// </summary>
public class LineClient(long number)
{
    byte[] answers = [];
    int start, end;

    /// <summary>Its name in the log: not a name that a HELLO could have.</summary>
    public string Name { get; } = string.Create(CultureInfo.InvariantCulture, $"#{number}");

    /// <summary>The worker that it named; null: a plain client.</summary>
    public NamedWorker? Worker { get; set; }

    /// <summary>It said DONE of a job that it was given itself.</summary>
    public bool HasOwnDone { get; set; }

    /// <summary>It ended its side.</summary>
    public bool IsHalfClosed { get; set; }

    /// <summary>It has ended its side, or all of it, and that was not seen to yet.</summary>
    public virtual bool IsLeaving => false;

    /// <summary>What it was given as a plain client.</summary>
    public HeldJobs Jobs { get; } = new();

    /// <summary>The job in the last answer; null: that was another answer.</summary>
    public FeedFlight? LastJob { get; set; }

    /// <summary>What the DONE ended that the last answer answers; null: nothing.</summary>
    public FeedFlight? LastEnded { get; set; }

    /// <summary>The exit code in that DONE.</summary>
    public long LastCode { get; set; }

    /// <summary>How many answers to plain questions for a job are not written down yet.</summary>
    public int Asked { get; set; }

    /// <summary>Something else that it said is not written down yet.</summary>
    public bool HasSaidMore { get; set; }

    /// <summary>Until when it waits for a job; null: it does not.</summary>
    public long? WaitsUntilMs { get; set; }

    /// <summary>It shall be closed without another word.</summary>
    public bool IsCondemned { get; set; }

    /// <summary>What it is to be told.</summary>
    public ReadOnlySpan<byte> Answers => answers.AsSpan(start, end - start);

    /// <summary>The room for answers, for the caller who writes them out.</summary>
    public ArraySegment<byte> Unsent => new(answers, start, end - start);

    /// <summary>Adds to what it is to be told.</summary>
    public void Tell(ReadOnlySpan<byte> bytes)
    {
        if (end + bytes.Length > answers.Length)
        {
            var bigger = answers.Length - (end - start) >= bytes.Length && start > end / 2
                ? answers
                : new byte[Math.Max(512, ((end - start) + bytes.Length) * 2)];
            Answers.CopyTo(bigger);
            (answers, end, start) = (bigger, end - start, 0);
        }
        bytes.CopyTo(answers.AsSpan(end));
        end += bytes.Length;
    }

    /// <summary>Some of it was sent. An idle client keeps no room.</summary>
    public void Sent(int bytes)
    {
        start += bytes;
        if (start < end) return;
        (start, end) = (0, 0);
        if (answers.Length > 4096) answers = [];
    }

    /// <summary>What was decided for it is written down, or taken back.</summary>
    public void Settle()
    {
        (Asked, HasSaidMore) = (0, false);
        Jobs.Settle();
        Worker?.Jobs.Settle();
    }

    /// <summary>Takes back what was said after a mark; see <see cref="Mark"/>.</summary>
    public void TakeBack(int mark) => end = start + mark;

    /// <summary>How much it is to be told now.</summary>
    public int Mark => end - start;
}
