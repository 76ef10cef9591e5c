using System.Globalization;
using System.Runtime.InteropServices;

namespace Quoin.Cli;

/// <summary>
/// What one output stream can show. The width is asked anew each time, so that a frame painted
/// after the window changed fits it.
/// </summary>
sealed partial class TerminalScreen
{
    /// <summary>The width of a pipe or file: nothing is cut there.</summary>
    public const int Unlimited = int.MaxValue;

    const ulong GetWindowSize = 0x5413; // TIOCGWINSZ

    readonly Func<(int Columns, int Rows)> size;

    TerminalScreen(Func<(int Columns, int Rows)> size) => this.size = size;

    /// <summary>A person may be looking at it.</summary>
    public bool IsTerminal { get; private init; }

    /// <summary>Escape sequences for colours are welcome.</summary>
    public bool Color { get; private init; }

    /// <summary>Lines may be painted over.</summary>
    public bool Live { get; private init; }

    /// <summary>Columns now.</summary>
    public int Width => size().Columns;

    /// <summary>Rows now; a frame must be lower than that.</summary>
    public int Height => size().Rows;

    /// <summary>A screen with fixed properties, for tests and for pipes.</summary>
    public static TerminalScreen Fixed(int width, bool color = false, bool live = false) =>
        new(() => (width, live ? 24 : Unlimited)) { IsTerminal = live, Color = color, Live = live };

    /// <summary>A terminal whose width changes, for tests.</summary>
    public static TerminalScreen Of(Func<int> width) =>
        new(() => (width(), 24)) { IsTerminal = true, Live = true };

    /// <summary>
    /// Looks at a file descriptor and the environment. <c>COLUMNS</c> counts where the terminal
    /// does not know its width; <c>NO_COLOR</c>, <c>CI</c> and <c>TERM=dumb</c> are obeyed.
    /// </summary>
    public static TerminalScreen Detect(
        int descriptor, Func<string, string?> env, GlobalOptions options)
    {
        var isTerminal = IsATerminal(descriptor) == 1;
        var isDumb = env("TERM") is null or "" or "dumb";
        var columns = int.TryParse(
            env("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out var c) && c > 0
            ? c
            : (int?)null;
        return new TerminalScreen(() => isTerminal
            ? SizeOf(descriptor) ?? (columns ?? 80, 24)
            : (columns ?? Unlimited, Unlimited))
        {
            IsTerminal = isTerminal,
            Color = options.Color switch
            {
                ColorMode.Always => true,
                ColorMode.Never => false,
                ColorMode.Auto => isTerminal && !isDumb && string.IsNullOrEmpty(env("NO_COLOR")),
            },
            Live = isTerminal && !isDumb && !options.Plain && string.IsNullOrEmpty(env("CI")),
        };
    }

    static (int Columns, int Rows)? SizeOf(int descriptor)
    {
        var size = default(WindowSize);
        return WindowSizeOf(descriptor, GetWindowSize, ref size) == 0 && size.Columns > 0
            ? (size.Columns, size.Rows > 0 ? size.Rows : 24)
            : null;
    }

    [LibraryImport("libc", EntryPoint = "isatty")]
    private static partial int IsATerminal(int descriptor);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int WindowSizeOf(int descriptor, ulong request, ref WindowSize size);

    struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsX;
        public ushort PixelsY;
    }
}
