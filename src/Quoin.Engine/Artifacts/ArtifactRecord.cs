using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What kind of thing an artifact is, and how it is put into a place.</summary>
enum ArtifactForm : byte
{
    /// <summary>A file.</summary>
    File,

    /// <summary>A file that may be executed.</summary>
    Program,

    /// <summary>A folder: the artifact is the text of its <see cref="TreeLine"/>s.</summary>
    Folder,
}

/// <summary>One output of a record.</summary>
/// <param name="Ref">The partition.</param>
/// <param name="Digest">Of its content, as its manifest has it.</param>
/// <param name="Bytes">Of all its files.</param>
/// <param name="Form">File, program or folder.</param>
readonly record struct ArtifactOutput(string Ref, Digest Digest, long Bytes, ArtifactForm Form);

/// <summary>
/// What the run with some fingerprint published: where another run with the same fingerprint finds
/// its outputs. One line an output: <c>form digest bytes ref</c>.
/// </summary>
sealed record ArtifactRecord(ImmutableArray<ArtifactOutput> Outputs)
{
    const string Name = "quoin-record";

    public byte[] ToBytes()
    {
        var lines = new StringBuilder();
        foreach (var output in Outputs)
        {
            lines.Append("fxd"[(int)output.Form]).Append(' ').Append(output.Digest).Append(' ')
                .Append(CultureInfo.InvariantCulture, $"{output.Bytes} {output.Ref}\n");
        }
        return SealedText.Write(Name, lines.ToString());
    }

    /// <summary>Null when it is not as it was written.</summary>
    public static ArtifactRecord? Read(ReadOnlySpan<byte> bytes)
    {
        if (SealedText.Read(Name, bytes) is not { } lines) return null;
        var outputs = ImmutableArray.CreateBuilder<ArtifactOutput>(lines.Length);
        foreach (var line in lines)
        {
            var parts = line.Split(' ', 4);
            if (parts.Length < 4 || !Digest.TryParse(parts[1], out var digest)
                || !long.TryParse(parts[2], CultureInfo.InvariantCulture, out var size)
                || "fxd".IndexOf(parts[0], StringComparison.Ordinal) is not (>= 0 and var form))
                return null;
            outputs.Add(new ArtifactOutput(parts[3], digest, size, (ArtifactForm)form));
        }
        return new ArtifactRecord(outputs.ToImmutable());
    }

    /// <summary>
    /// With what an earlier run of the same fingerprint published beside it: that one claimed other
    /// outputs of its job.
    /// </summary>
    public ArtifactRecord Over(ArtifactRecord? earlier) => earlier is null ? this : new(
        [.. Outputs, .. earlier.Outputs.Where(output => Find(output.Ref) is null)]);

    /// <summary>Whether all outputs of another one are in it.</summary>
    public bool Has(ArtifactRecord other) =>
        other.Outputs.All(output => Find(output.Ref)?.Digest == output.Digest);

    /// <summary>Its output of that name; null: it has none.</summary>
    public ArtifactOutput? Find(string reference)
    {
        foreach (var output in Outputs)
            if (output.Ref == reference) return output;
        return null;
    }
}

/// <summary>
/// The commit marker of one artifact in an outer layer: written last, so that who sees it finds the
/// bytes. It says how long they are and, because they left the machine, their SHA-256.
/// </summary>
readonly record struct ArtifactMarker(Digest Digest, long Bytes, string Sha256)
{
    const string Name = "quoin-artifact";

    public byte[] ToBytes() => SealedText.Write(
        Name, string.Create(CultureInfo.InvariantCulture, $"{Digest} {Bytes} {Sha256}\n"));

    public static ArtifactMarker? Read(ReadOnlySpan<byte> bytes) =>
        SealedText.Read(Name, bytes) is [var line]
            && line.Split(' ') is [var digest, var size, { Length: 64 } sha256]
            && Digest.TryParse(digest, out var content)
            && long.TryParse(size, CultureInfo.InvariantCulture, out var count)
            ? new ArtifactMarker(content, count, sha256)
            : null;
}
