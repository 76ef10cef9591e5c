using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Quoin.ServerTests;

/// <summary>What is measured, as Prometheus reads it, and the dashboard that shows it.</summary>
public sealed partial class MetricsTests
{
    static async Task<string> MeasuredAsync(ServedSpace space)
    {
        await space.QuoinAsync("want", "word", "broken/x");
        await space.UntilAsync(
            "/api/v1/wants?state=failed",
            answer => answer.GetProperty("wants").GetArrayLength() == 1);
        return await space.Http.GetStringAsync("/metrics");
    }

    [Fact]
    public async Task Runs_attempts_and_places_are_counted()
    {
        await using var space = await ServedSpace.StartAsync();

        var lines = (await MeasuredAsync(space)).Split('\n');

        Assert.Contains("quoin_runs_total{outcome=\"built\"} 4", lines);
        Assert.Contains("quoin_runs_total{outcome=\"failed\"} 1", lines);
        Assert.Contains("quoin_wants_total{outcome=\"failed\"} 1", lines);
        Assert.Contains("quoin_partitions{state=\"live\"} 4", lines);
        Assert.Contains("quoin_leases_lost_total 0", lines);
        Assert.Contains("quoin_lag_events 0", lines);
        Assert.Contains("quoin_workers 1", lines); // Who only decides is none.
        Assert.Contains(
            "quoin_attempt_seconds_count{job=\"letter\",outcome=\"completed\"} 3", lines);
        Assert.Contains("# TYPE quoin_attempt_seconds histogram", lines);
    }

    [Fact]
    public async Task Counts_go_on_after_a_restart()
    {
        await using var space = await ServedSpace.StartAsync();
        await MeasuredAsync(space);
        await space.StopAsync();
        await space.ServeAsync();

        Assert.Contains(
            "quoin_runs_total{outcome=\"built\"} 4\n",
            await space.Http.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task The_real_promtool_finds_nothing_to_say()
    {
        await using var space = await ServedSpace.StartAsync();
        var text = await MeasuredAsync(space);
        var fetched = Path.Combine(Root(), "artifacts/prometheus/usr/bin/promtool");
        var program = File.Exists(fetched) ? fetched : "promtool";
        var start = new ProcessStartInfo(program, "check metrics")
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("promtool is missing (Debian: apt-get install prometheus)");
            return;
        }
        using (process)
        {
            await process.StandardInput.WriteAsync(text);
            process.StandardInput.Close();
            var said = await process.StandardError.ReadToEndAsync()
                + await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.Equal(("", 0), (said, process.ExitCode));
        }
    }

    [Fact]
    public async Task The_dashboard_file_asks_for_metrics_that_there_are()
    {
        await using var space = await ServedSpace.StartAsync();
        var measured = MetricName().Matches(await MeasuredAsync(space))
            .Select(match => match.Groups[1].Value).ToHashSet();
        var file = Path.Combine(Root(), "docs/grafana.json");
        var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(file)).RootElement;

        var asked = dashboard.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
            .SelectMany(target => AskedName().Matches(target.GetProperty("expr").GetString()!))
            .Select(match => match.Value).ToHashSet();

        Assert.NotEmpty(asked);
        Assert.All(asked, name => Assert.Contains(name, measured));
    }

    /// <summary>The repository.</summary>
    internal static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Quoin.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex(@"^([a-z_]+)(?:\{| )", RegexOptions.Multiline)]
    private static partial Regex MetricName();

    [GeneratedRegex("quoin_[a-z_]+")]
    private static partial Regex AskedName();
}
