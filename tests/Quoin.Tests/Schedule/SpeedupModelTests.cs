using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Schedule;

public sealed class SpeedupModelTests
{
    [Fact]
    public void What_follows_the_law_is_found_again()
    {
        // t(n) = 100 + 900/n
        var model = new SpeedupModel([new(1, 1_000), new(2, 550), new(4, 325)]);

        Assert.Equal([1_000, 550, 400, 325, 212], [.. Ms(model, 1, 2, 3, 4, 8)]);
    }

    [Fact]
    public void Of_one_measurement_nine_tenths_are_shared()
    {
        Assert.Equal([1_000, 550, 212], [.. Ms(new([new(1, 1_000)]), 1, 2, 8)]);
        Assert.Equal([1_000, 550, 212], [.. Ms(new([new(2, 550)]), 1, 2, 8)]);
    }

    [Fact]
    public void Past_the_best_point_measurements_are_joined_by_lines()
    {
        var model = new SpeedupModel([new(1, 800), new(2, 400), new(4, 600), new(8, 1_400)]);

        Assert.Equal(
            [800, 400, 500, 600, 1_000, 1_400, 1_800], [.. Ms(model, 1, 2, 3, 4, 6, 8, 10)]);
    }

    [Fact]
    public void Up_to_the_best_point_more_cores_never_take_longer()
    {
        for (var seed = 1; seed <= 500; seed++)
        {
            var random = new Random(seed);
            var counts = Enumerable.Range(1, 16).Where(_ => random.Next(3) == 0).DefaultIfEmpty(1);
            CoreTime[] times = [.. counts.Select(n => new CoreTime(n, random.Next(1, 10_000)))];
            var best = times.MinBy(time => time.Ms).Cores;
            var model = new SpeedupModel(times);

            for (var n = 2; n <= best; n++)
                Assert.True(model.Ms(n) <= model.Ms(n - 1), $"seed {seed}, {n} cores");
        }
    }

    [Theory]
    [InlineData("1", 1, 0)]
    [InlineData("0", 0, 0)]
    [InlineData("4096", 4096, 0)]
    [InlineData("1-8", 1, 8)]
    [InlineData("4-4", 4, 4)]
    public void Cores_are_a_number_or_a_range(string text, int least, int most)
    {
        Assert.True(CoreRange.TryParse(text, out var cores));
        Assert.Equal(new CoreRange(least, most), cores);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("8-1")]
    [InlineData("0-8")]
    [InlineData("1-")]
    [InlineData("1-4097")]
    [InlineData("1 - 8")]
    [InlineData("two")]
    public void Everything_else_is_none(string text) =>
        Assert.False(CoreRange.TryParse(text, out _));

    static IEnumerable<int> Ms(SpeedupModel model, params int[] cores) => cores.Select(model.Ms);
}
