using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// One attempt of a run as it travels to a worker: everything that its execution needs, with paths
/// relative to the workspace, which may lie elsewhere on another host. As bytes it is the message
/// AttemptSpec of proto/quoin/v1/worker.proto.
/// </summary>
sealed record AttemptSpec
{
    /// <summary>Run and attempt.</summary>
    public required AttemptId Id { get; init; }

    /// <summary>What is run, from what; see <see cref="JobSpec.Config"/>.</summary>
    public required JobConfig Config { get; init; }

    /// <summary>Folder of the job's graph file.</summary>
    public string Folder { get; init; } = "";

    /// <summary>Where the config's inputs lie, in its order.</summary>
    public ImmutableArray<PathDigest> Inputs { get; init; } = [];

    /// <summary>Where its outputs are published, in its order.</summary>
    public ImmutableArray<SpecPlace> Outputs { get; init; } = [];

    /// <summary>See <see cref="JobSpec.Stdout"/>.</summary>
    public string? Stdout { get; init; }

    /// <summary>See <see cref="JobSpec.Before"/>.</summary>
    public ImmutableArray<string> Before { get; init; } = [];

    /// <summary>See <see cref="JobSpec.Timeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>See <see cref="JobSpec.Silence"/>.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>From SIGTERM to SIGKILL.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>See <see cref="JobSpec.ExitCodes"/>.</summary>
    public ImmutableSortedDictionary<int, FailureCategory?> ExitCodes { get; init; } =
        ImmutableSortedDictionary<int, FailureCategory?>.Empty;

    /// <summary>Files whose content the fingerprint holds, as it holds it.</summary>
    public ImmutableArray<PathDigest> Watched { get; init; } = [];

    /// <summary>Of inputs that are things outside: how to reach them, by reference.</summary>
    public ImmutableDictionary<string, HeldInput> Held { get; init; } =
        ImmutableDictionary<string, HeldInput>.Empty;

    /// <summary>Everything that decides the outputs, as of when it was offered.</summary>
    public Digest Fingerprint { get; init; }

    /// <summary>
    /// Outputs of another run with this fingerprint may be taken instead of running.
    /// </summary>
    public bool MayRestore { get; init; }

    /// <summary>Copies of its outputs are kept.</summary>
    public bool Keeps { get; init; }

    /// <summary>
    /// Of inputs that may have to be restored: the fingerprint of the run that made them.
    /// </summary>
    public ImmutableDictionary<string, Digest> MadeBy { get; init; } =
        ImmutableDictionary<string, Digest>.Empty;

    /// <summary>See <see cref="JobSpec.Secrets"/>.</summary>
    public ImmutableArray<SecretFact> Secrets { get; init; } = [];

    /// <summary>See <see cref="JobSpec.TraceParent"/>.</summary>
    public string TraceParent { get; init; } = "";

    /// <summary>It is a call about a thing outside: what about; null: it makes data.</summary>
    public ResourceCall? Call { get; init; }

    /// <summary>The attempt of a request.</summary>
    public static AttemptSpec Of(LaunchRequest request, Graph graph, PartitionNames names)
    {
        var job = request.Job;
        var refs = ImmutableArray.CreateRange(
            request.Inputs, input => names.Text(input.Partition));
        return new AttemptSpec
        {
            Id = request.Id,
            Config = LineRequests.IsAskedFor(job)
                ? LineRequests.WithPriority(request.Config!, request.Priority)
                : WithCores(
                    request.Config ?? job.ConfigureWith(names.Text(request.Outputs[0]), refs),
                    request.Cores),
            Folder = job.Folder,
            Inputs = ImmutableArray.CreateRange(
                request.Inputs, i => new PathDigest(PathOf(i.Partition), i.Digest)),
            Outputs = ImmutableArray.CreateRange(
                request.Outputs, o => new SpecPlace(PathOf(o), request.Claims.Contains(o))),
            Before = job.Before,
            Secrets = request.Secrets.Length == job.Secrets.Length
                ? request.Secrets
                : [.. job.Secrets.Select(name => new SecretFact(name, ""))],
            Stdout = job.Stdout,
            Timeout = job.Limits.Timeout,
            Silence = job.Limits.Silence,
            Grace = job.Limits.Grace,
            ExitCodes = job.Limits.ExitCodes,
            Watched = request.Watched,
            Fingerprint = request.Fingerprint,
            MayRestore = request.MayRestore,
            Keeps = request.Keeps,
            TraceParent = request.TraceParent,
            MadeBy = request.Inputs.All(i => !i.MadeBy.Exists)
                ? ImmutableDictionary<string, Digest>.Empty
                : request.Inputs.Where(i => i.MadeBy.Exists)
                    .ToImmutableDictionary(i => names.Text(i.Partition), i => i.MadeBy),
            Held = request.Inputs.All(i => i.Held is null)
                ? ImmutableDictionary<string, HeldInput>.Empty
                : request.Inputs.Where(i => i.Held is not null)
                    .ToImmutableDictionary(i => names.Text(i.Partition), i => i.Held!),
        };

        string PathOf(PartitionId partition) => graph.PathOf(names.Utf8(partition));
    }

    static JobConfig WithCores(JobConfig config, int? cores) =>
        cores is not { } count || count == config.Resources.Cpu
            ? config
            : config with { Resources = config.Resources with { Cpu = count } };

    /// <summary>The attempt as a process in this workspace needs it.</summary>
    public JobSpec In(Workspace workspace, int epoch) => new()
    {
        Id = Id,
        Epoch = epoch,
        Config = LineRequests.Resolve(
            Config, workspace, Outputs.IsEmpty ? "" : workspace.Absolute(Outputs[0].Path)),
        WorkingDirectory = workspace.Absolute(Folder),
        Inputs = Zip(Config.Inputs, Inputs, (name, file) =>
            new SpecInput(name, workspace.Absolute(file.Path), file.Digest)
            {
                Held = Held.GetValueOrDefault(name),
            }),
        Outputs = Zip(Config.Outputs, Outputs, (name, place) =>
            new SpecOutput(name, workspace.Absolute(place.Path), place.Claimed)),
        Before = Before,
        Secrets = Secrets,
        Stdout = Call is null ? Stdout : null,
        Resource = Call,
        TraceParent = TraceParent,
        StagingDirectory = workspace.StagingOf(Id),
        LogFile = workspace.LogOf(Id),
        Timeout = Timeout,
        Silence = Silence,
        Grace = Grace,
        ExitCodes = ExitCodes,
    };

    static ImmutableArray<TResult> Zip<TPlace, TResult>(
        ImmutableArray<string> names, ImmutableArray<TPlace> places,
        Func<string, TPlace, TResult> both)
    {
        if (names.Length != places.Length)
            throw new ArgumentException(
                $"the attempt names {names.Length} partitions and {places.Length} places");
        var all = ImmutableArray.CreateBuilder<TResult>(names.Length);
        for (var i = 0; i < names.Length; i++) all.Add(both(names[i], places[i]));
        return all.MoveToImmutable();
    }

    /// <summary>The message's bytes.</summary>
    public byte[] ToBytes()
    {
        var w = new ProtoWriter(new byte[512]);
        w.Int32(1, Id.Run.Value);
        w.Int32(2, Id.Attempt);
        Write(ref w, 3, Config);
        w.Text(4, Folder);
        foreach (var file in Inputs) Write(ref w, 5, file);
        foreach (var place in Outputs)
        {
            var mark = w.Begin(6);
            w.Text(1, place.Path);
            w.Bool(2, place.Claimed);
            w.End(mark);
        }
        w.Text(7, Stdout ?? "");
        w.Int64(8, (long)(Timeout?.TotalMilliseconds ?? 0));
        w.Int64(9, (long)Grace.TotalMilliseconds);
        foreach (var (code, category) in ExitCodes)
        {
            var mark = w.Begin(10);
            w.Int32(1, code);
            w.Bool(2, category is null);
            w.Int32(3, (int)(category ?? 0));
            w.End(mark);
        }
        foreach (var file in Watched) Write(ref w, 11, file);
        w.Digest(12, Fingerprint);
        foreach (var (name, held) in Held.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            var mark = w.Begin(13);
            w.Text(1, name);
            w.Text(2, held.ExternalId);
            w.Text(3, held.ConnectionsJson ?? "");
            w.End(mark);
        }
        w.Int64(14, (long)(Silence?.TotalMilliseconds ?? 0));
        w.Texts(15, Before);
        w.Bool(16, MayRestore);
        w.Bool(17, Keeps);
        foreach (var (name, madeBy) in MadeBy.OrderBy(m => m.Key, StringComparer.Ordinal))
            Write(ref w, 18, new PathDigest(name, madeBy));
        if (Call is not null) CallSpec.Write(ref w, 19, Call);
        foreach (var (name, digest) in Secrets)
        {
            var mark = w.Begin(20);
            w.Text(1, name);
            w.Text(2, digest);
            w.End(mark);
        }
        w.Text(21, TraceParent);
        return w.Buffer.AsSpan(0, w.Length).ToArray();
    }

    static void Write(ref ProtoWriter w, int field, PathDigest file)
    {
        var mark = w.Begin(field);
        w.Text(1, file.Path);
        w.Digest(2, file.Digest);
        w.End(mark);
    }

    static void Write(ref ProtoWriter w, int field, JobConfig config)
    {
        var mark = w.Begin(field);
        w.Texts(1, config.Outputs);
        w.Texts(2, config.Inputs);
        w.Texts(3, config.Args);
        foreach (var (name, value) in config.Env)
        {
            var entry = w.Begin(4);
            w.Text(1, name);
            w.Text(2, value);
            w.End(entry);
        }
        var resources = w.Begin(5);
        w.Int32(1, config.Resources.Cpu);
        w.Int64(2, config.Resources.MemoryBytes);
        w.Int32(3, config.Resources.CpuMost);
        w.End(resources);
        w.Text(6, config.Job);
        w.End(mark);
    }

    /// <summary>Reads the message; throws <see cref="ProtoException"/>.</summary>
    public static AttemptSpec Read(ReadOnlySpan<byte> bytes)
    {
        const int block = ProtoReader.Block, number = ProtoReader.Number;
        var (run, attempt) = (0, 0);
        var (folder, stdout, traceParent) = ("", "", "");
        var config = new JobConfig { Job = "", Outputs = [] };
        var (inputs, watched) = (new ProtoList<PathDigest>(), new ProtoList<PathDigest>());
        var outputs = new ProtoList<SpecPlace>();
        var (before, secrets) = (new ProtoList<string>(), new ProtoList<SecretFact>());
        var (timeout, grace, silence) = (0L, 0L, 0L);
        var codes = ImmutableSortedDictionary.CreateBuilder<int, FailureCategory?>();
        var fingerprint = default(Digest);
        var held = ImmutableDictionary.CreateBuilder<string, HeldInput>(StringComparer.Ordinal);
        var madeBy = ImmutableDictionary.CreateBuilder<string, Digest>(StringComparer.Ordinal);
        var (mayRestore, keeps) = (false, false);
        ResourceCall? call = null;
        var r = new ProtoReader(bytes);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | number: run = r.Int32(); break;
                case (2 << 3) | number: attempt = r.Int32(); break;
                case (3 << 3) | block: config = ReadConfig(new(r.Bytes())); break;
                case (4 << 3) | block: folder = r.Text(); break;
                case (5 << 3) | block: inputs.Add(ReadFile(new(r.Bytes()))); break;
                case (6 << 3) | block: outputs.Add(ReadPlace(new(r.Bytes()))); break;
                case (7 << 3) | block: stdout = r.Text(); break;
                case (8 << 3) | number: timeout = r.Int64(); break;
                case (9 << 3) | number: grace = r.Int64(); break;
                case (10 << 3) | block: ReadCode(new(r.Bytes()), codes); break;
                case (11 << 3) | block: watched.Add(ReadFile(new(r.Bytes()))); break;
                case (12 << 3) | block: fingerprint = r.Digest(); break;
                case (13 << 3) | block: ReadHeld(new(r.Bytes()), held); break;
                case (14 << 3) | number: silence = r.Int64(); break;
                case (15 << 3) | block: before.Add(r.Text()); break;
                case (16 << 3) | number: mayRestore = r.Bool(); break;
                case (17 << 3) | number: keeps = r.Bool(); break;
                case (18 << 3) | block:
                    var (name, made) = ReadFile(new(r.Bytes()));
                    madeBy[name] = made;
                    break;
                case (19 << 3) | block: call = CallSpec.Read(new(r.Bytes())); break;
                case (20 << 3) | block:
                    var (secret, keyed) = ReadEntry(new(r.Bytes()));
                    secrets.Add(new SecretFact(secret, keyed));
                    break;
                case (21 << 3) | block: traceParent = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new AttemptSpec
        {
            Id = new AttemptId(new RunId(run), attempt),
            Config = config,
            Folder = folder,
            Inputs = inputs.ToImmutable(),
            Outputs = outputs.ToImmutable(),
            Before = before.ToImmutable(),
            Secrets = secrets.ToImmutable(),
            Stdout = stdout.Length == 0 ? null : stdout,
            Timeout = timeout == 0 ? null : TimeSpan.FromMilliseconds(timeout),
            Silence = silence == 0 ? null : TimeSpan.FromMilliseconds(silence),
            Grace = TimeSpan.FromMilliseconds(grace),
            ExitCodes = codes.ToImmutable(),
            Watched = watched.ToImmutable(),
            Fingerprint = fingerprint,
            Held = held.ToImmutable(),
            MayRestore = mayRestore,
            Keeps = keeps,
            MadeBy = madeBy.ToImmutable(),
            Call = call,
            TraceParent = traceParent,
        };
    }

    static void ReadHeld(
        ProtoReader r, ImmutableDictionary<string, HeldInput>.Builder held)
    {
        var (name, id, connections) = ("", "", "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Block: name = r.Text(); break;
                case (2 << 3) | ProtoReader.Block: id = r.Text(); break;
                case (3 << 3) | ProtoReader.Block: connections = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        held[name] = new HeldInput(id, connections.Length == 0 ? null : connections);
    }

    static JobConfig ReadConfig(ProtoReader r)
    {
        const int block = ProtoReader.Block;
        var (outputs, inputs) = (new ProtoList<string>(), new ProtoList<string>());
        var args = new ProtoList<string>();
        var env = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        var (resources, job) = (ResourceVector.OneCpu, "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | block: outputs.Add(r.Text()); break;
                case (2 << 3) | block: inputs.Add(r.Text()); break;
                case (3 << 3) | block: args.Add(r.Text()); break;
                case (4 << 3) | block:
                    var (name, value) = ReadEntry(new(r.Bytes()));
                    env[name] = value;
                    break;
                case (5 << 3) | block: resources = ReadResources(new(r.Bytes())); break;
                case (6 << 3) | block: job = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new JobConfig
        {
            Job = job,
            Outputs = outputs.ToImmutable(),
            Inputs = inputs.ToImmutable(),
            Args = args.ToImmutable(),
            Env = env.ToImmutable(),
            Resources = resources,
        };
    }

    static (string Name, string Value) ReadEntry(ProtoReader r)
    {
        var (name, value) = ("", "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Block: name = r.Text(); break;
                case (2 << 3) | ProtoReader.Block: value = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return (name, value);
    }

    static ResourceVector ReadResources(ProtoReader r)
    {
        var (cpu, memory, most) = (0, 0L, 0);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Number: cpu = r.Int32(); break;
                case (2 << 3) | ProtoReader.Number: memory = r.Int64(); break;
                case (3 << 3) | ProtoReader.Number: most = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new ResourceVector { Cpu = cpu, CpuMost = most, MemoryBytes = memory };
    }

    static PathDigest ReadFile(ProtoReader r)
    {
        var (path, digest) = ("", default(Digest));
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Block: path = r.Text(); break;
                case (2 << 3) | ProtoReader.Block: digest = r.Digest(); break;
                default: r.Skip(); break;
            }
        }
        return new PathDigest(path, digest);
    }

    static SpecPlace ReadPlace(ProtoReader r)
    {
        var (path, claimed) = ("", false);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Block: path = r.Text(); break;
                case (2 << 3) | ProtoReader.Number: claimed = r.Bool(); break;
                default: r.Skip(); break;
            }
        }
        return new SpecPlace(path, claimed);
    }

    static void ReadCode(
        ProtoReader r, ImmutableSortedDictionary<int, FailureCategory?>.Builder codes)
    {
        var (code, isSuccess, category) = (0, false, FailureCategory.Failed);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Number: code = r.Int32(); break;
                case (2 << 3) | ProtoReader.Number: isSuccess = r.Bool(); break;
                case (3 << 3) | ProtoReader.Number:
                    category = (FailureCategory)r.Enum((int)FailureCategory.Lost);
                    break;
                default: r.Skip(); break;
            }
        }
        codes[code] = isSuccess ? null : category;
    }
}

/// <summary>Where an output is published; only claimed ones are.</summary>
readonly record struct SpecPlace(string Path, bool Claimed);
