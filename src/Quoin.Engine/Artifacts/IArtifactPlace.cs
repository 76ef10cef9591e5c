namespace Quoin.Engine;

/// <summary>
/// Bytes under keys, somewhere that other hosts reach too: a shared folder, a bucket, the database.
/// It knows nothing of what the bytes mean; see <see cref="OuterArtifacts"/>. Safe for many
/// threads.
/// </summary>
public interface IArtifactPlace : IDisposable
{
    /// <summary>One word: <c>shared</c>, <c>s3</c>, <c>database</c>.</summary>
    string Name { get; }

    /// <summary>Which one, for people.</summary>
    string Shown { get; }

    /// <summary>What a person can do when it does not answer.</summary>
    string Remedy { get; }

    /// <summary>Everything under a key; null: nothing is.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="isUse">False: it is only looked at, and seems no younger for that.</param>
    /// <exception cref="ArtifactPlaceException">It does not answer.</exception>
    byte[]? Get(string key, bool isUse = true);

    /// <summary>Puts a few bytes under a key, at once, in place of what was there.</summary>
    /// <exception cref="ArtifactPlaceException">It does not answer, or is full.</exception>
    void Put(string key, ReadOnlyMemory<byte> bytes);

    /// <summary>
    /// Puts a whole file under a key, unless there is something. Until it returned nobody may read
    /// it; what an ended process left of it is swept.
    /// </summary>
    /// <exception cref="ArtifactPlaceException">It does not answer, or is full.</exception>
    /// <exception cref="OperationCanceledException">Somebody asked for that.</exception>
    void PutFile(string key, string file, CancellationToken ct);

    /// <summary>Reads what is under a key; false: nothing is.</summary>
    /// <exception cref="ArtifactPlaceException">It does not answer.</exception>
    /// <exception cref="OperationCanceledException">Somebody asked for that.</exception>
    bool Read(string key, Stream to, CancellationToken ct);

    /// <summary>Removes what is under a key, if there is something.</summary>
    /// <exception cref="ArtifactPlaceException">It does not answer.</exception>
    void Delete(string key);

    /// <summary>What is there and whole.</summary>
    /// <exception cref="ArtifactPlaceException">It does not answer.</exception>
    IEnumerable<PlacedBytes> List(string prefix);

    /// <summary>
    /// Removes what somebody began to put so long ago and did not end; says how many.
    /// </summary>
    /// <exception cref="ArtifactPlaceException">It does not answer.</exception>
    int RemoveHalf(TimeSpan olderThan, DateTimeOffset now);
}

/// <summary>One entry of a place.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Bytes">How long it is there.</param>
/// <param name="At">When it was written, or used last where the place keeps that.</param>
public readonly record struct PlacedBytes(string Key, long Bytes, DateTimeOffset At);

/// <summary>
/// A place cannot be used: not reached, no permission, full. The build goes on without it.
/// </summary>
public sealed class ArtifactPlaceException(string message, Exception? inner = null)
    : Exception(message, inner);
