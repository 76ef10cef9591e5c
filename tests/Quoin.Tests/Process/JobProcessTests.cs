using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests;

public sealed class JobProcessTests : IDisposable
{
    readonly JobSandbox box = new();

    public void Dispose() => box.Dispose();

    [Fact]
    public void A_job_that_writes_its_output_is_published_and_logged()
    {
        var result = box.Run(box.Shell("echo hello; echo oops >&2; echo data > $1"));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal("data\n", box.Read("out/a.txt"));
        var output = Assert.Single(result.Outputs);
        Assert.Equal("out/a.txt", output.Ref);
        Assert.Equal(5, output.Bytes);
        Assert.Equal(FileStat.Of(box.At("out/a.txt")).Stamp, output.Stamp);
        Assert.Equal("xxh3:3e29596d3a5545aae26324780e945ea2", output.Digest.ToString());
        Assert.Equal(2, result.LogLines);
        Assert.Equal(["hello", "oops"], result.LogTail.Order());
        Assert.Empty(result.Warnings);
        Assert.Equal(
            "validating config-accepted launching launched stdout stderr task-succeeded manifest "
            + "ended",
            box.Types());
    }

    [Fact]
    public void The_environment_has_what_was_declared_and_what_the_protocol_gives()
    {
        var spec = box.Shell("env | cut -d= -f1 | sort | tr '\\n' ' ' > $1");
        spec = spec with
        {
            Config = spec.Config with { Env = spec.Config.Env.Add("REGION", "eu") },
        };
        box.Run(spec);

        var names = box.Read("out/a.txt").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Except(["HOME", "LANG", "TMPDIR", "PWD", "_", "SHLVL", "OLDPWD"]);
        Assert.Equal(
            "PATH QUOIN_ATTEMPT QUOIN_CPU QUOIN_EPOCH QUOIN_INPUTS QUOIN_OUTPUTS QUOIN_OWNER "
            + "QUOIN_RUN QUOIN_STAGING REGION", string.Join(' ', names));
    }

    [Fact]
    public void Inputs_and_outputs_are_in_the_argv_and_in_json_files()
    {
        var spec = box.Spec(
            ["sh", "-c", "echo \"$@\" > $1; cat $QUOIN_INPUTS >> $1; cat $QUOIN_OUTPUTS >> $1",
             "sh", "{out}", "--in={in...}"]);
        spec = spec with
        {
            Inputs =
            [
                new SpecInput("raw/1", box.At("raw/1.csv"), Xxh3.Hash("x"u8)),
                new SpecInput("etc", "/etc/hosts", default),
            ],
        };
        box.Run(spec);

        const string etc = "{\"ref\":\"etc\",\"path\":\"/etc/hosts\",\"digest\":\"\"}";
        var (raw, digest) = (box.At("raw/1.csv"), Xxh3.Hash("x"u8));
        Assert.Equal(
            $$"""
            {{box.Staging}}/a.txt --in=raw/1.csv --in=/etc/hosts
            {"inputs":[{"ref":"raw/1","path":"{{raw}}","digest":"{{digest}}"},{{etc}}]}
            {"outputs":[{"ref":"out/a.txt","path":"{{box.Staging}}/a.txt"}]}

            """, box.Read("out/a.txt"));
    }

    [Fact]
    public void Stdout_can_be_the_output_and_then_reports_come_from_stderr()
    {
        var spec = box.Spec(["sh", "-c", "echo data; echo '@quoin {\"progress\":0.5}' >&2"]);
        var seen = new SeenProgress();
        var result = box.Run(spec with { Stdout = "{out}" }, null, seen);

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal("data\n", box.Read("out/a.txt"));
        Assert.Equal([new JobProgress(0.5, null)], seen.All);
        Assert.True(seen.Pid > 0);
    }

    [Fact]
    public void A_manifest_report_places_outputs_and_gives_metadata()
    {
        var result = box.Run(box.Shell(
            """
            echo data > $QUOIN_STAGING/elsewhere
            more='"path":"elsewhere","metadata":{"rows":3}'
            echo '@quoin {"manifest":{"outputs":[{"ref":"out/a.txt",'"$more"'}]}}'
            """));

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal("data\n", box.Read("out/a.txt"));
        Assert.Equal("{\"rows\":3}", result.Outputs[0].MetadataJson);
        Assert.Empty(result.Warnings);
    }

    [Fact]
    public void Outputs_that_are_not_claimed_are_not_published()
    {
        var spec = box.Spec(["sh", "-c", "echo a > $1; echo b > $2", "sh", "{out...}"], "a", "b");
        spec = spec with { Outputs = [spec.Outputs[0], spec.Outputs[1] with { Claimed = false }] };
        var result = box.Run(spec);

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal(["a"], result.Outputs.Select(o => o.Ref));
        Assert.False(File.Exists(box.At("b")));
        Assert.Empty(result.Warnings);
    }

    [Fact]
    public void Needs_end_the_attempt_unless_they_are_inputs_already()
    {
        var spec = box.Shell("echo '@quoin {\"needs\":[\"raw/2\",\"raw/1\"]}'; exit 3");
        var result = box.Run(spec);
        Assert.Equal(JobEnd.NeedsInputs, result.End);
        Assert.Equal(["raw/2", "raw/1"], result.Needs);

        result = box.Run(spec with { Config = spec.Config with { Inputs = ["raw/1", "raw/2"] } });
        Assert.Equal(JobEnd.Failed, result.End);
        Assert.Equal(FailureCategory.Contract, result.Failure!.Category);
    }

    [Fact]
    public void A_lost_lease_publishes_nothing()
    {
        box.Write("out/a.txt", "old");
        var result = box.Run(box.Shell("echo new > $1"), new JobControl(() => false));

        Assert.Equal(JobEnd.LeaseLost, result.End);
        Assert.Equal("old", box.Read("out/a.txt"));
    }

    [Fact]
    public void A_lease_lost_between_two_renames_stops_there()
    {
        var asked = 0;
        var spec = box.Spec(["sh", "-c", "echo a > $1; echo b > $2", "sh", "{out...}"], "a", "b");
        var result = box.Run(spec, new JobControl(() => ++asked < 3));

        Assert.Equal(JobEnd.LeaseLost, result.End);
        Assert.True(File.Exists(box.At("a")));
        Assert.False(File.Exists(box.At("b")));
    }

    [Fact]
    public void Exit_zero_counts_although_a_cancel_is_on_its_way()
    {
        var control = new JobControl();
        var result = box.Run(
            box.Shell("trap 'echo data > $0; exit 0' TERM; echo go; while :; do sleep 0.02; done"
                .Replace("$0", "$1")),
            control, new WhenLaunched(control.Cancel));

        // The signal may come before the trap: then it is an ordinary cancel.
        Assert.Contains(result.End, (JobEnd[])[JobEnd.Completed, JobEnd.Cancelled]);
    }

    [Fact]
    public void Who_steps_aside_is_told_by_another_signal_than_who_is_cancelled()
    {
        var control = new JobControl();
        var result = box.Run(
            box.Shell("while :; do sleep 0.02; done"), control,
            new WhenLaunched(control.StepAside));
        control.StepAside(); // As often as one likes.
        control.Cancel();

        Assert.Equal((JobEnd.Cancelled, true), (result.End, control.IsAside));
        var sent = Assert.Single(
            box.Entries(), e => e.GetProperty("type").GetString() == "signal-sent");
        Assert.Equal("SIGHUP", sent.GetProperty("signal").GetString());
        var cancelled = new JobControl();
        cancelled.Cancel();
        cancelled.StepAside(); // Too late.
        Assert.False(cancelled.IsAside);
    }

    [Fact]
    public void A_slot_keeps_its_folder_for_the_next_attempt_until_it_ends()
    {
        var folder = Path.GetDirectoryName(box.Staging)!;
        var script = "ls -A $QUOIN_STAGING | tr '\\n' ' '; cat $QUOIN_INPUTS; echo x > $1";
        var spec = box.Shell(script);
        var long1 = spec with { Inputs = [new SpecInput("a/long/name", "/etc/hosts", default)] };
        Assert.Equal(JobEnd.Completed, box.Run(long1).End);
        var spare = Assert.Single(Directory.GetDirectories(folder));
        Assert.StartsWith(".spare-", Path.GetFileName(spare));

        // The next one finds its own lists there and nothing else.
        Assert.Equal(
            [".quoin-inputs.json .quoin-outputs.json {\"inputs\":[]}"], box.Run(spec).LogTail);
        // Whatever a job does to the folder stays with that job.
        foreach (var harm in (string[])
            ["touch x", "chmod 700 .", "rm .quoin-inputs.json", "rm -r $PWD; mkdir $PWD"])
        {
            box.Run(box.Shell($"cd $QUOIN_STAGING; {harm}; echo x > $1"));
            Assert.Equal(
                [".quoin-inputs.json .quoin-outputs.json {\"inputs\":[]}"], box.Run(spec).LogTail);
        }
        JobProcess.EndSlot();
        Assert.Empty(Directory.GetDirectories(folder));
    }

    [Fact]
    public void Cancelled_before_the_start_it_never_starts()
    {
        var control = new JobControl();
        control.Cancel();
        Assert.Equal(JobEnd.Cancelled, box.Run(box.Shell("echo x > $1"), control).End);
        Assert.Equal("validating config-accepted ended", box.Types());
    }
}

/// <summary>Keeps what it is told.</summary>
sealed class SeenProgress : IJobObserver
{
    public List<JobProgress> All { get; } = [];

    public int Pid { get; private set; }

    public void Launched(int pid) => Pid = pid;

    public void Progress(JobProgress progress) => All.Add(progress);
}

/// <summary>Does something once the process is there.</summary>
sealed class WhenLaunched(Action action) : IJobObserver
{
    public void Launched(int pid) => action();

    public void Progress(JobProgress progress) { }
}
