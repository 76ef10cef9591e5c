using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>
/// A worker process on the simulated store: it takes turns as <see cref="StoreWorker"/> does, on
/// one thread. Turns get lost before or after their commit; it pauses past its lease; it dies.
/// </summary>
sealed class SimulatedWorker
{
    static readonly TimeSpan lease = TimeSpan.FromSeconds(60);

    readonly SimulatedWorld world;
    readonly FileStampCache files;
    readonly int slots;
    readonly Dictionary<RunId, Attempt> held = [];
    readonly List<EndedRun> ended = [];
    readonly HashSet<(RunId, int)> claims = []; // Those of lost answers, too.
    TimeSpan renewedAt;
    int names;

    public SimulatedWorker(SimulatedWorld world, int number, FileStampCache files)
    {
        (this.world, this.files) = (world, files);
        slots = world.Random.Next(1, 3);
        Name = $"worker {number}";
        Owner = $"there/{number}/0";
        Join();
    }

    public string Name { get; }
    public string Owner { get; private set; }
    public bool IsDead { get; private set; }

    /// <summary>Stopped until then, in elapsed time.</summary>
    public TimeSpan PausedTo { get; set; }

    bool LeaseHolds => world.Time.Elapsed - renewedAt < lease;

    void Join()
    {
        Owner = $"{Owner[..Owner.LastIndexOf('/')]}/{++names}";
        var info = new WorkerInfo { Owner = Owner, Slots = slots, Capacity = slots + 2 };
        var joined = new StoreCommand.Joined(info).ToInbox($"joined/{Owner}");
        world.Store.JoinAsync(info, lease, joined, default).GetAwaiter().GetResult();
        renewedAt = world.Time.Elapsed;
        world.Say($"{Name} joins as {Owner}");
    }

    /// <summary>SIGKILL: what it published last may be unheard of.</summary>
    public void Die()
    {
        IsDead = true;
        world.Say($"{Name} died with {held.Count} runs");
        foreach (var attempt in held.Values)
            if (world.Random.Next(8) == 0 && LeaseHolds) attempt.Finish(world);
        held.Clear();
    }

    /// <summary>What it does when it is woken, and every few seconds.</summary>
    public void Turn(bool faults)
    {
        if (IsDead || PausedTo > world.Time.Elapsed) return;
        foreach (var attempt in held.Values.ToArray()) End(attempt, faults);
        var turn = new WorkerTurn
        {
            Owner = Owner,
            Ended = [.. ended],
            Known = [.. held.Keys],
            Claim = Math.Max(0, slots + world.Random.Next(3) - held.Count),
            FreeCpu = slots + 2,
            Cpu = slots,
            LeasedBody = StoreCommand.LeasedBody(Owner),
            Renew = world.Time.Elapsed - renewedAt >= lease / 4 ? lease : null,
        };
        var fault = faults ? world.Random.Next(20) : 19;
        if (fault == 0) return; // It never arrived.
        var asked = world.Time.Elapsed;
        var answer = world.Store.WorkAsync(turn, default).GetAwaiter().GetResult();
        foreach (var claimed in answer.Claimed)
            if (claims.Add((claimed.Run, claimed.Epoch)))
                world.Claimed(claimed.Run, claimed.Epoch);
        if (fault == 1)
        {
            world.Say($"{Name} gets no answer");
            return;
        }
        if (turn.Renew is not null && answer.IsKnown) renewedAt = asked;
        Take(turn, answer);
    }

    void Take(WorkerTurn turn, WorkerAnswer answer)
    {
        ended.RemoveRange(0, turn.Ended.Count);
        foreach (var end in turn.Ended)
            world.Say($"{Name} hands in {end.Run}"
                + (answer.TooLate.Contains(end.Run) ? ", too late" : ""));
        var ours = answer.Held.ToDictionary(run => (run.Run, run.Epoch));
        foreach (var attempt in held.Values.ToArray())
        {
            if (!ours.TryGetValue((attempt.Id.Run, attempt.Epoch), out var run))
            {
                world.Say($"{Name} has lost {attempt.Id}");
                held.Remove(attempt.Id.Run);
            }
            else if (run.Stop is not null) attempt.IsStopped = true;
        }
        foreach (var claimed in answer.Claimed)
        {
            var spec = AttemptSpec.Read(claimed.Spec.Span);
            world.Say($"{Name} has {spec.Id} ({spec.Config.Outputs[0]}), epoch {claimed.Epoch}");
            held.Add(claimed.Run, new Attempt(world, spec, claimed.Epoch, files));
        }
        if (!answer.IsKnown) Join();
    }

    void End(Attempt attempt, bool faults)
    {
        if (attempt.EndsAt > world.Time.Elapsed && !attempt.IsStopped) return;
        var failure = faults ? world.Random.Next(12) : 11;
        var result = attempt switch
        {
            _ when !LeaseHolds => new JobResult { End = JobEnd.LeaseLost },
            { IsStopped: true } when world.Random.Next(4) > 0 =>
                new JobResult { End = JobEnd.Cancelled },
            _ when failure == 0 => Attempt.Failed(FailureCategory.Temporary, "exit 75"),
            _ when failure == 1 =>
                Attempt.Failed((FailureCategory)world.Random.Next(9), "exit 1"),
            _ => attempt.Finish(world),
        };
        held.Remove(attempt.Id.Run);
        world.Say($"{Name}: {attempt.Id} {result.End}");
        var end = new EndedAttempt(attempt.Id, attempt.Epoch, attempt.Fingerprint, result);
        ended.Add(new EndedRun(
            attempt.Id.Run, attempt.Id.Attempt, attempt.Epoch, end.ToBytes(), null));
    }

    /// <summary>One attempt: what its job reads when it starts, and what comes of it.</summary>
    sealed class Attempt
    {
        readonly AttemptSpec spec;
        readonly SimulatedJob job;
        readonly WatchedFiles watched;
        readonly Dictionary<string, string?> read = [];
        readonly string? tool;

        public Attempt(SimulatedWorld world, AttemptSpec spec, int epoch, FileStampCache files)
        {
            (this.spec, Epoch) = (spec, epoch);
            job = world.Graph.Job(spec.Config.Job);
            watched = new WatchedFiles(files, spec.Watched);
            tool = job.Tool is null ? null : world.Disk.Text(job.Tool);
            EndsAt = world.Time.Elapsed + TimeSpan.FromMilliseconds(world.Random.Next(20_000));
            for (var i = 0; i < spec.Inputs.Length; i++)
                if (world.Random.Next(2) == 0) Read(world, i);
        }

        public AttemptId Id => spec.Id;
        public int Epoch { get; }
        public Digest Fingerprint => spec.Fingerprint;
        public TimeSpan EndsAt { get; }
        public bool IsStopped { get; set; }

        public static JobResult Failed(FailureCategory category, string reason) => new()
        {
            End = JobEnd.Failed,
            Failure = new RunFailure(category, reason) { ExitCode = 1 },
        };

        public JobResult Finish(SimulatedWorld world)
        {
            for (var i = 0; i < spec.Inputs.Length; i++)
                if (!read.ContainsKey(spec.Config.Inputs[i])) Read(world, i);
            if (read.FirstOrDefault(input => input.Value is null).Key is { } missing)
                return Failed(FailureCategory.Failed, $"{missing} is not there");
            if (job.Needs is { } needs && !read.ContainsKey(needs))
                return new() { End = JobEnd.NeedsInputs, Needs = [needs] };
            var inputs = read.ToDictionary(input => input.Key, input => input.Value!);
            if (job.Tool is not null) inputs[job.Tool] = tool!;
            var published = ImmutableArray.CreateBuilder<PublishedOutput>();
            for (var i = 0; i < spec.Outputs.Length; i++)
            {
                if (!spec.Outputs[i].Claimed) continue;
                var (name, path) = (spec.Config.Outputs[i], spec.Outputs[i].Path);
                var text = SimulatedGraph.Make(job, name, inputs);
                published.Add(new PublishedOutput(
                    name, path, SimulatedDisk.DigestOf(text), Encoding.UTF8.GetByteCount(text),
                    world.Disk.Replace(path, text), null));
            }
            return new JobResult
            {
                End = JobEnd.Completed,
                Outputs = published.ToImmutable(),
                SourceMoved = watched.Moved() is not null,
            };
        }

        void Read(SimulatedWorld world, int input) =>
            read[spec.Config.Inputs[input]] = world.Disk.Text(spec.Inputs[input].Path);
    }
}
