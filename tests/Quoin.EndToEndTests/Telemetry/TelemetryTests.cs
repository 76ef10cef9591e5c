namespace Quoin.EndToEndTests.Telemetry;

/// <summary>What a collector of OpenTelemetry gets from the real program.</summary>
public sealed class TelemetryTests : IDisposable
{
    const string Trace = "0af7651916cd43dd8448eb211c80319c", Ci = "b7ad6b7169203331";

    readonly TestWorkspace workspace = new TestWorkspace().Write("quoin.yaml", """
        quoin: 1
        name: letters
        targets: [word]
        jobs:
          letter:
            outputs: ["letter/{name}"]
            exec: [sh, -c, 'echo "$TRACEPARENT" | sed "s/^$/none/" > "$1"', sh, "{out}"]
          word:
            outputs: [word]
            inputs: ["letter/{name:in(a,b)}"]
            exec: [sh, -c, 'echo it is broken; exit 65', sh, "{in...}"]
        """);

    public void Dispose() => workspace.Dispose();

    string Job => workspace.Read(".quoin/data/letter/a").Trim();

    [Fact]
    public void A_build_is_a_trace_below_the_one_that_started_it()
    {
        using var collector = new OtlpReceiver();
        workspace.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address;
        workspace.Environment["OTEL_EXPORTER_OTLP_HEADERS"] = "x-team=data%20team";
        workspace.Environment["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=test";
        workspace.Environment["OTEL_SERVICE_NAME"] = "nightly";
        workspace.Environment["TRACEPARENT"] = $"00-{Trace}-{Ci}-01";

        workspace.Quoin("build").Expect(1);

        var spans = collector.Spans;
        Assert.All(spans, span => Assert.Equal(Trace, span.Trace));
        Assert.All(spans, span => Assert.True(span.Start <= span.End));
        var build = Assert.Single(spans, span => span.Parent == Ci);
        Assert.Equal(("quoin build", "exit code 1"), (build.Name, build.Error));
        var want = Assert.Single(spans, span => span.Parent == build.Id);
        Assert.Equal(
            ("want letters", "1 of its partitions could not be made"), (want.Name, want.Error));
        Assert.Equal(
            ("letters", "w-1", "failure", "3"),
            (want.Attributes["cicd.pipeline.name"], want.Attributes["cicd.pipeline.run.id"],
                want.Attributes["cicd.pipeline.result"], want.Attributes["quoin.plan.build"]));
        var runs = spans.Where(span => span.Parent == want.Id).ToList();
        Assert.Equal(
            ["run letter letter/a success", "run letter letter/b success", "run word word failure"],
            from run in runs
            let a = run.Attributes
            orderby a["quoin.partitions"]
            select $"{run.Name} {a["quoin.partitions"]} {a["cicd.pipeline.task.run.result"]}");
        var attempts = spans.Where(span => runs.Any(run => run.Id == span.Parent)).ToList();
        Assert.Equal(
            ["attempt letter", "attempt letter", "attempt word"],
            attempts.Select(span => span.Name).Order());
        Assert.Equal(spans.Count, 2 + runs.Count + attempts.Count);
        var broken = attempts.Single(span => span.Error.Length > 0);
        Assert.Equal(
            ("bad-input", "65", "1"),
            (broken.Attributes["error.type"], broken.Attributes["process.exit.code"],
                broken.Attributes["quoin.attempt"]));
        Assert.Contains(attempts, span => Job == $"00-{Trace}-{span.Id}-01");
        Requests_are_as_a_collector_expects_them(collector);
        Metrics_have_the_names_of_the_page_of_metrics(collector);
    }

    static void Requests_are_as_a_collector_expects_them(OtlpReceiver collector)
    {
        foreach (var request in collector.Requests)
        {
            Assert.Equal("application/x-protobuf", request.Headers["Content-Type"]);
            Assert.Equal("data team", request.Headers["x-team"]);
            var resource = request.Body.All(1).Single().All(1).Single().Attributes(1);
            Assert.Equal(
                ("nightly", "test"),
                (resource["service.name"], resource["deployment.environment.name"]));
        }
    }

    static void Metrics_have_the_names_of_the_page_of_metrics(OtlpReceiver collector)
    {
        var metrics = collector.Metrics;
        var appends = metrics["quoin_appends_total"].All(7).Single();
        Assert.Equal((2L, 1L), (appends.One(2), appends.One(3))); // Cumulative; it only grows.
        var number = BitConverter.UInt64BitsToDouble((ulong)appends.All(1).Single().One(4)!);
        Assert.True(number >= 1, $"{number} appends");
        var attempts = metrics["quoin_attempt_seconds"].All(9).Single().All(1).ToList();
        Assert.Equal(
            ["letter completed 2", "word failed 1"],
            from attempt in attempts
            let labels = attempt.Attributes(9)
            orderby labels["job"]
            select $"{labels["job"]} {labels["outcome"]} {attempt.One(4)}");
        var queue = metrics["quoin_queue_length"].All(5).Single().All(1).Single();
        Assert.Equal(0.0, BitConverter.UInt64BitsToDouble((ulong)queue.One(4)!));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_collector_that_does_not_answer_changes_nothing_of_a_build(bool listens)
    {
        using var collector = new OtlpReceiver(answers: false);
        if (!listens) collector.Dispose();
        workspace.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address;
        workspace.Environment["OTEL_METRICS_EXPORTER"] = "none";

        var build = workspace.Quoin("build", "letter/a").Expect(0);

        Assert.Contains(
            $"warning: telemetry: {collector.Address}/v1/traces", build.Stderr,
            StringComparison.Ordinal);
        Assert.Contains("; 4 spans lost", build.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void Nobody_asked_and_nothing_is_sent()
    {
        using var collector = new OtlpReceiver();
        workspace.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address;
        workspace.Environment["OTEL_SDK_DISABLED"] = "true";

        workspace.Quoin("build", "letter/a").Expect(0);

        Assert.Equal("none", Job);
        Assert.Empty(collector.Requests);
    }

    [Fact]
    public void A_protocol_that_is_not_spoken_is_told()
    {
        workspace.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9";
        workspace.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc";

        var build = workspace.Quoin("build", "letter/a").Expect(0);

        Assert.Contains(
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: Quoin speaks http/protobuf; traces are not sent",
            build.Stderr, StringComparison.Ordinal);
    }
}
