using Quoin.Cli;
using Quoin.Core;

namespace Quoin.Tests.Cli;

/// <summary>What people read of things outside.</summary>
public sealed class ResourceViewTests
{
    static readonly RunFailure Refused = new(FailureCategory.Failed, "HTTP 409");

    [Fact]
    public void A_want_says_when_it_is_ready_and_what_was_given_back()
    {
        var story = Plain(verbose: false);
        var (storage, session) = Live(story);
        story.Seconds = 60;
        story.Log(new RunLeased(session, default, 9));
        story.Log(new ResourceEnded(session, 9));
        story.Log(new WantReleaseRequested(story.Progress.Want, "s"));
        story.Log(new RunLeased(session, default, 10));
        story.Log(new ResourceReleased(session, 10));
        story.Log(new ReleaseScheduled(storage, null));
        story.Log(new RunLeased(storage, default, 2));
        story.Log(new ResourceReleased(storage, 2));
        story.Log(new WantSucceeded(story.Progress.Want));
        story.View!.End(story.Now, ExitCode.Ok);

        Assert.Equal(
            """
            w-18  1 wanted: 2 partitions = 0 current, 2 to build
                  why: 2 never built
            12:00:01 live      storage/42 (after 1s)
            12:00:04 unknown   session/42 HTTP 503, again in 5s
            12:00:20 live      session/42 (after 19s)
            12:00:20 ready     w-18  session/42 {"url":"http://x"}
            12:01:00 ended     session/42
            12:01:00 released  session/42
            12:01:00 released  storage/42
            w-18 succeeded: 2 of 2: 2 built, 0 current
            0:01:00 elapsed, 0:00:00 cpu, factor 0.00

            """,
            story.Err);
        Assert.Equal(0, story.Progress.Running);
    }

    [Fact]
    public void Who_wants_to_see_everything_sees_each_call()
    {
        var story = Plain(verbose: true);
        Live(story);

        Assert.Equal(
            """
            12:00:00 building  storage/42 on host-a/1
            12:00:01 live      storage/42 (after 1s)
            12:00:01 building  session/42 on host-a/1
            12:00:03 busy      session/42 starting, again in 5s
            12:00:04 unknown   session/42 HTTP 503, again in 5s
            12:00:05 hook      session/42 1
            12:00:20 live      session/42 (after 19s)
            """,
            string.Join('\n', story.Err.Split('\n').Skip(2).SkipLast(2)));
    }

    [Fact]
    public void What_cannot_be_given_back_is_said_loudly()
    {
        var story = Plain(verbose: false);
        var (storage, _) = Live(story);
        story.Seconds = 100;
        story.Log(new RunLeased(storage, default, 2));
        story.Log(new ReleaseFailed(storage, 2, Refused) { RetryAt = story.Now.AddSeconds(2) });
        story.Log(new RunLeased(storage, default, 3));
        story.Log(new ReleaseFailed(storage, 3, Refused));
        story.Log(new InterventionOpened(new InterventionId(1), storage, "release-failed")
        {
            Reason = "HTTP 409 for 24h",
        });
        story.Log(new InterventionResolved(
            new InterventionId(1), storage, InterventionAnswer.Released));

        Assert.Equal(
            """
            12:01:40 retry     storage/42 release again in 2s: failed: HTTP 409
            12:01:40 NOT RELEASED storage/42 failed: HTTP 409
            12:01:40 ASK       storage/42 i-1 release-failed: HTTP 409 for 24h  (quoin interventions)
            12:01:40 answered  storage/42 i-1 released
            """,
            string.Join('\n', story.Err.TrimEnd('\n').Split('\n').TakeLast(4)));
    }

    // Its thing may be there: it is given back before the next run tries.
    [Fact]
    public void A_life_that_failed_is_followed_by_another_and_nothing_runs_in_the_end()
    {
        var story = Plain(verbose: false);
        var (_, session) = Live(story, hookFails: true);
        story.Log(new RunLeased(session, default, 5) { At = story.Now });
        story.Log(new ResourceReleased(session, 5));
        var again = story.Start("session/42");
        Assert.Equal(1, story.Progress.Running);
        story.Complete(again, 10);

        Assert.Equal(
            """
            12:00:20 retry     session/42 in 2s (2 of 3): exit 1
            12:00:20 released  session/42
            12:00:20 live      session/42 (after 19s)
            """,
            string.Join('\n', story.Err.TrimEnd('\n').Split('\n').TakeLast(3)));
        Assert.Equal(0, story.Progress.Running);
    }

    static BuildStory Plain(bool verbose)
    {
        var story = new BuildStory(verbose: verbose);
        story.View = new PlainBuildView(
            story.Cli, story.Progress, BuildStory.History with { TimeLeft = () => null });
        return story;
    }

    // Storage, then a session on it: busy, unknown, a hook, there.
    static (RunId Storage, RunId Session) Live(BuildStory story, bool hookFails = false)
    {
        story.Accept("session/42");
        foreach (var (job, input) in ((string, string?)[])[("session", "storage/42"),
            ("storage", null)])
            story.Log(new PartitionPlanned(
                story.Progress.Want, job, story.Ps($"{job}/42"),
                input is null ? [] : story.Ps(input))
            {
                Resource = new ResourcePolicy(),
            });
        story.Planned(2, 0, 2);
        var storage = story.Start("storage/42");
        story.Seconds = 1;
        story.Complete(storage, 20);
        var session = story.Start("session/42");
        story.Seconds = 3;
        story.Log(new RunDeferred(session, 1, story.Now.AddSeconds(5)) { Detail = "starting" });
        story.Seconds = 4;
        story.Log(new RunLeased(session, default, 2));
        story.Log(new RunDeferred(session, 2, story.Now.AddSeconds(5))
        {
            Kind = DeferKind.Unknown,
            Detail = "HTTP 503",
        });
        story.Seconds = 5;
        story.Log(new RunLeased(session, default, 3));
        story.Log(new RunStarted(session, 3, 1));
        story.Log(new RunLeased(session, default, 4));
        story.Seconds = 20;
        if (hookFails)
        {
            story.Log(new RunFailed(session, 4, Refused with { ExitCode = 1 })
            {
                MayExist = true,
                RetryAt = story.Now.AddSeconds(2),
            });
            return (storage, session);
        }
        story.Complete(session, 10);
        story.Log(new WantReady(story.Progress.Want)
        {
            Connections = [new(story.P("session/42"), """{"url":"http://x"}""")],
        });
        return (storage, session);
    }
}
