using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What an exit code or signal means: the job's own <c>exit_codes</c> first, then the convention of
/// <c>sysexits.h</c> and of shells.
/// </summary>
static class ExitMeaning
{
    /// <summary>True when this end counts as success.</summary>
    public static bool Succeeded(ProcessEnd end, JobSpec spec) =>
        !end.Stuck && end.Signal == 0
        && (spec.ExitCodes.TryGetValue(end.ExitCode, out var own)
            ? own is null : end.ExitCode == 0);

    /// <summary>The failure of an end that is not success.</summary>
    public static RunFailure Failure(ProcessEnd end, JobSpec spec)
    {
        if (end.Stuck)
            return new RunFailure(
                FailureCategory.Failed,
                "it did not end within 30 s after SIGKILL (it hangs in the kernel, perhaps on a "
                + "file system that does not answer)");
        if (end.Signal != 0)
        {
            var category = end.Signal == Libc.SigKill && !end.Killed
                ? FailureCategory.OutOfMemory : FailureCategory.Signal;
            var hint = category == FailureCategory.OutOfMemory
                ? ", not sent by Quoin: most often the kernel was out of memory" : "";
            return new RunFailure(category, $"ended by {SignalName(end.Signal)}{hint}")
            {
                Signal = end.Signal,
            };
        }
        if (spec.ExitCodes.TryGetValue(end.ExitCode, out var own) && own is { } declared)
            return new RunFailure(declared, $"exit {end.ExitCode}") { ExitCode = end.ExitCode };
        var (meaning, note) = Convention(end.ExitCode);
        return new RunFailure(meaning, $"exit {end.ExitCode}{note}") { ExitCode = end.ExitCode };
    }

    /// <summary><c>SIGTERM</c>, or <c>signal 42</c>.</summary>
    public static string SignalName(int signal) => signal switch
    {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => $"signal {signal}",
    };

    /// <summary>What a code that is not 0 means by convention.</summary>
    public static FailureCategory CategoryOf(int code) => Convention(code).Category;

    static (FailureCategory Category, string Note) Convention(int code) => code switch
    {
        >= 64 and <= 66 => (FailureCategory.BadInput, ""),
        69 or 75 => (FailureCategory.Temporary, ""),
        77 => (FailureCategory.Permission, ""),
        78 => (FailureCategory.Configuration, ""),
        126 => (FailureCategory.Configuration, " (a program that it calls cannot be executed)"),
        127 => (FailureCategory.Configuration, " (a program that it calls was not found)"),
        124 => (FailureCategory.Timeout, ""),
        137 => (FailureCategory.OutOfMemory, " (something in it got SIGKILL)"),
        > 128 and <= 192 => (FailureCategory.Signal, $" ({SignalName(code - 128)} in it)"),
        _ => (FailureCategory.Failed, ""),
    };
}
