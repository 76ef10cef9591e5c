using System.Globalization;
using System.Runtime.InteropServices;

namespace Quoin.Engine;

/// <summary>
/// Sees to it that nothing which this process started outlives it, even when it dies by kill -9.
/// Linux can signal a child when its parent *thread* ends, which is too early, and posix_spawn
/// cannot ask for that. So there is one child, a shell in a session of its own, that waits on a
/// pipe whose other end only this process has. When that ends it kills the process groups that are
/// registered (in memory shared with it: registering costs no system call), and then whatever
/// carries our mark in its environment, until three looks in a row find nothing.
/// </summary>
/// <remarks>
/// Out of its reach: a process that has both left its process group and cleared its environment.
/// A file named after this process lies in the guard folder while it lives: if the guardian was
/// killed too, the next Quoin of this workspace finds the file and kills what carries its name.
/// </remarks>
public sealed unsafe class Guardian : IDisposable
{
    const int Slots = 1024, SlotBytes = 8; // seven digits and a newline: one store, never torn

    // $1 our mark, $2 the file. Only what POSIX has; descriptor 3 is the memory with the groups.
    const string Script = """
        trap '' HUP INT TERM
        rounds=100 wanted=3
        if read -r word && [ "$word" = done ]; then
          rounds=3 wanted=1
        else
          while read -r group; do
            [ -z "$group" ] || kill -s KILL -- "-$group"
          done <&3
        fi
        clean=0
        while [ "$clean" -lt "$wanted" ] && [ "$rounds" -gt 0 ]; do
          clean=$((clean + 1)) rounds=$((rounds - 1))
          for found in $(grep -slF "QUOIN_OWNER=$1" /proc/[0-9]*/environ); do
            found=${found#/proc/}
            kill -s KILL "${found%/environ}" && clean=0
          done
          [ "$clean" -ge "$wanted" ] || sleep 0.1
        done
        rm -f -- "$2"
        """;

    static int made;

    readonly string folder, file;
    readonly Lock gate = new();
    readonly Stack<int> free = new();
    volatile bool started;
    ulong* slots;
    int pipe = -1;

    /// <summary>A guardian that is not started yet.</summary>
    /// <param name="folder">Absolute: <c>.quoin/guard</c>.</param>
    /// <param name="time">Makes the mark differ from that of a process of an earlier boot.</param>
    public Guardian(string folder, TimeProvider time)
    {
        this.folder = folder;
        var pid = Environment.ProcessId;
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        // Two in one process may be made in one millisecond, and each kills what has its mark, or
        // one that begins with it.
        var number = Interlocked.Increment(ref made);
        Owner = $"{Host}.{pid}.{ProcFiles.StartedAt(pid)}.{now:x}-{number:x8}";
        file = Path.Join(folder, Owner);
    }

    /// <summary>
    /// The mark: the value of <c>QUOIN_OWNER</c> in all that this process starts.
    /// </summary>
    public string Owner { get; }

    /// <summary>
    /// Why there is no guardian (no /bin/sh, say); null when there is, or none is needed yet.
    /// </summary>
    public string? Problem { get; private set; }

    /// <summary>The guardian's own pid; 0 when it does not run.</summary>
    internal int Pid { get; private set; }

    static string Host => string.Concat(
        Environment.MachineName.Select(c => char.IsAsciiLetterOrDigit(c) || c == '-' ? c : '_'));

    /// <summary>
    /// Starts it, once. Cheap when it runs already; else about a millisecond, so call it while
    /// there is something to wait for.
    /// </summary>
    public void EnsureStarted()
    {
        if (started) return;
        lock (gate)
        {
            if (started) return;
            SweepOthers();
            Problem = Start();
            started = true;
        }
    }

    /// <summary>
    /// Kills what is left of earlier processes of this workspace, on this host, that died together
    /// with their guardians. Returns how many processes that were.
    /// </summary>
    public int SweepOthers()
    {
        if (!FileStat.Of(folder).Exists) return 0;
        var killed = 0;
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            var parts = Path.GetFileName(path).Split('.');
            if (parts.Length != 4 || parts[0] != Host
                || !int.TryParse(parts[1], NumberStyles.None, null, out var pid)
                || !long.TryParse(parts[2], NumberStyles.None, null, out var startedAt)) continue;
            if (ProcFiles.StartedAt(pid) == startedAt) continue; // It lives.
            // Only the mark counts here: numbers of processes may mean others by now.
            killed += ProcFiles.KillMarked(
                $"{JobEnvironment.OwnerVariable}={Path.GetFileName(path)}");
            _ = Folders.RemoveFile(path);
        }
        return killed;
    }

    /// <summary>
    /// A process group to kill when this process dies; the slot is for <see cref="Forget"/>.
    /// </summary>
    internal int Watch(int group)
    {
        int slot;
        lock (gate)
        {
            if (!free.TryPop(out slot)) return -1;
        }
        Span<byte> text = stackalloc byte[SlotBytes];
        text.Fill((byte)' ');
        _ = group.TryFormat(text, out _); // Spaces behind it mean nothing to the shell.
        text[SlotBytes - 1] = (byte)'\n';
        Volatile.Write(ref slots[slot], BitConverter.ToUInt64(text));
        return slot;
    }

    /// <summary>
    /// Forgets a process group. To be called before its leader is waited for: after that its number
    /// may become somebody else's.
    /// </summary>
    internal void Forget(int slot)
    {
        if (slot < 0) return;
        Volatile.Write(ref slots[slot], EmptySlot);
        lock (gate) free.Push(slot);
    }

    /// <summary>Sends the guardian home; it looks once more for processes that ran away.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (pipe < 0) return;
            _ = Libc.WriteAll(pipe, "done\n"u8);
            _ = Libc.close(pipe);
            pipe = -1;
        }
        _ = Folders.RemoveFile(file);
    }

    static ulong EmptySlot => BitConverter.ToUInt64("       \n"u8);

    string? Start()
    {
        if (Folders.Make(folder) is not 0 and var cannotMake)
            return $"cannot make {folder}: {Libc.Describe(cannotMake)}";
        var marker = Libc.Open(file, Libc.WriteOnly | Libc.Create, 0x1B6);
        if (marker < 0) return $"cannot make {file}: {Libc.Describe(-marker)}";
        _ = Libc.close(marker);
        var memory = MapSlots();
        if (memory < 0) return $"cannot share memory: {Libc.Describe(-memory)}";
        var ends = stackalloc int[2];
        var error = Libc.pipe2(ends, Libc.CloseOnExec) == 0 ? 0 : Libc.Error;
        if (error == 0)
        {
            var (argv, environment) = (new StringBlock(), new StringBlock());
            foreach (var text in (string[])["/bin/sh", "-c", Script, "quoin-guardian", Owner, file])
                argv.Add(text);
            environment.Add("PATH", Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin");
            error = Spawn.Start(
                argv, environment, "",
                new SpawnPlaces
                {
                    WorkingDirectory = "/",
                    Stdin = ends[0],
                    Stdout = Spawn.NullFile,
                    Stderr = Spawn.NullFile,
                    Fourth = memory,
                    OwnSession = true,
                },
                out var pid);
            Pid = pid;
            _ = Libc.close(ends[0]);
        }
        _ = Libc.close(memory);
        if (error != 0) return $"cannot start /bin/sh: {Libc.Describe(error)}";
        pipe = ends[1];
        return null;
    }

    // Memory without a file behind it: a full disk cannot turn a store into SIGBUS.
    int MapSlots()
    {
        const int size = Slots * SlotBytes, readWrite = 3, shared = 1;
        fixed (byte* name = "quoin-guard\0"u8)
        {
            var fd = Libc.memfd_create(name, 1); // close-on-exec
            if (fd < 0) return -Libc.Error;
            var empty = new ulong[Slots];
            Array.Fill(empty, EmptySlot);
            var error = Libc.WriteAll(fd, MemoryMarshal.AsBytes<ulong>(empty));
            var mapped = error == 0 ? Libc.mmap(null, size, readWrite, shared, fd, 0) : (void*)-1;
            if (mapped == (void*)-1)
            {
                error = error == 0 ? Libc.Error : error;
                _ = Libc.close(fd);
                return -error;
            }
            _ = Libc.lseek(fd, 0, 0);
            slots = (ulong*)mapped;
            for (var i = Slots - 1; i >= 0; i--) free.Push(i);
            return fd;
        }
    }
}
