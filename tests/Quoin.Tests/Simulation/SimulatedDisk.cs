using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>Files by path below the workspace; their times are those of the wall clock.</summary>
sealed class SimulatedDisk(SimulatedTime time) : IFileView
{
    readonly Dictionary<string, (string Text, FileStat Stat)> files = [];
    long inodes;

    public string? Text(string path) =>
        files.TryGetValue(path, out var file) ? file.Text : null;

    /// <summary>A new file, as a rename puts it into its place.</summary>
    public FileStamp Replace(string path, string text) => Write(path, text, ++inodes);

    /// <summary>The file that is there gets another content.</summary>
    public void Overwrite(string path, string text) =>
        Write(path, text, files[path].Stat.Stamp.Inode);

    public void Delete(string path) => files.Remove(path);

    public bool Exists(string path) => files.ContainsKey(path);

    public static Digest DigestOf(string text) => Xxh3.Hash(Encoding.UTF8.GetBytes(text));

    public FileStat StatOf(string path) =>
        files.TryGetValue(path, out var file) ? file.Stat : FileStat.Missing;

    public Content Read(string path) => files.TryGetValue(path, out var file)
        ? new Content(DigestOf(file.Text), file.Stat.Stamp.Size, file.Stat)
        : throw new FileNotFoundException($"{path}: no such file");

    FileStamp Write(string path, string text, long inode)
    {
        var now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
        // No two writes in one tick of this disk's clock.
        var stamp = new FileStamp(Encoding.UTF8.GetByteCount(text), now + (++writes % 100), inode);
        files[path] = (text, new FileStat(FileKind.File, 0x1A4, stamp));
        return stamp;
    }

    long writes;
}
