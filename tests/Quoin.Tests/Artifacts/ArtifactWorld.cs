using System.Globalization;
using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Artifacts;

/// <summary>
/// A host's artifacts and files in a temporary folder, and a shared folder that other hosts of the
/// same test have too.
/// </summary>
sealed class ArtifactWorld : IDisposable
{
    readonly TestFolder folder = new();
    readonly List<ArtifactStore> opened = [];
    int names;

    public string Root => folder.Root;

    public string Shared { get; } = Directory.CreateTempSubdirectory("quoin-shared-").FullName;

    public List<string> Warnings { get; } = [];

    public ManualTime Time { get; } =
        new(new DateTimeOffset(2026, 1, 31, 6, 0, 0, TimeSpan.Zero));

    /// <summary>The store of a host, with these places.</summary>
    public ArtifactStore Host(string name, params IArtifactPlace[] places)
    {
        var store = new ArtifactStore($"{Root}/{name}/cas", places, writes: true, Time, NewName)
        {
            Warn = Warnings.Add,
        };
        opened.Add(store);
        return store;
    }

    public SharedFolderPlace Folder() => new(Shared, NewName, Time);

    string NewName() => Interlocked.Increment(ref names).ToString(CultureInfo.InvariantCulture);

    /// <summary>A file as a run published it.</summary>
    public PublishedOutput Publish(string reference, string text)
    {
        folder.Write($"made/{reference}", text);
        return Published(reference);
    }

    /// <summary>A folder as a run published it.</summary>
    public PublishedOutput PublishFolder(string reference)
    {
        folder.Write($"made/{reference}/a.txt", "first");
        folder.Write($"made/{reference}/bin/run", "#!/bin/sh\n");
        folder.Write($"made/{reference}/odd name\nhere", "x");
        Directory.CreateDirectory($"{Root}/made/{reference}/empty");
        Assert.Equal(0, Folders.SetMode($"{Root}/made/{reference}/bin/run", 0x1C0)); // rwx
        File.CreateSymbolicLink($"{Root}/made/{reference}/link", "bin/run");
        return Published(reference);
    }

    PublishedOutput Published(string reference)
    {
        var path = $"{Root}/made/{reference}";
        var content = ContentDigest.OfPath(path);
        return new PublishedOutput(
            reference, path, content.Digest, content.Bytes, content.Stat.Stamp, null);
    }

    /// <summary>A fingerprint.</summary>
    public static Digest Print(string text) => Fingerprint.DigestOf(Encoding.UTF8.GetBytes(text));

    /// <summary>A path where nothing is.</summary>
    public string Free() => $"{Root}/new-{NewName()}";

    public static string CasPath(ArtifactStore store, Digest digest) => store.Local.PathOf(digest);

    /// <summary>Turns one bit of a file.</summary>
    public static void Flip(string path)
    {
        Assert.Equal(0, Folders.SetMode(path, 0x180)); // rw
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    public void Dispose()
    {
        foreach (var store in opened) store.Dispose();
        folder.Dispose();
        Directory.Delete(Shared, recursive: true);
    }
}
