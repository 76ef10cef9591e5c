using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Why a program did not start, and what to do about it.</summary>
static class SpawnFailure
{
    /// <summary>The failure for an error number of <see cref="Spawn.Start"/>.</summary>
    public static RunFailure Explain(int error, SlotBuffers buffers, string workingDirectory)
    {
        var program = buffers.Argv.First;
        if (!FileStat.Of(workingDirectory).Exists)
            return new RunFailure(
                FailureCategory.Configuration,
                $"cannot start {program}: its folder {workingDirectory} does not exist");
        var path = program.Contains('/') ? Path.Join(
            program[0] == '/' ? "" : workingDirectory, program) : program;
        var stat = program.Contains('/') ? FileStat.Of(path) : FileStat.Missing;
        var (category, why) = error switch
        {
            Libc.ENOENT when !program.Contains('/') =>
                (FailureCategory.Configuration, "it is not in PATH; install it, or give its path"),
            Libc.ENOENT when stat.Exists => (FailureCategory.Configuration,
                "the interpreter that its first line (#!) names does not exist"),
            Libc.ENOENT or Libc.ENOTDIR => (FailureCategory.Configuration,
                $"there is no such file; paths are relative to {workingDirectory}"),
            Libc.EACCES when stat.Kind == FileKind.Directory =>
                (FailureCategory.Configuration, "it is a folder"),
            Libc.EACCES => (FailureCategory.Configuration, $"not executable; chmod +x {program}"),
            Libc.ENOEXEC => (FailureCategory.Configuration,
                "it is neither a program for this machine nor a script with a first line like "
                + "#!/bin/sh"),
            Libc.E2BIG => (FailureCategory.Configuration,
                "its arguments and environment have "
                + $"{buffers.Argv.Length + buffers.Environment.Length} bytes, "
                + "more than the system takes; read the paths from QUOIN_INPUTS"),
            Libc.ETXTBSY => (FailureCategory.Temporary, "somebody is writing that file"),
            _ => (AttemptException.CategoryOf(error), Libc.Describe(error)),
        };
        return new RunFailure(category, $"cannot start {program}: {why}");
    }
}
