namespace Quoin.Cli;

/// <summary>
/// What <c>quoin init</c> writes: three days of numbers, a total a day, a summary of the days. It
/// needs sh and awk only, and every line of the graph says what it means.
/// </summary>
static class StarterFiles
{
    /// <param name="Path">Relative to the folder.</param>
    /// <param name="Text">What is in it.</param>
    /// <param name="IsExecutable">Can be started by name.</param>
    /// <param name="IsNeeded">False: one that is there already stays as it is.</param>
    internal readonly record struct StarterFile(
        string Path, string Text, bool IsExecutable = false, bool IsNeeded = true);

    public static readonly StarterFile[] All =
    [
        new("quoin.yaml", Graph),
        new("total.sh", Script, IsExecutable: true),
        new("summary.awk", "{ sum += $2; print }\nEND { print \"all\", sum }\n"),
        new("data/2026-01-01.csv", "item,amount\nbread,3\nmilk,4\n"),
        new("data/2026-01-02.csv", "item,amount\nbread,5\ntea,2\n"),
        new("data/2026-01-03.csv", "item,amount\nmilk,1\ncoffee,6\n"),
        new(".gitignore", ".quoin/\nout/\n", IsNeeded: false),
    ];

    const string Graph =
        """
        # A graph for Quoin: which data there is, and how each piece is made from others.
        # Try: quoin build        builds what `targets` names
        #      quoin build        again: one line, nothing to do
        #      edit data/2026-01-02.csv, then: quoin explain summary; quoin build
        quoin: 1                # version of this format
        name: starter
        targets: [summary]      # what a bare `quoin build` wants

        # Where the pieces of data ("partitions") lie. A name in braces is a capture: it stands for
        # one part of the reference, here a date.
        datasets:
          sales/{date:date}: { source: "data/{date}.csv" }     # a source: nothing builds it
          total/{date:date}: { path: "out/total/{date}.txt" }
          summary:           { path: out/summary.txt }

        jobs:
          # One run a day. `exec` is a program and its arguments, not a shell line; {out} and {in}
          # are file paths. A job that exits with 0 and wrote {out} is done.
          total:
            outputs: ["total/{date}"]
            inputs:  ["sales/{date}"]
            exec:    [sh, total.sh, "{out}", "{in}"]
            code:    [total.sh]                   # a change of this file rebuilds the totals

          # All days into one file: {in...} becomes one argument for each input.
          summary:
            outputs: [summary]
            inputs:  ["total/{date:range(2026-01-01,2026-01-03)}"]
            exec:    [awk, -f, summary.awk, "{in...}"]
            stdout:  "{out}"                      # what it prints is the output
            code:    [summary.awk]

        """;

    const string Script =
        """
        #!/bin/sh
        # usage: total.sh OUTPUT INPUT: one line "date amount" for a day's sales.
        set -eu
        day=$(basename "$2" .csv)
        awk -F, -v day="$day" 'NR > 1 { sum += $2 } END { print day, sum }' "$2" > "$1"

        """;
}
