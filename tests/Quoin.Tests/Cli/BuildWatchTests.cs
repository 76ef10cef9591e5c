using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Cli;

public sealed class BuildWatchTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    // It used to take the other one for its own: Ctrl-C cancelled that.
    [Fact]
    public async Task A_build_that_others_asked_before_watches_its_own_want()
    {
        using var world = new EngineWorld("""
            quoin: 1
            jobs:
              one:
                outputs: ["one/{n}"]
                exec: [sh, -c, "echo x > $0", "{out}"]
            """);
        var graph = GraphLoader.Load(world.Workspace.Root, world.Workspace.GraphFile).Graph!;
        var others = new WantRequest { Targets = ["one/1", "one/2"], Text = "of others" };
        await world.Store.SendAsync(new StoreCommand.Accept(others, graph).ToInbox("other"), Ct);
        var watch = new BuildWatch(TimeProvider.System);
        await using var session = BuildSession.Open(new BuildSessionOptions
        {
            Workspace = world.Workspace,
            Graph = graph,
            Store = world.Store,
            Time = TimeProvider.System,
            Random = new Random(1),
            Worker = new WorkerId("host/1/1"),
            Slots = 1,
            IsShared = true,
            PlansAtOnce = true,
            Observer = watch,
        });
        var progress = new BuildProgress(null, session.Names);
        var view = new View();
        var asked = session.WantAsync(new WantRequest { Targets = ["one/3"] });
        await watch.ShowAsync(
            progress, view, asked, () => progress.EndedAt is not null,
            TimeSpan.FromSeconds(1)).WaitAsync(TimeSpan.FromSeconds(60), Ct);

        Assert.Equal(new WantId(2), (await asked).Want);
        Assert.Equal(new WantId(2), progress.Want);
        Assert.Equal((1, 1), (progress.Wanted, progress.Built));
        Assert.Equal(["w-1 of another process: of others"], view.Said);
    }

    sealed class View : IBuildView
    {
        public List<string> Said { get; } = [];

        public void Show(LoggedEvent logged, IReadOnlyList<ProgressNotice> notices) { }

        public void Say(string message) => Said.Add(message);

        public void Tick(DateTimeOffset now) { }

        public void End(DateTimeOffset now, int exitCode) { }
    }
}
