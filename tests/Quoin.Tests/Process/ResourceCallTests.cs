using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests;

/// <summary>An activation of a resource as a process: what it is told, what it can say.</summary>
public sealed class ResourceCallTests : IDisposable
{
    static readonly ResourceCall acquire =
        new() { Key = "st-r-4", Direction = ResourceDirection.Acquire };

    readonly JobSandbox box = new();

    public void Dispose() => box.Dispose();

    [Fact]
    public void It_is_told_all_there_is_to_know()
    {
        var told = Told(new()
        {
            Key = "st-r-4",
            Direction = ResourceDirection.Hook,
            Hook = 1,
            Reentry = true,
            MayCreate = false,
            ExternalId = "s-77",
            StateJson = """{"n":1}""",
            NotAfter = DateTimeOffset.FromUnixTimeMilliseconds(1_772_359_500_250),
            Callback = "http://127.0.0.1/wake",
        });

        Assert.Equal("""
            QUOIN_CALLBACK=http://127.0.0.1/wake
            QUOIN_DIRECTION=hook
            QUOIN_EXTERNAL_ID=s-77
            QUOIN_KEY=st-r-4/hook/1
            QUOIN_MAY_CREATE=0
            QUOIN_NOT_AFTER=2026-03-01T10:05:00.250Z
            QUOIN_REENTRY=1
            QUOIN_STATE={"n":1}
            """, told);
    }

    [Fact]
    public void What_there_is_not_is_empty() => Assert.Equal("""
        QUOIN_CALLBACK=
        QUOIN_DIRECTION=acquire
        QUOIN_EXTERNAL_ID=
        QUOIN_KEY=st-r-4
        QUOIN_MAY_CREATE=1
        QUOIN_NOT_AFTER=
        QUOIN_REENTRY=0
        QUOIN_STATE=
        """, Told(acquire));

    [Fact]
    public void It_answers_and_writes_no_output()
    {
        var seen = new SeenIds();
        var result = box.Run(
            box.Shell("""
                echo '@quoin {"external":{"id":"s-77"}}'
                echo '@quoin {"external":{"id":"s-77"}}'
                echo '@quoin {"manifest":{"connections":{"url":"http://x"}}}'
                """) with { Resource = acquire },
            null, seen);

        Assert.Equal(JobEnd.Answered, result.End);
        Assert.Equal(ResourceAnswerKind.Done, result.Answer!.Kind);
        Assert.Equal("""{"url":"http://x"}""", result.Answer.ConnectionsJson);
        Assert.Equal(["s-77"], seen.All);
        Assert.Empty(result.Outputs);
        Assert.Equal(
            "validating config-accepted launching launched report report report task-succeeded "
            + "answer ended",
            box.Types());
    }

    [Fact]
    public void A_program_that_hangs_says_nothing_when_its_time_is_over()
    {
        var result = box.Run(box.Shell("echo '@quoin {\"external\":{\"id\":\"s-1\"}}'; sleep 60")
            with { Resource = acquire, Timeout = TimeSpan.FromMilliseconds(300) });

        Assert.Equal(JobEnd.Answered, result.End);
        Assert.Equal(
            (ResourceAnswerKind.Unknown, "timeout after 300 ms", "s-1"),
            (result.Answer!.Kind, result.Answer.Reason, result.Answer.ExternalId));
    }

    [Fact]
    public void What_it_named_is_known_also_when_its_lease_is_over()
    {
        var result = box.Run(
            box.Shell("echo '@quoin {\"external\":{\"id\":\"s-1\"}}'; echo '@quoin {\"defer\":{}}'")
                with { Resource = acquire },
            new JobControl(() => false));

        Assert.Equal(JobEnd.LeaseLost, result.End);
        Assert.Equal("s-1", result.Answer!.ExternalId);
    }

    [Fact]
    public void One_that_is_stopped_says_nothing()
    {
        var control = new JobControl();
        var result = box.Run(
            box.Shell("sleep 60") with { Resource = acquire }, control,
            new WhenLaunched(control.Cancel));

        Assert.Equal(JobEnd.Cancelled, result.End);
        Assert.Equal(ResourceAnswerKind.Unknown, result.Answer!.Kind);
    }

    [Fact]
    public void A_program_that_cannot_be_started_has_done_nothing()
    {
        var result = box.Run(box.Spec(["./missing"]) with { Resource = acquire });

        Assert.Equal(JobEnd.Answered, result.End);
        Assert.Equal(ResourceAnswerKind.Failed, result.Answer!.Kind);
        Assert.Equal(FailureCategory.Configuration, result.Answer.Failure!.Category);
    }

    [Fact]
    public void All_calls_of_a_run_are_one_log()
    {
        var spec = box.Shell("echo '@quoin {\"defer\":{}}'") with { Resource = acquire };
        box.Run(spec);
        var watch = acquire with { Direction = ResourceDirection.Watch };
        box.Run(spec with { Epoch = 8, Resource = watch });

        Assert.Equal(
            ["acquire", "watch"],
            box.Entries().Where(e => e.GetProperty("type").GetString() == "validating")
                .Select(e => e.GetProperty("direction").GetString()));
    }

    [Theory]
    [InlineData("""{"defer":{"after":"5s"}}""", "defer")]
    [InlineData("""{"external":{"id":"a"}}""", "external")]
    [InlineData("""{"released":false}""", "released")]
    [InlineData("""{"manifest":{"connections":{}}}""", "connections")]
    public void An_ordinary_job_may_not_say_such_things(string report, string name)
    {
        var result = box.Run(box.Shell($"echo x > $1; echo '@quoin {report}'"));

        Assert.Equal(
            (FailureCategory.Contract, $"it reported {name}, which only jobs with resource: may"),
            (result.Failure!.Category, result.Failure.Reason));
    }

    [Fact]
    public void An_input_that_is_held_is_known_by_its_id_and_connections()
    {
        var spec = box.Shell("cat $QUOIN_INPUTS > $1");
        box.Run(spec with
        {
            Inputs = [new SpecInput("data/42", box.At("data/42"), default)
            {
                Held = new HeldInput("d-9", """{"path":"/x"}"""),
            }],
        });

        const string held = ",\"external_id\":\"d-9\",\"connections\":{\"path\":\"/x\"}";
        var path = box.At("data/42");
        Assert.Equal(
            "{\"inputs\":[{\"ref\":\"data/42\",\"path\":\"" + path + "\",\"digest\":\"\"" + held
            + "}]}\n",
            box.Read("out/a.txt"));
    }

    string Told(ResourceCall call)
    {
        var names = "KEY|DIRECTION|REENTRY|MAY_CREATE|EXTERNAL_ID|STATE|NOT_AFTER|CALLBACK";
        box.Run(box.Shell($"env | grep -E '^QUOIN_({names})=' | sort > told")
            with { Resource = call });
        return box.Read("told").TrimEnd('\n');
    }

    sealed class SeenIds : IJobObserver
    {
        public List<string> All { get; } = [];

        public void Launched(int pid) { }

        public void Progress(JobProgress progress) { }

        public void External(string id) => All.Add(id);
    }
}
