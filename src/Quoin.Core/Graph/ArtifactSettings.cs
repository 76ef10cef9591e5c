namespace Quoin.Core;

/// <summary>Which outputs of a job stay as files; see the page on artifacts.</summary>
public enum KeepRule : byte
{
    /// <summary>All, until somebody removes them.</summary>
    All = 0,

    /// <summary>
    /// The result is the verdict: the bytes stay only while a planned run reads them.
    /// </summary>
    Check = 1,

    /// <summary>Dropped when the last planned run that reads them is done, unless wanted.</summary>
    Temp = 2,
}

/// <summary>
/// Where copies of outputs are kept beside their places: <c>artifacts:</c> of a graph file. That it
/// is there at all means that jobs keep copies unless they say otherwise.
/// </summary>
public sealed record ArtifactSettings
{
    /// <summary>A folder that others have too, relative to the workspace; empty: none.</summary>
    public string Shared { get; init; } = "";

    /// <summary>A bucket, as <c>s3://bucket/prefix?endpoint=…</c>; empty: none.</summary>
    public string S3 { get; init; } = "";

    /// <summary>Also in the database, if that is one for many hosts.</summary>
    public bool Database { get; init; }

    /// <summary>False: what is shared is read and never written.</summary>
    public bool Writes { get; init; } = true;

    /// <summary>
    /// How many of a partition's latest records stay when unused ones are removed.
    /// </summary>
    public int Retain { get; init; } = 1;
}
