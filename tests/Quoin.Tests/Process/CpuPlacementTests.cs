using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests;

/// <summary>Where runs lie on a machine with several NUMA nodes (build-process.md, section 7).
/// </summary>
public sealed class CpuPlacementTests : IDisposable
{
    readonly JobSandbox box = new();

    public void Dispose() => box.Dispose();

    static string Shown(CpuPlace? place) =>
        place is null ? "off" : $"{place.Node}: {string.Join(' ', place.Cpus)}".TrimEnd();

    [Fact]
    public void Runs_go_round_the_nodes_and_free_ones_first()
    {
        var placement = new CpuPlacement([0, 1, 2], [4, 5, 6]);
        var first = placement.Take(1);
        Assert.Equal("0: 0", Shown(first));
        Assert.Equal("1: 4 5", Shown(placement.Take(2)));
        Assert.Equal("0: 1", Shown(placement.Take(1))); // None is free: the pointed one.
        Assert.Equal("1: 6", Shown(placement.Take(1)));
        first!.Dispose();
        first.Dispose(); // Twice is once.
        Assert.Equal("0: 0 2", Shown(placement.Take(2)));
    }

    [Fact]
    public void A_run_goes_past_the_pointer_to_a_node_that_is_free()
    {
        var placement = new CpuPlacement([0], [1], [2]);
        placement.Take(1);
        using (placement.Take(1))
        {
            placement.Take(1);
        }
        Assert.Equal("1: 1", Shown(placement.Take(1)));
    }

    [Fact]
    public void Where_too_few_are_free_nothing_is_bound()
    {
        var placement = new CpuPlacement([0, 1], [2, 3]);
        Assert.Equal("0:", Shown(placement.Take(3)));
        Assert.True(placement.TurnOff());
        Assert.False(placement.TurnOff());
        Assert.Equal("off", Shown(placement.Take(1)));
    }

    [Theory]
    [InlineData("0-3,8,10-11\n", "0 1 2 3 8 10 11")]
    [InlineData("\n", "")]
    [InlineData("0-x", "")]
    public void The_system_writes_lists(string list, string cpus) =>
        Assert.Equal(cpus, string.Join(' ', CpuPlacement.CpusOf(list)));

    string Nodes(params string[] lists)
    {
        foreach (var (i, list) in lists.Index()) box.Write($"sys/node{i}/cpulist", list + "\n");
        box.Write("sys/has_cpu", "0\n");
        return box.At("sys");
    }

    [Fact]
    public void One_node_is_none()
    {
        Assert.Null(CpuPlacement.Read(box.At("nowhere")));
        Assert.Null(CpuPlacement.Read(Nodes("0-63")));
        Assert.Null(CpuPlacement.Read(Nodes("0-63", "8000-8001"))); // Those are not ours.
    }

    // Scenario 29.
    [Fact]
    public void Of_two_runs_on_two_nodes_one_is_on_each()
    {
        var ours = Affinity.OfThread().Order().ToArray();
        Assert.SkipUnless(ours.Length > 1, "this process may use one CPU only");
        var processes = new JobProcess(TimeProvider.System, box.Guardian)
        {
            Placement = CpuPlacement.Read(Nodes($"{ours[0]}", $"{ours[1]}")),
        };
        var spec = box.Shell("grep Cpus_allowed_list /proc/self/status > $1");
        var first = new Nested(() => processes.Run(
            spec with
            {
                Id = new AttemptId(new RunId(2), 1),
                Outputs = [new SpecOutput("out/a.txt", box.At("out/b.txt"), true)],
                StagingDirectory = box.At(".quoin/staging/r-2.1"),
                LogFile = box.At(".quoin/log/r-2.1.jsonl"),
            },
            new JobControl(), NoObserver.Instance));

        // The second starts while the first one runs.
        Assert.Equal(
            JobEnd.Completed,
            processes.Run(
                box.Shell("grep Cpus_allowed_list /proc/self/status > $1"), new JobControl(),
                first).End);

        Assert.Equal(JobEnd.Completed, first.Result!.End);
        Assert.Equal($"Cpus_allowed_list:\t{ours[0]}\n", box.Read("out/a.txt"));
        Assert.Equal($"Cpus_allowed_list:\t{ours[1]}\n", box.Read("out/b.txt"));
        Assert.Equal(ours, Affinity.OfThread().Order());
        Assert.Equal(
            $"{ours[0]}", box.Entries().Single(
                entry => entry.GetProperty("type").GetString() == "launched")
                .GetProperty("cpus").GetString());
    }

    /// <summary>Runs something when the process has started.</summary>
    sealed class Nested(Func<JobResult> run) : IJobObserver
    {
        public JobResult? Result { get; private set; }

        // On a thread of its own: a slot's buffers belong to one attempt at a time.
        public void Launched(int pid)
        {
            var thread = new Thread(() => Result = run());
            thread.Start();
            thread.Join();
        }

        public void Progress(JobProgress report) { }
    }
}
