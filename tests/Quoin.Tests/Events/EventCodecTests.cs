using System.Text;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Events;

public sealed partial class EventCodecTests
{
    const int Rounds = 100;

    public static TheoryData<string> AllTypes => new(EventMaker.Types.Select(type => type.Name));

    static Type TypeOf(string name) => EventMaker.Types.Single(type => type.Name == name);

    static string Kebab(string name) =>
        Capital().Replace(name, "-$0").TrimStart('-').ToLowerInvariant();

    [Fact]
    public void Every_event_has_a_kind_and_every_kind_an_event()
    {
        Assert.Equal(44, EventMaker.Types.Length);
        Assert.Equal(
            EventMaker.Types.Select(type => Kebab(type.Name)).Order(StringComparer.Ordinal),
            EventCodec.Types.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void An_event_comes_back_as_it_was(string name)
    {
        byte[] buffer = [];
        var seed = FreshSeed();
        for (var round = 0; round < Rounds; round++, seed++)
        {
            var names = new PartitionNames();
            var e = new EventMaker(names, seed).Make(TypeOf(name));
            var encoded = EventCodec.Encode(e, names, ref buffer);
            var others = new PartitionNames();
            others.Intern("somebody/else");

            var decoded = EventCodec.Decode(1, encoded.Type, encoded.Body, others);

            Assert.Equal(
                $"seed {seed}: {EventMaker.Describe(e, names)}",
                $"seed {seed}: {EventMaker.Describe(decoded, others)}");
            Assert.Equal(Kebab(name), Encoding.UTF8.GetString(encoded.Type));
        }
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Our_bytes_are_those_of_the_generated_classes(string name)
    {
        byte[] buffer = [];
        var seed = FreshSeed();
        for (var round = 0; round < Rounds; round++, seed++)
        {
            var names = new PartitionNames();
            var e = new EventMaker(names, seed).Make(TypeOf(name));
            var body = EventCodec.Encode(e, names, ref buffer).Body;

            var parsed = Message(name).Parser.ParseFrom(body);

            Assert.True(body.SequenceEqual(parsed.ToByteArray()), $"{name}, seed {seed}");
            var text = $"{parsed}".Replace(
                "DEFER_KIND_UNKNOWN", "", StringComparison.Ordinal);
            Assert.DoesNotContain("unknown", text, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Fields_of_a_newer_quoin_are_skipped(string name)
    {
        byte[] buffer = [];
        var names = new PartitionNames();
        var e = new EventMaker(names).Make(TypeOf(name));
        var body = EventCodec.Encode(e, names, ref buffer).Body.ToArray();
        var more = new MemoryStream();
        var output = new CodedOutputStream(more);
        output.WriteTag(900, WireFormat.WireType.Varint);
        output.WriteInt64(-1);
        output.WriteTag(901, WireFormat.WireType.Fixed64);
        output.WriteFixed64(2);
        output.WriteTag(902, WireFormat.WireType.LengthDelimited);
        output.WriteString("new");
        output.WriteTag(903, WireFormat.WireType.Fixed32);
        output.WriteFixed32(4);
        output.Flush();

        var decoded = EventCodec.Decode(
            1, Encoding.UTF8.GetBytes(Kebab(name)), [.. more.ToArray(), .. body, .. more.ToArray()],
            names);

        Assert.Equal(EventMaker.Describe(e, names), EventMaker.Describe(decoded, names));
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Bytes_that_are_cut_or_changed_are_read_or_refused_by_position(string name)
    {
        byte[] buffer = [];
        var seed = FreshSeed();
        var random = new Random(seed);
        var type = Encoding.UTF8.GetBytes(Kebab(name));
        for (var round = 0; round < Rounds; round++)
        {
            var names = new PartitionNames();
            var e = new EventMaker(names, seed + round).Make(TypeOf(name));
            var body = EventCodec.Encode(e, names, ref buffer).Body.ToArray();
            if (body.Length == 0) continue;
            if (round % 2 == 0) body = body[..random.Next(body.Length)];
            else body[random.Next(body.Length)] ^= (byte)(1 << random.Next(8));

            try
            {
                EventCodec.Decode(4711, type, body, names);
            }
            catch (StoreException refused)
            {
                Assert.Contains(refused.Code, new[] { "store-corrupt", "store-newer" });
                Assert.StartsWith($"event 4711 ({Kebab(name)}) ", refused.Message);
            }
            catch (Exception other) when (other is not StoreException)
            {
                Assert.Fail($"{name}, seed {seed}, round {round}: {other}");
            }
        }
    }

    [Theory]
    [InlineData("run-leased", "0813", "127F", "127 bytes are announced, 0 are left")]
    [InlineData("run-leased", "0813", "18", "a number is cut off")]
    [InlineData("run-leased", "", "1801", "its run is 0")]
    [InlineData("run-leased", "0813", "07", "bad tag 7")]
    [InlineData("run-leased", "0813", "0E", "bad wire type in tag 14")]
    [InlineData("run-leased", "0813", "18FFFFFFFFFFFFFFFFFFFF01", "a number is too long")]
    [InlineData("want-delegated", "0811", "1813", "its partition is missing")]
    [InlineData("partition-current", "0A0161", "1204 0A02ABCD", "a digest has 2 bytes, not 16")]
    [InlineData("partition-current", "0A02C328", "", "a text is not valid UTF-8")]
    [InlineData("lease-expired", "0813", "1A0610FFFFFFFF7F", "0 s -1 ns is not a time")]
    public void A_corrupt_body_is_named_with_what_is_wrong(
        string type, string good, string bad, string problem)
    {
        var body = Convert.FromHexString(good + bad.Replace(" ", "", StringComparison.Ordinal));

        var refused = Assert.Throws<StoreException>(
            () => EventCodec.Decode(7, Encoding.UTF8.GetBytes(type), body, new PartitionNames()));

        Assert.Equal("store-corrupt", refused.Code);
        Assert.Equal(
            $"event 7 ({type}) cannot be read: {problem}; restore the store from a backup, or move "
            + ".quoin away and build again",
            refused.Message);
    }

    [Theory]
    [InlineData("run-launched", "", "this kind of event is not known here")]
    [InlineData("partition-stale", "0A0161103F", "value 63 is not known here (at most 11)")]
    public void A_fact_of_a_newer_quoin_asks_for_it(string type, string hex, string problem)
    {
        var refused = Assert.Throws<StoreException>(() => EventCodec.Decode(
            7, Encoding.UTF8.GetBytes(type), Convert.FromHexString(hex), new PartitionNames()));

        Assert.Equal("store-newer", refused.Code);
        Assert.Equal(
            $"event 7 ({type}) was written by a newer quoin: {problem}; use that version or a "
            + "later one",
            refused.Message);
    }

    [Fact]
    public void The_subject_is_what_a_person_would_ask_for()
    {
        var names = new PartitionNames();
        var a = names.Intern("daily/2026-01-31");
        var b = names.Intern("daily/2026-02-01");
        byte[] buffer = [];
        string Subject(BuildEvent e) =>
            Encoding.UTF8.GetString(EventCodec.Encode(e, names, ref buffer).Subject);

        Assert.Equal("r-19", Subject(new RunScheduled(new(19), [a], [])));
        Assert.Equal("w-2000000000", Subject(new WantSucceeded(new(2_000_000_000))));
        Assert.Equal("w-3", Subject(new WantDelegated(new(3), a, new(19))));
        Assert.Equal(
            "daily/2026-02-01", Subject(new PartitionPlanned(new(3), "daily", [b, a], [])));
        Assert.Equal("daily/2026-01-31", Subject(new ConfigFailed("", [a], new("c", "m"))));
        Assert.Equal("", Subject(new OutputsRemoved([], "cli")));
        Assert.Equal("host/1/x", Subject(new WorkerRemoved(new("host/1/x"))));
    }

    [Fact]
    public void A_buffer_that_is_too_small_grows_and_is_used_again()
    {
        var names = new PartitionNames();
        byte[] buffer = new byte[1];
        var e = new WantCancelled(new(1), new string('é', 5000));

        var decoded = EventCodec.Decode(
            1, "want-cancelled"u8, EventCodec.Encode(e, names, ref buffer).Body, names);
        var grown = buffer;
        EventCodec.Encode(e, names, ref buffer);

        Assert.Equal(e, decoded);
        Assert.Same(grown, buffer);
    }

    static Google.Protobuf.Reflection.MessageDescriptor Message(string name) =>
        V1.EventReflection.Descriptor.MessageTypes.Single(message => message.Name == name);

    static int FreshSeed() => Environment.TickCount;

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
