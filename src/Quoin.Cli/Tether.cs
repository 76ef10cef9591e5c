using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Quoin.Cli;

/// <summary>
/// Ends this process with the one that started it, however that ends: its standard input is a pipe
/// that only the other one can write to. Killed, not asked to stop: what it was at goes on when the
/// other one starts it again.
/// </summary>
static partial class Tether
{
    /// <summary>The variable that says that there is one.</summary>
    public const string Variable = "QUOIN_TETHER";

    /// <summary>Watches from now on, on a thread of its own.</summary>
    public static void Hold() => new Thread(() =>
    {
        using var input = Console.OpenStandardInput();
        while (input.ReadByte() >= 0) { }
        using var self = Process.GetCurrentProcess();
        self.Kill();
    })
    { IsBackground = true }.Start();

    /// <summary>Asks a process at the other end to stop in its own way.</summary>
    public static void AskToStop(Process process)
    {
        const int terminate = 15;
        if (!process.HasExited) _ = Kill(process.Id, terminate);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
