namespace Quoin.BrowserTests;

/// <summary>
/// A small project with one of everything that a page shows: days and months of two gauges, a row
/// that is wrong, a job that waits until it may go on, and a lock outside that is not given back.
/// </summary>
static class Tides
{
    /// <summary>The day whose row is wrong.</summary>
    public const string BadDay = "daily/south/2026-02-03";

    /// <summary>The day whose row is wrong until <see cref="Mend"/>, and what needs it.</summary>
    public const string MendedDay = "daily/east/2026-02-05", MendedMonth = "monthly/east/2026-02";

    /// <summary>The graph.</summary>
    public const string Graph = """
        quoin: 1
        name: tides
        targets: [report]
        datasets:
          gauge/{station}: { source: "gauge-{station}.csv" }
          report: { path: "out/report.txt" }
        jobs:
          daily:
            outputs: ["daily/{station}/{date:date}"]
            inputs: ["gauge/{station}"]
            exec: [sh, daily.sh, "{date}", "{in}", "{out}"]
            code: [daily.sh]
          monthly:
            outputs: ["monthly/{station}/{month:month}"]
            inputs: ["daily/{station}/{month.days}"]
            exec: [sh, -c, 'cat "$@" >"$0"', "{out}", "{in...}"]
          compared:
            outputs: ["compared/{left}/{right}"]
            inputs: ["monthly/{left}/2026-01", "monthly/{right}/2026-01"]
            exec: [sh, -c, 'cat "$1" "$2" >"$0"', "{out}", "{in...}"]
          report:
            outputs: [report]
            inputs: ["monthly/{station:in(north,south)}/{month:range(2026-01,2026-02)}"]
            exec: [sh, -c, 'cat "$@" >"$0"', "{out}", "{in...}"]
          slow:
            outputs: ["slow/{name}"]
            exec: [sh, slow.sh, "{name}", "{out}"]
          long:
            outputs: ["long/{name}"]
            exec: [sh, -c, 'seq -f "line %g." 2500; echo done >"$0"', "{out}"]
          lock:
            outputs: ["lock/{name}"]
            exec: [sh, lock.sh]
            resource: { release: [sh, lock.sh], release-time: 200ms, poll: { every: 100ms, max: 100ms }, settle: 0s }
        """;

    /// <summary>Writes the scripts and the data into a folder.</summary>
    public static void Write(string root)
    {
        Put("daily.sh", """
            grep -q "^$1,bad" "$2" && { printf 'reading %s\n' "$2"; \
              printf '\033[1;31merror\033[0m row %s: no level <script>alert(1)</script>\n' "$1" >&2; exit 65; }
            printf 'level of \033[32m%s\033[0m is fine\n' "$1"
            echo "$1 4.2" >"$3"
            """);
        Put("slow.sh", """
            echo begun
            while [ ! -e "more-$1" ]; do sleep 0.02; done
            printf '\033[33mstill here\033[0m\n'
            while [ ! -e "go-$1" ]; do sleep 0.02; done
            echo done >"$2"
            """);
        Put("lock.sh", """
            case $QUOIN_DIRECTION in
              release) echo '@quoin {"fail":{"category":"permission","reason":"the lock is somebody else'"'"'s"}}'; exit 77 ;;
              *) echo '@quoin {"external":{"id":"lock-7"}}'
                 echo '@quoin {"manifest":{"connections":{"id":"lock-7"}}}' ;;
            esac
            """);
        Put("gauge-north.csv", "2026-01-01,4.2\n");
        Put("gauge-south.csv", "2026-02-03,bad\n");
        Put("gauge-east.csv", "2026-02-05,bad\n");

        void Put(string name, string text) => File.WriteAllText(Path.Combine(root, name), text);
    }

    /// <summary>Corrects the row.</summary>
    public static void Mend(string root) =>
        File.WriteAllText(Path.Combine(root, "gauge-east.csv"), "2026-02-05,4.1\n");

    /// <summary>Lets a slow job print its next line, or end.</summary>
    public static void Signal(string root, string word, string name) =>
        File.WriteAllText(Path.Combine(root, $"{word}-{name}"), "");
}
