using System.Text;
using Google.Protobuf;
using Quoin.Core;
using Quoin.Engine;
using Xunit;
using Wire = Quoin.V1;

namespace Quoin.Tests;

/// <summary>What an activation of a resource comes to, and what its reports may say.</summary>
public class ResourceAnswerTests
{
    const string Defer = """{"defer":{"after":"5s"}}""";
    const string Manifest = """{"manifest":{}}""";

    // Rows: what it printed, how it ended. Columns: what was asked.
    [Fact]
    public void Every_end_of_an_activation_is_in_this_table()
    {
        (string Name, int Exit, string[] Lines)[] ends =
        [
            ("manifest", 0, [Manifest]),
            ("ended", 0, ["""{"ended":{"exit":3}}"""]),
            ("released", 0, ["""{"released":true}"""]),
            ("defer", 0, [Defer]),
            ("fail", 1, ["""{"fail":{"category":"bad-input","reason":"no"}}"""]),
            ("fail, exit 0", 0, ["""{"fail":{"reason":"no"}}"""]),
            ("exit 1", 1, []),
            ("exit 64", 64, []),
            ("absent", 0, ["""{"absent":true}"""]),
            ("unknown", 0, ["""{"unknown":{"reason":"503"}}"""]),
            ("unknown, exit 1", 1, ["""{"unknown":true}"""]),
            ("exit 69", 69, []),
            ("exit 75", 75, [Manifest]),
            ("timeout", -1, [Defer]),
            ("killed", 137, []),
            ("garbage", 0, ["{wibble"]),
            ("bad defer", 0, ["""{"defer":{"after":"-5s"}}"""]),
            ("typo", 0, ["""{"releasd":true}"""]),
            ("defer and manifest", 0, [Defer, Manifest]),
            ("manifest, exit 1", 1, [Manifest]),
            ("needs", 0, ["""{"needs":["a"]}"""]),
            ("progress is no number", 0, ["""{"progress":"x"}""", Defer]),
            ("nothing", 0, []),
        ];
        var table = ends.Select(end => $"{end.Name,-22}" + string.Concat(
            Enum.GetValues<ResourceDirection>().Select(direction =>
                $"{Answer(direction, end.Exit, end.Lines).Kind,-9}")).TrimEnd());

        Assert.Equal("""
                                  acquire  watch    release  hook
            manifest              Done     Unknown  Unknown  Done
            ended                 Failed   Done     Unknown  Failed
            released              Unknown  Unknown  Done     Unknown
            defer                 Busy     Busy     Busy     Busy
            fail                  Failed   Failed   Failed   Failed
            fail, exit 0          Failed   Failed   Failed   Failed
            exit 1                Failed   Failed   Failed   Failed
            exit 64               Failed   Failed   Failed   Failed
            absent                Absent   Absent   Absent   Absent
            unknown               Unknown  Unknown  Unknown  Unknown
            unknown, exit 1       Unknown  Unknown  Unknown  Unknown
            exit 69               Unknown  Unknown  Unknown  Unknown
            exit 75               Unknown  Unknown  Unknown  Unknown
            timeout               Unknown  Unknown  Unknown  Unknown
            killed                Unknown  Unknown  Unknown  Unknown
            garbage               Unknown  Unknown  Unknown  Unknown
            bad defer             Unknown  Unknown  Unknown  Unknown
            typo                  Unknown  Unknown  Unknown  Unknown
            defer and manifest    Unknown  Unknown  Unknown  Unknown
            manifest, exit 1      Unknown  Unknown  Unknown  Unknown
            needs                 Failed   Failed   Failed   Failed
            progress is no number Busy     Busy     Busy     Busy
            nothing               Failed   Unknown  Failed   Done
            """, "                      acquire  watch    release  hook\n"
                + string.Join('\n', table));
    }

    [Theory]
    [InlineData(1, """{"defer":{}}""", "it reported defer, then exit 1")]
    [InlineData(0, """{"unknown":{"reason":"503"}}""", "503")]
    [InlineData(0, """{"unknown":true}""", "it reported unknown")]
    [InlineData(0, """{"released":true}""", "it reported released, which is no answer to acquire")]
    [InlineData(0, """{"ended":{"exit":3}}""", "it ended before it was available (exit 3)")]
    [InlineData(0, """{"defer":{"after":"-5s"}}""", "a report cannot be read: defer.after is -5s: "
        + "nothing can be deferred into the past")]
    [InlineData(75, "", "exit 75")]
    [InlineData(0, "", "exit 0 without a report")]
    [InlineData(64, """{"fail":{"category":"bad-input","reason":"no such image"}}""",
        "no such image")]
    public void It_says_why(int exit, string line, string reason) => Assert.Equal(
        reason,
        Answer(ResourceDirection.Acquire, exit, line.Length == 0 ? [] : [line]).Reason);

    [Fact]
    public void What_was_named_is_known_whatever_the_answer()
    {
        var answer = Answer(
            ResourceDirection.Acquire, 1,
            """{"external":{"id":"s-77","extra":["s-78",79,"s-77"]}}""");

        Assert.Equal(ResourceAnswerKind.Failed, answer.Kind);
        Assert.Equal("s-77", answer.ExternalId);
        Assert.Equal(["s-78", "79"], answer.ExtraIds);
    }

    [Fact]
    public void A_deferral_and_connections_come_as_they_were_said()
    {
        var busy = Answer(
            ResourceDirection.Acquire, 0,
            """{"defer":{"after":"1.5s","reset":true,"state":{"n":[1]}}}""");
        var done = Answer(
            ResourceDirection.Acquire, 0, """{"manifest":{"connections":{"url":"http://x"}}}""");

        Assert.Equal(new DeferReport(TimeSpan.FromSeconds(1.5), true, """{"n":[1]}"""), busy.Defer);
        Assert.Equal("""{"url":"http://x"}""", done.ConnectionsJson);
    }

    [Theory]
    [InlineData("defer", "true", "defer is not an object")]
    [InlineData("defer", """{"after":30}""",
        "defer.after is not a duration such as \"30s\", but 30")]
    [InlineData("defer", """{"after":"soon"}""",
        "defer.after is not a duration such as \"30s\" of at most 365 days, but \"soon\"")]
    [InlineData("defer", """{"after":"-1ms"}""",
        "defer.after is -1ms: nothing can be deferred into the past")]
    [InlineData("defer", """{"after":"400d"}""", "defer.after is 400d, more than 365 days")]
    [InlineData("defer", """{"after":"99999999d"}""",
        "defer.after is not a duration such as \"30s\" of at most 365 days, but \"99999999d\"")]
    [InlineData("defer", """{"after":"1s","reset":"yes"}""", "defer.reset is not true or false")]
    [InlineData("defer", """{"state":"x"}""", "defer.state is not an object")]
    [InlineData("external", "\"s-1\"", "external is not an object")]
    [InlineData("external", "{}", "external has no \"id\"")]
    [InlineData("external", """{"id":""}""", "external.id is empty")]
    [InlineData("external", """{"id":"a\nb"}""", "external.id has a control character")]
    [InlineData("external", """{"id":true}""", "external.id is not a text")]
    [InlineData("external", """{"id":"a","extra":"b"}""", "external.extra is not a list of ids")]
    [InlineData("external", """{"id":"a","extra":[{}]}""",
        "an id of external.extra is not a text")]
    [InlineData("unknown", "false", "unknown is not true or an object")]
    [InlineData("absent", "1", "absent is not true or an object")]
    [InlineData("released", "null", "released is not true or an object")]
    [InlineData("ended", "[]", "ended is not true or an object")]
    [InlineData("ended", """{"exit":"3"}""", "ended.exit is not a whole number")]
    [InlineData("ended", """{"exit":1.5}""", "ended.exit is not a whole number")]
    [InlineData("manifest", """{"connections":[]}""", "connections is not an object")]
    [InlineData("manifest", "7", "manifest is not an object")]
    public void A_report_that_cannot_be_read_says_what_is_wrong(
        string name, string value, string problem) => Assert.Equal(
            problem, Read($$"""{"{{name}}":{{value}}}""", new JobReports()));

    [Theory]
    [InlineData(65_528, null)]
    [InlineData(65_529, "defer.state has 65537 bytes, more than 65536; "
        + "keep what is larger in a file or with the service")]
    public void A_state_has_at_most_64_KiB(int letters, string? problem) => Assert.Equal(
        problem,
        Read($$$"""{"defer":{"state":{"k":"{{{new string('x', letters)}}}"} }}""", new()));

    // What a program in any language writes with its generated classes, we read.
    [Fact]
    public void The_canonical_JSON_of_the_messages_is_read()
    {
        var reports = new JobReports();
        foreach (var report in (Wire.Report[])
        [
            new() { Defer = new() { After = new() { Seconds = 90, Nanos = 500_000_000 } } },
            new() { External = new() { Id = "s-1", Extra = { "s-2" } } },
            new() { Unknown = new() { Reason = "502" } },
            new() { Absent = new() },
            new() { Ended = new() { Exit = 0 } },
            new() { Released = new() },
            new() { Manifest = new() { Connections = new() } },
        ])
            Assert.Null(Read(JsonFormatter.Default.Format(report), reports));

        Assert.Equal(TimeSpan.FromSeconds(90.5), reports.Defer!.After);
        Assert.Equal(("s-1", "s-2"), (reports.ExternalId, reports.ExtraIds.Single()));
        Assert.Equal("502", reports.Unknown);
        Assert.Equal(0, reports.Ended!.Exit);
        Assert.True(reports.IsAbsent && reports.IsReleased && reports.HasManifest);
        Assert.Null(reports.Broken);
    }

    // -1: its time was over.
    static ResourceAnswer Answer(ResourceDirection direction, int exit, params string[] lines)
    {
        var reports = new JobReports();
        foreach (var line in lines) Read(line, reports);
        var spec = new JobSpec
        {
            Id = default,
            Epoch = 1,
            Config = new JobConfig { Job = "a", Outputs = ["a"] },
            WorkingDirectory = "/",
            Inputs = [],
            Outputs = [],
            StagingDirectory = "/",
            LogFile = "/",
        };
        var failure = exit switch
        {
            0 => null,
            -1 => new RunFailure(FailureCategory.Timeout, "timeout after 60 s"),
            _ => ExitMeaning.Failure(new ProcessEnd { ExitCode = exit }, spec),
        };
        return ResourceAnswer.Of(direction, failure, reports);
    }

    static string? Read(string json, JobReports reports) =>
        ReportReader.Read(Encoding.UTF8.GetBytes("@quoin " + json), reports, out _);
}
