using System.Collections.Concurrent;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Resources;

/// <summary>Calls about things outside that functions of this process make.</summary>
public sealed class MappedCallTests
{
    const string Graph = """
        quoin: 1
        jobs:
          store:
            outputs: ["store/{id}"]
            exec: [mapped]
            resource: { release: [mapped], poll: { every: 100ms }, timeout: 1s, settle: 0s }
          session:
            outputs: ["session/{id}"]
            inputs: ["store/{id}"]
            exec: [mapped]
            resource: { release: [mapped], poll: { every: 100ms }, timeout: 1s, settle: 0s }

        """;

    readonly ConcurrentQueue<string> calls = [];

    Task<ResourceAnswer> Store(ResourceRequest request, CancellationToken ct)
    {
        var call = request.Call;
        calls.Enqueue($"{call.Direction} {request.Partition} {call.ExternalId} {call.Reentry}");
        return Task.FromResult(call.Direction switch
        {
            ResourceDirection.Acquire when call.StateJson is null =>
                new ResourceAnswer(ResourceAnswerKind.Busy)
                {
                    Defer = new DeferReport(null, false, "{}"),
                    ExternalId = "s-1",
                },
            _ => new ResourceAnswer(ResourceAnswerKind.Done)
            {
                ExternalId = "s-1",
                ConnectionsJson = """{"at":1}""",
            },
        });
    }

    // One that throws, then one that does not answer in time, then one that does.
    async Task<ResourceAnswer> Session(ResourceRequest request, CancellationToken ct)
    {
        var count = calls.Count(call => call.StartsWith("Acquire session"));
        calls.Enqueue(
            $"{request.Call.Direction} {request.Partition} {request.Held["store/1"]} "
            + $"{request.Call.Reentry}");
        if (count == 0) throw new InvalidOperationException("the service is not well");
        if (count == 1) await new TaskCompletionSource().Task.WaitAsync(ct);
        return new ResourceAnswer(ResourceAnswerKind.Done);
    }

    [Fact]
    public async Task Functions_acquire_defer_fail_to_answer_and_release_as_programs_do()
    {
        using var world = new EngineWorld(Graph)
        {
            Jobs = new ResourceJobs().MapResource("store", Store).MapResource("session", Session),
            IsShared = true,
            CallSlots = 1,
        };
        await using var worker = world.Work(1); // It has none of them: nothing is given to it.
        await using var session = world.Open();
        var report = session.WantAsync(new WantRequest
        {
            Targets = ["session/1"],
            Options = new WantOptions { Use = TimeSpan.Zero },
        });

        Assert.Equal(WantOutcome.Succeeded, (await report.OrTell(world)).Outcome);
        const string held = """HeldInput { ExternalId = s-1, ConnectionsJson = {"at":1} }""";
        Assert.Equal(
            [
                "Acquire store/1  False", "Acquire store/1 s-1 False",
                $"Acquire session/1 {held} False", $"Acquire session/1 {held} True",
                $"Acquire session/1 {held} True", $"Release session/1 {held} False",
                "Release store/1 s-1 False",
            ],
            calls);
        Assert.Equal(
            ["the service is not well", "it did not answer in time"],
            world.Last.Of<RunDeferred>().Where(e => e.Kind == DeferKind.Unknown)
                .Select(e => e.Detail));
        Assert.All(
            world.Last.Of<RunLeased>(), e => Assert.StartsWith("host/1/", e.Worker.Owner));
    }

    [Fact]
    public void A_job_is_mapped_once()
    {
        var jobs = new ResourceJobs().MapResource("store", Store);
        Assert.Throws<ArgumentException>(() => jobs.MapResource("store", Store));
    }
}
