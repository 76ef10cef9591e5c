using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.EndToEndTests;

/// <summary>
/// Nothing that Quoin started outlives it. The process that dies here is this test program itself,
/// started again as <see cref="GuardedHost"/>.
/// </summary>
public sealed class GuardianTests : IDisposable
{
    static int count;

    readonly string workspace = Path.Join(
        Path.GetTempPath(),
        $"quoin-guard-{Environment.ProcessId}-{Interlocked.Increment(ref count)}");

    public GuardianTests() => Directory.CreateDirectory(workspace);

    public void Dispose() => Directory.Delete(workspace, true);

    [Fact]
    public void Kill_9_leaves_nothing()
    {
        using var host = new HostProcess(workspace, "forever");
        var (pids, guardian) = host.ReadPids(6);
        Assert.All(pids, pid => Assert.True(Directory.Exists($"/proc/{pid}")));
        Assert.Single(Directory.GetFiles(Path.Join(workspace, ".quoin/guard")));

        var ends = pids.Append(guardian).Select(pid => new ProcessEnding(pid)).ToList();
        host.Kill();
        Assert.All(ends, end => Assert.True(end.Wait()));
        Assert.Empty(Directory.GetFiles(Path.Join(workspace, ".quoin/guard")));
    }

    [Fact]
    public void What_survives_because_the_guardian_died_too_is_swept_at_the_next_start()
    {
        using var host = new HostProcess(workspace, "marked");
        var (pids, guardian) = host.ReadPids(5);
        var ends = pids.Select(pid => new ProcessEnding(pid)).ToList();
        var guardianEnd = new ProcessEnding(guardian);
        _ = Libc.kill(guardian, Libc.SigKill);
        Assert.True(guardianEnd.Wait());

        // While the process lives its file is left alone.
        using var next = new Guardian(Path.Join(workspace, ".quoin/guard"), TimeProvider.System);
        Assert.Equal(0, next.SweepOthers());
        host.Kill();
        Assert.InRange(next.SweepOthers(), 5, 20);
        Assert.All(ends, end => Assert.True(end.Wait()));
        Assert.Empty(Directory.GetFiles(Path.Join(workspace, ".quoin/guard")));
    }

    [Fact]
    public void A_daemon_of_a_finished_job_ends_with_a_quoin_that_ends_well()
    {
        using var host = new HostProcess(workspace, "daemon");
        var (pids, guardian) = host.ReadPids(1);
        var ends = pids.Append(guardian).Select(pid => new ProcessEnding(pid)).ToList();
        host.LetGo();
        Assert.All(ends, end => Assert.True(end.Wait()));
        Assert.Empty(Directory.GetFiles(Path.Join(workspace, ".quoin/guard")));
    }

    /// <summary>The host, seen from outside.</summary>
    sealed class HostProcess : IDisposable
    {
        readonly Process process;

        public HostProcess(string workspace, string mode)
        {
            var program = Path.Join(AppContext.BaseDirectory, "Quoin.EndToEndTests");
            var start = new ProcessStartInfo(program)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            };
            start.Environment[GuardedHost.Variable] = $"{mode}:{workspace}";
            process = Process.Start(start)!;
        }

        /// <summary>
        /// Reads the announced pids: a line each, the guardian's with its own word.
        /// </summary>
        public (List<int> Jobs, int Guardian) ReadPids(int count)
        {
            var (pids, guardian) = (new List<int>(), 0);
            while (pids.Count < count || guardian == 0)
            {
                var line = process.StandardOutput.ReadLine()
                    ?? throw new InvalidOperationException("the host ended early");
                var words = line.Split(' ');
                if (words[0] == "guardian") guardian = int.Parse(words[1]);
                else if (words[0] == "job") pids.Add(int.Parse(words[1]));
            }
            return (pids, guardian);
        }

        public void Kill()
        {
            process.Kill();
            Assert.True(process.WaitForExit(30_000));
        }

        public void LetGo()
        {
            process.StandardInput.Close();
            Assert.True(process.WaitForExit(60_000));
        }

        public void Dispose()
        {
            if (!process.HasExited) process.Kill();
            process.Dispose();
        }
    }

    /// <summary>The end of a process that is not our child, as a signal with a bound.</summary>
    sealed unsafe class ProcessEnding(int pid)
    {
        readonly int pidfd = Libc.PidfdOpen(pid);

        public bool Wait()
        {
            var fd = new Libc.PollFd { Fd = pidfd, Events = Libc.PollIn };
            return pidfd < 0 || Libc.poll(&fd, 1, 60_000) == 1;
        }
    }
}

/// <summary>
/// What this program is when <see cref="Variable"/> is set: a Quoin that runs jobs and does nothing
/// else. It prints <c>job PID</c> and <c>guardian PID</c>.
/// </summary>
static class GuardedHost
{
    public const string Variable = "QUOIN_TEST_GUARDED_HOST";

    // One job with all kinds of processes; each announces itself ($$ is the sh that it stands in).
    const string Announce = "echo \"@quoin {\\\"message\\\":\\\"$$\\\"}\"";

    const string Forever =
        $$"""
        cat > plain.sh <<'end'
        {{Announce}}; exec sleep 10000
        end
        cat > deaf.sh <<'end'
        trap '' TERM INT HUP; {{Announce}}; while :; do sleep 100; done
        end
        cat > inner.sh <<'end'
        sh plain.sh; :
        end
        cat > quiet.sh <<'end'
        {{Announce}}; exec >/dev/null 2>&1 <&-; trap '' TERM; while :; do sleep 100; done
        end
        sh plain.sh &
        sh deaf.sh &
        sh inner.sh &
        setsid sh deaf.sh &
        (setsid setsid sh quiet.sh &) &
        [ "$QUOIN_EPOCH" = 2 ] || env -i PATH="$PATH" sh plain.sh &
        wait
        """;

    const string Daemon =
        """
        setsid sh -c 'echo $$ > pid; exec >/dev/null 2>&1; exec sleep 10000' &
        while ! [ -s pid ]; do sleep 0.01; done
        echo "@quoin {\"message\":\"$(cat pid)\"}"
        echo x > $1
        """;

    [ModuleInitializer]
    internal static void RunInsteadOfTests()
    {
        var told = Environment.GetEnvironmentVariable(Variable)?.Split(':', 2);
        if (told is not [var mode, var workspace]) return;
        // On this thread only: any other would wait for this initializer to end.
        var folder = Path.Join(workspace, ".quoin/guard");
        using (var guardian = new Guardian(folder, TimeProvider.System))
        {
            guardian.EnsureStarted();
            Console.Out.WriteLine($"guardian {guardian.Pid}");
            var processes = new JobProcess(TimeProvider.System, guardian);
            var spec = mode == "daemon" ? Spec(Daemon, 1, workspace)
                : Spec(Forever, mode == "forever" ? 1 : 2, workspace);
            processes.Run(spec, new JobControl(), new Announcer());
            Console.In.ReadToEnd(); // Until the test has seen everything.
        }
        Environment.Exit(0);
    }

    // In epoch 2 every process has our mark; in others one has cleared its environment.
    static JobSpec Spec(string script, int epoch, string workspace) => new()
    {
        Id = new AttemptId(new RunId(1), 1),
        Epoch = epoch,
        Config = new JobConfig
        {
            Job = "test",
            Outputs = ["out/1"],
            Args = ["sh", "-c", script, "sh", "{out}"],
        },
        WorkingDirectory = workspace,
        Inputs = ImmutableArray<SpecInput>.Empty,
        Outputs = [new SpecOutput("out/1", Path.Join(workspace, "out/1"), true)],
        StagingDirectory = Path.Join(workspace, ".quoin/staging/r-1.1"),
        LogFile = Path.Join(workspace, ".quoin/log/r-1.1.jsonl"),
    };

    sealed class Announcer : IJobObserver
    {
        public void Launched(int pid) { }

        public void Progress(JobProgress progress) =>
            Console.Out.WriteLine($"job {progress.Message}");
    }
}
