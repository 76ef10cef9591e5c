using System.Runtime.InteropServices;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// Looks at this machine for <c>quoin doctor</c>. Each check leaves nothing behind.
/// </summary>
static partial class Machine
{
    const long DiskLeast = 100L << 20, DiskGood = 1L << 30;
    const ulong FilesLeast = 256, FilesGood = 1024;

    static readonly string[] RemoteFileSystems =
    [
        "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "lustre",
            "gpfs",
    ];

    /// <summary>All checks, in the order in which they are printed.</summary>
    public static IReadOnlyList<MachineCheck> Check(Cli cli, Workspace? workspace)
    {
        var folder = workspace?.Root ?? cli.Options.Directory;
        var checks = new List<MachineCheck>
        {
            System(), CLibrary(), ProcessHandles(), Shell(), Files(), FileSystem(folder),
            Disk(folder),
        };
        var place = Writable(workspace?.QuoinDirectory ?? folder, cli.Time, checks);
        if (place is not null)
        {
            checks.Add(Database(place, cli.Time));
            Directory.Delete(place, recursive: true);
        }
        checks.Add(Workspace(workspace, folder));
        return checks;
    }

    static MachineCheck System()
    {
        var found = $"{Environment.OSVersion.VersionString}, {RuntimeInformation.OSArchitecture},"
            + $" {Units.Count(Environment.ProcessorCount, "core")}, .NET {Environment.Version}";
        var supported = OperatingSystem.IsLinux()
            && RuntimeInformation.OSArchitecture is Architecture.X64 or Architecture.Arm64;
        return new MachineCheck("system", supported ? CheckLevel.Ok : CheckLevel.Warn, found)
        {
            Remedy = supported ? "" : "Linux on x64 and arm64 is what is tested; the rest may work",
        };
    }

    static MachineCheck CLibrary()
    {
        try
        {
            var version = Marshal.PtrToStringUTF8(LibraryVersion()) ?? "?";
            return new MachineCheck("glibc", CheckLevel.Ok, version);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return new MachineCheck("glibc", CheckLevel.Fail, "not found (another C library?)")
            {
                Remedy = "use a system or an image with glibc: Debian, Ubuntu, Fedora, …",
            };
        }
    }

    static MachineCheck ProcessHandles()
    {
        const long pidfdOpen = 434; // The same number on x64 and arm64.
        var handle = SystemCall(pidfdOpen, Environment.ProcessId, 0);
        if (handle >= 0)
        {
            _ = Close((int)handle);
            return new MachineCheck("pidfd", CheckLevel.Ok, "the kernel hands out process handles");
        }
        return new MachineCheck(
            "pidfd", CheckLevel.Warn, $"refused (errno {Marshal.GetLastPInvokeError()})")
        {
            Remedy = "needs Linux 5.3, and a container whose seccomp profile allows pidfd_open",
        };
    }

    static MachineCheck Shell() => File.Exists("/bin/sh")
        ? new MachineCheck("sh", CheckLevel.Ok, "/bin/sh")
        : new MachineCheck("sh", CheckLevel.Warn, "there is no /bin/sh")
        {
            Remedy = "Quoin itself needs none; jobs that are shell scripts do",
        };

    static MachineCheck Files()
    {
        const int openFiles = 7; // RLIMIT_NOFILE
        if (GetLimit(openFiles, out var limit) != 0)
            return new MachineCheck("open files", CheckLevel.Warn, "the limit cannot be read");
        var level = limit.Soft < FilesLeast ? CheckLevel.Fail
            : limit.Soft < FilesGood ? CheckLevel.Warn
            : CheckLevel.Ok;
        return new MachineCheck("open files", level, $"{limit.Soft} (hard limit {limit.Hard})")
        {
            Remedy = level == CheckLevel.Ok ? "" : $"raise it: ulimit -n {FilesGood}",
        };
    }

    static MachineCheck FileSystem(string folder)
    {
        var drive = DriveOf(folder);
        var remote = RemoteFileSystems.Contains(drive?.DriveFormat);
        return new MachineCheck(
            "file system", remote ? CheckLevel.Fail : CheckLevel.Ok,
            $"{drive?.DriveFormat ?? "unknown"} at {drive?.Name ?? folder}")
        {
            Remedy = remote
                ? "SQLite is not safe on a network file system: put the store on a local disk,"
                    + " --store PATH"
                : "",
        };
    }

    static MachineCheck Disk(string folder)
    {
        if (DriveOf(folder) is not { } drive)
            return new MachineCheck("disk", CheckLevel.Warn, "free space cannot be read");
        var free = drive.AvailableFreeSpace;
        var level = free < DiskLeast ? CheckLevel.Fail
            : free < DiskGood ? CheckLevel.Warn
            : CheckLevel.Ok;
        return new MachineCheck("disk", level, $"{Units.Bytes(free)} free")
        {
            Remedy = level == CheckLevel.Ok ? "" : "make room: outputs, logs and the store grow",
        };
    }

    // A folder of our own in the place; null when it cannot be made. Looks at the clock by the way.
    static string? Writable(string parent, TimeProvider time, List<MachineCheck> checks)
    {
        var existing = parent;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } up)
            existing = up;
        var place = Path.Combine(existing, $".quoin-doctor-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(place);
            var probe = Path.Combine(place, "probe");
            File.WriteAllText(probe, "probe");
            checks.Add(new MachineCheck("writable", CheckLevel.Ok, existing));
            checks.Add(Clock(File.GetLastWriteTimeUtc(probe), time.GetUtcNow()));
            return place;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            checks.Add(new MachineCheck("writable", CheckLevel.Fail, e.Message)
            {
                Remedy = $"make {existing} writable for this user, or work elsewhere: -C DIR",
            });
            return null;
        }
    }

    static MachineCheck Clock(DateTime written, DateTimeOffset now)
    {
        var apart = (now.UtcDateTime - written).Duration();
        if (now.Year is < 2025 or > 2100)
        {
            return new MachineCheck("clock", CheckLevel.Fail, $"it says {now:yyyy-MM-dd HH:mm}")
            {
                Remedy = "set the clock; leases and file times depend on it",
            };
        }
        return apart > TimeSpan.FromSeconds(2)
            ? new MachineCheck(
                "clock", CheckLevel.Warn, $"files are stamped {Units.Duration(apart)} off")
            {
                Remedy = "the file server's clock and this machine's differ; synchronize them",
            }
            : new MachineCheck("clock", CheckLevel.Ok, $"{now:yyyy-MM-dd HH:mm}Z, as file times");
    }

    static MachineCheck Database(string folder, TimeProvider time)
    {
        try
        {
            var options = new StoreOptions { NewId = "doctor", Time = time, Lead = true };
            var store = SqliteStore.Open(Path.Combine(folder, "probe.db"), options);
            store.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return new MachineCheck("sqlite", CheckLevel.Ok, "loads, locks and writes here");
        }
        catch (Exception e) when (e is StoreException or DllNotFoundException or IOException)
        {
            return new MachineCheck("sqlite", CheckLevel.Fail, e.Message.Split('\n')[0])
            {
                Remedy = "the folder of quoin must have libe_sqlite3.so, the disk must be local",
            };
        }
    }

    static MachineCheck Workspace(Workspace? workspace, string folder) => workspace is null
        ? new MachineCheck("workspace", CheckLevel.Warn, $"no quoin.yaml in {folder} or above")
        {
            Remedy = "quoin init writes a first one",
        }
        : new MachineCheck("workspace", CheckLevel.Ok, workspace.GraphFile);

    static DriveInfo? DriveOf(string folder)
    {
        DriveInfo? best = null;
        foreach (var drive in DriveInfo.GetDrives())
        {
            var root = drive.Name.TrimEnd('/') + "/";
            if ((folder.TrimEnd('/') + "/").StartsWith(root, StringComparison.Ordinal)
                && root.Length > (best?.Name.Length ?? 0) && drive.IsReady) best = drive;
        }
        return best;
    }

    [LibraryImport("libc", EntryPoint = "gnu_get_libc_version")]
    private static partial nint LibraryVersion();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, long first, long second);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
