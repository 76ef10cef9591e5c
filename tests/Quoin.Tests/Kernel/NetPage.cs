using System.Text;
using Quoin.Cli;
using Quoin.Core;

namespace Quoin.Tests.KernelTests;

/// <summary>docs/state-machines.md, from the net's table.</summary>
static class NetPage
{
    const string Beginning = """
        # State machines

        This page is written by `./dev golden` from the table in
        [Net.cs](../src/Quoin.Core/Kernel/Net.cs), and a test fails when it is out of date. The same
        table is held against the code: tests visit every state of small instances, where no token
        moves in a way that the table does not say, every move that it says happens, and the tokens
        that an event touches are the ones that it declares ([verification](verification.md)).

        Every partition, every want and every run is one token, which lies in one place. An event moves
        tokens; what follows from that alone (the *cascade*) follows at once, in strata, and is not
        logged. `quoin graph --net` prints the whole net for Graphviz, `quoin graph --pnml` for
        Petri net tools.


        """;

    const string FeedsBeginning = """

        ## Lines of feeds

        Each line of a file of a feed is a token of a book beside the kernel
        ([supervisor](decisions/supervisor.md)): *Open*, *Held* by a worker, *Lost* by one and to be
        given out again, or *Done*. These are the rows of
        [FeedNet.cs](../src/Quoin.Core/Feeds/FeedNet.cs); tests visit every state of small folders.

        | row | event | moves | guard |
        |---|---|---|---|

        """;

    public static string Write()
    {
        var page = new StringBuilder(Beginning);
        foreach (var token in NetPicture.Tokens)
        {
            page.Append($"## {token}\n\n{About(token)}\n\n");
            page.Append($"```mermaid\n{NetPicture.Mermaid(token)}\n```\n\n");
        }
        page.Append("## Transitions\n\n");
        page.Append("| row | event | moves | takes, gives | looks at | guard |\n");
        page.Append("|---|---|---|---|---|---|\n");
        foreach (var row in Net.Transitions)
        {
            var counts = row.Takes.Select(place => $"−{place}")
                .Concat(row.Gives.Select(place => $"+{place}"));
            page.Append($"| {row.Row} | `{row.Name}` | {Moves(row.Moves)} | ");
            page.AppendJoin(", ", counts).Append(" | ").AppendJoin(", ", row.Reads);
            page.Append($" | {row.Guard} |\n");
        }
        page.Append(FeedsBeginning);
        foreach (var row in FeedNet.Transitions)
            page.Append($"| {row.Row} | `{row.Event.Name}` | {Moves(row.Moves)} | {row.Guard} |\n");
        page.Append("\n## What follows at once\n\n| stratum | rule | moves |\n|---|---|---|\n");
        foreach (var rule in Net.Cascades)
            page.Append($"| {rule.Stratum} | {rule.When} | {Moves(rule.Moves)} |\n");
        page.Append("\nNo token moves with ");
        page.AppendJoin(", ", Net.Notifications.Select(type => $"`{type.Name}`"));
        page.Append(": they tell people what follows from other events.\n");
        return page.ToString();
    }

    static string About(string token) => token switch
    {
        "Partition" => "A partition that nobody ever asked for is *Missing*. One that is "
            + "*Building* is held by one run: there is no other lock.",
        "Want" => "An open want ends when everything that it asked for is Live, when something "
            + "failed and nothing is left to do, or when somebody gives it up.",
        _ => "The attempts of a run share its token and its claims: after a failure that is tried "
            + "again, and after a lost lease, it is Queued once more, under the next epoch.",
    };

    // From several places to several, as few arrows as that takes.
    static string Moves(IEnumerable<NetMove> moves) => string.Join(
        "; ",
        from move in moves
        group move by (move.Token, move.To) into goal
        let to = goal.Key.To.Length > 0 ? goal.Key.To : "ended"
        let sources = string.Join("/", goal.Select(move => move.From)) is ['/', ..] several
            ? "new" + several
            : string.Join("/", goal.Select(move => move.From))
        group to by $"{goal.Key.Token} {sources}".TrimEnd() into goals
        select $"{goals.Key} → {string.Join("/", goals)}");
}
