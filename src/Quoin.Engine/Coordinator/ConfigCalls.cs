using System.Collections.Immutable;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Calls of the jobs' own commands while a plan is made: <c>config</c>, whose answers are kept in
/// the store by everything that decides them, and the <c>conditions</c> probes.
/// </summary>
public sealed class ConfigCalls(
    Workspace workspace, IFingerprintStore store, FileStampCache files, ICommandRunner process)
{
    /// <summary>How long one call may take.</summary>
    public static readonly TimeSpan TimeMax = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The payload that a want brings, and the partitions that it is for; empty: it brings none.
    /// </summary>
    public (string Payload, ImmutableArray<string> Targets) Given { get; set; } = ("", []);

    /// <summary>What <c>{x:known}</c> in the inputs of a feed's job runs through.</summary>
    public IKnownPartitions? Known { get; set; }

    /// <summary>
    /// The answers to a round of questions, in their order; calls run side by side.
    /// </summary>
    public IReadOnlyList<ConfigAnswer> AnswerAll(
        ImmutableArray<ConfigRequest> requests, CancellationToken ct)
    {
        var answers = new ConfigAnswer[requests.Length];
        if (requests.Length == 1 || !process.SideBySide)
            for (var i = 0; i < requests.Length; i++) answers[i] = Answer(requests[i], ct);
        else
            Parallel.For(0, requests.Length, i => answers[i] = Answer(requests[i], ct));
        ct.ThrowIfCancellationRequested();
        return answers;
    }

    ConfigAnswer Answer(ConfigRequest request, CancellationToken ct)
    {
        if (request.Job.FeedFolder is { } folder)
        {
            try
            {
                return OfFeed(request, folder);
            }
            catch (IOException e)
            {
                return ConfigAnswer.Failed(e.Message);
            }
        }
        var question = ConfigProtocol.WriteQuestion(request.Outputs);
        var key = request.Job.ConfigCache ? KeyOf(request.Job, question) : default;
        if (key.Exists && store.ConfigAnswer(key) is { } kept
            && ConfigProtocol.ReadAnswer(kept, request) is { Failure: null } known)
            return known with { IsKept = true };
        var job = request.Job;
        ct.ThrowIfCancellationRequested();
        files.EndLookAhead(); // This may take long.
        var end = process.Run(
            job.ConfigCommand, workspace.Absolute(job.Folder), job.Env, question.Span, TimeMax, ct);
        if (!end.Ok)
            return ConfigAnswer.Failed(
                $"{ProblemOf(end)} for {request.Outputs.Length} outputs{Tail(end.StderrTail)}");
        var answer = ConfigProtocol.ReadAnswer(end.Stdout, request);
        if (key.Exists && answer.Failure is null)
            store.SaveConfigAnswerAsync(key, end.Stdout, CancellationToken.None)
                .GetAwaiter().GetResult();
        return answer;
    }

    // A feed's job gets the payload of the newest line that is there, given out or not.
    ConfigAnswer OfFeed(ConfigRequest request, string folder)
    {
        var payloads = FeedPayloads.Newest(
            workspace.Absolute(folder),
            [.. request.Outputs.Where(it => !IsGiven(it)).Select(FeedPayloads.KeyOf)]);
        var configs = ImmutableArray.CreateBuilder<JobConfig>();
        var refused = ImmutableArray.CreateBuilder<(string, string, string)>();
        foreach (var output in request.Outputs)
        {
            var key = FeedPayloads.KeyOf(output);
            var payload = IsGiven(output) ? Given.Payload : payloads.GetValueOrDefault(key);
            if (payload is null)
            {
                var why = FeedPayloads.MissingText(output, folder);
                refused.Add((output, FeedPayloads.Missing, why));
                continue;
            }
            try
            {
                var config = request.Job.Configure(output, Known);
                configs.Add(config with { Env = config.Env.SetItem(Job.PayloadVariable, payload) });
            }
            catch (InvalidOperationException e)
            {
                refused.Add((output, "config-failed", e.Message));
            }
        }
        return ConfigAnswer.Of(configs.DrainToImmutable()) with
        {
            Refused = refused.DrainToImmutable(),
        };
    }

    bool IsGiven(string output) => Given.Payload.Length > 0 && Given.Targets.Contains(output);

    /// <summary>What a probe prints on stdout, trimmed; or why it cannot be asked.</summary>
    public (string Answer, string? Problem) Probe(Job job, ImmutableArray<string> argv)
    {
        var end = process.Run(
            argv, workspace.Absolute(job.Folder), job.Env, default, TimeMax,
            CancellationToken.None);
        return end.Ok
            ? (Encoding.UTF8.GetString(end.Stdout.Span).Trim(), null)
            : ("", ProblemOf(end) + Tail(end.StderrTail));
    }

    static string ProblemOf(CommandResult end) =>
        end.Problem ?? $"it exited with {end.ExitCode}";

    // The answer may depend on the command, its code and environment, and the question.
    Digest KeyOf(Job job, ReadOnlyMemory<byte> question)
    {
        var text = new StringBuilder("quoin-config 1\n").Append(job.Name).Append('\n');
        foreach (var arg in job.ConfigCommand) text.Append("arg ").Append(arg).Append('\n');
        foreach (var (name, value) in job.Env)
            text.Append("env ").Append(name).Append('=').Append(value).Append('\n');
        foreach (var glob in job.Code)
            foreach (var path in CodeFiles.Match(workspace, job.Folder, glob)) AddCode(text, path);
        if (CodeFiles.Program(workspace, job.Folder, job.ConfigCommand) is { } program)
            AddCode(text, program);
        text.Append(Encoding.UTF8.GetString(question.Span));
        return Fingerprint.DigestOf(Encoding.UTF8.GetBytes(text.ToString()));
    }

    void AddCode(StringBuilder text, string path) =>
        text.Append("code ").Append(path).Append(' ').Append(files.DigestOf(path)).Append('\n');

    static string Tail(string stderr)
    {
        var last = stderr.AsSpan().Trim();
        var line = last[(last.LastIndexOf('\n') + 1)..];
        return line.IsEmpty ? "" : $": {line}";
    }
}
