using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// Starts a process: <c>posix_spawn</c> without a shell, in a process group of its own, with an
/// empty signal mask and default signals, and with no descriptor of ours but the three given.
/// <c>docs/decisions/0001-spawn.md</c> says why not <see cref="System.Diagnostics.Process"/>.
/// It does not know jobs, logs or timeouts.
/// </summary>
static unsafe class Spawn
{
    const short SetGroup = 2, SetSignalDefaults = 4, SetSignalMask = 8, SetSession = 0x80;

    // glibc: posix_spawnattr_t has 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128.
    static readonly nint groupAttributes = MakeAttributes(SetGroup);
    static readonly nint sessionAttributes = MakeAttributes(SetSession);
    static readonly Lazy<int> nullFile = new(() =>
        Libc.Open("/dev/null", Libc.ReadWrite) is >= 0 and var fd
            ? fd
            : throw new IOException("/dev/null cannot be opened"));

    // Where programs of PATH lie. An entry that stops working is looked up again.
    static readonly ConcurrentDictionary<(string Path, string Program), string> programs = new();

    /// <summary>
    /// A descriptor of <c>/dev/null</c>, open for reading and writing, never closed.
    /// </summary>
    public static int NullFile => nullFile.Value;

    /// <summary>
    /// Starts <paramref name="argv"/> and returns 0 and its pid, or the error number. A program
    /// with a <c>/</c> is relative to the working directory, any other is looked for in
    /// <paramref name="searchPath"/>.
    /// </summary>
    public static int Start(
        StringBlock argv, StringBlock environment, string searchPath, in SpawnPlaces places,
        out int pid)
    {
        pid = 0;
        var program = argv.First;
        if (program.Contains('/')) return StartAt(program, argv, environment, places, out pid);

        var found = programs.TryGetValue((searchPath, program), out var file);
        if (!found && (file = Find(program, searchPath, places.WorkingDirectory)) is null)
            return Libc.ENOENT;
        var error = StartAt(file!, argv, environment, places, out pid);
        if (error is not (Libc.ENOENT or Libc.EACCES) || !found)
        {
            // A relative entry of PATH means another file in another folder: not remembered.
            if (error == 0 && !found && file![0] == '/') programs[(searchPath, program)] = file;
            return error;
        }
        programs.TryRemove((searchPath, program), out _);
        file = Find(program, searchPath, places.WorkingDirectory);
        return file is null ? Libc.ENOENT : StartAt(file, argv, environment, places, out pid);
    }

    /// <summary>
    /// The first executable file of that name in <paramref name="searchPath"/>, or null.
    /// </summary>
    public static string? Find(string program, string searchPath, string workingDirectory)
    {
        if (program.Length == 0) return null;
        foreach (var range in searchPath.AsSpan().Split(':'))
        {
            var folder = searchPath[range];
            var file = folder.Length == 0 ? "./" + program : folder + "/" + program;
            var root = folder is ['/', ..] ? "" : workingDirectory;
            if (FileStat.IsExecutableFile(Path.Join(root, file))) return file;
        }
        return null;
    }

    [SkipLocalsInit]
    static int StartAt(
        string file, StringBlock argv, StringBlock environment, in SpawnPlaces places, out int pid)
    {
        Span<byte> path = stackalloc byte[Libc.PathMax];
        Span<byte> folder = stackalloc byte[Libc.PathMax];
        var actions = stackalloc byte[128];
        var pointers = new PointerTable(stackalloc nint[256], argv.Count + environment.Count + 2);
        pid = 0;
        if (Libc.posix_spawn_file_actions_init(actions) is not 0 and var failed) return failed;
        try
        {
            fixed (byte* filePointer = Libc.Utf8(file, path))
            fixed (byte* folderPointer = Libc.Utf8(places.WorkingDirectory, folder))
            fixed (byte* argvBytes = argv.Bytes, environmentBytes = environment.Bytes)
            fixed (nint* table = pointers.Span)
            fixed (int* started = &pid)
            {
                argv.Point(argvBytes, table);
                environment.Point(environmentBytes, table + argv.Count + 1);
                // These fail only for want of memory.
                var error = Libc.posix_spawn_file_actions_adddup2(actions, places.Stdin, 0)
                    | Libc.posix_spawn_file_actions_adddup2(actions, places.Stdout, 1)
                    | Libc.posix_spawn_file_actions_adddup2(actions, places.Stderr, 2)
                    | Libc.posix_spawn_file_actions_addchdir_np(actions, folderPointer);
                if (places.Fourth >= 0)
                    error |= Libc.posix_spawn_file_actions_adddup2(actions, places.Fourth, 3);
                return error != 0 ? error : Libc.posix_spawn(
                    started, filePointer, actions,
                    (void*)(places.OwnSession ? sessionAttributes : groupAttributes),
                    (byte**)table, (byte**)(table + argv.Count + 1));
            }
        }
        finally
        {
            Libc.posix_spawn_file_actions_destroy(actions);
            pointers.Return();
        }
    }

    static nint MakeAttributes(short membership)
    {
        var attributes = NativeMemory.AllocZeroed(512);
        var set = stackalloc byte[128];
        Libc.posix_spawnattr_init(attributes);
        Libc.posix_spawnattr_setflags(
            attributes, (short)(membership | SetSignalDefaults | SetSignalMask));
        Libc.posix_spawnattr_setpgroup(attributes, 0);
        Libc.sigemptyset(set);
        Libc.posix_spawnattr_setsigmask(attributes, set);
        // All of them: the runtime ignores SIGPIPE, and whoever started us may have ignored others.
        Libc.sigfillset(set);
        Libc.posix_spawnattr_setsigdefault(attributes, set);
        return (nint)attributes;
    }

    /// <summary>Room for pointers on the stack, or from the pool when there are many.</summary>
    ref struct PointerTable
    {
        readonly nint[]? rented;

        public PointerTable(Span<nint> onStack, int count)
        {
            if (count > onStack.Length) rented = ArrayPool<nint>.Shared.Rent(count);
            Span = rented ?? onStack;
        }

        public Span<nint> Span { get; }

        public readonly void Return()
        {
            if (rented is not null) ArrayPool<nint>.Shared.Return(rented);
        }
    }
}

/// <summary>Where a process starts and what its first descriptors are.</summary>
readonly struct SpawnPlaces()
{
    public required string WorkingDirectory { get; init; }
    public required int Stdin { get; init; }
    public required int Stdout { get; init; }
    public required int Stderr { get; init; }

    /// <summary>What descriptor 3 is; negative: nothing.</summary>
    public int Fourth { get; init; } = -1;

    /// <summary>A session of its own instead of only a process group.</summary>
    public bool OwnSession { get; init; }
}

/// <summary>NUL-terminated UTF-8 strings one after the other: an argv or an environment.</summary>
sealed class StringBlock
{
    byte[] bytes = new byte[1024];
    int[] starts = new int[32];
    int used;

    /// <summary>How many strings.</summary>
    public int Count { get; private set; }

    /// <summary>All of them, each with its NUL.</summary>
    public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, Math.Max(used, 1));

    /// <summary>Bytes with all NULs.</summary>
    public int Length => used;

    /// <summary>The first string; empty when there is none.</summary>
    public string First => Count == 0 ? "" : this[0];

    /// <summary>One string.</summary>
    public string this[int index] => Encoding.UTF8.GetString(
        bytes, starts[index], (index + 1 < Count ? starts[index + 1] : used) - 1 - starts[index]);

    public void Clear() => (used, Count) = (0, 0);

    /// <summary>Adds a string. It holds no NUL: that was checked where it was read.</summary>
    public void Add(ReadOnlySpan<char> text) => Add(text, default, false);

    /// <summary>Adds <c>name=value</c>.</summary>
    public void Add(ReadOnlySpan<char> name, ReadOnlySpan<char> value) => Add(name, value, true);

    /// <summary>Adds all strings of another block.</summary>
    public void AddAll(StringBlock other)
    {
        Grow(other.used, other.Count);
        for (var i = 0; i < other.Count; i++) starts[Count++] = used + other.starts[i];
        other.bytes.AsSpan(0, other.used).CopyTo(bytes.AsSpan(used));
        used += other.used;
    }

    /// <summary>Writes the pointers and the null that ends them.</summary>
    public unsafe void Point(byte* start, nint* table)
    {
        for (var i = 0; i < Count; i++) table[i] = (nint)(start + starts[i]);
        table[Count] = 0;
    }

    void Add(ReadOnlySpan<char> first, ReadOnlySpan<char> second, bool pair)
    {
        Grow((first.Length + second.Length) * 3 + 2, 1);
        starts[Count++] = used;
        used += Encoding.UTF8.GetBytes(first, bytes.AsSpan(used));
        if (pair)
        {
            bytes[used++] = (byte)'=';
            used += Encoding.UTF8.GetBytes(second, bytes.AsSpan(used));
        }
        bytes[used++] = 0;
    }

    void Grow(int byteCount, int count)
    {
        if (used + byteCount > bytes.Length)
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, used + byteCount));
        if (Count + count > starts.Length)
            Array.Resize(ref starts, Math.Max(starts.Length * 2, Count + count));
    }
}
