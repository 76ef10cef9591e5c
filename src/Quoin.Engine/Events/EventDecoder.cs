using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Reads many events, as <see cref="EventCodec.Decode"/> does one, making the texts that they
/// repeat (job names, worker owners) only once. One thread at a time.
/// </summary>
public sealed class EventDecoder(PartitionNames names)
{
    readonly TextPool pool = new();

    /// <summary>
    /// Reads one event; the parameters and errors are those of <see cref="EventCodec.Decode"/>.
    /// </summary>
    public BuildEvent Decode(long position, ReadOnlySpan<byte> type, ReadOnlySpan<byte> body) =>
        EventCodec.Decode(position, type, body, names, pool);
}
