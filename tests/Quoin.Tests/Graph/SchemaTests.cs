using System.Text.Json;
using System.Text.RegularExpressions;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Tidy;
using Xunit;

namespace Quoin.Tests;

public class SchemaTests
{
    /// <summary>QUOIN_UPDATE=1 writes the file anew.</summary>
    [Fact]
    public void The_schema_file_is_what_the_loader_checks()
    {
        var file = Path.Combine(Repository.Root, "schemas/quoin.schema.json");
        if (Environment.GetEnvironmentVariable("QUOIN_UPDATE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, SchemaWriter.Write());
        }

        Assert.Equal(File.ReadAllText(file), SchemaWriter.Write());
    }

    [Theory]
    [InlineData("90s", true)]
    [InlineData("10m", true)]
    [InlineData("1h30m", true)]
    [InlineData("1d", true)]
    [InlineData("500ms", true)]
    [InlineData("1.5h", true)]
    [InlineData("PT1H30M", true)]
    [InlineData("P1D", true)]
    [InlineData("P1DT12H", true)]
    [InlineData("none", true)]
    [InlineData("", false)]
    [InlineData("10", false)]
    [InlineData("m", false)]
    [InlineData("30m1h", false)]
    [InlineData("1m1m", false)]
    [InlineData("-1s", false)]
    [InlineData("P", false)]
    [InlineData("PT", false)]
    [InlineData("P1M", false)]
    [InlineData("P1DT", false)]
    public void Editors_and_the_loader_agree_on_durations(string text, bool isRight)
    {
        Assert.Equal(isRight, Regex.IsMatch(text, PatternOf("timeout")));
        Assert.Equal(isRight, text == "none" || Quantities.TryParseDuration(text, out _));
    }

    [Theory]
    [InlineData("200MB", 200_000_000)]
    [InlineData("1GiB", 1 << 30)]
    [InlineData("1.5 kB", 1500)]
    [InlineData("512", 512)]
    [InlineData("2K", 2048)]
    [InlineData("MB", -1)]
    [InlineData("1XB", -1)]
    [InlineData("-1", -1)]
    public void Editors_and_the_loader_agree_on_sizes(string text, long bytes)
    {
        using var schema = JsonDocument.Parse(SchemaWriter.Write());
        var pattern = schema.RootElement.GetProperty("properties").GetProperty("defaults")
            .GetProperty("properties").GetProperty("resources")
            .GetProperty("properties").GetProperty("memory").GetProperty("pattern").GetString()!;

        Assert.Equal(bytes >= 0, Regex.IsMatch(text, pattern));
        Assert.Equal(bytes >= 0, Quantities.TryParseSize(text, out var read));
        Assert.Equal(Math.Max(0, bytes), read);
    }

    static string PatternOf(string key)
    {
        using var schema = JsonDocument.Parse(SchemaWriter.Write());
        return schema.RootElement.GetProperty("properties").GetProperty("defaults")
            .GetProperty("properties").GetProperty(key).GetProperty("pattern").GetString()!;
    }
}
