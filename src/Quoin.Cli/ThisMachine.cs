using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>What this process is to others who use the store.</summary>
static class ThisMachine
{
    /// <summary>A new name for this process.</summary>
    public static WorkerId NewWorkerId() =>
        ProcessNames.New(RandomNumberGenerator.GetHexString(6, lowercase: true));

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
