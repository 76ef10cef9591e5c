using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests;

/// <summary>What runs before a job, and jobs that say nothing.</summary>
public sealed class BeforeTests : IDisposable
{
    readonly JobSandbox box = new();

    [Fact]
    public void A_program_runs_before_the_job_in_its_folder_and_environment()
    {
        var spec = box.Shell("cat prepared > $1") with
        {
            Before = ["sh", "-c", "echo \"for $QUOIN_RUN\" > prepared; echo preparing"],
        };

        var result = box.Run(spec);

        Assert.Equal(JobEnd.Completed, result.End);
        Assert.Equal("for r-1\n", box.Read("prepared"));
        Assert.Equal("for r-1\n", File.ReadAllText(result.Outputs[0].Path));
        Assert.Equal(1, result.LogLines);
    }

    [Fact]
    public void When_it_fails_the_job_does_not_start()
    {
        var spec = box.Shell("echo x > $1; touch started") with
        {
            Before = ["sh", "-c", "echo no licence; exit 75"],
        };

        var result = box.Run(spec);

        Assert.Equal(JobEnd.Failed, result.End);
        Assert.Equal(
            (FailureCategory.Temporary, "before: exit 75", 75),
            (result.Failure!.Category, result.Failure.Reason, result.Failure.ExitCode));
        Assert.Equal(["no licence"], result.LogTail);
        Assert.False(File.Exists(box.At("started")));
    }

    [Fact]
    public void When_it_cannot_start_the_reason_says_which_program()
    {
        var result = box.Run(box.Shell("echo x > $1") with { Before = ["no-such-program"] });

        Assert.Equal(FailureCategory.Configuration, result.Failure!.Category);
        Assert.StartsWith("before: ", result.Failure.Reason, StringComparison.Ordinal);
        Assert.Contains("no-such-program", result.Failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_job_that_prints_nothing_for_too_long_is_taken_for_lost()
    {
        var spec = box.Shell("echo begun; sleep 600; echo x > $1") with
        {
            Silence = TimeSpan.FromMilliseconds(150),
        };

        var result = box.Run(spec);

        Assert.Equal(
            (FailureCategory.Lost, "it printed nothing for 150 ms"),
            (result.Failure!.Category, result.Failure.Reason));
        Assert.Contains("silence", box.Types(), StringComparison.Ordinal);
    }

    public void Dispose() => box.Dispose();
}
