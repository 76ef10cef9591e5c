using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Quoin.Engine;

/// <summary>
/// Events as canonical proto3 JSON, through the generated classes: what <c>quoin events --json</c>
/// prints. It is for people and other programs; the engine itself never reads it.
/// </summary>
public static class EventJson
{
    static readonly JsonFormatter formatter = new(JsonFormatter.Settings.Default);

    /// <summary>
    /// The names of all kinds, in the order of their fields in the Event message.
    /// </summary>
    internal static IReadOnlyList<string> Types { get; } =
    [
        .. V1.Event.Descriptor.Oneofs[0].Fields.Select(field => field.Name.Replace('_', '-')),
    ];

    /// <summary>
    /// One line of JSON with position, at, type, subject and the fact. A kind that this program
    /// does not know is printed without the fact. Bytes that are no message: <c>store-corrupt</c>.
    /// </summary>
    public static string ToJson(RawEvent raw) => formatter.Format(ToMessage(raw));

    /// <summary>The same as a message.</summary>
    public static V1.Event ToMessage(RawEvent raw)
    {
        var message = new V1.Event
        {
            Position = raw.Position,
            At = Timestamp.FromDateTimeOffset(raw.At),
            Type = raw.Type,
            Subject = raw.Subject,
        };
        if (V1.Event.Descriptor.FindFieldByName(raw.Type.Replace('-', '_')) is
            { ContainingOneof: not null } field)
        {
            try
            {
                field.Accessor.SetValue(message, field.MessageType.Parser.ParseFrom(raw.Body.Span));
            }
            catch (InvalidProtocolBufferException e)
            {
                throw new StoreException(
                    "store-corrupt",
                    $"event {raw.Position} ({raw.Type}) cannot be read: {e.Message}",
                    e);
            }
        }
        return message;
    }
}
