using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Jobs with <c>resource:</c> whose calls are made by a function in this process instead of a
/// program: <c>jobs.MapResource("session", …)</c>. What the page on durable steps promises of
/// programs holds for them: the call's key is durable before it is made, one that may have acted is
/// made again with <see cref="ResourceCall.Reentry"/>, and what nobody heard is not known. Calls of
/// such a job are made where it is mapped, and by no worker of another process.
/// </summary>
public sealed class ResourceJobs
{
    readonly Dictionary<string, ResourceHandler> handlers = new(StringComparer.Ordinal);

    /// <summary>
    /// All calls of a job of the graph (to acquire, its hooks, to look, to release) are made by
    /// this function, on a slot's thread. Its token is cancelled when the job's <c>timeout</c> is
    /// over; what it has not answered by then, or throws, counts as nothing known.
    /// </summary>
    /// <exception cref="ArgumentException">The job is mapped already.</exception>
    public ResourceJobs MapResource(string job, ResourceHandler handler)
    {
        if (!handlers.TryAdd(job, handler))
            throw new ArgumentException($"job {job} is mapped already", nameof(job));
        return this;
    }

    /// <summary>Its calls are made by a function of this process.</summary>
    internal bool Has(string job) => handlers.ContainsKey(job);

    /// <summary>Makes a call; null: the job is a program's.</summary>
    internal JobResult? Call(AttemptSpec attempt, TimeProvider time)
    {
        if (!handlers.TryGetValue(attempt.Config.Job, out var handler)) return null;
        var (started, since) = (time.GetUtcNow(), time.GetTimestamp());
        var answer = Answer(handler, attempt);
        return new JobResult
        {
            End = JobEnd.Answered,
            Answer = answer,
            Failure = answer.Failure,
            Usage = new RunUsage(
                started, (int)time.GetElapsedTime(since).TotalMilliseconds, 0, 0),
        };
    }

    static ResourceAnswer Answer(ResourceHandler handler, AttemptSpec attempt)
    {
        var timeout = attempt.Timeout ?? Timeout.InfiniteTimeSpan;
        using var over = new CancellationTokenSource(timeout);
        var request = new ResourceRequest(
            attempt.Config.Job, attempt.Config.Outputs[0], attempt.Call!, attempt.Held);
        try
        {
            var answer = handler(request, over.Token);
            return answer.Wait(timeout)
                ? answer.Result
                : Unknown("it did not answer in time");
        }
        catch (AggregateException e)
        {
            return Unknown(over.IsCancellationRequested
                ? "it did not answer in time"
                : e.InnerException!.Message);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return Unknown(e.Message); // Thrown before its first await: it may have acted, too.
        }
    }

    static ResourceAnswer Unknown(string reason) =>
        new(ResourceAnswerKind.Unknown) { Reason = reason };
}

/// <summary>Makes one call about a thing outside, and answers what came of it.</summary>
public delegate Task<ResourceAnswer> ResourceHandler(
    ResourceRequest request, CancellationToken ct);

/// <summary>What a function of <see cref="ResourceJobs"/> is asked.</summary>
/// <param name="Job">The job.</param>
/// <param name="Partition">The thing: <c>session/42</c>.</param>
/// <param name="Call">What a program would be told by its environment.</param>
/// <param name="Held">How to reach the things that it stands on, by reference.</param>
public sealed record ResourceRequest(
    string Job, string Partition, ResourceCall Call, ImmutableDictionary<string, HeldInput> Held);
