using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Artifacts in a place that others have too. Three kinds of keys: <c>blob/</c> the bytes by their
/// SHA-256, <c>artifact/</c> the commit marker of a digest, written when its bytes are whole, and
/// <c>record/</c> what the run with some fingerprint published, written last of all. A place that
/// does not answer is a miss, said once; it is asked again after a minute.
/// </summary>
/// <param name="place">Where they are.</param>
/// <param name="time">The clock.</param>
/// <param name="warn">Who hears what a person should know.</param>
/// <param name="writes">Whether anything may be changed there.</param>
sealed class OuterArtifacts(
    IArtifactPlace place, TimeProvider time, Action<string> warn, bool writes)
{
    static readonly TimeSpan again = TimeSpan.FromMinutes(1);

    readonly Lock gate = new();
    long? downSince;

    public string Name => place.Name;

    static string Key(string kind, string hex) => $"{kind}/{hex[..2]}/{hex}";

    static string MarkerOf(Digest digest) => Key("artifact", digest.Hex());

    static string RecordOf(Digest fingerprint) => Key("record", fingerprint.Hex());

    static string BlobOf(string sha256) => Key("blob", sha256);

    /// <summary>Whether it was put there to the end.</summary>
    public bool Has(Digest digest) => Ask(() => Marker(digest), null) is not null;

    /// <summary>Brings it into a new file, its digests and size checked.</summary>
    /// <exception cref="IOException">The new file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">Somebody asked for that.</exception>
    public FetchEnd Fetch(Digest digest, string to, CancellationToken ct = default)
    {
        var end = FetchEnd.Missing;
        try
        {
            end = Ask(() => FetchNow(digest, to, ct), FetchEnd.Missing);
        }
        catch (NoRoomException e)
        {
            throw new IOException($"{to}: {e.Message}", e);
        }
        finally
        {
            if (end != FetchEnd.Whole) _ = Folders.RemoveFile(to);
        }
        return end;
    }

    FetchEnd FetchNow(Digest digest, string to, CancellationToken ct)
    {
        if (Marker(digest) is not { } marker) return FetchEnd.Missing;
        bool isThere;
        bool isRight;
        using (var file = new FileStream(to, FileMode.Create, FileAccess.Write))
        using (var sums = new SummingStream(file))
        {
            isThere = place.Read(BlobOf(marker.Sha256), sums, ct);
            isRight = sums.Bytes == marker.Bytes && sums.Digest() == digest
                && sums.Sha256() == marker.Sha256;
        }
        if (isThere && isRight) return FetchEnd.Whole;
        if (!isThere)
        {
            // Swept. Without the marker the next one who has it puts it there anew.
            Drop(MarkerOf(digest));
            return FetchEnd.Missing;
        }
        // So that nobody meets it again, and the next one who has it right puts it there anew.
        return Drop(MarkerOf(digest)) && Drop(BlobOf(marker.Sha256))
            ? FetchEnd.Broken
            : FetchEnd.BrokenThere;
    }

    // False: it is not ours to do. That says nothing of what else the place can be used for.
    bool Drop(string key)
    {
        if (!writes) return false;
        try
        {
            place.Delete(key);
            return true;
        }
        catch (ArtifactPlaceException)
        {
            return false;
        }
    }

    ArtifactMarker? Marker(Digest digest) =>
        place.Get(MarkerOf(digest)) is { } bytes && ArtifactMarker.Read(bytes) is { } marker
            && marker.Digest == digest ? marker : null;

    /// <summary>
    /// Puts a file of the local store there, unless it is there. False: the place does not answer.
    /// </summary>
    /// <exception cref="OperationCanceledException">Somebody asked for that.</exception>
    public bool Put(Digest digest, string file, CancellationToken ct = default) => Ask(
        () =>
        {
            ct.ThrowIfCancellationRequested();
            if (Marker(digest) is not null) return true;
            var sum = FileCopy.Sum(file);
            if (sum.Digest != digest) return false;
            place.PutFile(BlobOf(sum.Sha256), file, ct);
            FaultPoint.Reach("artifact.written");
            var marker = new ArtifactMarker(digest, sum.Bytes, sum.Sha256);
            place.Put(MarkerOf(digest), marker.ToBytes());
            FaultPoint.Reach("artifact.marked");
            return true;
        },
        false);

    /// <summary>What the run with that fingerprint published; null: nobody knows.</summary>
    public ArtifactRecord? Record(Digest fingerprint) => Ask(() => RecordNow(fingerprint), null);

    ArtifactRecord? RecordNow(Digest fingerprint) =>
        place.Get(RecordOf(fingerprint)) is { } bytes ? ArtifactRecord.Read(bytes) : null;

    /// <summary>
    /// Tells others what a run published; all of it is there already. False: the place does not
    /// answer.
    /// </summary>
    public bool PutRecord(Digest fingerprint, ArtifactRecord record) => Ask(
        () =>
        {
            place.Put(
                RecordOf(fingerprint), record.Over(RecordNow(fingerprint)).ToBytes());
            return true;
        },
        false);

    // A miss instead of an answer is always right: then something is made that could be had.
    T Ask<T>(Func<T> question, T otherwise)
    {
        if (IsDown()) return otherwise;
        try
        {
            return question();
        }
        catch (ArtifactPlaceException e)
        {
            Fell(e);
            return otherwise;
        }
    }

    bool IsDown()
    {
        lock (gate)
        {
            if (downSince is not { } since) return false;
            if (time.GetElapsedTime(since) < again) return true;
            downSince = null;
            return false;
        }
    }

    bool isTold;

    void Fell(ArtifactPlaceException e)
    {
        lock (gate)
        {
            downSince = time.GetTimestamp();
            if (isTold) return;
            isTold = true;
        }
        warn($"the {place.Name} artifacts ({place.Shown}) cannot be used: {e.Message}; "
            + $"going on without them. Remedy: {place.Remedy}, or build without them: "
            + $"{ArtifactStore.Variable}=local");
    }
}
