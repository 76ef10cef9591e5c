using System.Collections.Immutable;
using System.Text;
using Quoin.Engine;

namespace Quoin.Tests;

public sealed class ConfigProcessTests : IDisposable
{
    readonly JobSandbox box = new();

    public void Dispose() => box.Dispose();

    CommandResult Run(string script, byte[] stdin, int timeoutMs = 60_000) =>
        new ConfigProcess(box.Guardian).Run(
            ["sh", "-c", script], box.Root, ImmutableSortedDictionary<string, string>.Empty, stdin,
            TimeSpan.FromMilliseconds(timeoutMs), CancellationToken.None);

    [Fact]
    public void A_command_reads_its_question_and_its_answer_comes_back()
    {
        var result = Run("pwd; cat; echo why >&2; exit 3", "question"u8.ToArray());
        Assert.Equal($"{box.Root}\nquestion", Encoding.UTF8.GetString(result.Stdout.Span));
        Assert.Equal((3, "why\n", null), (result.ExitCode, result.StderrTail, result.Problem));
        Assert.False(result.Ok);
    }

    [Fact]
    public void Large_questions_and_answers_pass_at_the_same_time()
    {
        var question = new byte[8 << 20];
        Array.Fill(question, (byte)'x');
        var result = Run("cat", question);
        Assert.True(result.Ok);
        Assert.True(result.Stdout.Span.SequenceEqual(question));
    }

    [Fact]
    public void A_command_need_not_read_its_question() =>
        Assert.True(Run("exec <&-; echo answer", new byte[1 << 20]).Ok);

    [Fact]
    public void Only_the_end_of_stderr_is_kept()
    {
        var result = Run("seq 1 100000 >&2", []);
        Assert.EndsWith("\n99999\n100000\n", result.StderrTail);
        Assert.Equal(8192, result.StderrTail.Length);
    }

    [Fact]
    public void A_command_that_hangs_is_ended_with_all_its_children()
    {
        var result = Run("trap '' TERM; sleep 1000 & sleep 1000", [], 200);
        Assert.Equal("it did not end within 0.2 s", result.Problem);
        Assert.False(result.Ok);
    }

    [Fact]
    public void Too_long_an_answer_is_a_problem()
    {
        var result = Run("head -c 70000000 /dev/zero", []);
        Assert.Equal("it wrote more than 64 MiB to stdout", result.Problem);
    }

    [Fact]
    public void A_command_whose_answer_nobody_waits_for_is_killed()
    {
        var result = new ConfigProcess(box.Guardian).Run(
            ["sleep", "600"], box.Root, ImmutableSortedDictionary<string, string>.Empty, [],
            TimeSpan.FromSeconds(500), new CancellationToken(canceled: true));
        Assert.Equal("nobody waits for its answer any more", result.Problem);
    }

    [Fact]
    public void What_cannot_start_is_a_problem()
    {
        var result = new ConfigProcess(box.Guardian).Run(
            ["./none"], box.Root, ImmutableSortedDictionary<string, string>.Empty, [],
            TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.Equal(
            $"cannot start ./none: there is no such file; paths are relative to {box.Root}",
            result.Problem);
    }
}
