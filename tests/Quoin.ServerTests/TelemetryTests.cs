using System.Net.Http.Json;
using Quoin.EndToEndTests.Telemetry;

namespace Quoin.ServerTests;

/// <summary>What a collector gets of a server, whose worker takes runs as any other does.</summary>
public sealed class TelemetryTests
{
    const string Trace = "0af7651916cd43dd8448eb211c80319c", Caller = "b7ad6b7169203331";

    [Fact]
    public async Task A_want_of_the_API_is_a_part_of_the_trace_that_asked()
    {
        using var collector = new OtlpReceiver();
        await using var space = await ServedSpace.StartAsync(
            env: new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address,
            });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/wants")
        {
            Content = JsonContent.Create(new { partitions = (string[])["word"] }),
        };
        request.Headers.Add("traceparent", $"00-{Trace}-{Caller}-01");
        using (var answer = await space.Http.SendAsync(request))
            Assert.Equal(System.Net.HttpStatusCode.Created, answer.StatusCode);
        await space.UntilAsync(
            "/api/v1/wants?state=succeeded",
            answer => answer.GetProperty("wants").GetArrayLength() == 1);
        await space.StopAsync(); // Which sends what is left.

        var spans = collector.Spans;
        Assert.All(spans, span => Assert.Equal(Trace, span.Trace));
        var want = Assert.Single(spans, span => span.Parent == Caller);
        Assert.Equal("want letters", want.Name);
        var runs = spans.Where(span => span.Parent == want.Id).ToList();
        Assert.Equal(
            ["run letter", "run letter", "run letter", "run word"],
            runs.Select(run => run.Name).Order());
        Assert.All(runs, run => Assert.Equal(
            "success",
            Assert.Single(spans, span => span.Parent == run.Id)
                .Attributes["cicd.pipeline.task.run.result"]));
        var metrics = collector.Metrics;
        Assert.Contains("quoin_queue_length", metrics);
        Assert.Contains("quoin_lag_events", metrics);
        Assert.Contains("quoin_leases_lost_total", metrics);
        Assert.Contains("quoin_appends_total", metrics);
    }
}
