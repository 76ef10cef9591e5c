using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Outputs by their content, and what came of runs by their fingerprint, so that what was made once
/// is not made again: in <c>.quoin/cas</c> first, then in places that others have too. Whatever it
/// gives back was checked against its digest; whatever goes wrong in it is a miss and a warning,
/// never a failed build. Holds no lock of the store, and is safe for many threads.
/// </summary>
public sealed class ArtifactStore : IDisposable
{
    /// <summary>
    /// The environment's word on it: <c>local</c>, <c>off</c>, a folder, or <c>s3://…</c>.
    /// </summary>
    public const string Variable = "QUOIN_ARTIFACTS";

    readonly IReadOnlyList<IArtifactPlace> places;
    readonly TimeProvider time;
    readonly OuterArtifacts[] outer;
    readonly bool writes;

    /// <param name="folder">Absolute: the local store's.</param>
    /// <param name="places">In the order in which they are asked; disposed of with this.</param>
    /// <param name="writes">Whether anything is put into the places.</param>
    /// <param name="time">The clock.</param>
    /// <param name="newName">A name that nobody else uses.</param>
    public ArtifactStore(
        string folder, IReadOnlyList<IArtifactPlace> places, bool writes, TimeProvider time,
        Func<string> newName)
    {
        (this.places, this.writes, this.time) = (places, writes, time);
        Local = new LocalArtifacts(folder, newName, time);
        outer = [.. places.Select(place => new OuterArtifacts(place, time, Tell, writes))];
    }

    /// <summary>Who hears what a person should know; called on any thread.</summary>
    public Action<string> Warn { get; set; } = static _ => { };

    internal LocalArtifacts Local { get; }

    /// <summary>The places beside the local store.</summary>
    public IReadOnlyList<IArtifactPlace> Places => places;

    /// <summary>Other hosts can have what is put here.</summary>
    public bool IsShared => outer.Length > 0;

    /// <summary>What is kept here goes to them, too.</summary>
    public bool Shares => IsShared && writes;

    void Tell(string message) => Warn(message);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var place in places) place.Dispose();
    }

    /// <summary>
    /// Whether an output of the run with that fingerprint can probably be had. Reads no content.
    /// </summary>
    public bool CanRestore(Digest fingerprint, string reference, Digest content)
    {
        if (!fingerprint.Exists) return false;
        if (IsIn(Local.Record(fingerprint)) && Local.Has(content)) return true;
        foreach (var layer in outer)
            if (IsIn(layer.Record(fingerprint)) && (Local.Has(content) || layer.Has(content)))
                return true;
        return false;

        bool IsIn(ArtifactRecord? record) =>
            record?.Find(reference) is { } output && output.Digest == content;
    }

    /// <summary>
    /// The same of many, so many at a time: each answer of a place on another host is a journey.
    /// What was not answered when the time is over counts as a miss, and is said.
    /// </summary>
    internal bool[] CanRestore(
        IReadOnlyList<(Digest Fingerprint, string Reference, Digest Content)> asked,
        TimeSpan within)
    {
        var (answers, next, missed, since) = (new bool[asked.Count], -1, 0, time.GetTimestamp());
        // Threads of their own, because they only wait: the pool has one for each core.
        var threads = Enumerable.Range(0, Math.Min(AskedAtATime, asked.Count))
            .Select(_ => new Thread(Ask) { IsBackground = true, Name = "quoin artifacts" })
            .ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        if (missed > 0)
            Warn($"the artifacts answer slowly: {missed} of {asked.Count} outputs that are not in "
                + $"their places were not asked for within {within.TotalSeconds:0} s, and are made "
                + $"again. Remedy: build without them ({Variable}=local), or wait and try again");
        return answers;

        void Ask()
        {
            for (int i; (i = Interlocked.Increment(ref next)) < asked.Count;)
            {
                var (fingerprint, reference, content) = asked[i];
                if (time.GetElapsedTime(since) > within) Interlocked.Increment(ref missed);
                else answers[i] = CanRestore(fingerprint, reference, content);
            }
        }
    }

    /// <summary>How many questions are on their way at once.</summary>
    internal const int AskedAtATime = 16;

    /// <summary>What the run with that fingerprint published, layer by layer.</summary>
    internal IEnumerable<(string Layer, ArtifactRecord Record)> Records(Digest fingerprint)
    {
        if (!fingerprint.Exists) yield break;
        if (Local.Record(fingerprint) is { } local) yield return ("local", local);
        foreach (var layer in outer)
            if (layer.Record(fingerprint) is { } record) yield return (layer.Name, record);
    }

    /// <summary>
    /// Makes an output anew where nothing is, and says from which layer; null: no layer has it
    /// whole, and nothing is left of it.
    /// </summary>
    internal string? Restore(
        in ArtifactOutput output, string to, CancellationToken ct = default)
    {
        var from = "local";
        try
        {
            var isWhole = output.Form == ArtifactForm.Folder
                ? RestoreFolder(output.Digest, to, ref from, ct)
                : RestoreFile(
                    output.Digest, to, output.Form == ArtifactForm.Program, ref from, ct);
            if (isWhole) return from;
        }
        catch (OperationCanceledException)
        {
            _ = Folders.RemoveAny(to);
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"cannot restore {output.Ref}: {e.Message}");
        }
        _ = Folders.RemoveAny(to);
        return null;
    }

    /// <summary>
    /// Brings the output of a run with that fingerprint to its place, from the first layer that has
    /// it whole. Null: none has. Empty: it was there when its turn came, or came there meanwhile.
    /// </summary>
    /// <param name="fingerprint">Of the run that made it.</param>
    /// <param name="reference">The partition.</param>
    /// <param name="content">Its digest.</param>
    /// <param name="place">Where it belongs.</param>
    /// <param name="isThere">Looks whether what is there is good enough.</param>
    /// <param name="ct">Ends what is on its way; nothing is left of it.</param>
    public string? Bring(
        Digest fingerprint, string reference, Digest content, string place, Func<bool> isThere,
        CancellationToken ct = default)
    {
        try
        {
            return BringAlone(fingerprint, reference, content, place, isThere, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"cannot bring {reference} to {place}: {e.Message}");
            return null;
        }
    }

    string? BringAlone(
        Digest fingerprint, string reference, Digest content, string place, Func<bool> isThere,
        CancellationToken ct)
    {
        using var alone = Local.AloneAt(place);
        if (isThere()) return "";
        var isFree = !FileStat.OfLink(place).Exists;
        foreach (var (_, record) in Records(fingerprint))
        {
            if (record.Find(reference) is not { } output || output.Digest != content) continue;
            var beside = Local.Begin();
            try
            {
                if (Restore(output, beside, ct) is not { } layer) continue;
                var error = isFree
                    ? JobPublish.MoveNew(beside, place)
                    : JobPublish.MoveOne(beside, place, beside + ".old");
                if (error == 0) return layer;
                // A run published there meanwhile: what it made is newer.
                if (isFree && error == Libc.EEXIST) return isThere() ? "" : null;
            }
            finally
            {
                _ = Folders.RemoveAny(beside);
                _ = Folders.RemoveAny(beside + ".old");
            }
        }
        return null;
    }

    bool RestoreFile(
        Digest digest, string to, bool isProgram, ref string from, CancellationToken ct)
    {
        var end = Local.Copy(digest, to, isProgram);
        if (end == FetchEnd.Whole) return true;
        if (end == FetchEnd.Broken) TellBroken("local", digest);
        if (Fetch(digest, ct) is not { } layer) return false;
        from = layer;
        return Local.Copy(digest, to, isProgram) == FetchEnd.Whole;
    }

    bool RestoreFolder(Digest digest, string to, ref string from, CancellationToken ct)
    {
        var end = Local.Read(digest, out var text);
        if (end == FetchEnd.Broken) TellBroken("local", digest);
        if (end != FetchEnd.Whole)
        {
            if (Fetch(digest, ct) is not { } layer) return false;
            from = layer;
            if (Local.Read(digest, out text) != FetchEnd.Whole) return false;
        }
        if (TreeText.Read(text) is not { } lines) return false;
        if (Folders.Make(to) is not 0 and var error)
            throw new IOException($"{to}: {Libc.Describe(error)}");
        // Sorted by path, so a folder comes before what is in it. Links last: nothing is written
        // through one.
        foreach (var line in lines)
        {
            var path = Path.Combine(to, line.Path);
            if (line.Mode == 'd') Directory.CreateDirectory(path);
            else if (line.Mode != 'l'
                && !RestoreFile(line.Digest, path, line.Mode == 'x', ref from, ct)) return false;
        }
        var links = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (line.Mode != 'l') continue;
            if (TargetOf(line, ref from, ct) is not { } target) return false;
            links.Add(line.Path, target);
        }
        if (ContentDigest.LeadingOut(links) is not null) return false;
        foreach (var (path, target) in links)
            File.CreateSymbolicLink(Path.Combine(to, path), target);
        return true;
    }

    string? TargetOf(TreeLine line, ref string from, CancellationToken ct)
    {
        if (Local.Read(line.Digest, out var bytes) != FetchEnd.Whole)
        {
            if (Fetch(line.Digest, ct) is not { } layer) return null;
            from = layer;
            if (Local.Read(line.Digest, out bytes) != FetchEnd.Whole) return null;
        }
        var target = System.Text.Encoding.UTF8.GetString(bytes);
        return ContentDigest.LeadsInside(line.Path, target) ? target : null;
    }

    // Brings an artifact into the local store, once for all who want it; null: nobody has it.
    string? Fetch(Digest digest, CancellationToken ct)
    {
        if (outer.Length == 0) return null;
        using var alone = Local.Alone(digest);
        if (Local.Has(digest)) return "local"; // Somebody just brought it.
        foreach (var layer in outer)
        {
            var half = Local.Begin();
            var end = layer.Fetch(digest, half, ct);
            if (end is FetchEnd.Broken or FetchEnd.BrokenThere)
                TellBroken(layer.Name, digest, isDropped: end == FetchEnd.Broken);
            if (end != FetchEnd.Whole) continue;
            Local.Commit(half, digest);
            return layer.Name;
        }
        return null;
    }

    void TellBroken(string layer, Digest digest, bool isDropped = true) => Warn(
        $"artifact {digest.Short} of the {layer} store was damaged; it "
        + (isDropped ? "was dropped" : "stays") + " there, and is taken from elsewhere or made "
        + "again");

    /// <summary>
    /// Keeps what a run published: the content, then the record that names it, layer by layer.
    /// False: no place that others see has all of it.
    /// </summary>
    internal bool Keep(
        Digest fingerprint, IReadOnlyList<PublishedOutput> outputs, CancellationToken ct = default)
    {
        try
        {
            var kept = new List<ArtifactOutput>(outputs.Count);
            foreach (var output in outputs)
            {
                if (KeepHere(output) is not { } form)
                {
                    Warn($"{output.Ref} was changed after its run published it; it is not kept");
                    return false;
                }
                kept.Add(new ArtifactOutput(output.Ref, output.Digest, output.Bytes, form));
            }
            var record = new ArtifactRecord([.. kept]);
            using (Local.Alone(fingerprint))
                Local.PutRecord(
                    fingerprint, record.Over(Local.Record(fingerprint)).ToBytes());
            FaultPoint.Reach("record.local");
            return Put(fingerprint, record, onlyNew: false, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"cannot keep {outputs[0].Ref} in {Local.Folder}: {e.Message}; the build goes on. "
                + "Remedy: make room (quoin clean --unused removes what nothing refers to)");
            return false;
        }
    }

    /// <summary>
    /// Gives the places what only this host has: they did not answer then, or its process died.
    /// False: none of them has all of it.
    /// </summary>
    internal bool Share(Digest fingerprint, ArtifactRecord record, CancellationToken ct = default)
    {
        try
        {
            return Put(fingerprint, record, onlyNew: true, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"cannot share {record.Outputs[0].Ref}: {e.Message}; the build goes on");
            return false;
        }
    }

    bool Put(Digest fingerprint, ArtifactRecord record, bool onlyNew, CancellationToken ct)
    {
        var isShared = false;
        foreach (var layer in writes ? outer : [])
        {
            // The record may be there and a part of it gone: dropped because it was damaged.
            isShared |= (onlyNew && layer.Record(fingerprint)?.Has(record) == true
                    && Parts(record).All(layer.Has))
                || (Parts(record).All(part => layer.Put(part, Local.PathOf(part), ct))
                    && layer.PutRecord(fingerprint, record));
        }
        return isShared;
    }

    // All bodies of a record, a folder's files before the text that names them.
    IEnumerable<Digest> Parts(ArtifactRecord record)
    {
        foreach (var output in record.Outputs)
        {
            if (output.Form == ArtifactForm.Folder
                && Local.Read(output.Digest, out var text) == FetchEnd.Whole)
            {
                foreach (var line in TreeText.Read(text) ?? [])
                    if (line.Digest.Exists) yield return line.Digest;
            }
            yield return output.Digest;
        }
    }

    // Null: it is not what was published any more.
    ArtifactForm? KeepHere(in PublishedOutput output)
    {
        var stat = FileStat.OfLink(output.Path);
        if (stat.Kind == FileKind.File)
        {
            if (!Local.Put(output.Digest, output.Path)) return null;
            return stat.Executable ? ArtifactForm.Program : ArtifactForm.File;
        }
        if (stat.Kind != FileKind.Directory) return null;
        var lines = new List<TreeLine>();
        if (ContentDigest.OfDirectory(output.Path, lines).Digest != output.Digest) return null;
        foreach (var line in lines)
        {
            if (line.Mode == 'd') continue;
            var path = Path.Combine(output.Path, line.Path);
            if (line.Mode != 'l')
            {
                if (!Local.Put(line.Digest, path)) return null;
            }
            else
            {
                var target = new FileInfo(path).LinkTarget ?? "";
                Local.Put(line.Digest, System.Text.Encoding.UTF8.GetBytes(target));
            }
        }
        Local.Put(output.Digest, ContentDigest.TextOf(lines));
        return ArtifactForm.Folder;
    }
}
