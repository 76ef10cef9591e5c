using System.Collections.Immutable;
using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin diff w-17 w-18</c>: what differs between what two builds left behind, partition by
/// partition, and which line of the fingerprint is behind it.
/// </summary>
static class DiffCommand
{
    public const string Summary = "Compare what two builds left behind, and say why it differs";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var first = new Argument<string>("WANT") { Description = "The earlier build: w-17" };
        var second = new Argument<string>("OTHER") { Description = "The later one: w-18" };
        var command = new Command("diff", Summary) { first, second };
        command.SetAction((parsed, _) => RunAsync(
            cli(parsed), parsed.GetRequiredValue(first), parsed.GetRequiredValue(second)));
        return command;
    }

    /// <summary>Prints the differences; none is one line.</summary>
    public static async Task<int> RunAsync(Cli cli, string first, string second)
    {
        var (a, b) = (ReleaseCommand.WantOf(first), ReleaseCommand.WantOf(second));
        var workspace = Project.Find(cli);
        await using var store = Project.OpenForReading(cli, workspace);
        var names = new PartitionNames();
        var (left, right) = Read(store, names, a, b);
        var rows = left.Covered.Union(right.Covered)
            .Select(p => RowOf(store, names, p, left, right)).OfType<DiffRow>()
            .OrderBy(row => row.Name, StringComparer.Ordinal).ToList();
        var same = left.Covered.Intersect(right.Covered).Count()
            - rows.Count(row => row.Before is not null && row.After is not null);
        if (cli.Options.Json)
        {
            Print(cli, a, b, rows, same);
            return ExitCode.Ok;
        }
        var table = new Table(
            new TableColumn("partition", 9) { ShrinkTo = 16 },
            new TableColumn("output", 6), new TableColumn("why", 8) { ShrinkTo = 24 });
        foreach (var row in rows)
            table.Add((row.Name, Style.Plain), (row.Output, Style.Dim), (row.Why, Style.Plain));
        if (rows.Count > 0)
            foreach (var line in table.Lines(cli.OutScreen.Width)) cli.Print(line);
        cli.Print($"{a} -> {b}: {Units.Count(rows.Count, "difference")}, {same} the same");
        return ExitCode.Ok;
    }

    /// <summary>What a want covers, and what of it was published when it ended.</summary>
    sealed class Side
    {
        public HashSet<PartitionId> Covered { get; } = [];

        public Dictionary<PartitionId, (Digest Output, Digest Fingerprint)> Published { get; } = [];
    }

    static (Side Left, Side Right) Read(
        IBuildStore store, PartitionNames names, WantId a, WantId b)
    {
        var inputs = new Dictionary<PartitionId, ImmutableArray<PartitionId>>();
        var published = new Dictionary<PartitionId, (Digest Output, Digest Fingerprint)>();
        var targets = new Dictionary<WantId, ImmutableArray<PartitionId>>();
        var sides = new Dictionary<WantId, Side>();
        foreach (var logged in store.Read(0, names))
        {
            switch (logged.Event)
            {
                case WantAccepted e:
                    targets[e.Want] = e.Targets;
                    break;
                case PartitionPlanned e:
                    foreach (var output in e.Outputs) inputs[output] = e.Inputs;
                    break;
                case RunCompleted e:
                    foreach (var output in e.Outputs.AddRange(e.Adopted))
                        published[output.Partition] = (output.Digest, e.Fingerprint);
                    break;
                case WantSucceeded or WantFailed or WantCancelled or AnalysisFailed:
                    var want = ((WantEvent)logged.Event).Want;
                    if (want == a || want == b) sides[want] = Close(want);
                    break;
            }
        }
        return (SideOf(a), SideOf(b));

        Side SideOf(WantId want) => sides.TryGetValue(want, out var side) ? side
            : targets.ContainsKey(want) ? Close(want) // It is open: as it stands now.
            : throw new UsageException(
                "no-such-want", $"there is no want {want}; see: quoin status");

        Side Close(WantId want)
        {
            var side = new Side();
            var open = new Stack<PartitionId>(targets.GetValueOrDefault(want, []));
            while (open.TryPop(out var p))
            {
                // Sources have no config of their own: what reads them has their digest.
                if (!inputs.TryGetValue(p, out var needs) || !side.Covered.Add(p)) continue;
                if (published.TryGetValue(p, out var manifest)) side.Published[p] = manifest;
                foreach (var input in needs) open.Push(input);
            }
            return side;
        }
    }

    sealed record DiffRow(string Name, string? Before, string? After, string Why)
    {
        public string Output => (Before, After) switch
        {
            (null, { } now) => $"new {now}",
            ({ } was, null) => $"gone {was}",
            var (was, now) when was == now => "same",
            var (was, now) => $"{was} -> {now}",
        };
    }

    static DiffRow? RowOf(
        IBuildStore store, PartitionNames names, PartitionId p, Side left, Side right)
    {
        var was = left.Published.TryGetValue(p, out var before);
        var isNow = right.Published.TryGetValue(p, out var after);
        if (was && isNow && before == after) return null;
        var why = was && isNow ? Why(store, before.Fingerprint, after.Fingerprint)
            : isNow ? (left.Covered.Contains(p) ? "was not built before" : "was not wanted before")
            : was ? (right.Covered.Contains(p) ? "could not be built" : "is not wanted any more")
            : null;
        return why is null
            ? null // Neither has it.
            : new DiffRow(
                names.Text(p), was ? before.Output.Short : null, isNow ? after.Output.Short : null,
                why);
    }

    static string Why(IBuildStore store, Digest before, Digest after)
    {
        if (before == after) return "built again to other bytes from the same inputs";
        if (store.FingerprintText(before) is not { } old
            || store.FingerprintText(after) is not { } now) return "its fingerprint";
        try
        {
            return FingerprintDiff.Summary(FingerprintDiff.Compare(old, now));
        }
        catch (FormatException)
        {
            return "its fingerprint, which is of another version";
        }
    }

    static void Print(Cli cli, WantId a, WantId b, List<DiffRow> rows, int same) =>
        cli.Print(JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("want", a.ToString());
            json.WriteString("other", b.ToString());
            json.WriteNumber("same", same);
            json.WriteStartArray("differences");
            foreach (var row in rows)
            {
                json.WriteStartObject();
                json.WriteString("partition", row.Name);
                if (row.Before is { } was) json.WriteString("before", was);
                if (row.After is { } now) json.WriteString("after", now);
                json.WriteString("why", row.Why);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }));
}
