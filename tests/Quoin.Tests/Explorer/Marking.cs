using System.Buffers;
using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// A state of an instance: the production kernel's, and what the environment has left to do. As
/// bytes it is canonical, so that equal bytes mean equal futures: see <see cref="Normalize"/>.
/// </summary>
sealed class Marking
{
    /// <summary>More runs of one job than this mean that something goes round and round.</summary>
    public const int RunsMax = 8;

    const int Budgets = 12;

    public static readonly WorkerId Worker = new("host/1/a");
    public static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    readonly byte[] environment; // wants, runs so far of each job, budgets left

    Marking(Instance instance, PartitionNames names, KernelState kernel, byte[] environment)
    {
        Instance = instance;
        Names = names;
        Kernel = kernel;
        this.environment = environment;
    }

    public Instance Instance { get; }
    public PartitionNames Names { get; }
    public KernelState Kernel { get; }

    /// <summary>Processes whose lease is over and that do not know it yet.</summary>
    public List<(int Run, int Epoch)> Zombies { get; private init; } = [];

    /// <summary>Is told each event before it is applied; what it returns is called after.</summary>
    public Func<BuildEvent, Action?>? Watch { get; set; }

    /// <summary>Is told the footprint of each event, before it is applied.</summary>
    public Action<Footprint>? Touched { get; set; }

    /// <summary>Is told which tokens the planner looks at.</summary>
    public Action<TokenRef>? Reads { get; set; }

    /// <summary>Is told each command that the kernel answered with an event.</summary>
    public Action<KernelCommand, BuildEvent>? Record { get; set; }

    public WantStanding this[int want]
    {
        get => (WantStanding)environment[want];
        private set => environment[want] = (byte)value;
    }

    public ref byte RunsOf(int job) => ref environment[Instance.Wants.Length + job];

    public ref byte Left(Budget budget) =>
        ref environment[environment.Length - Budgets + (int)budget];

    /// <summary>Names in the order of the instance's letters.</summary>
    public static PartitionNames NamesOf(Instance instance)
    {
        var names = new PartitionNames();
        foreach (var letter in instance.Partitions) names.Intern([letter]);
        return names;
    }

    public static Marking Start(Instance instance, PartitionNames names)
    {
        var jobs = instance.Jobs.Length;
        var environment = new byte[instance.Wants.Length + jobs + Budgets];
        var marking = new Marking(instance, names, new KernelState(names), environment);
        marking.Left(Budget.Cancels) = (byte)instance.Cancels;
        marking.Left(Budget.Expiries) = (byte)instance.Expiries;
        marking.Left(Budget.Taints) = (byte)instance.Taints;
        marking.Left(Budget.Stales) = (byte)instance.Stales;
        marking.Left(Budget.Drops) = (byte)instance.Drops;
        marking.Left(Budget.Removals) = (byte)instance.Removals;
        marking.Left(Budget.Defers) = (byte)instance.Defers;
        marking.Left(Budget.Looks) = (byte)instance.Looks;
        marking.Left(Budget.BadReleases) = (byte)instance.BadReleases;
        marking.Left(Budget.Timeouts) = (byte)instance.Timeouts;
        marking.Left(Budget.Wakes) = (byte)instance.Wakes;
        marking.Left(Budget.Extras) = (byte)instance.Extras;
        marking.Kernel.CellOf(new PartitionId(instance.Partitions.Length - 1));
        marking.Do(new AddWorker(Worker, instance.Slots));
        return marking;
    }

    /// <summary>Asks the kernel; the ids that it gives depend on the instance alone.</summary>
    public Decision Do(KernelCommand command, int nextId = 0)
    {
        // Ids count up in production, so their values depend on who came first. They mean nothing;
        // here want i is always w-(i+1), and the n-th run of a job always has the same id.
        if (command is AcceptWant or OfferWant) Kernel.LastWant = nextId - 1;
        // A run has one question open at a time.
        if (command is OpenIntervention ask) Kernel.LastIntervention = ask.Run.Value - 1;
        if (command is ScheduleRun) Kernel.LastRun = nextId - 1;
        var decision = Core.Kernel.Decide(Kernel, command);
        if (decision.Event is { } e)
        {
            Record?.Invoke(command, e);
            Touched?.Invoke(FootprintOf(e));
            var after = Watch?.Invoke(e);
            Evolve.Apply(Kernel, e);
            foreach (var (want, outcome) in Kernel.Notices.Ended)
                this[want.Id.Value - 1] = (WantStanding)((int)outcome + 2);
            if (e is WantAccepted accepted) this[accepted.Want.Value - 1] = WantStanding.Open;
            if (e is WantOffered offered) this[offered.Want.Value - 1] = WantStanding.Offered;
            after?.Invoke();
            Kernel.Notices.Clear();
        }
        Kernel.LastWant = Instance.Wants.Length;
        Kernel.LastRun = Instance.Jobs.Length * RunsMax;
        Kernel.LastIntervention = Instance.Jobs.Length * RunsMax;
        return decision;
    }

    Footprint FootprintOf(BuildEvent e) =>
        Net.Transitions.Single(row => row.Event == e.GetType()).Footprint(Kernel, e);

    /// <summary>The job whose run has an id; the run's number among those of the job.</summary>
    public static (int Job, int Number) JobOf(RunId run) =>
        ((run.Value - 1) / RunsMax, (run.Value - 1) % RunsMax);

    public static int RunIdOf(int job, int number) => 1 + (job * RunsMax) + number;

    public PartitionId P(char letter) => new(Instance.Partitions.IndexOf(letter));

    public ImmutableArray<PartitionId> Ps(string letters) => [.. letters.Select(P)];

    public IEnumerable<PartitionId> All =>
        Enumerable.Range(0, Instance.Partitions.Length).Select(i => new PartitionId(i));

    /// <summary>
    /// Forgets what no transition looks at: how many events there were (of the times of wants and
    /// failures only their order counts, and only between a want and a failure), and in which
    /// order lists of a set were filled.
    /// </summary>
    public void Normalize()
    {
        var s = Kernel;
        var times = s.Wants.Values.Select(want => (At: want.AcceptedAt, Id: want.Id.Value))
            .Concat(s.FailureTable.Select(failure => (failure.Value.At, Id: -1 - failure.Key)))
            .Order().ToArray();
        long time = 2;
        var wasFailure = false;
        foreach (var (at, id) in times)
        {
            if (id > 0 && wasFailure) time += 2;
            wasFailure = id < 0;
            if (id > 0) s.WantTable[id].AcceptedAt = time;
            else if (at != time + 1)
                s.FailureTable[-1 - id] = s.FailureTable[-1 - id] with { At = time + 1 };
        }
        s.Sequence = time + 2;
        foreach (var list in s.FoundTable.Values) Array.Sort(list, (a, b) => a.Value - b.Value);
        Zombies.Sort();
    }

    /// <summary>The same environment around another kernel state.</summary>
    public Marking With(KernelState kernel) =>
        new(Instance, Names, kernel, [.. environment]) { Zombies = [.. Zombies] };

    /// <summary>The normalized marking as bytes.</summary>
    public byte[] Save()
    {
        Normalize();
        var buffer = new ArrayBufferWriter<byte>(512);
        buffer.Write(environment);
        buffer.Write([(byte)Zombies.Count]);
        foreach (var (run, epoch) in Zombies) buffer.Write([(byte)run, (byte)epoch]);
        KernelSnapshot.Write(Kernel, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    public static Marking Load(Instance instance, PartitionNames names, ReadOnlySpan<byte> bytes)
    {
        var length = instance.Wants.Length + instance.Jobs.Length + Budgets;
        var environment = bytes[..length].ToArray();
        bytes = bytes[length..];
        var zombies = new List<(int, int)>(bytes[0]);
        for (var i = 0; i < bytes[0]; i++) zombies.Add((bytes[1 + (2 * i)], bytes[2 + (2 * i)]));
        var kernel = KernelSnapshot.Read(bytes[(1 + (2 * bytes[0]))..], names);
        return new Marking(instance, names, kernel, environment) { Zombies = zombies };
    }
}
