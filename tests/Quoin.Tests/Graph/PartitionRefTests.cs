using System.Text;
using FsCheck.Fluent;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests;

public class PartitionRefTests
{
    [Theory]
    [InlineData("daily/2026-01-31", null)]
    [InlineData("a%2Fb/%25", null)]
    [InlineData("größe/日本", null)]
    [InlineData("a b", null)]
    [InlineData("", "a partition reference is empty")]
    [InlineData("/a", "\"/a\" has an empty segment")]
    [InlineData("a/", "\"a/\" has an empty segment")]
    [InlineData("a/../b", "\"a/../b\" has a segment \"..\"")]
    [InlineData("a/.", "\"a/.\" has a segment \".\"")]
    [InlineData("a%2f", "\"a%2f\" has a % that is not followed by two digits 0-9A-F")]
    [InlineData("a%2", "\"a%2\" has a % that is not followed by two digits 0-9A-F")]
    [InlineData("a\nb", "\"a\nb\" has a control character; write it as %0A")]
    public void A_reference_is_right_or_told_why(string text, string? expected) =>
        Assert.Equal(expected, PartitionRef.Check(text));

    [Fact]
    public void Half_a_character_is_told() => Assert.Equal(
        "\"a\ud800b\" is not valid Unicode", PartitionRef.Check("a\ud800b"));

    [Fact]
    public void A_reference_has_at_most_1024_bytes()
    {
        Assert.Null(PartitionRef.Check(new string('a', 1024)));
        Assert.Equal(
            "a partition reference is longer than 1024 bytes",
            PartitionRef.Check(new string('é', 513)));
    }

    [Theory]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("100%", "100%25")]
    [InlineData(".", "%2E")]
    [InlineData("..", "%2E%2E")]
    [InlineData("a\tb", "a%09b")]
    [InlineData("a\u0085b", "a%C2%85b")]
    [InlineData("größe", "größe")]
    public void Any_text_becomes_a_segment(string raw, string segment)
    {
        Assert.Equal(segment, PartitionRef.EncodeSegment(raw));
        Assert.Equal(raw, PartitionRef.Decode(segment));
    }

    [Fact]
    public void Every_text_is_a_segment_that_reads_back() => FsCheck.Check.One(
        PatternTests.Config, Prop.ForAll<string>(raw =>
        {
            if (string.IsNullOrEmpty(raw) || raw.Any(char.IsSurrogate)) return true;
            var segment = PartitionRef.EncodeSegment(raw);
            return !segment.Contains('/') && PartitionRef.Check(segment) is null
                && PartitionRef.Decode(segment) == raw;
        }));
}

public class PartitionNamesTests
{
    [Fact]
    public void Names_get_numbers_in_order_and_keep_them()
    {
        var names = new PartitionNames();
        var ids = new PartitionId[200_000];
        for (var i = 0; i < ids.Length; i++) ids[i] = names.Intern($"daily/city-{i % 1000}/{i}");

        Assert.Equal(ids.Length, names.Count);
        for (var i = 0; i < ids.Length; i += 997)
        {
            Assert.Equal(i, ids[i].Value);
            Assert.Equal($"daily/city-{i % 1000}/{i}", names.Text(ids[i]));
            Assert.Equal(ids[i], names.Intern($"daily/city-{i % 1000}/{i}"));
            Assert.True(names.TryFind($"daily/city-{i % 1000}/{i}", out var found));
            Assert.Equal(ids[i], found);
        }
        Assert.False(names.TryFind("daily/city-1/2", out _));
    }

    [Fact]
    public void Bytes_stay_where_they_are_when_more_names_come()
    {
        var names = new PartitionNames();
        var first = names.Utf8(names.Intern("first"));
        for (var i = 0; i < 100_000; i++) names.Intern($"more/{i}");

        Assert.Equal("first", Encoding.UTF8.GetString(first));
        Assert.True(first == names.Utf8(new(0)));
    }

    [Fact]
    public void Names_of_any_length_up_to_the_bound_are_kept_apart() => FsCheck.Check.One(
        PatternTests.Config, Prop.ForAll<string[]>(texts =>
        {
            var names = new PartitionNames();
            var kept = texts.Where(text => text is not null && !text.Any(char.IsSurrogate)
                && Encoding.UTF8.GetByteCount(text) <= PartitionRef.BytesMax).ToList();
            var ids = kept.Select(text => names.Intern(text)).ToList();
            return names.Count == kept.Distinct().Count()
                && kept.Zip(ids).All(pair => names.Text(pair.Second) == pair.First);
        }));

    [Fact]
    public void A_name_that_is_too_long_is_refused() => Assert.Throws<ArgumentException>(
        () => new PartitionNames().Intern(new string('a', PartitionRef.BytesMax + 1)));
}
