using System.Collections.Immutable;
using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

/// <summary>Random graphs against slow, obvious references. A failure prints its seed.</summary>
public sealed class PlanPropertyTests
{
    const int Seeds = 60;

    [Fact]
    public void The_order_of_jobs_does_not_matter()
    {
        ForSeeds(random =>
        {
            var jobs = RandomJobs(random, random.Next(1, 40), edges: 3);
            var shuffled = jobs.ToArray();
            random.Shuffle(shuffled);
            var targets = Targets(random, jobs.Count);

            Assert.Equal(
                AnalysisTests.Dump(new PlanWorld(jobs).Analyze(targets)),
                AnalysisTests.Dump(new PlanWorld(shuffled).Analyze(targets)));
        });
    }

    [Fact]
    public void What_other_plans_left_in_the_name_table_does_not_matter()
    {
        ForSeeds(random =>
        {
            var jobs = RandomJobs(random, random.Next(1, 40), edges: 3);
            var targets = Targets(random, jobs.Count);
            var used = new PlanWorld(jobs);
            for (var i = jobs.Count - 1; i >= 0; i -= random.Next(1, 4)) used.P($"p{i}");

            Assert.Equal(
                AnalysisTests.Dump(new PlanWorld(jobs).Analyze(targets)),
                AnalysisTests.Dump(used.Analyze(targets)));
        });
    }

    [Fact]
    public void Inputs_come_first_and_nothing_is_forgotten()
    {
        ForSeeds(random =>
        {
            var jobs = RandomJobs(random, random.Next(1, 60), edges: 4);
            var targets = Targets(random, jobs.Count);
            var graph = new PlanWorld(jobs).Analyze(targets);

            Assert.Equal(
                Closure(jobs, targets).Order(),
                graph.Order.ToArray().Select(n => graph.Names.Text(graph.Outputs(n)[0])).Order());
            var place = new int[graph.Count];
            foreach (var (i, node) in graph.Order.ToArray().Index()) place[node] = i;
            for (var node = 0; node < graph.Count; node++)
            {
                var producers = graph.Inputs(node).ToArray().Select(graph.ProducerOf).ToList();
                Assert.All(producers, producer => Assert.True(place[producer] < place[node]));
                Assert.All(
                    producers,
                    producer => Assert.Contains(node, graph.Consumers(producer).ToArray()));
                Assert.All(
                    graph.Consumers(node).ToArray(),
                    consumer => Assert.Contains(
                        node, graph.Inputs(consumer).ToArray().Select(graph.ProducerOf)));
            }
        });
    }

    [Fact]
    public void Cycles_block_exactly_what_can_reach_one()
    {
        ForSeeds(random =>
        {
            var count = random.Next(2, 30);
            var jobs = Enumerable.Range(0, count).Select(i => Job(
                $"j{i}", $"p{i}",
                [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => random.Next(count))
                    .Where(input => input != i).Distinct().Select(input => $"p{input}")])).ToList();
            var graph = new PlanWorld(jobs).Analyze(
                [.. Enumerable.Range(0, count).Select(i => $"p{i}")]);

            var needs = NeedsOf(jobs);
            bool OnCycle(string name) => Reachable(needs, needs[name]).Contains(name);
            foreach (var name in needs.Keys)
            {
                var expected = Reachable(needs, [name]).Any(OnCycle);
                Assert.Equal(
                    expected, graph.ProblemOf(graph.ProducerOf(graph.Names.Intern(name))) >= 0);
            }
            foreach (var problem in graph.Problems)
            {
                var cycle = problem.Message.Split(" -> ");
                Assert.Equal(cycle[0], cycle[^1]);
                Assert.Equal(cycle.Length - 1, cycle.Distinct().Count());
                Assert.All(
                    cycle.Zip(cycle.Skip(1)),
                    step => Assert.Contains(step.First, needs[step.Second]));
            }
            // One a component: no two cycles reach each other.
            Assert.All(graph.Problems, one => Assert.All(graph.Problems, other => Assert.True(
                one == other || !MutuallyReachable(needs, one, other))));
        });
    }

    [Fact]
    public void Every_verdict_is_that_of_the_obvious_definition()
    {
        ForSeeds(random =>
        {
            var jobs = RandomJobs(random, random.Next(1, 40), edges: 3);
            var world = new PlanWorld(jobs);
            var all = Enumerable.Range(0, jobs.Count).Select(i => $"p{i}").ToArray();
            world.Build(all);
            var broken = Break(random, world, all);

            var plan = world.Plan(all);

            var needs = NeedsOf(jobs);
            foreach (var name in all)
            {
                var node = plan.Graph.ProducerOf(world.P(name));
                var expected = broken.ContainsKey(name) ? Verdict.Build
                    : Reachable(needs, needs[name]).Any(broken.ContainsKey) ? Verdict.Maybe
                    : Verdict.Current;
                Assert.Equal((name, expected), (name, plan.VerdictOf(node)));
                if (broken.TryGetValue(name, out var reason))
                    Assert.Equal((name, reason), (name, plan.ReasonOf(node)));
            }
            // And after a build according to the plan, nothing is left to do.
            world.Build(all);
            Assert.Equal(all.Length, world.Plan(all).Counts.Current);
        });
    }

    [Fact]
    public void The_kernel_takes_every_event_of_a_plan()
    {
        ForSeeds(random =>
        {
            var jobs = RandomJobs(random, random.Next(1, 40), edges: 3);
            var world = new PlanWorld(jobs);
            var all = Enumerable.Range(0, jobs.Count).Select(i => $"p{i}").ToArray();
            world.Build(all);
            var state = new KernelState(world.Names);
            PublishAll(state, world.Plan(all).Graph);
            Break(random, world, all);
            var plan = world.Plan(Targets(random, jobs.Count));

            var want = Applied<WantAccepted>(state, new AcceptWant(
                [.. plan.Targets, .. plan.AlsoWanted], WantOptions.Default)).Want;
            foreach (var e in PlanEvents.Of(plan, want))
            {
                // What failed or was tainted is Live in this kernel: it only has to be stale there.
                if (e is PartitionPlanned planned)
                {
                    foreach (var output in planned.Outputs)
                    {
                        if (state.PlaceOf(output) == PartitionPlace.Live)
                            Applied<PartitionStale>(state, new ProposePlan(
                                new PartitionStale(output, StaleReason.Changed)));
                    }
                }
                Assert.Equal(e, Applied<BuildEvent>(state, new ProposePlan(e)));
            }
            for (var node = 0; node < plan.Graph.Count; node++)
            {
                Assert.Equal(
                    plan.IsPlanned(node) ? PartitionPlace.Planned : PartitionPlace.Live,
                    state.PlaceOf(plan.Graph.Outputs(node)[0]));
            }
        });
    }

    static T Applied<T>(KernelState state, KernelCommand command)
        where T : BuildEvent
    {
        var decision = Kernel.Decide(state, command);
        Assert.True(decision.Refusal is null && decision.Events is [T], $"{command} was dropped");
        Evolve.Apply(state, decision.Events[0]);
        return (T)decision.Events[0];
    }

    static void PublishAll(KernelState state, JobGraph graph)
    {
        var worker = new WorkerId("host/1/a");
        Evolve.Apply(state, new WorkerAdded(worker, 1));
        var want = Applied<WantAccepted>(state, new AcceptWant(
            [.. Enumerable.Range(0, graph.Count).SelectMany(node => graph.Outputs(node).ToArray())],
            WantOptions.Default)).Want;
        foreach (var node in graph.Order)
            Applied<PartitionPlanned>(state, new ProposePlan(new PartitionPlanned(
                want, graph.JobOf(node).Name, [.. graph.Outputs(node)], [.. graph.Inputs(node)])));
        Applied<WantPlanned>(state, new ProposePlan(new WantPlanned(want, default)));
        foreach (var node in graph.Order)
        {
            var run = Applied<RunScheduled>(
                state, new ScheduleRun(graph.Outputs(node)[0], Supersede: false));
            Applied<RunLeased>(state, new LeaseRun(run.Run, worker, default));
            Applied<RunCompleted>(state, new CompleteRun(
                run.Run, 1, [.. run.Claims.Select(p => new OutputManifest(p, DigestOf("x"), 1))]));
        }
    }

    // Each broken partition with the reason that its test must give.
    static Dictionary<string, StaleReason> Break(Random random, PlanWorld world, string[] all)
    {
        Dictionary<string, StaleReason> broken = [];
        foreach (var name in all)
        {
            ref var fact = ref world.Fact(name);
            switch (random.Next(16))
            {
                case 0:
                    fact = default;
                    broken[name] = StaleReason.NeverBuilt;
                    break;
                case 1:
                    fact = fact with { Standing = Standing.Tainted };
                    broken[name] = StaleReason.Tainted;
                    break;
                case 2:
                    fact = new PartitionFact(Standing.Failed);
                    broken[name] = StaleReason.LastFailed;
                    break;
                case 3:
                    var other = world.Store($"{Fingerprint.Header}\nenv\tX\t1\n");
                    fact = fact with { Fingerprint = other };
                    broken[name] = StaleReason.Changed;
                    break;
                case 4:
                    fact = fact with { Fingerprint = DigestOf(name) }; // Not stored.
                    broken[name] = StaleReason.Changed;
                    break;
                case 5:
                    world.Checks[name] = OutputCheck.Modified;
                    broken[name] = StaleReason.OutputModified;
                    break;
            }
        }
        return broken;
    }

    static List<JobDeclaration> RandomJobs(Random random, int count, int edges) =>
        [.. Enumerable.Range(0, count).Select(i => Job(
            $"j{i}", $"p{i}",
            [.. Enumerable.Range(0, i == 0 ? 0 : random.Next(0, edges + 1))
                .Select(_ => $"p{random.Next(i)}").Distinct()]))];

    static string[] Targets(Random random, int count) =>
        [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => $"p{random.Next(count)}")];

    static HashSet<string> Closure(List<JobDeclaration> jobs, string[] targets) => Reachable(
        NeedsOf(jobs), targets);

    static Dictionary<string, string[]> NeedsOf(List<JobDeclaration> jobs) => jobs.ToDictionary(
        job => job.Outputs[0].Text,
        job => job.Inputs.Select(input => input.Text).ToArray());

    static HashSet<string> Reachable(
        Dictionary<string, string[]> needs, IEnumerable<string> from)
    {
        HashSet<string> seen = [];
        Queue<string> queue = new(from);
        while (queue.TryDequeue(out var name))
        {
            if (!seen.Add(name)) continue;
            foreach (var input in needs[name]) queue.Enqueue(input);
        }
        return seen;
    }

    static bool MutuallyReachable(
        Dictionary<string, string[]> needs, PlanProblem one, PlanProblem other)
    {
        var (a, b) = (one.Message.Split(' ')[0], other.Message.Split(' ')[0]);
        return Reachable(needs, [a]).Contains(b) && Reachable(needs, [b]).Contains(a);
    }

    static void ForSeeds(Action<Random> check)
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            try
            {
                check(new Random(seed));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}", e);
            }
        }
    }
}
