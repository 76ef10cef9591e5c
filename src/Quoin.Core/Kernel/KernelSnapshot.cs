using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Quoin.Core;

/// <summary>
/// The marking as bytes and back: a head start for replay, never the truth. Same state, same bytes.
/// A reader refuses what another <see cref="Format"/> wrote; the log is read instead.
/// </summary>
public static class KernelSnapshot
{
    /// <summary>Counted up whenever the bytes change their meaning.</summary>
    public const int Format = 4;

    /// <summary>Writes the whole state.</summary>
    public static void Write(KernelState s, IBufferWriter<byte> into)
    {
        var w = new SnapshotWriter(into);
        w.Long(s.Sequence);
        w.Int(s.LastWant);
        w.Int(s.LastRun);
        w.Int(s.LastIntervention);
        var count = Math.Min(s.CellCount, s.Names.Count);
        w.Int(count);
        for (var i = 0; i < count; i++) w.Bytes(s.Names.Utf8(new PartitionId(i)));
        var configs = WriteConfigs(s, ref w);
        for (var i = 0; i < count; i++) WriteCell(s, new PartitionId(i), configs, ref w);
        WriteWants(s, ref w);
        WriteRuns(s, configs, ref w);
        w.Int(s.Workers.Count);
        foreach (var (owner, worker) in s.Workers.OrderBy(x => x.Key, StringComparer.Ordinal))
        {
            w.Text(owner);
            w.Int(worker.Slots);
            w.Int(worker.Busy);
            w.Int(worker.Labels.Length);
            foreach (var label in worker.Labels) w.Text(label);
        }
        WriteFailures(s, ref w);
        w.Int(s.FoundTable.Count);
        foreach (var (p, list) in s.FoundTable.OrderBy(x => x.Key))
        {
            w.Int(p);
            w.Ids(list);
        }
        WriteDemands(s, count, ref w);
        ResourceSnapshot.Write(s, ref w);
        w.Flush();
    }

    /// <summary>Reads a state whose ids are those of <paramref name="names"/>.</summary>
    /// <exception cref="FormatException">The bytes are cut short or not a snapshot.</exception>
    public static KernelState Read(ReadOnlySpan<byte> bytes, PartitionNames names)
    {
        try
        {
            return ReadAll(bytes, names);
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException
            or KeyNotFoundException or NullReferenceException)
        {
            throw new FormatException($"The snapshot contradicts itself: {e.Message}", e);
        }
    }

    static KernelState ReadAll(ReadOnlySpan<byte> bytes, PartitionNames names)
    {
        var s = new KernelState(names);
        var r = new SnapshotReader(bytes);
        s.Sequence = r.Long();
        s.LastWant = r.Int();
        s.LastRun = r.Int();
        s.LastIntervention = r.Int();
        var ids = new PartitionId[r.Count()];
        for (var i = 0; i < ids.Length; i++) ids[i] = names.Intern(r.Bytes());
        var configs = ReadConfigs(s, ids, ref r);
        foreach (var id in ids) ReadCell(s, id, configs, ref r);
        ReadWants(s, ids, ref r);
        ReadRuns(s, ids, configs, ref r);
        for (var n = r.Count(); n > 0; n--)
        {
            var owner = r.Text();
            s.WorkerTable[owner] = new WorkerToken
            {
                Id = new WorkerId(owner), Slots = r.Int(), Busy = r.Int(), Labels = Texts(ref r),
            };
        }
        ReadFailures(s, ids, ref r);
        for (var n = r.Count(); n > 0; n--) s.FoundTable[ids[r.Int()].Value] = r.Ids(ids);
        ReadDemands(s, ids, ref r);
        ResourceSnapshot.Read(s, ids, ref r);
        foreach (var index in configs) s.Configs.Release(index); // Ours; the cells hold their own.
        return s;
    }

    static ImmutableArray<string> Texts(ref SnapshotReader r)
    {
        var texts = new string[r.Count()];
        for (var i = 0; i < texts.Length; i++) texts[i] = r.Text();
        return ImmutableCollectionsMarshal.AsImmutableArray(texts);
    }

    static Dictionary<ConfigToken, int> WriteConfigs(KernelState s, ref SnapshotWriter w)
    {
        var numbers = new Dictionary<ConfigToken, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < s.CellCount; i++) // By first use: the table's own order is an accident.
            if (s.ConfigOf(new PartitionId(i)) is { } config) numbers.TryAdd(config, numbers.Count);
        w.Int(numbers.Count);
        foreach (var config in numbers.Keys)
        {
            w.Text(config.Job);
            w.Ids(config.Outputs);
            w.Ids(config.Inputs);
            w.Digest(config.Definition);
            w.Int(config.For.Value);
            w.Long(ResourceSnapshot.KeepOf(config.Resource));
        }
        return numbers;
    }

    static int[] ReadConfigs(KernelState s, PartitionId[] ids, ref SnapshotReader r)
    {
        var configs = new int[r.Count()];
        for (var i = 0; i < configs.Length; i++)
        {
            configs[i] = s.Configs.Add(new ConfigToken
            {
                Job = r.Text(),
                Outputs = ImmutableArray.Create(r.Ids(ids)),
                Inputs = ImmutableArray.Create(r.Ids(ids)),
                Definition = r.Digest(),
                For = new WantId(r.Int()),
                Resource = ResourceSnapshot.PolicyOf(r.Long()),
            });
            s.Configs.Use(configs[i]);
        }
        return configs;
    }

    static void WriteCell(
        KernelState s, PartitionId p, Dictionary<ConfigToken, int> configs, ref SnapshotWriter w)
    {
        ref var cell = ref s.CellOf(p);
        w.Byte((byte)((int)cell.Place | ((int)cell.Previous << 4)));
        w.Int(cell.Config < 0 ? 0 : configs[s.Configs[cell.Config]] + 1);
        w.Byte((byte)((cell.Manifest < 0 ? 0 : 1) | (cell.IsResource ? 2 : 0)));
        if (s.HasRun(p)) w.Int(cell.Run);
        if (!s.TryGetManifest(p, out var m)) return;
        w.Int(m.Run.Value);
        w.Digest(m.Digest);
        w.Long(m.Bytes);
        w.Digest(m.Fingerprint);
        w.Long(m.PublishedAtMs);
        w.Int(m.ElapsedMs);
    }

    static void ReadCell(KernelState s, PartitionId p, int[] configs, ref SnapshotReader r)
    {
        var places = r.Byte();
        s.CellOf(p).Previous = (PartitionPlace)(places >> 4);
        s.RestoreCell(p, (PartitionPlace)(places & 15));
        if (r.Int() is > 0 and var config) Tokens.SetConfig(s, p, configs[config - 1]);
        var flags = r.Byte();
        s.CellOf(p).IsResource = (flags & 2) != 0;
        if (s.HasRun(p)) s.CellOf(p).Run = r.Int();
        if ((flags & 1) == 0) return;
        s.SetManifest(p, new Manifest(new RunId(r.Int()), r.Digest(), r.Long(), r.Digest())
        {
            PublishedAtMs = r.Long(),
            ElapsedMs = r.Int(),
        });
    }

    static void WriteWants(KernelState s, ref SnapshotWriter w)
    {
        w.Int(s.Wants.Count);
        foreach (var (id, want) in s.Wants.OrderBy(x => x.Key))
        {
            w.Int(id);
            w.Long(want.AcceptedAt);
            w.Ids(want.Targets);
            w.Text(want.Request);
            w.Byte((byte)(want.IsPlanned ? 1 : 0));
            w.Int(want.Remaining);
            // A set as well: in which order targets of one cause failed, the chains decide.
            w.Ids([.. want.Failed.OrderBy(p => p.Value)]);
            var o = want.Options;
            w.Long(o.Priority);
            w.Time(o.Deadline);
            w.Byte((byte)o.OnFailure);
            w.Byte((byte)(o.Strict ? 1 : 0));
            w.Byte((byte)o.Fresh);
            ResourceSnapshot.Write(want, ref w);
        }
    }

    static void ReadWants(KernelState s, PartitionId[] ids, ref SnapshotReader r)
    {
        for (var n = r.Count(); n > 0; n--)
        {
            var id = r.Int();
            var acceptedAt = r.Long();
            var targets = ImmutableArray.Create(r.Ids(ids));
            var request = r.Text();
            var isPlanned = r.Byte() == 1;
            var remaining = r.Int();
            var failed = r.Ids(ids);
            var options = new WantOptions
            {
                Priority = (int)r.Long(),
                Deadline = r.Time(),
                OnFailure = (FailureMode)r.Byte(),
                Strict = r.Byte() == 1,
                Fresh = (FreshMode)r.Byte(),
            };
            var want = new WantToken
            {
                Id = new WantId(id),
                AcceptedAt = acceptedAt,
                Targets = targets,
                Options = options,
                Request = request,
                IsPlanned = isPlanned,
                Remaining = remaining,
            };
            want.Failed.UnionWith(failed);
            want = ResourceSnapshot.Read(want, ref r);
            s.WantTable.Add(id, want);
        }
    }

    static void WriteRuns(
        KernelState s, Dictionary<ConfigToken, int> configs, ref SnapshotWriter w)
    {
        w.Int(s.Runs.Count);
        foreach (var (id, run) in s.Runs.OrderBy(x => x.Key))
        {
            w.Int(id);
            w.Int(configs[run.Config]);
            w.Ids(run.Claims);
            w.Byte((byte)run.Place);
            w.Int(run.Epoch);
            w.Text(run.Worker.Owner ?? "");
            w.Int(run.Failures);
            w.Int(run.Losses);
            w.Time(run.RetryAt);
            w.Int(run.InputRuns.Length);
            foreach (var publisher in run.InputRuns) w.Int(publisher);
            w.Byte((byte)(run.Doom is null ? 0 : 1));
            if (run.Doom is { } doom) Write(doom, ref w);
            ResourceSnapshot.Write(run.Life, ref w);
        }
    }

    static void ReadRuns(KernelState s, PartitionId[] ids, int[] configs, ref SnapshotReader r)
    {
        for (var n = r.Count(); n > 0; n--)
        {
            var run = new RunToken
            {
                Id = new RunId(r.Int()),
                Config = s.Configs[configs[r.Int()]],
                Claims = ImmutableArray.Create(r.Ids(ids)),
                Place = (RunPlace)r.Byte(),
                Epoch = r.Int(),
                Worker = new WorkerId(r.Text()),
                Failures = r.Int(),
                Losses = r.Int(),
                RetryAt = r.Time(),
            };
            run.InputRuns = new int[r.Count()];
            for (var i = 0; i < run.InputRuns.Length; i++) run.InputRuns[i] = r.Int();
            if (r.Byte() == 1) run.Doom = ReadFailure(ref r);
            run = ResourceSnapshot.Read(run, ref r);
            s.RunTable.Add(run.Id.Value, run);
        }
    }

    static void WriteFailures(KernelState s, ref SnapshotWriter w)
    {
        w.Int(s.FailureTable.Count);
        foreach (var (p, failure) in s.FailureTable.OrderBy(x => x.Key))
        {
            w.Int(p);
            Write(failure, ref w);
        }
    }

    static void Write(Failure failure, ref SnapshotWriter w)
    {
        w.Byte((byte)failure.Cause);
        w.Long(failure.At);
        w.Int(failure.Run.Value);
        w.Byte((byte)(failure.RunFailure is null ? 0 : 1));
        if (failure.RunFailure is { } f)
        {
            w.Byte((byte)f.Category);
            w.Text(f.Reason);
            w.Int(f.ExitCode);
            w.Int(f.Signal);
        }
        w.Byte((byte)(failure.Problem is null ? 0 : 1));
        if (failure.Problem is not { } problem) return;
        w.Text(problem.Code);
        w.Text(problem.Message);
        w.Int(problem.Chain.Length);
        foreach (var link in problem.Chain) w.Text(link);
    }

    static void ReadFailures(KernelState s, PartitionId[] ids, ref SnapshotReader r)
    {
        for (var n = r.Count(); n > 0; n--)
        {
            var p = ids[r.Int()];
            s.FailureTable[p.Value] = ReadFailure(ref r);
        }
    }

    static Failure ReadFailure(ref SnapshotReader r)
    {
        var failure = new Failure((FailureCause)r.Byte(), r.Long()) { Run = new RunId(r.Int()) };
        if (r.Byte() == 1)
            failure = failure with
            {
                RunFailure = new RunFailure((FailureCategory)r.Byte(), r.Text())
                {
                    ExitCode = r.Int(),
                    Signal = r.Int(),
                },
            };
        if (r.Byte() == 0) return failure;
        var (code, message) = (r.Text(), r.Text());
        var chain = new string[r.Count()];
        for (var i = 0; i < chain.Length; i++) chain[i] = r.Text();
        return failure with { Problem = new PlanProblem(code, message) { Chain = [.. chain] } };
    }

    // Chains are written as sets: by target, then by requester. Their order decides nothing.
    static void WriteDemands(KernelState s, int count, ref SnapshotWriter w)
    {
        w.Int(s.Demands.Count);
        var onTarget = new List<(int Requester, bool Settled)>();
        for (var i = 0; i < count; i++)
        {
            onTarget.Clear();
            var d = s.CellOf(new PartitionId(i)).DemandHead;
            for (; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
                onTarget.Add((s.Demands[d].Requester, s.Demands[d].Settled));
            onTarget.Sort();
            foreach (var (requester, settled) in onTarget)
            {
                w.Int(i);
                w.Long(requester);
                w.Byte((byte)(settled ? 1 : 0));
            }
        }
    }

    static void ReadDemands(KernelState s, PartitionId[] ids, ref SnapshotReader r)
    {
        for (var n = r.Count(); n > 0; n--)
        {
            var target = ids[r.Int()];
            var requester = (int)r.Long();
            var settled = r.Byte() == 1;
            if (requester >= 0)
            {
                requester = ids[requester].Value;
                if (!settled) s.CellOf(new PartitionId(requester)).Outstanding++;
            }
            s.Demands.Add(
                requester, target.Value, settled,
                ref s.CellOf(target).DemandHead, ref s.RequestHeadOf(requester));
        }
    }
}
