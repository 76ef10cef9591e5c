namespace Quoin.Engine;

/// <summary>
/// A bucket of an S3-compatible service: <c>s3://BUCKET/PREFIX?endpoint=URL&amp;region=NAME</c>.
/// Who may use it is never in it: that is in the environment, as for every client of such services.
/// </summary>
public sealed record ArtifactAddress
{
    /// <summary>The bucket.</summary>
    public required string Bucket { get; init; }

    /// <summary>Before every key; empty, or ending with <c>/</c>.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>The service's URL; null: Amazon's own for the region.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Its region.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>What is wrong with a text; null: nothing.</summary>
    public static string? Check(string text) => Read(text, out var wrong) is null ? wrong : null;

    /// <summary>Reads it.</summary>
    /// <exception cref="FormatException">It is none; the message says why.</exception>
    public static ArtifactAddress Parse(string text) =>
        Read(text, out var wrong) ?? throw new FormatException(wrong);

    static ArtifactAddress? Read(string text, out string wrong)
    {
        const string form = "write s3://BUCKET/PREFIX?endpoint=URL&region=NAME";
        wrong = $"\"{text}\" is no bucket: {form}";
        if (!text.StartsWith("s3://", StringComparison.Ordinal)) return null;
        var question = text.IndexOf('?');
        var place = (question < 0 ? text : text[..question])["s3://".Length..];
        var slash = place.IndexOf('/');
        var bucket = slash < 0 ? place : place[..slash];
        if (bucket.Length == 0) return null;
        var prefix = slash < 0 ? "" : place[(slash + 1)..].Trim('/');
        var address = new ArtifactAddress
        {
            Bucket = bucket,
            Prefix = prefix.Length == 0 ? "" : prefix + "/",
        };
        foreach (var pair in question < 0 ? [] : text[(question + 1)..].Split('&'))
        {
            var equal = pair.IndexOf('=');
            var (name, value) = equal < 0 ? (pair, "") : (pair[..equal], pair[(equal + 1)..]);
            value = Uri.UnescapeDataString(value);
            if (name == "endpoint" && Uri.TryCreate(value, UriKind.Absolute, out var endpoint)
                && endpoint.Scheme is "http" or "https")
                address = address with { Endpoint = endpoint };
            else if (name == "region" && value.Length > 0)
                address = address with { Region = value };
            else
            {
                wrong = $"\"{pair}\" means nothing here: {form}";
                return null;
            }
        }
        return address;
    }
}
