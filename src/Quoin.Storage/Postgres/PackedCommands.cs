using System.Buffers.Binary;
using System.Globalization;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// What a worker's turn tells the coordinator is one row of the inbox, whatever it claimed and
/// handed in: <c>runs-leased</c> (the body that all have, with its length before it, then run and
/// epoch of each) and <c>runs-ended</c> (run, epoch and body of each, with its length before it),
/// numbers in four bytes, the highest first. Here they become single commands again, and the row is
/// taken out when its last command is. Any thread.
/// </summary>
sealed class PackedCommands
{
    readonly Lock gate = new();
    readonly Dictionary<string, Row> rows = [];
    readonly Dictionary<string, Row> rowOf = []; // By command.

    /// <summary>The commands of rows, in their order.</summary>
    public IReadOnlyList<InboxCommand> Unpack(IReadOnlyList<InboxCommand> stored)
    {
        var commands = new List<InboxCommand>(stored.Count);
        lock (gate)
        {
            var gone = rows.Keys.Except(stored.Select(row => row.Id)).ToList();
            foreach (var id in gone) Drop(rows[id]);
            foreach (var row in stored)
            {
                if (row.Type is not ("runs-leased" or "runs-ended")) commands.Add(row);
                else commands.AddRange(Known(row).Left.Select(left => left.Command));
            }
        }
        return commands;
    }

    // What we took of it may be on its way; what another process took shows in its size.
    Row Known(InboxCommand stored)
    {
        if (rows.TryGetValue(stored.Id, out var row))
        {
            if (row.Sizes.Contains(stored.Body.Length)) return row;
            Drop(row);
        }
        rows[stored.Id] = row = stored.Type == "runs-leased" ? Leased(stored) : Ended(stored);
        foreach (var (command, _) in row.Left) rowOf[command.Id] = row;
        return row;
    }

    void Drop(Row row)
    {
        rows.Remove(row.Id);
        foreach (var (command, _) in row.Left) rowOf.Remove(command.Id);
    }

    static Row Leased(InboxCommand stored)
    {
        var bytes = stored.Body;
        var head = 4 + Number(bytes, 0);
        var row = new Row(stored.Id, bytes[..head]) { Sizes = { bytes.Length } };
        for (var at = head; at < bytes.Length; at += 8)
            row.Left.Add((
                new InboxCommand(IdOf("leased", bytes, at), "run-leased", bytes[4..head]),
                bytes.Slice(at, 8)));
        return row;
    }

    static Row Ended(InboxCommand stored)
    {
        var bytes = stored.Body;
        var row = new Row(stored.Id, default) { Sizes = { bytes.Length } };
        for (int at = 0, length; at < bytes.Length; at += length)
        {
            length = 12 + Number(bytes, at + 8);
            row.Left.Add((
                new InboxCommand(
                    IdOf("ended", bytes, at), "run-ended", bytes.Slice(at + 12, length - 12)),
                bytes.Slice(at, length)));
        }
        return row;
    }

    static string IdOf(string what, ReadOnlyMemory<byte> bytes, int at) => string.Create(
        CultureInfo.InvariantCulture, $"{what}/{Number(bytes, at)}/{Number(bytes, at + 4)}");

    static int Number(ReadOnlyMemory<byte> bytes, int at) =>
        BinaryPrimitives.ReadInt32BigEndian(bytes.Span[at..]);

    /// <summary>
    /// A command of a turn that was never unpacked here: another object of this store was asked.
    /// </summary>
    public bool IsUnknownAmong(IReadOnlyList<string> commands)
    {
        lock (gate)
        {
            return commands.Any(id => !rowOf.ContainsKey(id)
                && (id.StartsWith("leased/", StringComparison.Ordinal)
                    || id.StartsWith("ended/", StringComparison.Ordinal)));
        }
    }

    /// <summary>What becomes of the rows when these commands are taken.</summary>
    public TakenRows Take(IReadOnlyList<string> commands)
    {
        if (commands.Count == 0) return new([], []);
        var whole = new List<string>();
        var touched = new Dictionary<Row, HashSet<string>>();
        lock (gate)
        {
            foreach (var id in commands)
            {
                if (!rowOf.Remove(id, out var row)) whole.Add(id);
                else if (touched.TryGetValue(row, out var ids)) ids.Add(id);
                else touched[row] = [id];
            }
            foreach (var (row, ids) in touched)
            {
                row.Left.RemoveAll(left => ids.Contains(left.Command.Id));
                if (row.Left.Count > 0) continue;
                whole.Add(row.Id);
                rows.Remove(row.Id);
            }
            return new(
                whole,
                [.. touched.Keys.Where(row => row.Left.Count > 0).Select(row => row.Rest())]);
        }
    }

    sealed class Row(string id, ReadOnlyMemory<byte> head)
    {
        public string Id { get; } = id;

        public List<(InboxCommand Command, ReadOnlyMemory<byte> Bytes)> Left { get; } = [];

        /// <summary>How long it is in the database, or will be soon.</summary>
        public HashSet<int> Sizes { get; } = [];

        public (string Id, byte[] Body) Rest()
        {
            byte[] body = [.. head.Span, .. Left.SelectMany(left => left.Bytes.ToArray())];
            Sizes.Add(body.Length);
            return (Id, body);
        }
    }
}

/// <summary>What an append does to the rows of the inbox.</summary>
/// <param name="Whole">Rows that go.</param>
/// <param name="Rest">Rows that stay, with what is left of them.</param>
readonly record struct TakenRows(
    IReadOnlyList<string> Whole, IReadOnlyList<(string Id, byte[] Body)> Rest);
