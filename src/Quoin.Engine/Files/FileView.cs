using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Quoin.Engine;

/// <summary>
/// The files of a workspace as <see cref="FileStampCache"/> sees them: the disk, and in tests a
/// simulated one. Paths are relative to the workspace, or absolute.
/// </summary>
interface IFileView
{
    /// <summary>What a path leads to, links followed.</summary>
    /// <exception cref="IOException">It cannot be said; the message names it.</exception>
    FileStat StatOf(string path);

    /// <summary>The same of a path as UTF-8 with a NUL behind it.</summary>
    FileStat StatOf(ReadOnlySpan<byte> utf8WithNul) =>
        StatOf(Encoding.UTF8.GetString(utf8WithNul[..^1]));

    /// <summary>Digest, size and stat of a file's bytes.</summary>
    /// <exception cref="IOException">It cannot be read; the message names it.</exception>
    Content Read(string path);
}

/// <summary>The disk. The folder is opened once: shorter to look up than from the root.</summary>
sealed class DiskView(string workspace) : IFileView
{
    readonly SafeFileHandle folder = Folders.Open(workspace.TrimEnd('/') + "/");

    public FileStat StatOf(string path) => FileStat.Below(folder, path);

    public FileStat StatOf(ReadOnlySpan<byte> utf8WithNul) =>
        FileStat.Below(folder, utf8WithNul);

    public Content Read(string path) => ContentDigest.OfFile(Path.Combine(workspace, path));
}
