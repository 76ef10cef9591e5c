using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What was hashed: its digest and how many bytes of content there are.</summary>
public readonly record struct Content(Digest Digest, long Bytes, FileStat Stat);

/// <summary>
/// Digests of files and folders. A file's digest is that of its bytes. A folder's is that of one
/// line for each thing in it, sorted by path (ordinal, UTF-8): <c>mode digest size path</c>, where
/// mode is <c>-</c> a file, <c>x</c> an executable file, <c>d</c> a folder (digest <c>-</c>),
/// <c>l</c> a link (digest and size of its target's text). Times and owners are not in it.
/// </summary>
public static class ContentDigest
{
    const int ChunkBytes = 256 << 10;

    [ThreadStatic] static Xxh3? hash;
    [ThreadStatic] static byte[]? chunk;

    /// <summary>The digest of a file's bytes; links are followed.</summary>
    /// <exception cref="IOException">It cannot be read; the message names it.</exception>
    public static Content OfFile(string path)
    {
        // Without NonBlock opening a pipe would wait for a writer.
        var fd = Libc.Open(path, Libc.ReadOnly | Libc.NonBlock);
        if (fd < 0) throw Failure(path, -fd);
        try
        {
            var stat = FileStat.OfOpen(fd);
            if (stat.Kind != FileKind.File) throw new IOException($"{path}: not a regular file");
            return OfOpenFile(path, fd, stat);
        }
        finally
        {
            _ = Libc.close(fd);
        }
    }

    /// <summary>
    /// The digest of everything below a folder. <paramref name="ofFile"/> may answer for a file (by
    /// its path and its stat) from a cache.
    /// </summary>
    /// <exception cref="ContentException">Something in it cannot be part of an output.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static Content OfDirectory(
        string path, Func<string, FileStat, Digest>? ofFile = null) =>
        OfDirectory(path, [], ofFile);

    /// <summary>The same; <paramref name="lines"/> gets what is in it.</summary>
    internal static Content OfDirectory(
        string path, List<TreeLine> lines, Func<string, FileStat, Digest>? ofFile = null)
    {
        var root = FileStat.Of(path);
        var links = new Dictionary<string, string>(StringComparer.Ordinal);
        var folders = new Stack<string>();
        folders.Push("");
        long bytes = 0;
        while (folders.TryPop(out var folder))
        {
            foreach (var name in ReadNames(Path.Join(path, folder)))
            {
                var inner = folder.Length == 0 ? name : folder + "/" + name;
                var line = Line(path, inner, ofFile, links);
                lines.Add(line);
                bytes += line.Mode is '-' or 'x' ? line.Size : 0;
                if (line.Mode == 'd') folders.Push(inner);
            }
        }
        if (LeadingOut(links) is { } leading)
            throw new ContentException(
                $"{Path.Join(path, leading)} links to {links[leading]}, which leads out of the "
                + "output by way of another link; links have to stay inside");
        lines.Sort((a, b) => CompareUtf8(a.Path, b.Path));
        return new Content(Xxh3.Hash(TextOf(lines)), bytes, root);
    }

    /// <summary>The text whose digest is that of a folder.</summary>
    internal static byte[] TextOf(List<TreeLine> lines)
    {
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            text.Append(line.Mode).Append(' ')
                .Append(line.Digest.Exists ? line.Digest.Hex() : "-").Append(' ')
                .Append(line.Size).Append(' ')
                .Append(line.Path.Replace("\\", "\\\\").Replace("\n", "\\n")).Append('\n');
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The digest of a file or folder.</summary>
    /// <exception cref="ContentException">
    /// It cannot be an output: a link, a pipe, a device.
    /// </exception>
    /// <exception cref="IOException">It is not there or cannot be read.</exception>
    public static Content OfPath(string path) => OfPath(path, FileStat.OfLink(path));

    /// <summary>As the other, for a path whose own stat is known.</summary>
    public static Content OfPath(string path, FileStat stat) => stat.Kind switch
    {
        FileKind.File => OfFile(path),
        FileKind.Directory => OfDirectory(path),
        FileKind.Missing => throw Failure(path, Libc.ENOENT),
        FileKind.Link => throw new ContentException(
            $"{path} is a symbolic link; write the file itself (cp instead of ln -s)"),
        FileKind.Other => throw new ContentException(
            $"{path} is a pipe, socket or device; only files and folders can be kept"),
        _ => throw new InvalidOperationException(),
    };

    static TreeLine Line(
        string root, string inner, Func<string, FileStat, Digest>? ofFile,
        Dictionary<string, string> links)
    {
        var path = Path.Join(root, inner);
        var stat = FileStat.OfLink(path);
        switch (stat.Kind)
        {
            case FileKind.File:
                var digest = ofFile?.Invoke(path, stat) ?? OfFile(path).Digest;
                return new TreeLine(inner, stat.Executable ? 'x' : '-', digest, stat.Stamp.Size);
            case FileKind.Directory:
                return new TreeLine(inner, 'd', default, 0);
            case FileKind.Link:
                var target = File.ResolveLinkTarget(path, false) is null
                    ? "" : new FileInfo(path).LinkTarget ?? "";
                if (!LeadsInside(inner, target))
                    throw new ContentException(
                        $"{path} links to {target}, outside of the output; links have to be "
                        + "relative and stay inside");
                links.Add(inner, target);
                var bytes = Encoding.UTF8.GetBytes(target);
                return new TreeLine(inner, 'l', Xxh3.Hash(bytes), bytes.Length);
            case FileKind.Missing:
                throw new ContentException(
                    $"{path} is gone again, or its name is not UTF-8; names have to be UTF-8");
            default:
                throw new ContentException($"{path} is a pipe, socket or device");
        }
    }

    /// <summary>
    /// True when a link at <paramref name="inner"/> stays below its root, by its text.
    /// </summary>
    internal static bool LeadsInside(string inner, string target)
    {
        if (target is "" or ['/', ..]) return false;
        var depth = inner.AsSpan().Count('/');
        foreach (var range in target.AsSpan().Split('/'))
        {
            depth += target.AsSpan()[range] switch
            {
                "" or "." => 0,
                ".." => -1,
                _ => 1,
            };
            if (depth < 0) return false;
        }
        return true;
    }

    // As many as Linux follows; a chain that is longer leads nowhere.
    const int LinksMax = 40;

    /// <summary>
    /// A link, by its path, that leaves the folder when those are followed that it goes through;
    /// null: all stay. By its text each may seem to stay: <c>..</c> goes up from where a link led.
    /// </summary>
    internal static string? LeadingOut(IReadOnlyDictionary<string, string> links)
    {
        foreach (var (link, target) in links)
        {
            var at = new List<string>(link.Split('/')[..^1]);
            var todo = new Stack<string>(Enumerable.Reverse(target.Split('/')));
            for (var followed = 0; followed <= LinksMax && todo.TryPop(out var part);)
            {
                if (part is "" or ".") continue;
                if (part == "..")
                {
                    if (at.Count == 0) return link;
                    at.RemoveAt(at.Count - 1);
                    continue;
                }
                at.Add(part);
                if (!links.TryGetValue(string.Join('/', at), out var next)) continue;
                if (next is ['/', ..]) return link;
                followed++;
                at.RemoveAt(at.Count - 1);
                foreach (var step in Enumerable.Reverse(next.Split('/'))) todo.Push(step);
            }
        }
        return null;
    }

    static List<string> ReadNames(string folder)
    {
        var fd = Libc.Open(folder, Libc.ReadOnly | Libc.DirectoryOnly | Libc.NoFollow);
        if (fd < 0) throw Failure(folder, -fd);
        try
        {
            return Folders.List(fd).ConvertAll(Folders.Text);
        }
        finally
        {
            _ = Libc.close(fd);
        }
    }

    static unsafe Content OfOpenFile(string path, int fd, FileStat stat)
    {
        chunk ??= GC.AllocateUninitializedArray<byte>(ChunkBytes);
        hash ??= new Xxh3();
        hash.Reset();
        long bytes = 0;
        fixed (byte* start = chunk)
        {
            while (true)
            {
                var count = (int)Libc.read(fd, start, ChunkBytes);
                if (count < 0 && Libc.Error == Libc.EINTR) continue;
                if (count < 0) throw Failure(path, Libc.Error);
                if (count == 0) break;
                bytes += count;
                // A file that fits is one read: its end is known from its size.
                if (bytes == count && count == stat.Stamp.Size && count < ChunkBytes)
                    return new Content(Xxh3.Hash(chunk.AsSpan(0, count)), bytes, stat);
                hash.Append(chunk.AsSpan(0, count));
            }
        }
        return new Content(hash.Finish(), bytes, stat);
    }

    static IOException Failure(string path, int error) => new($"{path}: {Libc.Describe(error)}");

    // UTF-16 order differs from that of the bytes for characters beyond U+FFFF.
    static int CompareUtf8(string a, string b) =>
        Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b));

}

/// <summary>One thing in a folder, by its path in it.</summary>
readonly record struct TreeLine(string Path, char Mode, Digest Digest, long Size);

/// <summary>
/// A file or folder that cannot be an output; the message names it and the remedy.
/// </summary>
public sealed class ContentException(string message) : IOException(message);
