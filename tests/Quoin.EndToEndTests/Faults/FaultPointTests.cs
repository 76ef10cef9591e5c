using Quoin.Core;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Faults;

/// <summary>The same on PostgreSQL, and the moment before workers are notified.</summary>
public sealed class PostgresFaultPointTests(PostgresServer server) : FaultPointTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    private protected override string[] OfStore => ["offered", "offered:2"];
}

/// <summary>
/// kill -9 of a worker, of the coordinator, and of both, at each named fault point: others end what
/// was wanted, and nothing is made twice that was reported once.
/// </summary>
public class FaultPointTests
{
    // How many scenarios go side by side: most of their time they wait for leases.
    const int Abreast = 6;

    const int Partitions = 10;

    const string Graph = """
        quoin: 1
        name: faults
        targets: [all]
        jobs:
          one:
            outputs: ["one/{n:int}"]
            exec: [sh, -c, "echo {n} >> ran; echo {n} > {out}"]
          half:
            outputs: [half]
            inputs: ["one/{n:range(1,4)}"]
            exec: [sh, -c, 'echo half >> ran; cat "$@"', sh, "{in...}"]
            stdout: "{out}"
          all:
            outputs: [all]
            inputs: [half, "one/{n:range(1,8)}"]
            exec: [sh, -c, 'echo all >> ran; cat "$@"', sh, "{in...}"]
            stdout: "{out}"
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    private protected virtual string[] OfStore => [];

    /// <summary>
    /// Where, how often jobs ran more than once, and how many attempts were lost. A worker with one
    /// slot claims its first runs one at a time.
    /// </summary>
    static readonly (string Point, int TwiceMin, int TwiceMax, int LostMin, int LostMax)[] worker =
    [
        ("claimed", 0, 0, 1, 1),
        ("launched", 0, 1, 1, 1),
        ("launched:4", 0, 4, 1, 9),
        ("ended", 1, 1, 1, 1),
        ("ended:3", 1, 3, 1, 9),
        ("reported", 0, 1, 0, 1),
        ("reported:2", 0, 9, 0, 9),
    ];

    string[] CoordinatorPoints =>
        ["read", "read:3", "appended", "appended:2", "appended:3", "appended:5", .. OfStore];

    [Fact]
    public async Task A_worker_that_dies_at_any_point_is_replaced() => await Scenarios.EachAsync(
        worker, Abreast, async point =>
        {
            using var world = new FaultWorld(NewAddress(), Graph);
            await RunAsync(world, point.Point, null);
            var lost = world.Log().OfType<LeaseExpired>().Count();
            Assert.InRange(lost, point.LostMin, point.LostMax);
            Assert.InRange(
                world.Executions, Partitions + point.TwiceMin, Partitions + point.TwiceMax);
            Assert.Equal(Partitions, world.Log().OfType<RunScheduled>().Count());
        });

    [Fact]
    public async Task A_coordinator_that_dies_at_any_point_is_replaced_and_nothing_runs_twice() =>
        await Scenarios.EachAsync(
            CoordinatorPoints, Abreast, async point =>
            {
                using var world = new FaultWorld(NewAddress(), Graph);
                await RunAsync(world, null, point);
                Assert.Equal(Partitions, world.Executions);
                Assert.Empty(world.Log().OfType<LeaseExpired>());
            });

    [Fact]
    public async Task Both_may_die_at_any_points() => await Scenarios.EachAsync(
        from w in new[] { "claimed", "launched", "ended", "reported" }
        from c in CoordinatorPoints.Where(point => point is not ("appended" or "appended:2"))
        select (w, c),
        Abreast, async points =>
        {
            using var world = new FaultWorld(NewAddress(), Graph);
            await RunAsync(world, points.w, points.c);
            Assert.InRange(world.Executions, Partitions, Partitions + 2);
        });

    [Fact]
    public async Task A_build_alone_that_dies_at_any_point_goes_on_at_its_next_start() =>
        await Scenarios.EachAsync(
            ["launched", "launched:4", "ended", "ended:3", "appended", "appended:3"],
            Abreast, async point =>
            {
                using var world = new FaultWorld(NewAddress(), Graph);
                var death = await EndOf(world.StartWith(point, "build", "-j", "1"));
                death.Expect(137);
                var next = await EndOf(world.Start("build", "-j", "1"));
                next.Expect(0);
                Assert.InRange(world.Executions, Partitions, Partitions + 1);
                world.Finish();
            });

    /// <summary>
    /// A worker and a coordinator without slots; each that dies is followed by a fresh one.
    /// </summary>
    static async Task RunAsync(FaultWorld world, string? workerFault, string? coordinatorFault)
    {
        string[] build = ["build", "-j", "0"], work = ["worker", "-j", "1"];
        var building = Task.Run(async () =>
        {
            if (coordinatorFault is not null)
                (await EndOf(world.StartWith(coordinatorFault, build))).Expect(137);
            (await EndOf(world.Start(build))).Expect(0);
        });
        var worker = world.StartWith(workerFault, work);
        if (workerFault is not null)
        {
            var death = EndOf(worker);
            if (await Task.WhenAny(death, building) == death)
            {
                (await death).Expect(137);
                worker = world.Start(work);
            }
            else Assert.Fail($"the worker never came to {workerFault}");
        }
        await building;
        worker.Terminate();
        (await EndOf(worker)).Expect(0);
        world.Finish();
    }

    static Task<CommandResult> EndOf(QuoinProcess process) => Task.Run(process.WaitForExit);
}
