using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// One way to show a build: a live screen, plain lines, JSON lines. A view is told everything in
/// the order in which it was logged, by one thread.
/// </summary>
interface IBuildView
{
    /// <summary>An event was applied to the progress, and this is what it meant.</summary>
    void Show(LoggedEvent logged, IReadOnlyList<ProgressNotice> notices);

    /// <summary>A piece of news that is no event: <c>waiting for 2 runs to stop</c>.</summary>
    void Say(string message);

    /// <summary>Time has passed: repaint, or give a sign of life.</summary>
    void Tick(DateTimeOffset now);

    /// <summary>The want is over: the last words.</summary>
    void End(DateTimeOffset now, int exitCode);
}
