using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What is to be removed of what nothing refers to.</summary>
public sealed record SweepRequest
{
    /// <summary>Only what was not used for so long; at least an hour.</summary>
    public TimeSpan? Older { get; init; }

    /// <summary>Only until the local store has no more than so many bytes.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>How many of a partition's latest records stay.</summary>
    public int Retain { get; init; } = 1;

    /// <summary>Only count.</summary>
    public bool DryRun { get; init; }
}

/// <summary>What a sweep removed of one layer.</summary>
/// <param name="Layer">Which one.</param>
/// <param name="Records">Records of runs.</param>
/// <param name="Artifacts">Bodies, half written ones too.</param>
/// <param name="Bytes">How long they were.</param>
/// <param name="BytesLeft">What is still there.</param>
public readonly record struct SweepResult(
    string Layer, int Records, int Artifacts, long Bytes, long BytesLeft);

/// <summary>
/// Removes from the local store what nothing refers to. Roots are the manifests of all partitions,
/// the latest records of each, and whatever was used within an hour, which is what a run or an
/// upload may have in hand. Records go before what they name, so that a process that dies over it
/// leaves nothing that points nowhere. What was used last is removed last.
/// </summary>
public sealed class ArtifactSweep
{
    /// <summary>
    /// Younger than this nothing is removed: an hour, and by how much a time may be behind.
    /// </summary>
    public static readonly TimeSpan Young =
        TimeSpan.FromHours(1) + TimeSpan.FromTicks(LocalArtifacts.TouchEveryNs / 100);

    readonly string folder;
    readonly SweepRequest request;
    readonly DateTimeOffset now;
    readonly HashSet<Digest> contents = [];
    readonly HashSet<string> fingerprints = []; // In hexadecimal.
    readonly Dictionary<string, int> uses = []; // By hexadecimal digest.
    readonly Dictionary<string, FileInfo> bodies;
    readonly List<(FileInfo File, ArtifactRecord Record)> unused = [];
    long total, bytes;
    int records, artifacts;

    ArtifactSweep(ArtifactStore store, KernelState state, SweepRequest request, DateTimeOffset now)
    {
        (folder, this.request, this.now) = (store.Local.Folder, request, now);
        for (var id = 0; id < state.CellCount; id++)
        {
            if (!state.TryGetManifest(new PartitionId(id), out var manifest)) continue;
            contents.Add(manifest.Digest);
            fingerprints.Add(manifest.Fingerprint.Hex());
        }
        bodies = Files("").Where(file => file.Name.Length == 32)
            .ToDictionary(file => file.Name, StringComparer.Ordinal);
        total = bodies.Values.Sum(file => file.Length);
    }

    /// <summary>Sweeps the local store of a workspace whose state is known.</summary>
    /// <exception cref="IOException">It cannot be read or changed.</exception>
    public static SweepResult Local(
        ArtifactStore store, KernelState state, SweepRequest request, DateTimeOffset now)
    {
        var sweep = new ArtifactSweep(store, state, request, now);
        sweep.Mark();
        sweep.RemoveRecords();
        sweep.RemoveBodies();
        return new SweepResult(
            "local", sweep.records, sweep.artifacts, sweep.bytes, sweep.total);
    }

    /// <summary>
    /// Sweeps a place that others use too: what was half written an hour ago, and, with
    /// <see cref="SweepRequest.Older"/>, what was not used for so long (where the place does not
    /// keep that: not written) and this store does not refer to.
    /// </summary>
    /// <exception cref="ArtifactPlaceException">It does not answer.</exception>
    public static SweepResult Outer(
        IArtifactPlace place, KernelState state, SweepRequest request, DateTimeOffset now)
    {
        var (contents, fingerprints) = (new HashSet<string>(), new HashSet<string>());
        for (var id = 0; id < state.CellCount; id++)
        {
            if (!state.TryGetManifest(new PartitionId(id), out var manifest)) continue;
            contents.Add(manifest.Digest.Hex());
            fingerprints.Add(manifest.Fingerprint.Hex());
        }
        var (records, artifacts, bytes, left) = (0, 0, 0L, 0L);
        if (!request.DryRun) artifacts = place.RemoveHalf(Young, now);
        foreach (var found in place.List("record/").ToList())
        {
            if (fingerprints.Contains(Path.GetFileName(found.Key)) || !IsOld(found))
                KeepMembers(found);
            else Remove(found, ref records);
        }
        var markers = 0;
        var committed = new HashSet<string>();
        foreach (var found in place.List("artifact/").ToList())
        {
            var text = place.Get(found.Key, isUse: false);
            var marker = text is null ? null : ArtifactMarker.Read(text);
            var isUsed = contents.Contains(Path.GetFileName(found.Key)) || !IsOld(found);
            if (marker is { } good && isUsed) committed.Add(good.Sha256);
            else if (marker is not null || IsGarbage(found)) Remove(found, ref markers);
        }
        foreach (var found in place.List("blob/").ToList())
        {
            if (committed.Contains(Path.GetFileName(found.Key)) || !IsGarbage(found))
            {
                left += found.Bytes;
                continue;
            }
            bytes += found.Bytes;
            Remove(found, ref artifacts);
        }
        return new SweepResult(place.Name, records, artifacts, bytes, left);

        bool IsOld(PlacedBytes found) =>
            request.Older is { } older && now - found.At > Longest(older, Young);

        bool IsGarbage(PlacedBytes found) => now - found.At > Young;

        void KeepMembers(PlacedBytes found)
        {
            if (request.Older is null || place.Get(found.Key, isUse: false) is not { } text
                || ArtifactRecord.Read(text) is not { } record) return;
            foreach (var output in record.Outputs)
            {
                contents.Add(output.Digest.Hex());
                if (output.Form != ArtifactForm.Folder) continue;
                foreach (var line in TreeOf(place, output.Digest))
                    contents.Add(line.Digest.Hex());
            }
        }

        void Remove(PlacedBytes found, ref int count)
        {
            if (!request.DryRun) place.Delete(found.Key);
            count++;
        }
    }

    static List<TreeLine> TreeOf(IArtifactPlace place, Digest digest)
    {
        var hex = digest.Hex();
        return place.Get($"artifact/{hex[..2]}/{hex}", isUse: false) is { } text
            && ArtifactMarker.Read(text) is { } marker
            && place.Get(
                $"blob/{marker.Sha256[..2]}/{marker.Sha256}", isUse: false) is { } tree
            ? TreeText.Read(tree) ?? []
            : [];
    }

    static TimeSpan Longest(TimeSpan a, TimeSpan b) => a > b ? a : b;

    FileInfo[] Files(string below) => Directory.Exists($"{folder}/{below}")
        ? [.. new DirectoryInfo($"{folder}/{below}").EnumerateDirectories("??")
            .SelectMany(part => part.EnumerateFiles())]
        : [];

    bool IsYoung(FileInfo file) => now - file.LastWriteTimeUtc <= Young;

    // Counts for each body how many things refer to it, and finds the records that nobody needs.
    void Mark()
    {
        foreach (var content in contents) Use(content);
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        // What is current is the latest, whenever it was used.
        foreach (var file in Files("record")
            .OrderByDescending(file => fingerprints.Contains(file.Name))
            .ThenByDescending(file => file.LastWriteTimeUtc))
        {
            if (ArtifactRecord.Read(File.ReadAllBytes(file.FullName)) is not { } record)
            {
                if (!IsYoung(file)) Delete(file, ref records);
                continue;
            }
            foreach (var member in Members(record)) Use(member);
            var isUsed = IsYoung(file) || fingerprints.Contains(file.Name);
            foreach (var output in record.Outputs)
            {
                var later = seen.GetValueOrDefault(output.Ref);
                seen[output.Ref] = later + 1;
                isUsed |= later < request.Retain;
            }
            if (!isUsed) unused.Add((file, record));
        }
    }

    IEnumerable<Digest> Members(ArtifactRecord record)
    {
        foreach (var output in record.Outputs)
        {
            yield return output.Digest;
            if (output.Form != ArtifactForm.Folder
                || !bodies.TryGetValue(output.Digest.Hex(), out var text)) continue;
            foreach (var line in TreeText.Read(File.ReadAllBytes(text.FullName)) ?? [])
                if (line.Digest.Exists) yield return line.Digest;
        }
    }

    void Use(Digest digest)
    {
        var hex = digest.Hex();
        uses[hex] = uses.GetValueOrDefault(hex) + 1;
    }

    void RemoveRecords()
    {
        unused.Sort((a, b) => a.File.LastWriteTimeUtc.CompareTo(b.File.LastWriteTimeUtc));
        var size = total - bodies.Values.Where(body => IsRemovable(body)).Sum(body => body.Length);
        foreach (var (file, record) in unused)
        {
            if (!IsOld(file)) continue;
            if (request.MaxBytes is { } most && size <= most) break;
            Delete(file, ref records);
            foreach (var member in Members(record).ToList())
            {
                var hex = member.Hex();
                uses[hex]--;
                if (bodies.TryGetValue(hex, out var body) && IsRemovable(body)) size -= body.Length;
            }
        }
    }

    bool IsRemovable(FileInfo body) => uses.GetValueOrDefault(body.Name) <= 0 && IsOld(body);

    bool IsOld(FileInfo file) =>
        now - file.LastWriteTimeUtc > Longest(request.Older ?? TimeSpan.Zero, Young);

    void RemoveBodies()
    {
        foreach (var body in bodies.Values.Where(IsRemovable).ToList())
        {
            body.Refresh();
            if (!body.Exists || !IsOld(body)) continue; // Somebody used it just now.
            total -= body.Length;
            bytes += body.Length;
            Delete(body, ref artifacts);
        }
        RemoveHalf();
    }

    static readonly EnumerationOptions all = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.ReparsePoint,
    };

    // Files, and folders that were being restored.
    void RemoveHalf()
    {
        var half = new DirectoryInfo($"{folder}/half");
        foreach (var left in half.Exists ? half.GetFileSystemInfos() : [])
        {
            FileSystemInfo[] parts = left is DirectoryInfo { LinkTarget: null } tree
                ? [left, .. tree.EnumerateFileSystemInfos("*", all)]
                : [left];
            if (parts.Any(part => now - part.LastWriteTimeUtc <= Young)) continue;
            bytes += parts.OfType<FileInfo>().Sum(file => file.Length);
            if (!request.DryRun) _ = Folders.RemoveAny(left.FullName);
            artifacts++;
        }
    }

    void Delete(FileInfo file, ref int count)
    {
        if (!request.DryRun) file.Delete();
        count++;
    }
}
