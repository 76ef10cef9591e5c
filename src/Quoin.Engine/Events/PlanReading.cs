using Quoin.Core;
using static Quoin.Engine.ProtoReader;

namespace Quoin.Engine;

/// <summary>
/// Reads events that say how large a plan is. Part of <see cref="EventReading"/>.
/// </summary>
static class PlanReading
{
    public static WantPlanned WantPlanned(ProtoReader r)
    {
        var want = 0;
        var counts = default(PlanCounts);
        var graph = default(Digest);
        TimeSpan? shortest = null, longest = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: counts = EventValues.Counts(new(r.Bytes())); break;
                case (3 << 3) | Block: graph = r.Digest(); break;
                case (4 << 3) | Number: shortest = EventValues.Less1(r.Int64()); break;
                case (5 << 3) | Number: longest = EventValues.Less1(r.Int64()); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), counts)
        {
            Graph = graph,
            Shortest = shortest,
            Longest = longest,
        };
    }

    public static PlanExtended PlanExtended(ProtoReader r, PartitionNames names)
    {
        var want = 0;
        PartitionId? by = null;
        var added = default(PlanCounts);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: by = r.Name(names); break;
                case (3 << 3) | Block: added = EventValues.Counts(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), EventValues.Required(by), added);
    }

    public static CommandAnswered CommandAnswered(ProtoReader r, TextPool pool)
    {
        var (command, code, message, counts) = ("", "", "", default(PlanCounts));
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: command = r.Text(); break;
                case (2 << 3) | Block: code = r.Text(pool); break;
                case (3 << 3) | Block: message = r.Text(); break;
                case (4 << 3) | Block: counts = EventValues.Counts(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        return new(command, code, message) { Counts = counts };
    }

    public static WantDelegated WantDelegated(ProtoReader r, PartitionNames names)
    {
        int want = 0, run = 0, to = 0;
        PartitionId? partition = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: partition = r.Name(names); break;
                case (3 << 3) | Number: run = r.Int32(); break;
                case (4 << 3) | Number: to = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), EventValues.Required(partition), EventValues.Run(run))
        {
            To = to == 0 ? null : EventValues.Want(to),
        };
    }
}
