using System.Globalization;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Names of processes that many hosts see: <c>host/pid/nonce</c>. The nonce begins with what tells
/// whether two processes share their process numbers, so that one can say of the other that it is
/// gone, without waiting for the end of its lease.
/// </summary>
public static class ProcessNames
{
    static readonly string space = Space();

    /// <summary>A name for this process.</summary>
    /// <param name="nonce">
    /// Random text that keeps it from being taken for an earlier process with its number.
    /// </param>
    public static WorkerId New(string nonce) =>
        new($"{Environment.MachineName}/{Environment.ProcessId}/{space}{nonce}");

    /// <summary>
    /// True when it ran on this host and does not any more; false also when that cannot be known.
    /// </summary>
    public static bool IsGone(string owner)
    {
        var parts = owner.Split('/');
        return space.Length > 0 && parts is [var host, var pid, var nonce]
            && host == Environment.MachineName
            && nonce.StartsWith(space, StringComparison.Ordinal)
            && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && !Directory.Exists($"/proc/{number}");
    }

    // Where processes are counted (a container counts for itself), since when: four letters of the
    // kernel's names for both. Empty where there is none: then nobody is known to be gone.
    static string Space()
    {
        try
        {
            var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
            var link = new FileInfo("/proc/self/ns/pid").LinkTarget;
            if (link is null) return "";
            var both = System.Text.Encoding.UTF8.GetBytes(boot + link);
            return Xxh3.Hash(both).Hex()[..4];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
