using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The files whose content is part of an attempt's fingerprint: made before the attempt begins,
/// asked when it has ended. Between the plan and the attempt lie waits for slots and for retries,
/// so what counts is the content that the fingerprint has, and not only what changes meanwhile.
/// </summary>
sealed class WatchedFiles
{
    readonly FileStampCache files;
    readonly ImmutableArray<PathDigest> watched;
    readonly FileStamp[] stamps;
    readonly string? movedBefore;

    public WatchedFiles(FileStampCache files, ImmutableArray<PathDigest> watched)
    {
        (this.files, this.watched) = (files, watched);
        stamps = new FileStamp[watched.Length];
        for (var i = 0; i < stamps.Length; i++)
        {
            var (path, digest) = (watched[i].Path, watched[i].Digest);
            var stat = files.StatOf(path);
            stamps[i] = stat.Stamp;
            if (movedBefore is null && !files.IsStill(path, stat, digest)) movedBefore = path;
        }
    }

    /// <summary>The first that is not what the fingerprint says; null: none.</summary>
    public string? Moved()
    {
        if (movedBefore is not null) return movedBefore;
        for (var i = 0; i < stamps.Length; i++)
            if (files.StampOf(watched[i].Path) != stamps[i]) return watched[i].Path;
        return null;
    }
}
