namespace Quoin.Cli;

/// <summary>
/// So many commands at a time, whoever starts them, first come, first served.
/// </summary>
sealed class SharedSlots(int count)
{
    readonly Lock guard = new();
    readonly LinkedList<Place> queue = [];
    int free = count;

    /// <summary>Stands in line; dispose of it to leave the line or the slot.</summary>
    public Place Enter()
    {
        var place = new Place(this);
        lock (guard)
        {
            if (free > 0)
            {
                free--;
                place.Granted.Set();
            }
            else queue.AddLast(place);
        }
        return place;
    }

    void Leave(Place place)
    {
        lock (guard)
        {
            if (queue.Remove(place)) return;
            if (queue.First is not { } next)
            {
                free++;
                return;
            }
            queue.RemoveFirst();
            next.Value.Granted.Set();
        }
    }

    /// <summary>A place in line, and then a slot.</summary>
    public sealed class Place(SharedSlots slots) : IDisposable
    {
        internal ManualResetEventSlim Granted { get; } = new();

        /// <summary>True when it is a slot now; false after a time without.</summary>
        public bool Wait(TimeSpan atMost) => Granted.Wait(atMost);

        public void Dispose()
        {
            slots.Leave(this);
            Granted.Dispose();
        }
    }
}
