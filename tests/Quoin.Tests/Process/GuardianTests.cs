using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests;

public sealed class GuardianTests
{
    // Each kills what carries its mark when it goes, so nobody else may have that one.
    [Fact]
    public void Two_guardians_of_one_moment_have_two_marks()
    {
        using var folder = new TestFolder();
        var time = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var one = new Guardian(folder.Root, time);
        using var other = new Guardian(folder.Root, time);
        Assert.NotEqual(one.Owner, other.Owner);
    }
}
