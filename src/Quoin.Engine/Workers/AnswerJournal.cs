using System.Text.Json;

namespace Quoin.Engine;

/// <summary>
/// Rows for the inbox that the store could not take (its disk is full, it only reads, it is away):
/// one file each in <c>.quoin/journal</c>, on disk before <see cref="Write"/> returns. Whoever
/// reaches the store sends them; a row that is sent twice is taken once, because its id is unique.
/// Any number of processes may write and send at the same time.
/// </summary>
/// <param name="folder">Absolute; made when it is needed.</param>
public sealed class AnswerJournal(string folder)
{
    const string Suffix = ".json", Broken = ".broken";

    /// <summary>True when there is something to send; costs one look at a folder.</summary>
    public bool HasAny => Directory.Exists(folder) && Files().Length > 0;

    /// <summary>Writes a row, so that it survives the loss of power.</summary>
    /// <exception cref="IOException">Not here either: nothing is known any more.</exception>
    public void Write(InboxCommand row)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Join(folder, row.Id.Replace('/', '-') + Suffix);
        var beside = $"{path}.{Environment.ProcessId}";
        using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write))
        {
            using (var json = new Utf8JsonWriter(file))
            {
                json.WriteStartObject();
                json.WriteString("id", row.Id);
                json.WriteString("type", row.Type);
                json.WriteBase64String("body", row.Body.Span);
                json.WriteEndObject();
            }
            file.WriteByte((byte)'\n');
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
        Folders.Sync(folder);
    }

    /// <summary>
    /// Sends all rows, oldest name first, and takes each away once the store has it. A file that
    /// cannot be read is put aside, and said to <paramref name="warn"/>.
    /// </summary>
    /// <returns>How many were sent.</returns>
    /// <exception cref="StoreException">The store cannot take them yet; they stay.</exception>
    public async Task<int> SendAsync(
        Func<InboxCommand, CancellationToken, Task> send, Action<string> warn, CancellationToken ct)
    {
        if (!Directory.Exists(folder)) return 0;
        var sent = 0;
        foreach (var path in Files())
        {
            if (Read(path) is not { } row)
            {
                warn($"{path} cannot be read; it was put aside: {Path.GetFileName(path)}{Broken}");
                File.Move(path, path + Broken, overwrite: true);
                continue;
            }
            await send(row, ct);
            FaultPoint.Reach("handin.row-only");
            File.Delete(path);
            sent++;
        }
        return sent;
    }

    string[] Files()
    {
        var files = Directory.GetFiles(folder, "*" + Suffix);
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    static InboxCommand? Read(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var all = json.RootElement;
            return new InboxCommand(
                all.GetProperty("id").GetString()!, all.GetProperty("type").GetString()!,
                all.GetProperty("body").GetBytesFromBase64());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException
            or InvalidOperationException)
        {
            return null;
        }
    }
}
