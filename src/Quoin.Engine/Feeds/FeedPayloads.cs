using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The payloads that the files of a feed's folder have for keys now, given out or not: of the files
/// that list a key the one with the highest number counts, and of its lines the last. Reads files
/// and knows no book: a build asks also where no supervisor runs.
/// </summary>
public static class FeedPayloads
{
    /// <summary>The code of a partition that a feed asks for, and no line lists.</summary>
    public const string Missing = "payload-missing";

    /// <summary>What is missing, for people.</summary>
    public static string MissingText(string output, string folder) =>
        $"no line of the files in {folder} lists {KeyOf(output)}, so {output} has no payload";

    /// <summary>The key that a feed's lines call a partition by: its last segment.</summary>
    public static string KeyOf(string output) =>
        PartitionRef.Decode(output.AsSpan(output.LastIndexOf('/') + 1));

    const int PieceBytes = 256 * 1024;

    /// <summary>The payloads of those of the keys that have one.</summary>
    /// <exception cref="IOException">A file of the folder cannot be read.</exception>
    public static Dictionary<string, string> Newest(
        string folder, IReadOnlyCollection<string> keys)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        if (keys.Count == 0) return found;
        var left = keys.ToHashSet(StringComparer.Ordinal);
        using var files = new FeedFolder(folder);
        foreach (var name in Names(files, folder))
        {
            if (left.Count == 0) break;
            foreach (var (key, payload) in Read(files, folder, name, left))
            {
                found.Add(key, payload);
                left.Remove(key);
            }
        }
        return found;
    }

    // Newest first; of one number as a fetcher leaves them: what still grows was written later.
    static IEnumerable<string> Names(FeedFolder files, string folder) =>
        from name in files.Names() ?? (files.Facts() is null ? [] : 
            throw Unreadable(folder, "it is no folder, or not for this user"))
        let parsed = FeedFileName.TryParse(name, out var file) ? file : (FeedFileName?)null
        where parsed is not null
        orderby parsed.Value.Number descending, parsed.Value.Feed, parsed.Value.IsPart descending
        select name;

    // Without blocking: what is no regular file has no lines, and what is gone neither. One that is
    // there and cannot be read may hold the newest line, so none is told then.
    static Dictionary<string, string> Read(
        FeedFolder files, string folder, string name, HashSet<string> keys)
    {
        var lines = new Dictionary<string, string>(StringComparer.Ordinal);
        var file = files.Open(name);
        if (file < 0 && files.Facts(name) is not { IsRegular: true }) return lines;
        if (file < 0) throw Unreadable($"{folder}/{name}", Libc.Describe(-file));
        try
        {
            if (FeedFolder.Facts(file) is not { IsRegular: true }) return lines;
            var bytes = new byte[PieceBytes];
            var kept = 0;
            for (long at = 0;;)
            {
                if (kept == bytes.Length) Array.Resize(ref bytes, 2 * kept);
                var count = FeedFolder.Read(file, bytes.AsSpan(kept), at);
                if (count < 0) throw Unreadable($"{folder}/{name}", Libc.Describe(-count));
                if (count == 0) return lines;
                at += count;
                var rest = Take(bytes.AsSpan(0, kept + count), keys, lines);
                rest.CopyTo(bytes);
                kept = rest.Length;
            }
        }
        finally
        {
            _ = Libc.close(file);
        }
    }

    // What is behind the last line end.
    static ReadOnlySpan<byte> Take(
        ReadOnlySpan<byte> bytes, HashSet<string> keys, Dictionary<string, string> lines)
    {
        for (var end = FeedLine.EndOf(bytes); end >= 0; end = FeedLine.EndOf(bytes))
        {
            var line = bytes[..end];
            bytes = bytes[(end + 1)..];
            if (FeedLine.Split(line, out var key, out var payload) != FeedLineFault.None) continue;
            var text = Encoding.UTF8.GetString(line[key]);
            if (keys.Contains(text)) lines[text] = Encoding.UTF8.GetString(line[payload]);
        }
        return bytes;
    }

    static IOException Unreadable(string path, string why) =>
        new($"{path} cannot be read: {why}");
}
