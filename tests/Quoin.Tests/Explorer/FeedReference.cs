using System.Text;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// The rules of feeds once more, written to be read and not to be fast: every question goes through
/// all lines. What the book does is compared with it, step by step.
/// </summary>
sealed class FeedReference(FeedRules rules, int oneShotMs)
{
    /// <summary>A line of a file.</summary>
    public sealed class Line
    {
        public required string Feed, File, Key;
        public required long Number;
        public required int FeedOrder, Arrived;
        public string Payload = "";
        public FeedRowState State;
        public int Times;
    }

    /// <summary>A line that is out.</summary>
    public sealed class Out
    {
        public required Line Line;
        public required string Key;
        public required long StartedMs;
        public required List<(Line Line, FeedRowState State)> Before;
        public required long SequenceBefore;
        public object? Holder;
        public string Worker = "";
        public long DeadlineMs;
        public bool IsOverdue;
        public int Times;
    }

    readonly List<Line> lines = [];
    readonly Dictionary<string, long> sequences = [];
    long lastRun;
    int arrived;

    public IReadOnlyList<Line> Lines => lines;

    public Dictionary<string, Out> Outs { get; } = [];

    /// <summary>When a key was given out last; 0: never.</summary>
    public long SequenceOf(string key) => sequences.GetValueOrDefault(key);

    /// <summary>Every giving out: key, payload; for counting.</summary>
    public List<Out> Given { get; } = [];

    public void Put(
        string file, string feed, long number, int feedOrder, string key, string payload)
    {
        var line = lines.Find(it => it.File == file && it.Key == key);
        var newest = lines.Where(
            it => it.Feed == feed && it.Number == number && it.Key == key).MaxBy(it => it.Arrived);
        if (line is not null && newest != line) PassOn(newest!, line);
        if (line is null)
        {
            line = new Line
            {
                Feed = feed,
                File = file,
                Key = key,
                Number = number,
                FeedOrder = feedOrder,
                Arrived = 0,
            };
            if (newest is not null) PassOn(newest, line);
            lines.Add(line);
        }
        line.Payload = payload;
        line.Arrived = ++arrived;
    }

    // What became of the line of a run goes on where it was put last.
    void PassOn(Line from, Line to)
    {
        (to.State, to.Times) = (from.State, from.Times);
        if (from.State != FeedRowState.Open) from.State = FeedRowState.Done;
        if (Outs.TryGetValue(to.Key, out var it) && it.Line == from) it.Line = to;
    }

    public void Remove(string file)
    {
        foreach (var line in lines.Where(it => it.File == file).ToList())
        {
            lines.Remove(line);
            var heir = lines.Where(it => it.Feed == line.Feed && it.Number == line.Number
                && it.Key == line.Key).MaxBy(it => it.Arrived);
            if (heir is null && Outs.TryGetValue(line.Key, out var last) && last.Line == line)
                last.IsOverdue = false; // There is nothing to give out again: its time ends it.
            if (heir is null || line.State is FeedRowState.Open or FeedRowState.Done) continue;
            (heir.State, heir.Times) = (line.State, line.Times);
            if (Outs.TryGetValue(line.Key, out var it) && it.Line == line) it.Line = heir;
        }
    }

    bool Counts(Line line) => !lines.Exists(it => it.Feed == line.Feed && it.Key == line.Key
        && it != line && (it.Number > line.Number
            || (it.Number == line.Number && it.Arrived > line.Arrived)));

    bool IsFree(Line line)
    {
        var isOut = Outs.TryGetValue(line.Key, out var it);
        if (isOut && !it!.IsOverdue) return false;
        return line.State switch
        {
            FeedRowState.Open => true,
            FeedRowState.Lost => line.Times < rules.AttemptsMax,
            FeedRowState.Held => isOut && it!.Line == line && it.Times < rules.AttemptsMax,
            FeedRowState.Done => false,
        };
    }

    public void Expire(long nowMs)
    {
        foreach (var it in Outs.Values
            .Where(it => it.DeadlineMs < nowMs && !it.IsOverdue).ToList())
        {
            it.IsOverdue = true;
            if (!lines.Contains(it.Line) || it.Times >= rules.AttemptsMax) Lose(it);
        }
    }

    public void Lose(Out it)
    {
        Outs.Remove(it.Key);
        it.Line.State = it.Times < rules.AttemptsMax ? FeedRowState.Lost : FeedRowState.Done;
    }

    /// <summary>The next line; null: none.</summary>
    public Out? Take(long nowMs, object? holder, string worker)
    {
        Expire(nowMs);
        var best = lines.Where(it => IsFree(it) && Counts(it))
            .OrderBy(it => sequences.GetValueOrDefault(it.Key))
            .ThenBy(it => Scramble.Of(Encoding.UTF8.GetBytes(it.Key)))
            .ThenBy(it => it.Key, StringComparer.Ordinal)
            .ThenBy(it => it.Times).ThenBy(it => it.FeedOrder).FirstOrDefault();
        if (best is null) return null;
        if (Outs.TryGetValue(best.Key, out var overdue)) Lose(overdue);
        var marked = lines.Where(it => it.Feed == best.Feed && it.Key == best.Key)
            .Select(it => (it, it.State)).ToList();
        foreach (var (line, _) in marked) line.State = FeedRowState.Done;
        best.State = FeedRowState.Held;
        best.Times++;
        var given = new Out
        {
            Line = best,
            Key = best.Key,
            StartedMs = nowMs,
            Before = marked,
            SequenceBefore = sequences.GetValueOrDefault(best.Key),
            Holder = holder,
            Worker = worker,
            Times = best.Times,
            DeadlineMs = nowMs + (worker.Length > 0 ? rules.LeaseMs : rules.HoldMs),
        };
        sequences[best.Key] = ++lastRun;
        Outs[best.Key] = given;
        Given.Add(given);
        return given;
    }

    public void End(Out it)
    {
        Outs.Remove(it.Key);
        it.Line.State = FeedRowState.Done;
    }

    public void Return(Out it)
    {
        if (Outs.GetValueOrDefault(it.Key) != it) return;
        Outs.Remove(it.Key);
        foreach (var (line, state) in it.Before) line.State = state;
        it.Line.Times--;
        sequences[it.Key] = it.SequenceBefore;
        Given.Remove(it);
    }

    public void Close(object client, bool hasOwnDone, long nowMs)
    {
        foreach (var it in Outs.Values.Where(it => it.Holder == client))
        {
            it.Holder = null;
            if (hasOwnDone || nowMs - it.StartedMs > oneShotMs)
                it.DeadlineMs = Math.Min(nowMs + rules.LeaseMs, it.StartedMs + rules.HoldMs);
        }
    }

    /// <summary>
    /// The process ended and began again: connections are nobody, names are known.
    /// </summary>
    public void Restart(long nowMs)
    {
        foreach (var it in Outs.Values)
        {
            it.Holder = null;
            it.IsOverdue = false;
            it.DeadlineMs =
                it.Worker.Length > 0 ? nowMs + rules.LeaseMs : it.StartedMs + rules.HoldMs;
        }
    }
}
