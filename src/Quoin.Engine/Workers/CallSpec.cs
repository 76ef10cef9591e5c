namespace Quoin.Engine;

/// <summary>
/// What a call of a resource's run is about, as it travels to a worker: the message SpecCall of
/// proto/quoin/v1/worker.proto.
/// </summary>
static class CallSpec
{
    /// <summary>Writes it as a field.</summary>
    public static void Write(ref ProtoWriter w, int field, ResourceCall call)
    {
        var mark = w.Begin(field);
        w.Text(1, call.Key);
        w.Int32(2, (int)call.Direction);
        w.Int32(3, call.Hook);
        w.Bool(4, call.Reentry);
        w.Bool(5, !call.MayCreate);
        w.Text(6, call.ExternalId);
        w.Text(7, call.StateJson ?? "");
        w.Time(8, call.NotAfter);
        w.Text(9, call.Callback ?? "");
        w.End(mark);
    }

    /// <summary>Reads the message; throws <see cref="ProtoException"/>.</summary>
    public static ResourceCall Read(ProtoReader r)
    {
        const int block = ProtoReader.Block, number = ProtoReader.Number;
        var (key, external, state, callback) = ("", "", "", "");
        var (direction, hook, reentry, mayNot) =
            (ResourceDirection.Acquire, 0, false, false);
        DateTimeOffset? notAfter = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | block: key = r.Text(); break;
                case (2 << 3) | number:
                    direction = (ResourceDirection)r.Enum((int)ResourceDirection.Hook);
                    break;
                case (3 << 3) | number: hook = r.Int32(); break;
                case (4 << 3) | number: reentry = r.Bool(); break;
                case (5 << 3) | number: mayNot = r.Bool(); break;
                case (6 << 3) | block: external = r.Text(); break;
                case (7 << 3) | block: state = r.Text(); break;
                case (8 << 3) | block: notAfter = r.Time(); break;
                case (9 << 3) | block: callback = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        if (key.Length == 0) throw new ProtoException("a call has no key");
        return new ResourceCall
        {
            Key = key,
            Direction = direction,
            Hook = hook,
            Reentry = reentry,
            MayCreate = !mayNot,
            ExternalId = external,
            StateJson = state.Length == 0 ? null : state,
            NotAfter = notAfter,
            Callback = callback.Length == 0 ? null : callback,
        };
    }
}
