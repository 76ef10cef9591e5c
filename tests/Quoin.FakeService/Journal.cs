using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quoin.FakeService;

/// <summary>
/// The journal: a file of JSON lines, one a call, from which the service is rebuilt.
/// </summary>
public sealed class Journal : IDisposable
{
    readonly FileStream? file;

    /// <param name="path">The file; null: nothing is kept.</param>
    /// <param name="ledger">Gets all that is in the file.</param>
    public Journal(string? path, Ledger ledger)
    {
        if (path is null) return;
        if (File.Exists(path))
            foreach (var line in File.ReadLines(path))
                if (Read(line) is { } entry) ledger.Apply(entry);
        file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 1);
        if (file.Length > 0) file.WriteByte((byte)'\n'); // After half a line, perhaps.
    }

    /// <summary>How things are written: snake_case, words instead of numbers.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Adds one.</summary>
    public void Write(Entry entry)
    {
        if (file is null) return;
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(entry, Json), (byte)'\n'];
        file.Write(line);
    }

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();

    // Half a line is a call that was not served: the service died before.
    static Entry? Read(string line)
    {
        if (line.Length == 0) return null;
        try
        {
            return JsonSerializer.Deserialize<Entry>(line, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
