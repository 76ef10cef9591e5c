using System.Security.Cryptography;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// Lines of text with their own digest before them, so that one byte that turned is seen: the form
/// of records and markers in every layer. The first line is <c>NAME 1 SHA-256</c>, the digest being
/// that of all bytes after it.
/// </summary>
static class SealedText
{
    public static byte[] Write(string name, string lines)
    {
        var body = Encoding.UTF8.GetBytes(lines);
        var head = $"{name} 1 {Convert.ToHexStringLower(SHA256.HashData(body))}\n";
        return [.. Encoding.UTF8.GetBytes(head), .. body];
    }

    /// <summary>The lines after the first; null when it is not what was written.</summary>
    public static string[]? Read(string name, ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        if (end < 0) return null;
        var body = bytes[(end + 1)..];
        var head = $"{name} 1 {Convert.ToHexStringLower(SHA256.HashData(body))}";
        return bytes[..end].SequenceEqual(Encoding.UTF8.GetBytes(head))
            ? Encoding.UTF8.GetString(body).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            : null;
    }
}
