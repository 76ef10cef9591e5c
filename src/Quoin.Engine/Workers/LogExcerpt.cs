namespace Quoin.Engine;

/// <summary>
/// A log file as it goes into the store: whole, or its start and its end, whole lines of both.
/// </summary>
static class LogExcerpt
{
    /// <summary>How much of the start and of the end is kept of a long log, in bytes.</summary>
    public const int HeadBytes = 64 << 10, TailBytes = 448 << 10;

    /// <summary>Null when there is no log, or it cannot be read.</summary>
    public static byte[]? Read(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            var length = RandomAccess.GetLength(file);
            if (length <= HeadBytes + TailBytes) return Part(file, 0, (int)length);
            var head = Part(file, 0, HeadBytes).AsSpan();
            var tail = Part(file, length - TailBytes, TailBytes).AsSpan();
            head = head[..(head.LastIndexOf((byte)'\n') + 1)];
            tail = tail[(tail.IndexOf((byte)'\n') + 1)..];
            var left = length - head.Length - tail.Length;
            var cut = System.Text.Encoding.UTF8.GetBytes(
                $"{{\"event\":\"cut\",\"bytes\":{left}}}\n");
            return [.. head, .. cut, .. tail];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    static byte[] Part(Microsoft.Win32.SafeHandles.SafeFileHandle file, long from, int count)
    {
        var bytes = new byte[count];
        var read = 0;
        while (read < count)
        {
            var some = RandomAccess.Read(file, bytes.AsSpan(read), from + read);
            if (some == 0) return bytes[..read];
            read += some;
        }
        return bytes;
    }
}
