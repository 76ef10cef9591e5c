using System.Collections.Immutable;
using System.Text;
using Quoin.Cli;
using Quoin.Core;

namespace Quoin.Tests.Cli;

/// <summary>A build told event by event, with the clock in the teller's hand.</summary>
sealed class BuildStory
{
    static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    readonly StringBuilder err = new();
    readonly StringBuilder @out = new();
    long position;
    int runs;

    public BuildStory(
        int width = TerminalScreen.Unlimited, bool verbose = false,
        Dictionary<string, string>? env = null)
    {
        Progress = new BuildProgress(new WantId(18), Names);
        Cli = new Quoin.Cli.Cli
        {
            Out = new StringWriter(@out),
            Err = new StringWriter(err),
            OutScreen = TerminalScreen.Fixed(width),
            ErrScreen = TerminalScreen.Fixed(width),
            Time = new UtcClock(),
            Env = name => env?.GetValueOrDefault(name),
            Options = new GlobalOptions { Directory = "/", Verbose = verbose },
        };
    }

    public PartitionNames Names { get; } = new();

    public BuildProgress Progress { get; }

    public Quoin.Cli.Cli Cli { get; }

    public IBuildView? View { get; set; }

    public List<ProgressNotice> Notices { get; } = [];

    /// <summary>Seconds since noon.</summary>
    public double Seconds { get; set; }

    public DateTimeOffset Now => Noon.AddSeconds(Seconds);

    public string Err => err.ToString();

    public string Out => @out.ToString();

    public PartitionId P(string name) => Names.Intern(name);

    public ImmutableArray<PartitionId> Ps(params string[] names) => [.. names.Select(P)];

    public BuildStory Log(BuildEvent e)
    {
        var notices = new List<ProgressNotice>();
        var logged = new LoggedEvent(++position, Now, e);
        Progress.Apply(logged, notices);
        View?.Show(logged, notices);
        Notices.AddRange(notices);
        return this;
    }

    public BuildStory Accept(params string[] targets) =>
        Log(new WorkerAdded(Worker, 4)).Log(new WantAccepted(Progress.Want, Ps(targets)));

    public BuildStory Plan(string job, string output, params string[] inputs) =>
        Log(new PartitionPlanned(Progress.Want, job, [P(output)], Ps(inputs)));

    public BuildStory Planned(int total, int current, int build, int maybe = 0, int blocked = 0) =>
        Log(new WantPlanned(
            Progress.Want, new PlanCounts(total, current, build, maybe, blocked)));

    /// <summary>Schedules and leases a run for an output at this moment.</summary>
    public RunId Start(string output)
    {
        var run = new RunId(++runs);
        Log(new RunScheduled(run, [P(output)], []));
        Log(new RunLeased(run, Worker, 1));
        return run;
    }

    public BuildStory Complete(RunId run, int elapsedMs, int cpuMs = 0) =>
        Log(new RunCompleted(run, 1, [])
        {
            Usage = new RunUsage(Now, elapsedMs, cpuMs, 0),
        });

    public BuildStory Fail(RunId run, RunFailure failure, double? retryIn = null) =>
        Log(new RunFailed(run, 1, failure)
        {
            RetryAt = retryIn is { } s ? Now.AddSeconds(s) : null,
        });

    /// <summary>
    /// A week of days: ingest makes raw, clean reads raw, report reads all of clean. At 2:05 raw is
    /// there, three of clean are there, two run, and a report waits.
    /// </summary>
    public BuildStory HalfOfAWeek()
    {
        Accept("reports/week-1");
        Log(new PartitionStale(P("raw/2026-01-03"), StaleReason.Changed)
        {
            Detail = "source data/0103.csv 9c1f02aa -> 22ab7710",
        });
        Plan("report", "reports/week-1", [.. Days.Select(day => $"clean/{day}")]);
        foreach (var day in Days) Plan("clean", $"clean/{day}", $"raw/{day}");
        foreach (var day in Days.Take(5)) Plan("ingest_orders", $"raw/{day}");
        Planned(total: 31, current: 18, build: 9, maybe: 4);
        foreach (var (i, day) in Days.Take(5).Index())
        {
            Seconds = 4 * i;
            var run = Start($"raw/{day}");
            Seconds += 4;
            Complete(run, 4000, 3000);
        }
        foreach (var day in Days.Take(3))
        {
            var run = Start($"clean/{day}");
            Seconds += 28;
            Complete(run, 28_000, 30_000);
        }
        Seconds = 84;
        Start("clean/2026-01-04");
        Seconds = 120;
        Start("clean/2026-01-05");
        Seconds = 125;
        return this;
    }

    public static readonly BuildBackground History = new()
    {
        UsualOfJob = job => job switch
        {
            "ingest_orders" => TimeSpan.FromSeconds(4),
            "clean" => TimeSpan.FromSeconds(31),
            _ => null,
        },
        TimeLeft = () => new TimeRange(TimeSpan.FromSeconds(110), TimeSpan.FromSeconds(140)),
        AttemptsMax = (_, category) => category == FailureCategory.BadInput ? 1 : 3,
        LogTailOf = attempt => new LogTail(
            ["row 88120: ok", "row 88121: end before start"], 212, $".quoin/log/{attempt}.jsonl"),
    };

    static readonly string[] Days =
    [
        "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", "2026-01-06",
        "2026-01-07",
    ];

    static readonly WorkerId Worker = new("host-a/1");

    sealed class UtcClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;
    }
}
