using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests;

/// <summary>Everything that a job can do wrong, and what Quoin says and leaves behind.</summary>
public sealed class JobFaultTests : IDisposable
{
    readonly JobSandbox box = new();

    public void Dispose() => box.Dispose();

    [Theory]
    [InlineData("exit 1", FailureCategory.Failed, "exit 1")]
    [InlineData("exit 65", FailureCategory.BadInput, "exit 65")]
    [InlineData("exit 75", FailureCategory.Temporary, "exit 75")]
    [InlineData("exit 77", FailureCategory.Permission, "exit 77")]
    [InlineData("exit 78", FailureCategory.Configuration, "exit 78")]
    [InlineData("exit 124", FailureCategory.Timeout, "exit 124")]
    [InlineData("exit 139", FailureCategory.Signal, "exit 139 (SIGSEGV in it)")]
    [InlineData("no-such-program-xyz", FailureCategory.Configuration,
        "exit 127 (a program that it calls was not found)")]
    [InlineData("kill -SEGV $$", FailureCategory.Signal, "ended by SIGSEGV")]
    [InlineData("kill -KILL $$", FailureCategory.OutOfMemory,
        "ended by SIGKILL, not sent by Quoin: most often the kernel was out of memory")]
    [InlineData(
        "echo '@quoin {\"fail\":{\"category\":\"bad-input\",\"reason\":\"row 7\"}}'; exit 1",
        FailureCategory.BadInput, "row 7")]
    public void An_end_has_a_category_and_a_reason(
        string script, FailureCategory category, string reason)
    {
        var result = box.Run(box.Shell(script));

        Assert.Equal(JobEnd.Failed, result.End);
        Assert.Equal((category, reason), (result.Failure!.Category, result.Failure.Reason));
        Assert.False(File.Exists(box.At("out/a.txt")));
    }

    [Fact]
    public void The_jobs_own_exit_codes_come_first()
    {
        var spec = box.Shell("echo x > $1; exit 42");
        spec = spec with { ExitCodes = spec.ExitCodes.Add(42, FailureCategory.Temporary) };
        Assert.Equal(FailureCategory.Temporary, box.Run(spec).Failure!.Category);

        spec = spec with { ExitCodes = spec.ExitCodes.SetItem(42, null) };
        Assert.Equal(JobEnd.Completed, box.Run(spec).End);
    }

    [Fact]
    public void Garbage_reports_are_warnings_that_name_the_line()
    {
        var result = box.Run(box.Shell(
            """
            echo data > $1; echo one
            echo '@quoin {"progress":'
            echo '@quoin 7'
            echo '@quoin {"progres":0.5}'
            echo '@quoin {"needs":[1,"a//b"]}'
            echo '@quoin {"progress":9,"fail":{"category":"nonsense"}} x'
            printf '@quoin \377\376\n'
            echo '@quoin {"message":"\ud800"}'
            """));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(5, result.Warnings.Length); // The rest is in the log only.
        Assert.StartsWith("report in line 2 ignored: it is not valid JSON", result.Warnings[0]);
        Assert.Equal("report in line 3 ignored: it is not a JSON object", result.Warnings[1]);
        Assert.Equal(
            "report in line 4 ignored: unknown report \"progres\" (known: manifest, progress, "
            + "message, needs, metric, fail, defer, external, unknown, absent, ended, released)",
            result.Warnings[2]);
        Assert.Equal(
            "report in line 5 ignored: needs has 1, which is not a text; needs: \"a//b\" has an "
            + "empty segment", result.Warnings[3]);
        Assert.Equal(
            "report in line 6 ignored: something follows the JSON object", result.Warnings[4]);
        Assert.Equal(8, result.LogLines);
    }

    [Fact]
    public void Exit_zero_without_the_output_breaks_the_contract()
    {
        var result = box.Run(
            box.Spec(["sh", "-c", "echo x > $1", "sh", "{out...}"], "a", "b", "c"));

        Assert.Equal(FailureCategory.Contract, result.Failure!.Category);
        Assert.Equal(
            "exit 0, but 2 of 3 outputs are missing: b, c; the job has to write the path that "
            + $"{{out}} or QUOIN_OUTPUTS gives, here {box.Staging}/b", result.Failure.Reason);
        Assert.False(File.Exists(box.At("a")));
        Assert.Contains("contract-broken", box.Types());
    }

    [Fact]
    public void An_output_written_to_its_place_directly_gets_a_hint()
    {
        Directory.CreateDirectory(box.At("out"));
        var result = box.Run(box.Shell("echo x > out/a.txt"));

        Assert.Equal(FailureCategory.Contract, result.Failure!.Category);
        Assert.Contains(
            $"{box.At("out/a.txt")} was written directly: write to {{out}} instead",
            result.Failure.Reason);
    }

    [Fact]
    public void Undeclared_outputs_are_warned_about_and_removed()
    {
        var result = box.Run(box.Shell("echo x > $1; echo y > $QUOIN_STAGING/more; "
            + "echo '@quoin {\"manifest\":{\"outputs\":[{\"ref\":\"other\"}]}}'"));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(
            ["extra output: the manifest names other, which is not declared",
             "extra output: more is not declared, it was removed"], result.Warnings);
    }

    [Fact]
    public void A_hundred_megabytes_of_log_keep_their_first_and_last_bytes()
    {
        var spec = box.Shell(
            "echo x > $1; echo first; "
            + "head -c 104857600 /dev/zero | tr '\\0' 'a' | fold -w 199; echo; "
            + "echo '@quoin {\"progress\":1}'; echo last");
        var seen = new SeenProgress();
        var result = box.Run(spec with { LogLimits = new(1 << 20, 64 << 10, 4 << 10) }, null, seen);

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal([new JobProgress(1, null)], seen.All);
        Assert.Equal("last", result.LogTail[^1]);
        Assert.Equal(20, result.LogTail.Length);
        Assert.InRange(new FileInfo(box.Log).Length, 1 << 20, 3 << 20);
        var entries = box.Entries();
        var lines = entries.Where(e => e.GetProperty("type").GetString() == "stdout")
            .Select(e => e.GetProperty("line").GetString()!).ToList();
        Assert.Equal(("first", "last"), (lines[0], lines[^1]));
        var dropped = entries.Single(e => e.GetProperty("type").GetString() == "dropped");
        Assert.Equal(result.LogLines - lines.Count, dropped.GetProperty("lines").GetInt64());
        Assert.Equal(
            104_857_600 + 526_923 + 6 + 5, // a's, their line ends, "first", "last"
            dropped.GetProperty("bytes").GetInt64() + lines.Sum(l => l.Length + 1L));
    }

    [Fact]
    public void Invalid_utf8_is_replaced_and_control_characters_are_escaped()
    {
        var result = box.Run(box.Shell("echo x > $1; printf 'a\\377b\\033[1m\\001\\0c\"\\\\\\n'"));

        Assert.Equal("a\uFFFDb\u001B[1m\u0001\0c\"\\", Assert.Single(result.LogTail));
        var line = box.Entries().Single(e => e.GetProperty("type").GetString() == "stdout");
        Assert.Equal(result.LogTail[0], line.GetProperty("line").GetString());
    }

    [Fact]
    public void One_huge_line_is_cut_with_a_mark()
    {
        var spec = box.Shell(
            "echo x > $1; printf 'aää'; head -c 3000000 /dev/zero | tr '\\0' 'b'; echo");
        var result = box.Run(spec with { LogLimits = new(1 << 20, 1 << 20, 4) });

        Assert.Equal(["aä"], result.LogTail); // Never half a character.
        var line = box.Entries().Single(e => e.GetProperty("type").GetString() == "stdout");
        Assert.Equal(3_000_002, line.GetProperty("cut").GetInt64());
    }

    [Fact]
    public void A_job_that_hangs_is_ended_by_its_timeout()
    {
        var spec = box.Shell("echo started; sleep 1000");
        var result = box.Run(spec with { Timeout = TimeSpan.FromMilliseconds(200) });

        Assert.Equal(FailureCategory.Timeout, result.Failure!.Category);
        Assert.Equal("timeout after 200 ms", result.Failure.Reason);
        Assert.Equal(["started"], result.LogTail);
        Assert.Equal(
            "validating config-accepted launching launched stdout timeout signal-sent "
            + "task-failed ended",
            box.Types());
        Assert.InRange(result.Usage.ElapsedMs, 200, 20_000);
    }

    [Fact]
    public void A_job_that_ignores_sigterm_is_killed_after_its_grace()
    {
        var result = box.Run(
            box.Shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")
                with
            { Timeout = TimeSpan.FromMilliseconds(300) });

        Assert.Equal(FailureCategory.Timeout, result.Failure!.Category);
        Assert.Equal(9, result.Failure.Signal);
        Assert.Equal(
            ["SIGTERM", "SIGKILL"],
            box.Entries().Where(e => e.GetProperty("type").GetString() == "signal-sent")
                .Select(e => e.GetProperty("signal").GetString()));
    }

    [Fact]
    public void A_stopped_job_can_be_cancelled_too()
    {
        var control = new JobControl();
        var result = box.Run(
            box.Shell("kill -STOP $$"), control, new WhenLaunched(control.Cancel));
        Assert.Equal(JobEnd.Cancelled, result.End);
    }

    [Fact]
    public void Kill_does_not_wait_for_the_grace()
    {
        var control = new JobControl();
        var spec = box.Shell("trap '' TERM; while :; do sleep 0.05; done");
        var result = box.Run(
            spec with { Grace = TimeSpan.FromHours(1) }, control, new WhenLaunched(control.Kill));
        Assert.Equal(JobEnd.Cancelled, result.End);
    }

    [Fact]
    public void A_daemon_in_the_group_is_killed_and_its_pipe_is_not_waited_for()
    {
        var result = box.Run(box.Shell("sleep 1000 & echo $! > pid; echo x > $1"));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Empty(result.Warnings);
        Assert.True(Ended(int.Parse(box.Read("pid"))));
    }

    [Fact]
    public void A_daemon_with_a_session_of_its_own_that_holds_the_log_is_killed_too()
    {
        var result = box.Run(box.Shell(
            "setsid sh -c 'echo $$ > pid; exec sleep 1000' & "
            + "while ! [ -s pid ]; do sleep 0.01; done; echo x > $1"));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(
            ["1 of its processes left the process group and outlived it; they were killed"],
            result.Warnings);
        Assert.True(Ended(int.Parse(box.Read("pid"))));
    }

    [Fact]
    public void A_job_that_deletes_its_staging_folder_gets_a_contract_failure()
    {
        var result = box.Run(box.Shell("rm -rf $QUOIN_STAGING"));
        Assert.Equal(FailureCategory.Contract, result.Failure!.Category);

        result = box.Run(box.Shell("rm -rf $QUOIN_STAGING; mkdir -p $QUOIN_STAGING; echo x > $1"));
        Assert.Equal(JobEnd.Completed, result.End);
    }

    [Fact]
    public void A_staging_folder_full_of_odd_things_is_removed()
    {
        var result = box.Run(box.Shell(
            """
            cd $QUOIN_STAGING; echo x > a.txt
            mkdir ro; touch ro/f "$(printf 'bad\377name')"; mkfifo pipe; ln -s / link; chmod 500 ro
            i=0; d=deep; while [ $i -lt 400 ]; do d=$d/deep; i=$((i+1)); done
            mkdir -p $d; touch $d/f
            chmod 500 .
            """));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(5, result.Warnings.Length);
    }

    [Fact]
    public void A_job_that_closes_its_outputs_early_still_runs_to_its_end()
    {
        var result = box.Run(box.Shell("echo hello; exec >&- 2>&-; sleep 0.3; echo x > $1"));
        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(["hello"], result.LogTail);
    }

    [Fact]
    public void A_directory_can_be_an_output_and_replace_a_file_and_the_other_way_round()
    {
        const string folder =
            "mkdir $1; echo a > $1/a; ln -s a $1/link; mkdir $1/sub; echo b > $1/sub/b";
        var result = box.Run(box.Shell(folder));
        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(4, result.Outputs[0].Bytes);
        Assert.Equal(
            ContentDigest.OfDirectory(box.At("out/a.txt")).Digest, result.Outputs[0].Digest);

        Assert.Equal(JobEnd.Completed, box.Run(box.Shell("echo file > $1")).End);
        Assert.Equal("file\n", box.Read("out/a.txt"));
        var again = box.Run(box.Shell(folder));
        Assert.Equal(result.Outputs[0].Digest, again.Outputs[0].Digest);
        Assert.Equal(JobEnd.Completed, box.Run(box.Shell(folder + "; rm $1/a $1/link")).End);
        Assert.Equal(["sub"], Directory.EnumerateFileSystemEntries(box.At("out/a.txt"))
            .Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("ln -s /etc/passwd $1", "is a symbolic link; write the file itself")]
    [InlineData("mkdir $1; ln -s ../../x $1/l", "outside of the output")]
    [InlineData("mkdir $1; ln -s /etc $1/l", "outside of the output")]
    [InlineData("mkfifo $1", "is a pipe, socket or device")]
    [InlineData("mkdir $1; mkfifo $1/p", "is a pipe, socket or device")]
    [InlineData("mkdir $1; touch $1/$(printf 'a\\377')", "names have to be UTF-8")]
    public void What_cannot_be_kept_breaks_the_contract(string script, string reason)
    {
        var result = box.Run(box.Shell(script));
        Assert.Equal(FailureCategory.Contract, result.Failure?.Category);
        Assert.Contains(reason, result.Failure!.Reason);
        Assert.False(Path.Exists(box.At("out/a.txt")));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_a_failure_that_names_it()
    {
        box.Write("out", "a file where a folder has to be");
        var result = box.Run(box.Shell("echo x > $1"));
        Assert.Equal(JobEnd.Failed, result.End);
        Assert.Equal(
            $"cannot move out/a.txt to {box.At("out/a.txt")}: Not a directory",
            result.Failure!.Reason);
    }

    [Fact]
    public void What_cannot_start_says_why_and_what_to_do()
    {
        box.Write("plain.sh", "#!/bin/sh\n");
        box.Write("bad.sh", "#!/no/such/shell\n");
        box.Write("text", "just text\n");
        box.MakeExecutable("bad.sh");
        box.MakeExecutable("text");
        var failures =
            ((string[])["./plain.sh", "./bad.sh", "./text", "./none.sh", "no-such-program-xyz"])
            .Select(program => box.Run(box.Spec([program])).Failure!).ToList();

        Assert.All(failures, f => Assert.Equal(FailureCategory.Configuration, f.Category));
        Assert.Equal(
            [
                "cannot start ./plain.sh: not executable; chmod +x ./plain.sh",
                "cannot start ./bad.sh: the interpreter that its first line (#!) names does not "
                    + "exist",
                "cannot start ./text: it is neither a program for this machine nor a script with a "
                    + "first line like #!/bin/sh",
                $"cannot start ./none.sh: there is no such file; paths are relative to {box.Root}",
                "cannot start no-such-program-xyz: it is not in PATH; install it, or give its path",
            ],
            failures.Select(f => f.Reason));
    }

    [Fact]
    public void A_spec_that_cannot_be_run_is_rejected_with_all_problems()
    {
        var spec = box.Spec(["cp", "{in}", "{out}"], "a", "b");
        var result = box.Run(spec with
        {
            Config = spec.Config with { Env = spec.Config.Env.Add("QUOIN_RUN", "x") },
        });
        Assert.Equal(FailureCategory.Configuration, result.Failure!.Category);
        Assert.Equal(
            "argument \"{in}\": the run has no input for {in}; argument \"{out}\": {out} stands "
            + "for one output, and the run has 2; {out...} is replaced by all of them; env "
            + "QUOIN_RUN is set by Quoin itself; choose another name", result.Failure.Reason);
        Assert.Equal("validating config-rejected ended", box.Types());
    }

    [Fact]
    public void Too_many_arguments_point_to_the_file_with_the_inputs()
    {
        var spec = box.Spec(["true", new string('x', 3_000_000)]);
        Assert.Contains("read the paths from QUOIN_INPUTS", box.Run(spec).Failure!.Reason);
    }

    [Fact]
    public void A_log_that_cannot_be_written_is_a_warning()
    {
        var spec = box.Shell("echo x > $1");
        var result = box.Run(spec with { LogFile = "/dev/full" });
        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(["the log /dev/full is incomplete: No space left on device"], result.Warnings);
    }

    [Fact]
    public void Defer_is_for_resources_only()
    {
        var result = box.Run(
            box.Shell("echo x > $1; echo '@quoin {\"defer\":{\"after\":\"30s\"}}'"));
        Assert.Equal(FailureCategory.Contract, result.Failure!.Category);
    }

    // A killed process may be a zombie for a moment until somebody waits for it.
    static bool Ended(int pid)
    {
        var limit = Stopwatch.StartNew();
        while (limit.Elapsed < TimeSpan.FromSeconds(20))
        {
            var stat = $"/proc/{pid}/stat";
            if (!File.Exists(stat) || File.ReadAllText(stat).Contains(") Z ")) return true;
            Thread.Yield();
        }
        return false;
    }
}
