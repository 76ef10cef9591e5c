using System.Globalization;
using System.Text;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>What can happen to a small folder and its workers.</summary>
enum FeedMoveKind : byte { Accept, Remove, Take, Done, Undelivered, Leave, Lose, Renew, Wait }

/// <summary>One step: of a file, a kind of holder or a key, by number.</summary>
readonly record struct FeedMove(FeedMoveKind Kind, byte What, byte Key);

/// <summary>A file of a folder: its feed and the number of its run.</summary>
readonly record struct FeedModelFile(string Name, string Feed, long Number);

/// <summary>A small folder: which files may come, with which keys, and what may happen.</summary>
sealed record FeedInstance(string Name, FeedModelFile[] Files, int Keys, int Gives, int Waits)
{
    /// <summary>What every test run explores: thousands of states.</summary>
    public static readonly FeedInstance[] Small =
    [
        new("FA", [new("f.1.txt", "f", 1), new("f.1.txt.part", "f", 1)],
            Keys: 1, Gives: 2, Waits: 0),
        new("FB", [new("f.1.txt", "f", 1), new("g.1.txt", "g", 1)], Keys: 1, Gives: 2, Waits: 1),
        new("FC", [new("f.1.txt", "f", 1), new("f.2.txt", "f", 2)], Keys: 1, Gives: 2, Waits: 1),
    ];

    /// <summary>Three files, two keys: tens of thousands.</summary>
    public static readonly FeedInstance[] Large =
    [
        new("FD", [new("f.1.txt", "f", 1), new("f.1.txt.part", "f", 1), new("f.2.txt", "f", 2)],
            Keys: 1, Gives: 2, Waits: 1),
        new("FE", [new("f.1.txt", "f", 1), new("g.1.txt", "g", 1)], Keys: 1, Gives: 3, Waits: 1),
        new("FF", [new("f.1.txt", "f", 1), new("f.2.txt", "f", 2)], Keys: 2, Gives: 2, Waits: 0),
    ];
}

/// <summary>
/// The book of feeds as something to explore. A state is the way to it, walked again each time: the
/// book is what production uses, and knows no copies. Beside it go the rules written simply
/// (<see cref="FeedReference"/>); what differs is a fault, and so is a line that moves in a way
/// that the table (<see cref="FeedNet"/>) does not say.
/// </summary>
sealed class FeedModel(FeedInstance instance) : IModel<FeedMove>
{
    static readonly HashSet<(string Row, NetMove Move)> allowed =
    [
        .. from row in FeedNet.Transitions from move in row.Moves select (row.Row, move),
    ];

    byte[] lastWay = [];
    byte[] lastForm = [];

    /// <summary>Which moves of which rows happened.</summary>
    public HashSet<(string Row, NetMove Move)> Happened { get; } = [];

    public byte[] Start() => [];

    public ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> state)
    {
        if (!state.SequenceEqual(lastWay) || lastForm.Length == 0)
            lastForm = Encoding.UTF8.GetBytes(Walk(state).Form());
        return lastForm;
    }

    public Fault<FeedMove>? Expand(ReadOnlySpan<byte> state, Found<FeedMove> found)
    {
        var way = state.ToArray();
        foreach (var move in Walk(way).Moves().ToList())
        {
            var world = Walk(way);
            var before = world.Lines();
            var wrong = world.Do(move);
            var after = world.Lines();
            wrong ??= world.Differs();
            wrong ??= Unknown(world, before, after, move);
            if (wrong is not null) return new(wrong, move, IsAfterMove: true);
            byte[] next = [.. way, (byte)move.Kind, move.What, move.Key];
            (lastWay, lastForm) = (next, Encoding.UTF8.GetBytes(world.Form()));
            found(move, next);
        }
        return null;
    }

    FeedModelWorld Walk(ReadOnlySpan<byte> way)
    {
        var world = new FeedModelWorld(instance);
        for (var i = 0; i < way.Length; i += 3)
            world.Do(new((FeedMoveKind)way[i], way[i + 1], way[i + 2]));
        return world;
    }

    // What was lost on the way to a giving out moved twice.
    string? Unknown(
        FeedModelWorld world, Dictionary<string, string> before, Dictionary<string, string> after,
        FeedMove move)
    {
        var row = FeedModelWorld.RowOf(move);
        foreach (var line in before.Keys.Union(after.Keys))
        {
            var from = before.GetValueOrDefault(line, "");
            var to = after.GetValueOrDefault(line, "");
            if (world.Lost.TryGetValue(line, out var between) && from == "Held")
            {
                if (!Note("T10", from, between)) return $"T10: {line} {from} -> {between}";
                from = between;
            }
            if (from != to && !Note(row, from, to)) return $"{row}: {line} {from} -> {to}";
        }
        return null;
    }

    bool Note(string row, string from, string to)
    {
        Happened.Add((row, new NetMove("Line", from, to)));
        return allowed.Contains((row, new NetMove("Line", from, to)));
    }
}

/// <summary>One folder with its book and its reference, and what happened to it.</summary>
sealed class FeedModelWorld(FeedInstance instance)
{
    static readonly FeedRules rules = new() { HoldMs = 1000, LeaseMs = 100, AttemptsMax = 2 };
    static readonly object connection = new(), worker = new();

    readonly FeedBook book = new(rules);
    readonly FeedReference reference = new(rules, oneShotMs: 10);
    readonly FeedFile?[] files = new FeedFile?[instance.Files.Length];
    readonly HashSet<(int File, int Key)> accepted = [];
    readonly HashSet<(int File, int Key)> rewritten = [];
    readonly HashSet<(int Feed, long Number, int Key)> unreturned = [];
    readonly HashSet<int> removed = [];
    string lastGiven = "";
    long nowMs = 1;
    int gives, waits;

    /// <summary>Lines that were lost in the last move, and what they were then.</summary>
    public Dictionary<string, string> Lost { get; } = [];

    static string KeyOf(int key) => ((char)('a' + key)).ToString();

    FeedFlight Flight(int key) => book.FlightOf(Encoding.UTF8.GetBytes(KeyOf(key)))!;

    FeedReference.Out? Out(int key) => reference.Outs.GetValueOrDefault(KeyOf(key));

    /// <summary>What may happen now.</summary>
    public IEnumerable<FeedMove> Moves()
    {
        for (byte file = 0; file < files.Length; file++)
        {
            for (byte key = 0; key < instance.Keys; key++)
            {
                if (!removed.Contains(file)
                    && (!accepted.Contains((file, key)) || IsBesideAnother(file, key)))
                    yield return new(FeedMoveKind.Accept, file, key);
            }
            if (files[file] is not null && !removed.Contains(file))
                yield return new(FeedMoveKind.Remove, file, 0);
        }
        if (gives < instance.Gives)
            for (byte kind = 0; kind < 3; kind++) yield return new(FeedMoveKind.Take, kind, 0);
        if (waits < instance.Waits && reference.Outs.Values.Any(it => !it.IsOverdue))
            yield return new(FeedMoveKind.Wait, 0, 0);
        for (byte key = 0; key < instance.Keys; key++)
        {
            if (Out(key) is not { } it) continue;
            yield return new(FeedMoveKind.Done, 0, key);
            if (lastGiven == it.Key) yield return new(FeedMoveKind.Undelivered, 0, key);
            if (it.Holder == connection) yield return new(FeedMoveKind.Leave, 0, key);
            if (it.Holder != worker) continue;
            yield return new(FeedMoveKind.Lose, 0, key);
            if (it.IsOverdue) yield return new(FeedMoveKind.Renew, 0, key);
        }
    }

    // Written once more it is the run's line again; twice would be nothing new.
    bool IsBesideAnother(int file, int key) => !rewritten.Contains((file, key)) && accepted.Any(
        it => it.Key == key && it.File != file && !removed.Contains(it.File)
        && instance.Files[it.File].Feed == instance.Files[file].Feed
        && instance.Files[it.File].Number == instance.Files[file].Number);

    /// <summary>The row of the table that a move is of.</summary>
    public static string RowOf(FeedMove move) => move.Kind switch
    {
        FeedMoveKind.Accept => "F1",
        FeedMoveKind.Remove => "F5",
        FeedMoveKind.Take => "F2",
        FeedMoveKind.Done => "T4",
        FeedMoveKind.Undelivered => "F3",
        FeedMoveKind.Leave => "F4",
        FeedMoveKind.Lose or FeedMoveKind.Renew or FeedMoveKind.Wait => "T10",
        _ => "",
    };

    /// <summary>Does it to both; the rule that is broken, if one is.</summary>
    public string? Do(FeedMove move)
    {
        Lost.Clear();
        if (move.Kind is not FeedMoveKind.Undelivered) lastGiven = "";
        var wrong = move.Kind switch
        {
            FeedMoveKind.Accept => Accept(move.What, move.Key),
            FeedMoveKind.Remove => Remove(move.What),
            FeedMoveKind.Take => Take(move.What),
            _ => Change(move),
        };
        foreach (var fact in book.Facts)
            if (fact.Kind == FeedFactKind.Expired) Expired(fact.Flight);
        book.Facts.Clear();
        return wrong;
    }

    string? Accept(int number, int key)
    {
        var file = instance.Files[number];
        if (!accepted.Add((number, key))) rewritten.Add((number, key));
        files[number] ??= book.AddFile(book.FeedOf(file.Feed), file.Number);
        book.Accept(
            files[number]!, Encoding.UTF8.GetBytes(KeyOf(key)), new FeedPayload(number + 1, 0, 1));
        reference.Put(
            file.Name, file.Feed, file.Number, book.FeedOf(file.Feed), KeyOf(key), $"{number + 1}");
        return null;
    }

    string? Remove(int number)
    {
        removed.Add(number);
        FeedBook.RemoveFile(files[number]!);
        book.Unlink(files[number]!, int.MaxValue);
        reference.Remove(instance.Files[number].Name);
        // A file that is made again is a new one, unless another file of the run goes on.
        unreturned.RemoveWhere(line => !accepted.Any(it => it.Key == line.Key
            && !removed.Contains(it.File) && files[it.File] is { } file && file.Feed == line.Feed
            && file.Number == line.Number));
        return null;
    }

    string? Take(int what)
    {
        gives++;
        var (kind, holder) = what switch
        {
            0 => (FeedHolderKind.Nobody, (object?)null),
            1 => (FeedHolderKind.Connection, connection),
            _ => (FeedHolderKind.Worker, worker),
        };
        var name = kind == FeedHolderKind.Worker ? "w" : "";
        book.TryTake(nowMs, nowMs, kind, holder, name, out var flight);
        foreach (var fact in book.Facts)
            if (fact.Kind == FeedFactKind.Expired) unreturned.Remove(LineOf(fact.Flight));
        var expected = reference.Take(nowMs, holder, name);
        if ((flight is null) != (expected is null))
            return flight is null ? "K1: a line is not given out" : "K2: a line is given out again";
        if (flight is null) return null;
        lastGiven = expected!.Key;
        var given = $"{Encoding.UTF8.GetString(book.KeyBytes(flight.Key))} "
            + $"{book.PayloadOf(flight)?.Chunk}";
        if (given != $"{expected.Key} {expected.Line.Payload}") return $"F2: {given} is given out";
        return unreturned.Add(LineOf(flight)) ? null : "K2: a line is out twice";
    }

    (int Feed, long Number, int Key) LineOf(FeedFlight flight) =>
        (flight.Feed, flight.Number, NumberOf(flight));

    int NumberOf(FeedFlight flight) => book.KeyBytes(flight.Key)[0] - 'a';

    string? Change(FeedMove move)
    {
        if (move.Kind == FeedMoveKind.Wait)
        {
            waits++;
            nowMs = reference.Outs.Values.Where(it => !it.IsOverdue).Min(it => it.DeadlineMs) + 1;
            book.ExpireDue(nowMs, nowMs);
            reference.Expire(nowMs);
            return null;
        }
        var (flight, it) = (Flight(move.Key), Out(move.Key)!);
        switch (move.Kind)
        {
            case FeedMoveKind.Done:
                book.End(flight, 0, nowMs);
                reference.End(it);
                break;
            case FeedMoveKind.Undelivered:
                unreturned.Remove(LineOf(flight));
                book.Return(flight, nowMs);
                reference.Return(it);
                lastGiven = "";
                break;
            case FeedMoveKind.Leave:
                book.Disown(flight, null, nowMs);
                it.Holder = null;
                break;
            case FeedMoveKind.Lose:
                book.Lose(flight, nowMs);
                reference.Lose(it);
                break;
            case FeedMoveKind.Renew:
                book.Renew(flight, FeedHolderKind.Worker, worker, nowMs + rules.LeaseMs);
                (it.IsOverdue, it.DeadlineMs) = (false, nowMs + rules.LeaseMs);
                break;
        }
        return null;
    }

    void Expired(FeedFlight flight)
    {
        unreturned.Remove(LineOf(flight));
        if (book.FileOf(flight) is not { } file) return;
        var name = instance.Files[Array.IndexOf(files, file)].Name;
        var key = Encoding.UTF8.GetString(book.KeyBytes(flight.Key));
        Lost[$"{name} {key}"] = flight.Times < rules.AttemptsMax ? "Lost" : "Done";
    }

    /// <summary>What every line is now, by file and key.</summary>
    public Dictionary<string, string> Lines()
    {
        var lines = new Dictionary<string, string>();
        foreach (var (file, key) in accepted)
        {
            if (removed.Contains(file)) continue;
            var line = book.Line(files[file]!, Encoding.UTF8.GetBytes(KeyOf(key)));
            if (line is { } it)
                lines[$"{instance.Files[file].Name} {KeyOf(key)}"] = it.State.ToString();
        }
        return lines;
    }

    /// <summary>What differs from the rules; null: nothing.</summary>
    public string? Differs()
    {
        var lines = Lines();
        foreach (var line in reference.Lines)
        {
            var name = $"{line.File} {line.Key}";
            if (lines.GetValueOrDefault(name) != line.State.ToString())
                return $"K1: {name} is {lines.GetValueOrDefault(name)}, not {line.State}";
        }
        if (book.Flights.Count != reference.Outs.Count) return "I1: others are out";
        foreach (var flight in book.Flights)
        {
            var it = Out(NumberOf(flight));
            if (it is null || it.Times != flight.Times || it.IsOverdue != flight.IsOverdue)
                return "I1: what is out differs";
            if (it.Holder != flight.Holder) return "F4: somebody else holds it";
        }
        return null;
    }

    /// <summary>What stands for all worlds that are like it.</summary>
    public string Form()
    {
        var form = new StringBuilder();
        form.AppendJoin(',', accepted.Order()).Append(';').AppendJoin(',', removed.Order())
            .Append(';').AppendJoin(',', rewritten.Order());
        foreach (var line in reference.Lines.OrderBy(it => it.File + " " + it.Key))
            form.Append(CultureInfo.InvariantCulture,
                $";{line.File} {line.Key} {line.State} {line.Times}");
        form.Append(";order ").AppendJoin(',',
            reference.Lines.OrderBy(it => it.Arrived).Select(it => it.File + it.Key));
        foreach (var it in reference.Outs.Values.OrderBy(it => it.Key))
        {
            form.Append(CultureInfo.InvariantCulture,
                $";{it.Key} {it.Line.File} {it.Times} {it.IsOverdue} {it.DeadlineMs - nowMs} ");
            form.Append(it.Holder == worker ? 'w' : it.Holder == connection ? 'c' : '-');
            form.AppendJoin(',', it.Before.Select(line => line.Line.File + line.State));
        }
        form.Append(";seq ").AppendJoin(',', Enumerable.Range(0, instance.Keys)
            .OrderBy(key => reference.SequenceOf(KeyOf(key))).Select(KeyOf));
        form.AppendJoin(',', Enumerable.Range(0, instance.Keys)
            .Select(key => reference.SequenceOf(KeyOf(key)) > 0));
        form.Append(CultureInfo.InvariantCulture, $";{lastGiven} {gives} {waits};");
        return form.AppendJoin(',', unreturned.Order()).ToString();
    }
}
