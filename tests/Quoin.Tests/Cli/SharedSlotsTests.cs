using Quoin.Cli;
using Xunit;

namespace Quoin.Tests.Cli;

public sealed class SharedSlotsTests
{
    [Fact]
    public void Who_came_first_gets_the_slot_that_is_free_again_and_who_left_the_line_does_not()
    {
        var slots = new SharedSlots(1);
        var first = slots.Enter();
        var second = slots.Enter();
        var third = slots.Enter();
        var fourth = slots.Enter();
        Assert.True(first.Wait(TimeSpan.Zero));
        Assert.False(second.Wait(TimeSpan.Zero));
        second.Dispose();
        Assert.False(third.Wait(TimeSpan.Zero));
        first.Dispose();
        Assert.True(third.Wait(TimeSpan.Zero));
        Assert.False(fourth.Wait(TimeSpan.Zero));
        third.Dispose();
        fourth.Dispose();
        Assert.True(slots.Enter().Wait(TimeSpan.Zero));
    }
}
