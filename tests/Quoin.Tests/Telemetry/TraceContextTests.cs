using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Telemetry;

/// <summary>Places in traces as text: the traceparent of others, and what a want keeps.</summary>
public sealed class TraceContextTests
{
    const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public void A_traceparent_is_read_and_written()
    {
        var context = TraceContext.Read(Parent)!.Value;

        Assert.Equal(0xb7ad6b7169203331, context.Span);
        Assert.True(context.IsRecorded);
        Assert.Equal(Parent, context.ToString());
        Assert.False(TraceContext.Read(Parent[..^1] + "0")!.Value.IsRecorded);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331")]
    [InlineData("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-b7ad6b7169203331")]
    public void What_is_none_is_not_obeyed(string? text) => Assert.Null(TraceContext.Read(text));

    [Fact]
    public void A_want_keeps_whose_it_is_and_its_own_span()
    {
        var trace = WantTrace.Read(Parent)!.Value;
        Assert.Equal((0UL, Parent), (trace.Span, trace.ToString()));

        var own = trace with { Span = 0xab };
        Assert.Equal($"{Parent}-00000000000000ab", own.ToString());
        Assert.Equal(own, WantTrace.Read(own.ToString()));
        Assert.Null(WantTrace.Read($"{Parent}-xy"));
        Assert.Null(WantTrace.Read("none"));
    }

    [Fact]
    public void Ids_of_runs_and_attempts_follow_from_the_want()
    {
        var own = WantTrace.Read(Parent)!.Value with { Span = 0xab };
        var (run, other) = (new RunId(19), new RunId(20));

        Assert.Equal(own.Of(run), WantTrace.Read(own.ToString())!.Value.Of(run));
        ulong[] all =
        [
            own.Span, own.Of(run).Span, own.Of(other).Span, own.Of(run, 1).Span,
            own.Of(run, 2).Span, (own with { Span = 0xac }).Of(run).Span,
        ];
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.All(all, id => Assert.NotEqual(0UL, id));
        Assert.Equal(own.Parent.Trace, own.Of(run, 2).Trace);
    }
}
