using System.Collections.Immutable;
using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using Quoin.Core;
using Quoin.Tests.KernelTests;

namespace Quoin.Tests.Model;

/// <summary>
/// Random commands, legal and not, against the production kernel and the reference: the same
/// answer, and the same state after each. FsCheck makes and shrinks them.
/// </summary>
public sealed class ModelTests(ITestOutputHelper output)
{
    static readonly string[] Names = ["a", "b", "c", "d", "x", "y"];

    // Configs that overlap, as two calls of one job's config command may give them.
    static readonly (string Job, string[] Outputs, string[] Inputs)[] Configs =
    [
        ("j0", ["a", "b"], ["x"]), ("j0", ["b", "c"], ["x", "y"]), ("j0", ["c"], ["y"]),
        ("j1", ["x"], []), ("j2", ["y"], ["x"]), ("j3", ["d"], ["a", "c"]),
        ("j3", ["c", "d"], ["x"]),
    ];

    [Fact]
    public void The_kernel_answers_and_changes_as_the_reference_does()
    {
        var seed = Environment.GetEnvironmentVariable("QUOIN_SEED") is { Length: > 0 } text
            ? ulong.Parse(text, CultureInfo.InvariantCulture)
            : 1;
        var isLong = Environment.GetEnvironmentVariable("QUOIN_LONG_TESTS") == "1";
        output.WriteLine($"QUOIN_SEED={seed}");
        var commands = 0;
        var fired = new HashSet<string>();
        var property = Prop.ForAll(
            ArbMap.Default.ArbFor<(byte, byte, byte, byte)[]>(),
            (Action<(byte, byte, byte, byte)[]>)(choices =>
            {
                commands += choices.Length;
                fired.UnionWith(Play(choices, seed));
            }));
        var replay = new Replay(new Rnd(seed, 1), FSharpOption<int>.None);
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(isLong ? 100_000 : 1_500).WithStartSize(40)
                .WithEndSize(300).WithReplay(FSharpOption<Replay>.Some(replay)),
            property);
        var summary = $"model: {commands} commands, seed {seed}, answers: "
            + string.Join(' ', fired.Order(StringComparer.Ordinal));
        output.WriteLine(summary);
        // Not worth much if the random commands never get anywhere.
        Assert.Superset(
            new HashSet<string>(
            [
                "ScheduleRun", "LeaseRun", "CompleteRun", "FailRun", "MissInputs", "Taint",
            ]),
            fired);
    }

    static HashSet<string> Play((byte, byte, byte, byte)[] choices, ulong seed)
    {
        var world = new KernelWorld(slots: 2);
        var reference = new ReferenceKernel();
        var (fired, script) = (new HashSet<string>(), new List<string>());
        foreach (var name in Names) world.P(name);
        reference.Do(new AddWorker(new WorkerId("host/1/a"), 2));
        foreach (var choice in choices)
        {
            var command = Command(world, choice);
            script.Add(Text(world, command));
            var decision = world.Do(command);
            var answer = decision.Event is not null
                ? null
                : decision.Refusal?.Code ?? ReferenceKernel.Nothing;
            var expected = reference.Do(command);
            var (was, shall) = (ReferenceState.Describe(world.State), reference.Describe());
            if (answer != expected || was != shall)
                Assert.Fail($"""
                    QUOIN_SEED={seed}
                    {string.Join('\n', script)}
                    the kernel says {answer ?? "yes"}, the reference {expected ?? "yes"}
                    {string.Join('\n', was.Split('\n').Except(shall.Split('\n')))}
                    and not
                    {string.Join('\n', shall.Split('\n').Except(was.Split('\n')))}
                    """);
            fired.Add(answer ?? command.GetType().Name);
        }
        return fired;
    }

    static KernelCommand Command(KernelWorld world, (byte Kind, byte A, byte B, byte C) choice)
    {
        var (kind, a, b, c) = choice;
        var state = world.State;
        PartitionId P(int number) => world.P(Names[number % Names.Length]);
        var run = state.Runs.Count == 0
            ? null
            : state.Runs.Values.OrderBy(r => r.Id.Value).ElementAt(a % state.Runs.Count);
        // Mostly something that can be scheduled, if there is anything.
        PartitionId Ready() => Enumerable.Range(a, c % 5 == 0 ? 0 : Names.Length).Select(P)
            .Where(state.IsReady).FirstOrDefault(P(a));
        // Often the newest lease, sometimes an older one, or of a run that is over.
        var id = c % 8 == 0 ? new RunId(a % 8) : run?.Id ?? new RunId(1);
        var epoch = (run?.Epoch ?? 1) - (c % 9 == 0 ? 1 : 0);
        var want = state.Wants.Count == 0 || c % 8 == 0
            ? new WantId(a % 5)
            : state.Wants.Values.OrderBy(w => w.Id.Value).ElementAt(a % state.Wants.Count).Id;
        var worker = new WorkerId(c % 8 == 0 ? "host/1/b" : "host/1/a");
        var later = world.Now.AddSeconds(c % 5 == 0 ? 60 : 0);
        return (kind % 20) switch
        {
            0 => new AcceptWant(
                a % 16 == 15 ? [] : [P(a), P(b)],
                new WantOptions { OnFailure = (FailureMode)(c % 3) }),
            1 or 2 or 3 => new ProposePlan(Planned(world, want, a + b)),
            4 => new ProposePlan(new WantPlanned(want, default)),
            5 => new ProposePlan(b % 4 > 0
                ? new PartitionStale(P(a), StaleReason.Changed)
                : new ConfigFailed("j", [P(a), P(c)], new PlanProblem("code", "message"))),
            6 => new ProposePlan(b % 4 > 0
                ? new PlanExtended(want, P(b), default)
                : new AnalysisFailed(want, [])),
            7 or 8 or 9 => new ScheduleRun(Ready(), Supersede: b % 4 == 0),
            10 or 11 => new LeaseRun(id, worker, world.Now),
            12 or 13 => Complete(world, id, epoch, run, b, c),
            14 => new FailRun(id, epoch, new RunFailure(FailureCategory.Failed, "exit 1"))
            {
                Retries = b % 3,
                RetryAt = later,
            },
            15 => new MissInputs(id, epoch, b % 5 == 0 ? [] : [P(b), P(c)])
            {
                AreLost = c % 2 == 0,
            },
            16 => b % 4 == 0
                ? new CancelWant(want, "test")
                : new RequestRunCancel(id, "test") { ToReplan = b % 3 == 0 },
            17 => b % 3 == 0
                ? new ExpireLease(id, epoch, later) { Losses = c % 3, IsReturned = c > 200 }
                : new AckRunCancel(id, epoch),
            18 => Keep(state, [.. Enumerable.Range(a, Names.Length).Select(P)], b),
            _ => (b % 4) switch
            {
                0 => new AddWorker(worker, 1 + (c % 2)),
                1 => new RemoveWorker(worker),
                _ => new Taint(P(a), "test", "why"),
            },
        };
    }

    static KeepCurrent Keep(KernelState state, PartitionId[] all, byte b)
    {
        var p = all.Where(p => state.IsReady(p) && state.TryGetManifest(p, out _))
            .FirstOrDefault(all[0]);
        state.TryGetManifest(p, out var manifest);
        return new KeepCurrent(p, b % 6 == 0 ? default : manifest.Fingerprint);
    }

    static PartitionPlanned Planned(KernelWorld world, WantId want, int number)
    {
        var (job, outputs, inputs) = Configs[number % Configs.Length];
        return new PartitionPlanned(
            want, job, [.. outputs.Select(world.P)], [.. inputs.Select(world.P)]);
    }

    // All claims; or one too few, one too many, one twice.
    static CompleteRun Complete(
        KernelWorld world, RunId id, int epoch, RunToken? run, byte b, byte c)
    {
        var outputs = run?.Claims ?? [];
        var extra = world.P(Names[c % Names.Length]);
        outputs = (b % 8) switch
        {
            0 => outputs.Add(extra),
            1 when outputs.Length > 0 => outputs.RemoveAt(0),
            2 when outputs.Length > 0 => outputs.RemoveAt(0).Add(outputs[^1]),
            3 => [.. outputs, extra, extra],
            _ => outputs,
        };
        return new CompleteRun(id, epoch, [.. outputs.Select(p => new OutputManifest(
            p, KernelWorld.DigestOf($"{p.Value} {b % 3}"), 1 + (b % 3)))])
        {
            Fingerprint = KernelWorld.DigestOf($"{c % 4}"),
        };
    }

    static string Text(KernelWorld world, KernelCommand command) => command switch
    {
        AcceptWant c => $"want {All(world, c.Targets)} {c.Options.OnFailure}",
        ProposePlan { Event: PartitionPlanned e } =>
            $"plan {e.For} {e.Job} {All(world, e.Outputs)} from {All(world, e.Inputs)}",
        ProposePlan { Event: PartitionStale e } => $"stale {world.State.Names.Text(e.Partition)}",
        ProposePlan { Event: ConfigFailed e } => $"config failed {All(world, e.Outputs)}",
        ProposePlan c => c.Event.ToString(),
        ScheduleRun c => $"schedule {world.State.Names.Text(c.Ready)} {c.Supersede}",
        CompleteRun c => $"complete {c.Run} {c.Epoch} "
            + All(world, [.. c.Outputs.Select(o => o.Partition)]),
        MissInputs c => $"{c.Run} {c.Epoch} {(c.AreLost ? "lost" : "needs")} "
            + All(world, c.Needs),
        KeepCurrent c => $"keep {world.State.Names.Text(c.Partition)}",
        Taint c => $"taint {world.State.Names.Text(c.Partition)}",
        _ => command.ToString(),
    };

    static string All(KernelWorld world, ImmutableArray<PartitionId> partitions) =>
        string.Join(' ', partitions.Select(world.State.Names.Text));
}
