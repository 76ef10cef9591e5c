using System.Collections.Immutable;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests;

/// <summary>A workspace for one test, in which one job can be run for real.</summary>
sealed class JobSandbox : IDisposable
{
    static int count;

    public JobSandbox()
    {
        Root = Path.Join(
            Path.GetTempPath(),
            $"quoin-job-{Environment.ProcessId}-{Interlocked.Increment(ref count)}");
        Directory.CreateDirectory(Root);
        Guardian = new Guardian(Path.Join(Root, ".quoin/guard"), TimeProvider.System);
        Processes = new JobProcess(TimeProvider.System, Guardian);
    }

    public string Root { get; }

    public Guardian Guardian { get; }

    public JobProcess Processes { get; }

    public string Log => Path.Join(Root, ".quoin/log/r-1.1.jsonl");

    public string Staging => Path.Join(Root, ".quoin/staging/r-1.1");

    public string At(string path) => Path.Join(Root, path);

    /// <summary>
    /// A job with one output, <c>out/a.txt</c>, that runs a shell script with {out} as $1.
    /// </summary>
    public JobSpec Shell(string script) =>
        Spec(["sh", "-c", script.Replace("{", "{{").Replace("}", "}}"), "sh", "{out}"]);

    public JobSpec Spec(ImmutableArray<string> argv, params ImmutableArray<string> outputs)
    {
        if (outputs.IsEmpty) outputs = ["out/a.txt"];
        return new JobSpec
        {
            Id = new AttemptId(new RunId(1), 1),
            Epoch = 7,
            Config = new JobConfig { Job = "test", Outputs = outputs, Args = argv },
            WorkingDirectory = Root,
            Inputs = [],
            Outputs = [.. outputs.Select(o => new SpecOutput(o, At(o), true))],
            StagingDirectory = Staging,
            LogFile = Log,
            Grace = TimeSpan.FromMilliseconds(200),
        };
    }

    public JobResult Run(JobSpec spec, JobControl? control = null, IJobObserver? observer = null)
    {
        var result = Processes.Run(
            spec, control ?? new JobControl(), observer ?? NoObserver.Instance);
        // True of every attempt, whatever it did.
        Assert.False(Directory.Exists(Staging));
        return result;
    }

    public string Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), content);
        return At(path);
    }

    public unsafe void MakeExecutable(string path)
    {
        fixed (byte* utf8 = Libc.Utf8(At(path), new byte[Libc.PathMax]))
            Assert.Equal(0, Libc.fchmodat(Libc.AtCwd, utf8, 0x1ED, 0)); // rwxr-xr-x
    }

    public string Read(string path) => File.ReadAllText(At(path));

    /// <summary>The entries of the log, each of them valid JSON with a time and a type.</summary>
    public List<JsonElement> Entries()
    {
        var entries = new List<JsonElement>();
        foreach (var line in File.ReadLines(Log))
        {
            var entry = JsonDocument.Parse(line).RootElement;
            Assert.True(entry.GetProperty("at").TryGetDateTimeOffset(out _));
            entries.Add(entry);
        }
        return entries;
    }

    public string Types() => string.Join(
        ' ', Entries().Select(e => e.GetProperty("type").GetString()));

    public void Dispose()
    {
        Guardian.Dispose();
        _ = Folders.RemoveTree(Root);
    }
}
