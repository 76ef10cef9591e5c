using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>Events that came from this process's coordinator, as they lie in the log.</summary>
static class RawEvents
{
    /// <summary>The event in its wire form; the buffer is used again.</summary>
    public static RawEvent Of(LoggedEvent logged, PartitionNames names, ref byte[] buffer)
    {
        var encoded = EventCodec.Encode(logged.Event, names, ref buffer);
        return new RawEvent(
            logged.Position, logged.At, Encoding.UTF8.GetString(encoded.Type),
            Encoding.UTF8.GetString(encoded.Subject), encoded.Body.ToArray());
    }
}
