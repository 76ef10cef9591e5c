using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;
using Quoin.Tests.Resources;

namespace Quoin.Tests.Telemetry;

/// <summary>The spans of real builds, and what jobs see of them.</summary>
public sealed class TraceSpansTests
{
    const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    const string Graph = """
        quoin: 1
        name: test
        jobs:
          first:
            outputs: [a]
            exec: [sh, -c, 'echo "$TRACEPARENT" | sed "s/^$/none/" > "$1"', sh, "{out}"]
          second:
            outputs: [b]
            inputs: [a]
            exec: [sh, -c, "echo it is broken; exit 65"]
          third:
            outputs: [c]
            exec: [sh, -c, "exit 75"]
        """;

    readonly List<Span> spans = [];
    ulong ids;

    EngineWorld World(bool records = true, int slots = 2) => new(Graph)
    {
        Slots = slots,
        IsShared = slots == 0,
        Tracing = records ? new Tracing(() => ++ids, spans.Add) : null,
    };

    static WantRequest Want(string target, string trace = Parent) => new()
    {
        Targets = [target],
        Options = WantOptions.Default with { Trace = trace },
        Text = $"build {target}",
    };

    // The spans below one, as a tree.
    string Tree(ulong parent, string indent = "") => string.Concat(
        from span in spans
        where span.Parent == parent
        orderby span.Start, span.Name
        select $"{indent}{span.Name} {Text(span, "result")} {Text(span, "error.type")}".TrimEnd()
            + (span.Error is { } error ? $": {error}\n" : "\n")
            + Tree(span.Context.Span, indent + "  "));

    static string Text(Span span, string end) => string.Join(
        ' ', span.Attributes.Where(a => a.Key.EndsWith(end, StringComparison.Ordinal))
            .Select(a => a.Value));

    [Fact]
    public async Task A_want_has_its_runs_and_they_have_their_attempts()
    {
        using var world = World();

        Assert.Equal("Failed", await world.BuildAsync(Want("b")));

        Assert.Equal(
            """
            want test failure: 1 of its partitions could not be made
              run first success
                attempt first success
              run second failure: exit 65
                attempt second failure bad-input: exit 65

            """,
            Tree(0xb7ad6b7169203331));
        var attempt = spans.Single(span => span.Name == "attempt second");
        Assert.Equal(
            ["r-2", "failure", "host/1/1", 1L, 1L, "bad-input", 65L],
            from a in attempt.Attributes where !a.Key.EndsWith("_ms", StringComparison.Ordinal)
                && !a.Key.EndsWith("_kb", StringComparison.Ordinal)
            select a.Value);
        Assert.All(spans, span => Assert.Equal(
            "0af7651916cd43dd8448eb211c80319c", $"{span.Context.Trace:x32}"));
        Assert.All(spans, span => Assert.True(span.Start <= span.End));
    }

    [Fact]
    public async Task A_run_that_is_cancelled_before_its_next_attempt_did_not_fail()
    {
        using var world = World();
        await using var session = world.Open();
        var report = session.WantAsync(Want("c"));
        await world.Last.WhenAsync(e => e is RunFailed).OrTell(world);

        await session.DoAsync(new CancelWant(new WantId(1), "test"));
        await report.OrTell(world);

        Assert.Equal(
            """
            want test cancellation
              run third cancellation
                attempt third failure temporary: exit 75

            """,
            Tree(0xb7ad6b7169203331));
    }

    [Fact]
    public async Task A_job_knows_its_attempt_also_on_another_host()
    {
        foreach (var slots in (int[])[1, 0])
        {
            spans.Clear();
            using var world = World(slots: slots);
            await using var worker = slots == 0 ? world.Work(1) : null;

            Assert.Equal("Succeeded", await world.BuildAsync(Want("a")));

            var attempt = spans.Single(span => span.Name == "attempt first");
            Assert.Equal($"{attempt.Context}\n", world.Output("a"));
        }
    }

    [Fact]
    public async Task Nobody_asked_and_a_trace_begins()
    {
        using var world = World();

        await world.BuildAsync("a");

        Assert.Equal(
            "want test success\n  run first success\n    attempt first success\n", Tree(0));
        Assert.NotEqual((UInt128)0, spans[0].Context.Trace);
    }

    [Theory]
    [InlineData("", "none")]
    [InlineData("what is this", "none")]
    [InlineData(Parent, Parent)]
    [InlineData(Parent + "-00000000000000ab", Parent)]
    public async Task Where_nothing_is_recorded_a_job_is_a_part_of_whatever_asked(
        string trace, string seen)
    {
        using var world = World(records: false);

        Assert.Equal("Succeeded", await world.BuildAsync(Want("a", trace)));

        Assert.Equal($"{seen}\n", world.Output("a"));
    }

    [Fact]
    public async Task Who_asked_not_to_record_is_heard()
    {
        using var world = World();
        var quiet = Parent[..^1] + "0";

        await world.BuildAsync(Want("a", quiet));

        Assert.Empty(spans);
        Assert.Equal($"{quiet}\n", world.Output("a"));
    }

    [Fact]
    public async Task Whoever_decides_next_tells_of_a_want_since_it_was_accepted()
    {
        using var world = World();
        var (names, at) = (new PartitionNames(), DateTimeOffset.UnixEpoch.AddDays(20_000));
        await world.Store.AppendAsync(
            new AppendBatch
            {
                At = at,
                Names = names,
                Events =
                [
                    new WantAccepted(new WantId(1), [names.Intern("a")])
                    {
                        Options = WantOptions.Default with { Trace = Parent },
                    },
                ],
            },
            CancellationToken.None);

        await using (var session = world.Open()) await session.WhenIdleAsync();

        Assert.Equal(
            "want test success\n  run first success\n    attempt first success\n",
            Tree(0xb7ad6b7169203331));
        var want = spans.Single(span => span.Name == "want test");
        var trace = WantTrace.Read(Parent)!.Value.For(new WantId(1));
        Assert.Equal((at, trace.Own), (want.Start, want.Context));
        Assert.Equal(
            trace.Of(new RunId(1), 1),
            spans.Single(span => span.Name == "attempt first").Context);
    }

    [Fact]
    public void A_listener_of_the_process_gets_activities_with_the_same_ids()
    {
        var heard = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == SpanActivities.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = heard.Add,
        };
        ActivitySource.AddActivityListener(listener);
        var context = TraceContext.Read(Parent)!.Value;
        var start = DateTimeOffset.UnixEpoch.AddDays(20_000);

        SpanActivities.Tell(new Span
        {
            Name = "run first",
            Context = context,
            Parent = 0xab,
            Start = start,
            End = start.AddSeconds(3),
            Attributes = [new("quoin.attempts", 2L)],
            Links = [context with { Span = 0xcd }],
            Error = "exit 65",
        });

        var activity = Assert.Single(heard);
        Assert.Equal((Parent, "00000000000000ab"), (activity.Id, $"{activity.ParentSpanId}"));
        Assert.Equal((start.UtcDateTime, TimeSpan.FromSeconds(3)),
            (activity.StartTimeUtc, activity.Duration));
        Assert.Equal((ActivityStatusCode.Error, "exit 65"),
            (activity.Status, activity.StatusDescription));
        Assert.Equal(2L, activity.GetTagItem("quoin.attempts"));
        Assert.Equal("00000000000000cd", $"{activity.Links.Single().Context.SpanId}");
        Assert.Null(Activity.Current);
    }
}
