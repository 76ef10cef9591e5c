using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>What a <see cref="KernelSnapshot"/> holds of things outside.</summary>
static class ResourceSnapshot
{
    public static long KeepOf(ResourcePolicy? policy) => policy is null ? -1 : policy.Keep.Ticks;

    public static ResourcePolicy? PolicyOf(long keep) =>
        keep < 0 ? null : new ResourcePolicy { Keep = new TimeSpan(keep) };

    public static void Write(WantToken want, ref SnapshotWriter w)
    {
        var o = want.Options;
        var isPlain = o.StartAt is null && o.StartSlack == default && o.Use is null && !o.Offer
            && o.Group.Length == 0 && want.OfferedUntil is null && want.ReadyAt is null;
        var modes = (o.Soft ? 1 : 0) | (o.Thorough ? 2 : 0) | (o.KeepAll ? 4 : 0)
            | ((int)o.Restore << 3) | (o.Payload.Length > 0 ? 32 : 0);
        w.Byte((byte)((want.IsReady ? 1 : 0) | (want.IsReleasing ? 2 : 0) | (isPlain ? 4 : 0)
            | (modes != 0 ? 8 : 0) | (o.Trace.Length > 0 ? 16 : 0)));
        if (modes != 0) w.Byte((byte)modes);
        if (o.Trace.Length > 0) w.Text(o.Trace);
        if (o.Payload.Length > 0) w.Text(o.Payload);
        if (isPlain) return;
        w.Time(o.StartAt);
        w.Long(o.StartSlack.Ticks);
        w.Long(o.Use?.Ticks ?? -1);
        w.Byte((byte)(o.Offer ? 1 : 0));
        w.Text(o.Group);
        w.Time(want.OfferedUntil);
        w.Time(want.ReadyAt);
    }

    public static WantToken Read(WantToken want, ref SnapshotReader r)
    {
        var flags = r.Byte();
        (want.IsReady, want.IsReleasing) = ((flags & 1) != 0, (flags & 2) != 0);
        var modes = (flags & 8) != 0 ? r.Byte() : 0;
        var trace = (flags & 16) != 0 ? r.Text() : "";
        if ((flags & 4) != 0 && modes == 0 && trace.Length == 0) return want;
        var options = want.Options with
        {
            Soft = (modes & 1) != 0,
            Thorough = (modes & 2) != 0,
            KeepAll = (modes & 4) != 0,
            Restore = (RestoreMode)((modes >> 3) & 3),
            Payload = (modes & 32) != 0 ? r.Text() : "",
            Trace = trace,
        };
        var isPlain = (flags & 4) != 0;
        if (!isPlain) options = options with
        {
            StartAt = r.Time(),
            StartSlack = new TimeSpan(r.Long()),
            Use = r.Long() is >= 0 and var use ? new TimeSpan(use) : null,
            Offer = r.Byte() == 1,
            Group = r.Text(),
        };
        var same = new WantToken
        {
            Id = want.Id,
            AcceptedAt = want.AcceptedAt,
            Targets = want.Targets,
            Options = options,
            Request = want.Request,
            IsPlanned = want.IsPlanned,
            Remaining = want.Remaining,
            IsReady = want.IsReady,
            IsReleasing = want.IsReleasing,
            OfferedUntil = isPlain ? null : r.Time(),
            ReadyAt = isPlain ? null : r.Time(),
        };
        same.Failed.UnionWith(want.Failed);
        return same;
    }

    public static void Write(ResourceLife? life, ref SnapshotWriter w)
    {
        w.Byte((byte)(life is null ? 0 : 1));
        if (life is null) return;
        w.Byte((byte)life.Direction);
        w.Byte((byte)((life.IsReentry ? 1 : 0) | (life.IsInDoubt ? 2 : 0)
            | (life.IsWoken ? 4 : 0) | (life.IsFailed ? 8 : 0) | (life.IsLaunched ? 16 : 0)));
        foreach (var number in (ReadOnlySpan<int>)[
            life.Hook, life.Claims, life.Polls, life.Unknowns, life.ReleaseFailures,
            life.LetGoBy?.Value ?? 0]) w.Int(number);
        foreach (var time in (ReadOnlySpan<DateTimeOffset?>)[
            life.Until, life.NotAfter, life.DoubtUntil, life.RoundSince, life.UnknownSince,
            life.KeptUntil]) w.Time(time);
        foreach (var text in (ReadOnlySpan<string>)[
            life.Recipe, life.ExternalId, life.State, life.Connections]) w.Text(text);
        w.Int(life.Extra.Length);
        foreach (var id in life.Extra.Order(StringComparer.Ordinal)) w.Text(id);
    }

    public static RunToken Read(RunToken run, ref SnapshotReader r)
    {
        if (r.Byte() == 0) return run;
        var (direction, flags) = ((RunDirection)r.Byte(), r.Byte());
        var life = new ResourceLife
        {
            Direction = direction,
            IsReentry = (flags & 1) != 0,
            IsInDoubt = (flags & 2) != 0,
            IsWoken = (flags & 4) != 0,
            IsFailed = (flags & 8) != 0,
            IsLaunched = (flags & 16) != 0,
            Hook = r.Int(),
            Claims = r.Int(),
            Polls = r.Int(),
            Unknowns = r.Int(),
            ReleaseFailures = r.Int(),
            LetGoBy = r.Int() is > 0 and var want ? new WantId(want) : null,
            Until = r.Time(),
            NotAfter = r.Time(),
            DoubtUntil = r.Time(),
            RoundSince = r.Time(),
            UnknownSince = r.Time(),
            KeptUntil = r.Time(),
            Recipe = r.Text(),
            ExternalId = r.Text(),
            State = r.Text(),
            Connections = r.Text(),
        };
        var extra = new string[r.Count()];
        for (var i = 0; i < extra.Length; i++) extra[i] = r.Text();
        life.Extra = [.. extra];
        return new RunToken
        {
            Id = run.Id,
            Config = run.Config,
            Claims = run.Claims,
            Place = run.Place,
            Epoch = run.Epoch,
            Worker = run.Worker,
            Failures = run.Failures,
            Losses = run.Losses,
            RetryAt = run.RetryAt,
            InputRuns = run.InputRuns,
            Doom = run.Doom,
            Life = life,
        };
    }

    public static void Write(KernelState s, ref SnapshotWriter w)
    {
        w.Int(s.CleanupTable.Count);
        foreach (var (want, cleanup) in s.CleanupTable.OrderBy(x => x.Key))
        {
            w.Int(want);
            w.Int(cleanup.Owed);
            w.Byte((byte)(cleanup.IsIncomplete ? 1 : 0));
        }
        w.Int(s.LivesTable.Count);
        foreach (var (p, earlier) in s.LivesTable.OrderBy(x => x.Key))
        {
            w.Int(p);
            w.Int(earlier.Failures);
            w.Time(earlier.NextAt);
        }
        w.Int(s.InterventionTable.Count);
        foreach (var (id, open) in s.InterventionTable.OrderBy(x => x.Key))
        {
            w.Int(id);
            w.Int(open.Run.Value);
            w.Text(open.Code);
            w.Text(open.Reason);
            w.Text(open.Key);
            w.Int(open.Partition.Value);
            w.Int(open.ExternalIds.Length);
            foreach (var external in open.ExternalIds) w.Text(external);
        }
    }

    public static void Read(KernelState s, PartitionId[] ids, ref SnapshotReader r)
    {
        for (var n = r.Count(); n > 0; n--)
            s.CleanupTable[r.Int()] =
                new CleanupToken { Owed = r.Int(), IsIncomplete = r.Byte() == 1 };
        for (var n = r.Count(); n > 0; n--)
            s.LivesTable[ids[r.Int()].Value] = new(r.Int(), r.Time());
        for (var n = r.Count(); n > 0; n--)
        {
            var id = new InterventionId(r.Int());
            var token = new InterventionToken(id, new RunId(r.Int()), r.Text())
            {
                Reason = r.Text(),
                Key = r.Text(),
                Partition = ids[r.Int()],
            };
            var externals = ImmutableArray.CreateBuilder<string>();
            for (var left = r.Count(); left > 0; left--) externals.Add(r.Text());
            s.InterventionTable[id.Value] = token with { ExternalIds = externals.ToImmutable() };
        }
    }
}
