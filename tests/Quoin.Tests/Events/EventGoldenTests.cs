using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Tidy;

namespace Quoin.Tests.Events;

/// <summary>
/// Golden/events.txt: bytes and JSON of every event as some version of quoin wrote them. Lines are
/// only ever added: what was written once is read the same for ever.
/// </summary>
public sealed class EventGoldenTests
{
    const string GoldenFile = "tests/Quoin.Tests/Golden/events.txt";

    static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);

    static readonly JsonSerializerOptions plain = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    sealed record Line(string Type, string Subject, string Hex, string Json)
    {
        public override string ToString() => $"{Type} {Subject} {Hex}\n  {Json}";
    }

    [Fact]
    public void What_was_written_once_is_read_the_same_for_ever()
    {
        byte[] buffer = [];
        foreach (var line in Golden())
        {
            var names = new PartitionNames();
            var body = Convert.FromHexString(line.Hex);

            var e = EventCodec.Decode(1, Encoding.UTF8.GetBytes(line.Type), body, names);

            var encoded = EventCodec.Encode(e, names, ref buffer);
            Assert.Equal(line.Subject, Encoding.UTF8.GetString(encoded.Subject));
            Assert.Equal(line.Json, Json(line.Type, line.Subject, encoded.Body.ToArray()));
        }
    }

    [Fact]
    public void Every_event_as_it_is_written_today_has_a_line()
    {
        var golden = Golden().Select(line => line.ToString()).ToHashSet(StringComparer.Ordinal);
        var missing = EventMaker.Types.Select(Sample).Select(line => line.ToString())
            .Where(line => !golden.Contains(line));

        Assert.True(
            !missing.Any(),
            $"Add to {GoldenFile} (and change no line):\n{string.Join('\n', missing)}");
    }

    [Fact]
    public void The_json_is_canonical_and_has_position_time_type_and_subject()
    {
        var names = new PartitionNames();
        byte[] buffer = [];
        var e = new RunFailed(new(19), 2, new(FailureCategory.BadInput, "row 7") { ExitCode = 65 })
        {
            RetryAt = At,
            Usage = new(At, 58_000, 55_000, 90_000),
        };
        var body = EventCodec.Encode(e, names, ref buffer).Body.ToArray();

        var json = EventJson.ToJson(new RawEvent(41, At, "run-failed", "r-19", body));

        Assert.Equal(
            Unspaced("""
                { "position": "41", "at": "2026-01-31T12:00:00.123Z", "type": "run-failed",
                  "subject": "r-19", "runFailed": { "run": 19, "epoch": 2,
                    "failure": { "category": "FAILURE_CATEGORY_BAD_INPUT", "reason": "row 7",
                      "exitCode": 65 },
                    "retryAt": "2026-01-31T12:00:00.123Z",
                    "usage": { "startedAt": "2026-01-31T12:00:00.123Z", "elapsedMs": 58000,
                      "cpuMs": 55000, "memoryKb": 90000 } } }
                """),
            Unspaced(json));
    }

    [Fact]
    public void A_kind_from_a_newer_quoin_is_printed_without_its_fact()
    {
        var json = EventJson.ToJson(new RawEvent(41, At, "run-launched", "r-19", new byte[] { 1 }));

        Assert.Equal(
            Unspaced("""
                { "position": "41", "at": "2026-01-31T12:00:00.123Z", "type": "run-launched",
                  "subject": "r-19" }
                """),
            Unspaced(json));
    }

    [Fact]
    public void A_body_that_is_no_message_is_refused_by_position()
    {
        var refused = Assert.Throws<StoreException>(() => EventJson.ToJson(
            new RawEvent(41, At, "run-failed", "r-19", new byte[] { 0x12 })));

        Assert.Equal("store-corrupt", refused.Code);
        Assert.StartsWith("event 41 (run-failed) cannot be read: ", refused.Message);
    }

    static Line Sample(Type type)
    {
        var names = new PartitionNames();
        byte[] buffer = [];
        var encoded = EventCodec.Encode(new EventMaker(names).Make(type), names, ref buffer);
        var kind = Encoding.UTF8.GetString(encoded.Type);
        var subject = Encoding.UTF8.GetString(encoded.Subject);
        var body = encoded.Body.ToArray();
        return new(kind, subject, Convert.ToHexString(body), Json(kind, subject, body));
    }

    static string Json(string type, string subject, byte[] body) =>
        Unspaced(EventJson.ToJson(new RawEvent(1, At, type, subject, body)));

    // The formatter's own spaces are no promise.
    static string Unspaced(string json) => JsonSerializer.Serialize(
        JsonSerializer.Deserialize<JsonElement>(json),
        plain);

    static IEnumerable<Line> Golden()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, GoldenFile))
            .Where(line => line.Length > 0 && line[0] != '#').ToArray();
        return
            from pair in lines.Chunk(2)
            let words = pair[0].Split(' ')
            select new Line(words[0], words[1], words[2], pair[1].Trim());
    }
}
