namespace Quoin.EndToEndTests.Faults;

/// <summary>SIGTERM to a build that does what others want, too.</summary>
public sealed class LeavingTests
{
    const string Graph = """
        quoin: 1
        name: leaving
        jobs:
          long:
            outputs: [long]
            exec: [sh, -c, "echo began >> ran; until [ -e go ]; do sleep .02; done; echo 1 > {out}"]
          quick: {outputs: [quick], exec: [sh, -c, "echo 1 > {out}"]}
        """;

    [Fact]
    public void Told_once_it_waits_for_what_runs_and_told_twice_it_does_not()
    {
        using var world = new TestWorkspace();
        world.Write("quoin.yaml", Graph);
        var dead = world.Start("build", "long");
        TestWorkspace.Until(() => Began() == 1);
        dead.Kill();
        dead.WaitForExit();
        var build = world.Start("build", "quick", "-j", "2"); // It goes on with both.
        TestWorkspace.Until(() => Began() == 2 && world.Exists(".quoin/data/quick"));

        build.Terminate();
        build.WaitForLine(
            line => line.StartsWith("waiting for what runs here", StringComparison.Ordinal));
        build.Terminate();
        build.WaitForExit();

        world.Write("go", "");
        world.Quoin("build", "long").Expect(0);
        Assert.Equal(3, Began());

        int Began() => world.Exists("ran") ? File.ReadAllLines(world.PathOf("ran")).Length : 0;
    }
}
