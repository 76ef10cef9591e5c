using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>What this process is to others who use the store.</summary>
static class ThisMachine
{
    /// <summary>A new name for this process.</summary>
    public static WorkerId NewWorkerId() =>
        ProcessNames.New(Hex(6));

    /// <summary>
    /// So many random digits. From the system: .NET's own source of randomness sets up a library of
    /// ciphers first, which takes longer than a small build. For names, not for secrets.
    /// </summary>
    public static string Hex(int digits)
    {
        Span<byte> bytes = stackalloc byte[(digits + 1) / 2];
        using var source = File.OpenHandle("/dev/urandom");
        if (RandomAccess.Read(source, bytes, 0) < bytes.Length)
            throw new IOException("/dev/urandom gave too little");
        return Convert.ToHexStringLower(bytes)[..digits];
    }

    /// <summary>A number to start from for what only has to differ.</summary>
    public static int Seed() =>
        int.Parse(Hex(7), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Bytes of memory that runs may claim together.</summary>
    public static long MemoryBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>
    /// What every process can say of itself (<c>os</c>, <c>arch</c>, <c>host</c>), and what was
    /// typed; sorted. Throws on what is not <c>NAME=VALUE</c>.
    /// </summary>
    public static ImmutableArray<string> Labels(IEnumerable<string> typed)
    {
        var labels = new SortedSet<string>(StringComparer.Ordinal)
        {
            $"os={Os()}",
            $"arch={RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}",
            $"host={Environment.MachineName}",
        };
        foreach (var label in typed)
        {
            if (label.IndexOf('=') is not > 0)
                throw new UsageException("usage", $"--label {label}: write NAME=VALUE");
            labels.Add(label);
        }
        return [.. labels];
    }

    static string Os() => OperatingSystem.IsLinux() ? "linux"
        : OperatingSystem.IsMacOS() ? "macos"
        : OperatingSystem.IsWindows() ? "windows"
        : "other";
}
