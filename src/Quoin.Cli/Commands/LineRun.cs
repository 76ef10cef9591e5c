using System.Globalization;
using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// The process of a run that a line worker does: it asks for it, waits for its end, and hands over
/// what came of it, as any job does. Told to stop it takes back what it asked, unless a line asks,
/// too; killed it leaves it, and the next one for the same partition, payload and inputs goes on.
/// </summary>
sealed class LineRun(LineRequests requests, Func<string, string?> env, TimeProvider time)
{
    // To the end of this process: a signal after the output is made does not undo that.
    static Interruption? kept;

    const int LookAtOnceMs = 20, LookMsMax = 500, TellMs = 30_000;

    readonly string key = env(LineRequests.Key) ?? "";
    readonly string payload = env(Job.PayloadVariable) ?? "";
    readonly string place = env(LineRequests.Place) ?? "";

    /// <summary>Runs in an attempt's environment; an exit code of this run's own.</summary>
    public static int Run(string[] words, Func<string, string?> env, TimeProvider time)
    {
        if (words is not [var job, var codes, var output] || env(LineRequests.Folder) is not { } at)
            return ExitCode.Usage;
        var interruption = kept = new Interruption();
        var run = new LineRun(new LineRequests(at), env, time);
        if (run.Problem() is { } problem) return Fail(FailureCategory.BadInput, problem, 1);
        try
        {
            return run.Wait(job, interruption) is { } end
                ? run.Finish(job, end, output, codes == "category")
                : interruption.ExitCodeOfSignal ?? ExitCode.Terminated;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(FailureCategory.Failed, e.Message, 1);
        }
    }

    // A line has room for neither.
    string? Problem()
    {
        var line = Encoding.UTF8.GetBytes($"{key} {payload}");
        return FeedLine.EndOf(line) < 0
            && FeedLine.Split(line, out var first, out var rest) == FeedLineFault.None
            && Encoding.UTF8.GetString(line[first]) == key
            && Encoding.UTF8.GetString(line[rest]) == payload
            ? null
            : $"\"{key}\" and its payload \"{payload}\" cannot be a line: a key has no space, a "
                + "payload no line end and no space at its ends";
    }

    // The request and its end; null: told to stop, and it is taken back, unless another process
    // goes on with it.
    (string Name, LineEnd End)? Wait(string job, Interruption interruption)
    {
        var name = Ask();
        var since = time.GetTimestamp();
        double toldMs = -TellMs;
        while (true)
        {
            if (requests.EndOf(name) is { } end) return (name, end);
            // The line that had it, too, was done in this moment.
            if (!requests.IsAsked(name)) name = Ask();
            var waitedMs = time.GetElapsedTime(since).TotalMilliseconds;
            if (waitedMs - toldMs >= TellMs)
            {
                toldMs = waitedMs;
                Tell(requests.IsServed
                    ? $"waits for a line worker of {job}"
                    : LineRequests.Unheard(job));
            }
            var next = Math.Clamp(waitedMs / 20, LookAtOnceMs, LookMsMax);
            if (!interruption.Stop.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(next))) continue;
            if (!interruption.HasHungUp) requests.Leave(key, name);
            return null;
        }
    }

    string Ask()
    {
        var priority = int.TryParse(
            env(LineRequests.Priority), CultureInfo.InvariantCulture, out var typed) ? typed : 0;
        var inputs = env("QUOIN_INPUTS") is { } list ? File.ReadAllText(list) : "";
        return requests.Ask(key, payload, inputs, priority, time.GetUtcNow());
    }

    int Finish(string job, (string Name, LineEnd End) ended, string output, bool isChecked)
    {
        var code = HandOver(job, ended.End, output, isChecked);
        requests.Leave(key, ended.Name);
        return code;
    }

    int HandOver(string job, LineEnd end, string output, bool isChecked)
    {
        if (end.Failure is { } failure)
        {
            var reason = end.Code is not { } code ? $"its workers of {job} were lost"
                : code == 0 ? $"its worker said 0, but {place} is not there"
                : $"its worker said {code}";
            return Fail(failure, reason, end.Code is > 0 and < 256 ? (int)end.Code : 1);
        }
        // What the worker made lies in its place; from there it is published as all outputs are.
        if (Path.Exists(place) && !IsRecord()) LineRequests.Bring(place, output);
        else if (!isChecked) File.WriteAllBytes(output, LineRequests.Record(payload));
        return 0;
    }

    bool IsRecord()
    {
        if (!File.Exists(place)) return false;
        using var file = File.OpenRead(place);
        var start = new byte[LineRequests.RecordMark.Length];
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start.AsSpan().SequenceEqual(LineRequests.RecordMark);
    }

    static int Fail(FailureCategory category, string reason, int code)
    {
        Report(json =>
        {
            json.WriteStartObject("fail");
            json.WriteString("category", category == FailureCategory.Lost
                ? CategoryNames.Of(FailureCategory.Failed)
                : CategoryNames.Of(category));
            json.WriteString("reason", reason);
            json.WriteEndObject();
        });
        return code;
    }

    static void Tell(string message) => Report(json => json.WriteString("message", message));

    static void Report(Action<Utf8JsonWriter> write)
    {
        var text = JsonText.Write(json =>
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        });
        using var output = new OutputStream(OutputStream.Stdout);
        output.Write(Encoding.UTF8.GetBytes($"@quoin {text}\n"));
    }
}
