using System.Text;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// A way through an instance as a test that can be pasted into Quoin.Tests: it plays the commands
/// to the kernel that the explorer found, and says at the end what is wrong.
/// </summary>
static class TraceText
{
    public static string Of(KernelModel model, IEnumerable<Move> moves, string rule)
    {
        var body = new StringBuilder();
        var epochs = new Dictionary<int, int>();
        var commands = 0;
        model.After(moves, (command, e) =>
        {
            commands++;
            if (e is RunLeased leased) epochs[leased.Run.Value] = leased.Epoch;
            body.Append("        ").AppendLine(Line(model, command, e));
        });
        return $$"""
            // {{rule}}
            [Fact]
            public void After_{{commands}}_commands()
            {
                var world = new KernelWorld(slots: {{model.Instance.Slots}});
            {{body.ToString().Replace("        ", "    ", StringComparison.Ordinal)}}    world.CheckInvariants();
            }
            """;
    }

    static string Line(KernelModel model, KernelCommand command, BuildEvent e)
    {
        string Name(PartitionId p) => $"\"{model.Instance.Partitions[p.Value]}\"";
        string P(PartitionId p) => $"world.P({Name(p)})";
        string Names(IEnumerable<PartitionId> ps) => string.Join(", ", ps.Select(Name));
        string Run(RunId run) => $"r{run.Value}";
        string Want(WantId want) => $"w{want.Value}";
        string Epoch(RunId run, int epoch) => $"r{run.Value}e{epoch}";
        return (command, e) switch
        {
            (AcceptWant c, WantAccepted a) => $"var {Want(a.Want)} = world.Want("
                + (c.Options.OnFailure == FailureMode.KeepGoing ? ""
                    : $"new WantOptions {{ OnFailure = FailureMode.{c.Options.OnFailure} }}, ")
                + $"{Names(c.Targets)});",
            (ProposePlan { Event: PartitionPlanned p }, _) => $"world.Plan({Want(p.For)}, "
                + $"\"{p.Job}\", [{Names(p.Outputs)}]"
                + (p.Inputs.IsEmpty ? ");" : $", {Names(p.Inputs)});"),
            (ProposePlan { Event: WantPlanned p }, _) => $"world.Planned({Want(p.Want)});",
            (ProposePlan { Event: PartitionStale p }, _) =>
                "world.Do(new ProposePlan(new PartitionStale("
                + $"{P(p.Partition)}, StaleReason.Changed)));",
            (ProposePlan { Event: ConfigFailed p }, _) =>
                $"world.Do(new ProposePlan(new ConfigFailed(\"\", [{P(p.Outputs[0])}], "
                + "new PlanProblem(\"no-producer\", \"none\"))));",
            (ProposePlan { Event: AnalysisFailed p }, _) =>
                $"world.Do(new ProposePlan(new AnalysisFailed({Want(p.Want)}, [])));",
            (KeepCurrent c, _) =>
                $"world.Do(new KeepCurrent({P(c.Partition)}, published)); // as it was published",
            (ScheduleRun { Supersede: true } c, RunScheduled s) =>
                $"var {Run(s.Run)} = ((RunScheduled)world.Do(new ScheduleRun({P(c.Ready)}, true))"
                + ".Event!).Run;",
            (ScheduleRun c, RunScheduled s) =>
                $"var {Run(s.Run)} = world.Schedule({Name(c.Ready)});",
            (LeaseRun c, RunLeased l) =>
                $"var {Epoch(c.Run, l.Epoch)} = world.Lease({Run(c.Run)});",
            (CompleteRun c, _) => $"world.Complete({Run(c.Run)}, {Epoch(c.Run, c.Epoch)}, "
                + $"{Names(c.Outputs.Select(output => output.Partition))});",
            (FailRun c, _) =>
                $"world.Fail({Run(c.Run)}, {Epoch(c.Run, c.Epoch)}, retries: {c.Retries});",
            (MissInputs c, _) => $"world.Do(new MissInputs({Run(c.Run)}, "
                + $"{Epoch(c.Run, c.Epoch)}, [{string.Join(", ", c.Needs.Select(P))}]));",
            (CancelWant c, _) => $"world.Do(new CancelWant({Want(c.Want)}, \"test\"));",
            (RequestRunCancel c, _) => $"world.Do(new RequestRunCancel({Run(c.Run)}, \"test\")"
                + (c.ToReplan ? " { ToReplan = true });" : ");"),
            (AckRunCancel c, _) =>
                $"world.Do(new AckRunCancel({Run(c.Run)}, {Epoch(c.Run, c.Epoch)}));",
            (ExpireLease c, _) => $"world.Do(new ExpireLease({Run(c.Run)}, "
                + $"{Epoch(c.Run, c.Epoch)}, world.Now) {{ Losses = {c.Losses} }});",
            (Taint c, _) => $"world.Do(new Taint({P(c.Partition)}, \"test\", \"why\"));",
            (RemoveWorker, _) => "world.Do(new RemoveWorker(new WorkerId(\"host/1/a\")));",
            (AddWorker c, _) =>
                $"world.Do(new AddWorker(new WorkerId(\"host/1/a\"), {c.Slots}));",
            _ => $"// {command}",
        };
    }
}
