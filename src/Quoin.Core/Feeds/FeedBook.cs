using System.Diagnostics;
using System.Globalization;

namespace Quoin.Core;

/// <summary>
/// Which lines there are and who gets the next one: the net's rows F1 to F5 for many lines at once.
/// Every line is a row (file, key, where its payload is); of a feed, a key's newest row counts.
/// A key is given out to one holder at a time, the key that was given out longest ago first. Knows
/// no files, sockets, clocks or databases: what is decided is noted in <see cref="Facts"/>, for the
/// caller to write down before it answers anybody, or to <see cref="TakeBack"/> when it cannot.
/// </summary>
public sealed partial class FeedBook(FeedRules rules)
{
    const int PutInOrderMax = 4000; // A few milliseconds.
    const long PlaceMax = (1L << 39) - 1; // Of a key, where priorities stand before it.

    readonly FeedKeys keys = new(rules.Order);
    readonly FeedRows rows = new();
    readonly List<string> feeds = [];
    readonly List<int> priorities = [];
    readonly Dictionary<int, FeedFlight> flights = [];
    readonly FeedDeadlines deadlines = new();
    readonly FeedParking parking = new();

    /// <summary>What was decided since the caller cleared it.</summary>
    public List<FeedFact> Facts { get; } = [];

    /// <summary>The number of the last run.</summary>
    public long LastRun { get; set; }

    /// <summary>The names of the feeds, by number.</summary>
    public IReadOnlyList<string> Feeds => feeds;

    /// <summary>How many lines are known.</summary>
    public int RowCount => rows.Count;

    /// <summary>Whether it is worth trying to take something.</summary>
    public bool MayHaveSome(long nowMs) =>
        keys.EligibleCount > 0 || parking.OpenCount > 0 || NextDeadlineMs < nowMs;

    /// <summary>How many keys may be given out, as far as was looked.</summary>
    public int EligibleCount => keys.EligibleCount;

    /// <summary>What was given out and has not ended.</summary>
    public IReadOnlyCollection<FeedFlight> Flights => flights.Values;

    /// <summary>How long things may take.</summary>
    public FeedRules Rules => rules;

    /// <summary>The number of a feed; it gets one when it is new, in the order of asking.</summary>
    public int FeedOf(string name)
    {
        var at = feeds.IndexOf(name);
        if (at >= 0) return at;
        feeds.Add(name);
        if (rules.HasPriorities)
        {
            priorities.Add(int.TryParse(
                name.AsSpan(1), CultureInfo.InvariantCulture, out var priority) ? priority : 0);
        }
        rows.Barriers.Add(long.MinValue);
        return feeds.Count - 1;
    }

    /// <summary>A file appeared.</summary>
    public FeedFile AddFile(int feed, long number) => rows.AddFile(feed, number);

    /// <summary>
    /// F1, one line: the key's row of this file is new, or gets another payload. What was given
    /// out stays given out.
    /// </summary>
    public void Accept(
        FeedFile file, ReadOnlySpan<byte> key, FeedPayload payload, bool isDone = false)
    {
        var it = keys.Intern(key);
        var row = rows.Put(file, ref keys[it].FirstRow, it, payload, out var sibling);
        if (row < 0) return; // Only the payload is new.
        if (sibling >= 0 && flights.TryGetValue(it, out var flight) && flight.Row == sibling)
            PassOn(flight, row);
        if (isDone && rows[row].State == FeedRowState.Open) rows[row].State = FeedRowState.Done;
        Reindex(it);
    }

    /// <summary>
    /// F5. From here on its lines do not count; <see cref="Unlink"/> forgets them.
    /// </summary>
    public static void RemoveFile(FeedFile file) => file.IsPresent = false;

    /// <summary>
    /// Forgets rows of a removed file, at most <paramref name="rowsMax"/> of them; true: all are
    /// forgotten. Older lines of their keys take their place.
    /// </summary>
    public bool Unlink(FeedFile file, int rowsMax)
    {
        Debug.Assert(!file.IsPresent, "Only a file that was removed is forgotten.");
        for (; rowsMax > 0 && file.FirstRow >= 0; rowsMax--)
        {
            var row = file.FirstRow;
            var key = rows[row].Key;
            var flight = flights.GetValueOrDefault(key);
            flight?.Forget(row);
            var heir = rows.PassOn(keys[key].FirstRow, row);
            if (flight?.Row == row) PassOn(flight, heir);
            if (flight is { Row: < 0, IsOverdue: true }) deadlines.Again(flight);
            rows.Unlink(file, ref keys[key].FirstRow);
            Reindex(key);
        }
        return file.FirstRow < 0;
    }

    // Another row of its run is the flight's from here on: what it was before is the line's.
    static void PassOn(FeedFlight flight, int row)
    {
        flight.Row = row;
        flight.Forget(row);
    }

    /// <summary>
    /// Lines of the feed's runs below this number wait, because a newer file is not read yet;
    /// <see cref="long.MinValue"/>: none.
    /// </summary>
    public void SetBarrier(int feed, long number)
    {
        if (rows.Barriers[feed] == number) return;
        var isLower = number < rows.Barriers[feed];
        rows.Barriers[feed] = number;
        if (isLower) parking.Open();
    }

    /// <summary>
    /// F2 and T3: gives out the best line. <paramref name="nowMs"/> is on a clock that only goes
    /// forward, <paramref name="at"/> in Unix seconds. A holder that is a worker has it for the
    /// rules' lease, everybody else for their hold.
    /// </summary>
    public FeedTake TryTake(
        long nowMs, long at, FeedHolderKind kind, object? holder, string name,
        out FeedFlight? flight)
    {
        flight = null;
        ExpireDue(nowMs, at);
        var left = PutInOrderMax;
        for (; parking.OpenCount > 0; left--)
        {
            if (left == 0) return FeedTake.Busy;
            var key = parking.Leave();
            keys[key].Marks &= ~KeyMarks.IsParked;
            Reindex(key);
        }
        for (var key = keys.Best; key >= 0; key = keys.Best)
        {
            var row = rows.Best(keys[key].FirstRow, Overdue(key), rules.AttemptsMax, out var waits);
            if (row >= 0)
            {
                flight = Give(key, row, nowMs, at, kind, holder, name);
                return FeedTake.Taken;
            }
            keys.SetEligible(key, false);
            if (waits) Park(key);
            if (--left <= 0) return FeedTake.Busy;
        }
        return FeedTake.None;
    }

    void Park(int key)
    {
        if (keys[key].Marks.HasFlag(KeyMarks.IsParked)) return;
        keys[key].Marks |= KeyMarks.IsParked;
        parking.Park(key);
    }

    FeedFlight Give(
        int key, int row, long nowMs, long at, FeedHolderKind kind, object? holder, string name)
    {
        if (flights.TryGetValue(key, out var overdue)) EndLost(overdue, at);
        ref var it = ref keys[key];
        ref var line = ref rows[row];
        var file = rows.FileOf(row);
        var flight = new FeedFlight
        {
            Run = ++LastRun,
            Key = key,
            Feed = file.Feed,
            Number = file.Number,
            StartedAt = at,
            StartedMs = nowMs,
            Kind = kind,
            Holder = holder,
            HolderName = name,
            Past = keys.PastOf(key),
            RowBefore = line.State,
            Row = row,
        };
        keys.SetEligible(key, false);
        flight.Times = ++line.Times;
        line.State = FeedRowState.Held;
        flight.Marked = rows.MarkOthers(it.FirstRow, row);
        it.Sequence = flight.Run;
        it.Started = at;
        it.Marks = (it.Marks | KeyMarks.HasStarted) & ~KeyMarks.HasFinished;
        keys.MarkDirty(key);
        flights[key] = flight;
        if (kind == FeedHolderKind.Worker) deadlines.Lease(flight, nowMs + rules.LeaseMs);
        else deadlines.Hold(flight, nowMs + rules.HoldMs);
        Facts.Add(new FeedFact(FeedFactKind.GivenOut, flight));
        return flight;
    }

    FeedFlight? Overdue(int key) =>
        flights.TryGetValue(key, out var flight) && flight.IsOverdue ? flight : null;

    /// <summary>The flight of a key; null: nobody has it.</summary>
    public FeedFlight? FlightOf(ReadOnlySpan<byte> key) =>
        keys.Find(key) is >= 0 and var it ? flights.GetValueOrDefault(it) : null;

    /// <summary>
    /// T4, T5: its holder said that it ended, and how it failed; null: it did not. What failed for
    /// a reason that passes is given out again, after a rest from <paramref name="nowMs"/>.
    /// </summary>
    public void End(
        FeedFlight flight, long code, long at, FailureCategory? failure = null, long nowMs = 0)
    {
        Leave(flight);
        if (flight.Row >= 0)
        {
            var isAgain = failure == FailureCategory.Temporary && flight.Times < rules.AttemptsMax;
            rows[flight.Row].State = isAgain ? FeedRowState.Lost : FeedRowState.Done;
            if (isAgain) rows.Rests.Add(flight.Row, nowMs, flight.Times, flight.Key);
        }
        ref var it = ref keys[flight.Key];
        it.Finished = at;
        it.ExitCode = code;
        it.Marks |= KeyMarks.HasFinished;
        Reindex(flight.Key);
        Facts.Add(new FeedFact(FeedFactKind.Ended, flight, code, at, failure));
    }

    /// <summary>
    /// F3: it never reached its holder; all is as it was before it was given out.
    /// </summary>
    public void Return(FeedFlight flight, long at)
    {
        if (flight.IsOver) return;
        Undo(flight);
        Facts.Add(new FeedFact(FeedFactKind.Undelivered, flight, 0, at));
    }

    void Undo(FeedFlight flight)
    {
        Leave(flight);
        if (flight.Row >= 0)
        {
            rows[flight.Row].State = flight.RowBefore;
            rows[flight.Row].Times--;
        }
        foreach (var (row, before) in flight.Marked) rows[row].State = before;
        keys.SetPast(flight.Key, flight.Past);
        keys.MarkDirty(flight.Key);
        Reindex(flight.Key);
    }

    /// <summary>
    /// F4, or the end of a connection: from here on it is nobody's, and lost at
    /// <paramref name="deadlineMs"/>; null: when its hold is over.
    /// </summary>
    public void Disown(FeedFlight flight, long? deadlineMs, long at)
    {
        if (flight.IsOver) return;
        flight.Kind = FeedHolderKind.Nobody;
        flight.Holder = null;
        keys.MarkDirty(flight.Key);
        if (deadlineMs is { } deadline)
            deadlines.Lease(flight, Math.Min(deadline, flight.StartedMs + rules.HoldMs));
        Facts.Add(new FeedFact(FeedFactKind.Unowned, flight, 0, at));
    }

    /// <summary>Its holder was heard of; it is its own again, even if its time was over.</summary>
    public void Renew(FeedFlight flight, FeedHolderKind kind, object holder, long deadlineMs)
    {
        flight.Kind = kind;
        flight.Holder = holder;
        flight.IsOverdue = false;
        deadlines.Lease(flight, deadlineMs);
        Reindex(flight.Key);
    }

    /// <summary>T10 at once: its holder said that it has it no more.</summary>
    public void Lose(FeedFlight flight, long at)
    {
        EndLost(flight, at);
        Reindex(flight.Key);
    }

    /// <summary>When something becomes overdue or comes back next; null: nothing does.</summary>
    public long? NextDeadlineMs => rows.Rests.Earlier(deadlines.NextMs);

    /// <summary>Notes whose time is over.</summary>
    public void ExpireDue(long nowMs, long at)
    {
        while (rows.Rests.TryTakeDue(nowMs, out var row)) Reindex(rows[row].Key);
        while (deadlines.TryTakeDue(nowMs) is { } flight)
        {
            if (flight.Row < 0 || flight.Times >= rules.AttemptsMax) EndLost(flight, at);
            else flight.IsOverdue = true;
            Reindex(flight.Key);
        }
    }

    void EndLost(FeedFlight flight, long at)
    {
        Leave(flight);
        if (flight.Row >= 0)
        {
            var isLast = flight.Times >= rules.AttemptsMax;
            rows[flight.Row].State = isLast ? FeedRowState.Done : FeedRowState.Lost;
        }
        Facts.Add(new FeedFact(FeedFactKind.Expired, flight, 0, at));
    }

    void Leave(FeedFlight flight)
    {
        flight.IsOver = true;
        deadlines.Remove(flight);
        flights.Remove(flight.Key);
        keys.MarkDirty(flight.Key);
    }

    /// <summary>
    /// What was decided cannot be written down: givings out, ends and losses are undone, latest
    /// first, and leave <see cref="Facts"/>; the others happened outside, so they stay in it.
    /// </summary>
    public void TakeBack()
    {
        for (var i = Facts.Count - 1; i >= 0; i--)
        {
            var flight = Facts[i].Flight;
            switch (Facts[i].Kind)
            {
                case FeedFactKind.GivenOut:
                    if (!flight.IsOver) Undo(flight);
                    break;
                case FeedFactKind.Ended:
                    keys.SetPast(flight.Key, keys.PastOf(flight.Key) with
                    {
                        FinishedAt = null,
                        ExitCode = null,
                    });
                    Revive(flight);
                    break;
                case FeedFactKind.Expired: Revive(flight); break;
                case FeedFactKind.Undelivered or FeedFactKind.Unowned: continue;
            }
            Facts.RemoveAt(i);
        }
    }

    void Revive(FeedFlight flight)
    {
        flight.IsOver = false;
        flights[flight.Key] = flight;
        if (flight.Row >= 0) rows[flight.Row].State = FeedRowState.Held;
        rows.Rests.Remove(flight.Row);
        if (!flight.IsOverdue) deadlines.Lease(flight, flight.DeadlineMs);
        Reindex(flight.Key);
    }

    void Reindex(int key)
    {
        var isFree = !flights.TryGetValue(key, out var flight) || flight.IsOverdue;
        var isEligible =
            isFree && rows.HasSome(keys[key].FirstRow, flight, rules.AttemptsMax);
        if (isEligible && rules.HasPriorities)
        {
            var row = rows.Best(keys[key].FirstRow, flight, rules.AttemptsMax, out _);
            if (row >= 0) keys.SetPriority(key, priorities[rows.FileOf(row).Feed]);
        }
        if (isEligible && rules.Order != FeedOrder.LeastRecentlyDispatched)
            keys.SetRank(key, RankOf(key, flight));
        else keys.SetEligible(key, isEligible);
    }

    long RankOf(int key, FeedFlight? flight)
    {
        if (rules.Order == FeedOrder.Fifo)
        {
            var place = rows.EarliestPlace(keys[key].FirstRow, flight, rules.AttemptsMax);
            return rules.HasPriorities ? Math.Min(place >> 20, PlaceMax) : place;
        }
        var past = keys.PastOf(key);
        var rank = past is { StartedAt: { } from, FinishedAt: { } to }
            ? from - to : long.MinValue;
        return rules.HasPriorities ? Math.Clamp(rank, -PlaceMax, PlaceMax) : rank;
    }

    /// <summary>Keys whose giving out changed since the last call, with what is true now.</summary>
    public List<FeedKeyChange> TakeDirty()
    {
        var changes = keys.TakeDirty();
        for (var i = 0; i < changes.Count; i++)
        {
            if (!flights.TryGetValue(changes[i].Key, out var flight)) continue;
            var holder = flight.Kind == FeedHolderKind.Worker ? flight.HolderName : "";
            changes[i] = changes[i] with { Flight = flight, Holder = holder };
        }
        return changes;
    }

    /// <summary>How many keys <see cref="TakeDirty"/> would give.</summary>
    public int DirtyCount => keys.DirtyCount;

    /// <summary>The bytes of a key.</summary>
    public ReadOnlySpan<byte> KeyBytes(int key) => keys.Bytes(key);

    /// <summary>The <see cref="Scramble"/> of a key.</summary>
    public int ScrambleOf(int key) => keys[key].Scramble;

    /// <summary>What is known of a key.</summary>
    public FeedKeyPast PastOf(ReadOnlySpan<byte> key) =>
        keys.Find(key) is >= 0 and var it ? keys.PastOf(it) : default;

    /// <summary>Where the payload of a flight's line is; null: its line is gone.</summary>
    public FeedPayload? PayloadOf(FeedFlight flight) =>
        flight.Row >= 0 ? rows[flight.Row].Payload : null;

    /// <summary>The file of a flight's line; null: its line is gone.</summary>
    public FeedFile? FileOf(FeedFlight flight) =>
        flight.Row >= 0 ? rows.FileOf(flight.Row) : null;

    /// <summary>Whether the line of a flight that was lost may be given out again.</summary>
    public bool MayComeAgain(FeedFlight flight) =>
        flight.Row >= 0 && flight.Times < rules.AttemptsMax;

    /// <summary>Whether a fact is the end of its line: it is not given out again.</summary>
    public bool IsLast(FeedFact fact) => fact.Kind switch
    {
        FeedFactKind.Ended => fact.Failure != FailureCategory.Temporary
            || fact.Flight.Row < 0 || fact.Flight.Times >= rules.AttemptsMax,
        FeedFactKind.Expired => !MayComeAgain(fact.Flight),
        FeedFactKind.GivenOut or FeedFactKind.Undelivered or FeedFactKind.Unowned => false,
    };

    /// <summary>Whether a giving out marked rows beside its own.</summary>
    public static bool HasMarked(FeedFlight flight) => flight.Marked.Length > 0;

    /// <summary>
    /// The older line that was lost before a giving out marked it, and is so again; null: none was.
    /// </summary>
    public (long Number, int Times)? LostAgain(FeedFlight flight) => rows.LostOf(flight.Marked);

    /// <summary>The runs whose lines a giving out marked, beside its own.</summary>
    public IEnumerable<FeedFile> MarkedBy(FeedFlight flight) =>
        flight.Marked.Select(mark => rows.FileOf(mark.Row)).Where(file => file.IsPresent);

    /// <summary>Whether a row of this file was given out, and where its payload is.</summary>
    public (FeedRowState State, FeedPayload Payload)? Line(FeedFile file, ReadOnlySpan<byte> key) =>
        keys.Find(key) is >= 0 and var it ? rows.Line(file, keys[it].FirstRow) : null;
}
