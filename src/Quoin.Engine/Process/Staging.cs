using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The folder of one attempt: where the job writes, and where it finds the lists of its inputs and
/// outputs. An output lies there under its own file name, so that tools see the extension they
/// expect; if two outputs have the same name, their position goes in front.
/// </summary>
sealed class Staging
{
    const string OwnPrefix = ".quoin-";

    readonly JobSpec spec;

    public Staging(JobSpec spec)
    {
        this.spec = spec;
        Outputs = Places(spec);
    }

    /// <summary>Absolute path of each declared output.</summary>
    public ImmutableArray<string> Outputs { get; }

    /// <summary>The JSON file that <c>QUOIN_INPUTS</c> names.</summary>
    public string InputsFile => spec.StagingDirectory + "/" + OwnPrefix + "inputs.json";

    /// <summary>The JSON file that <c>QUOIN_OUTPUTS</c> names.</summary>
    public string OutputsFile => spec.StagingDirectory + "/" + OwnPrefix + "outputs.json";

    /// <summary>
    /// Makes the folder, empty. What an attempt of the same number left there (the coordinator died
    /// before it recorded the number) is removed.
    /// </summary>
    public void Create(Utf8Buffer json)
    {
        var error = Folders.MakeOne(spec.StagingDirectory);
        if (error == Libc.EEXIST)
        {
            error = Folders.RemoveAny(spec.StagingDirectory);
            if (error == 0) error = Folders.Make(spec.StagingDirectory);
        }
        else if (error == Libc.ENOENT)
        {
            error = Folders.Make(spec.StagingDirectory);
        }
        AttemptException.ThrowIf(error, "cannot make the staging folder", spec.StagingDirectory);

        json.Clear();
        json.Raw("{\"inputs\":["u8);
        for (var i = 0; i < spec.Inputs.Length; i++)
        {
            var input = spec.Inputs[i];
            Entry(json, i, input.Ref, input.Path);
            json.Raw(",\"digest\":"u8);
            json.Quoted(input.Digest.ToString());
            json.Raw((byte)'}');
        }
        json.Raw("]}\n"u8);
        Write(InputsFile, json);

        json.Clear();
        json.Raw("{\"outputs\":["u8);
        for (var i = 0; i < spec.Outputs.Length; i++)
        {
            Entry(json, i, spec.Outputs[i].Ref, Outputs[i]);
            json.Raw((byte)'}');
        }
        json.Raw("]}\n"u8);
        Write(OutputsFile, json);
        json.Clear();
    }

    /// <summary>
    /// Where an output lies that a report places: below the folder. Null when it is not below.
    /// </summary>
    public string? Below(string reported)
    {
        var path = Path.GetFullPath(reported, spec.StagingDirectory);
        return path.StartsWith(spec.StagingDirectory + "/", StringComparison.Ordinal) ? path : null;
    }

    /// <summary>
    /// Removes the folder and returns the names of what the job left in it beyond
    /// <paramref name="expected"/>, at most ten. <paramref name="problem"/> says why not all of it
    /// could be removed.
    /// </summary>
    public List<string> Remove(IEnumerable<string> expected, out string? problem)
    {
        problem = null;
        _ = Folders.RemoveFile(InputsFile);
        _ = Folders.RemoveFile(OutputsFile);
        var extra = new List<string>();
        var error = Folders.RemoveEmpty(spec.StagingDirectory);
        if (error is Libc.ENOTEMPTY or Libc.EEXIST)
        {
            var known = expected.Select(Path.GetFileName).ToHashSet(StringComparer.Ordinal);
            extra = [.. Names().Where(n => !known.Contains(n) && !n.StartsWith(OwnPrefix))];
            if (extra.Count > 10) extra.RemoveRange(10, extra.Count - 10);
            error = Folders.RemoveTree(spec.StagingDirectory);
        }
        if (error is not (0 or Libc.ENOENT))
            problem = $"cannot remove {spec.StagingDirectory}: {Libc.Describe(error)}";
        // The run's own folder goes with its last attempt.
        if (Path.GetDirectoryName(spec.StagingDirectory) is { } parent
            && Path.GetFileName(parent) == spec.Id.Run.ToString()) _ = Folders.RemoveEmpty(parent);
        return extra;
    }

    /// <summary>A name in the folder for something that is being replaced.</summary>
    public string OldPlace(int index) => $"{spec.StagingDirectory}/{OwnPrefix}old-{index}";

    List<string> Names()
    {
        var fd = Libc.Open(spec.StagingDirectory, Libc.ReadOnly | Libc.DirectoryOnly);
        if (fd < 0) return [];
        var names = Folders.List(fd).ConvertAll(Folders.Text);
        _ = Libc.close(fd);
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    static ImmutableArray<string> Places(JobSpec spec)
    {
        var names = new HashSet<string>(spec.Outputs.Length, StringComparer.Ordinal);
        var places = ImmutableArray.CreateBuilder<string>(spec.Outputs.Length);
        for (var i = 0; i < spec.Outputs.Length; i++)
        {
            var name = Path.GetFileName(spec.Outputs[i].Path.AsSpan().TrimEnd('/')).ToString();
            if (name.StartsWith(OwnPrefix) || !names.Add(name)) names.Add(name = $"{i}-{name}");
            places.Add(spec.StagingDirectory + "/" + name);
        }
        return places.MoveToImmutable();
    }

    static void Entry(Utf8Buffer json, int index, string reference, string path)
    {
        if (index > 0) json.Raw((byte)',');
        json.Raw("{\"ref\":"u8);
        json.Quoted(reference);
        json.Raw(",\"path\":"u8);
        json.Quoted(path);
    }

    static void Write(string path, Utf8Buffer json)
    {
        var fd = Libc.Open(path, Libc.WriteOnly | Libc.Create | Libc.Truncate, 0x1B6);
        AttemptException.ThrowIf(fd < 0 ? -fd : 0, "cannot write", path);
        var error = Libc.WriteAll(fd, json.Written);
        _ = Libc.close(fd);
        AttemptException.ThrowIf(error, "cannot write", path);
    }
}

/// <summary>Something outside of the job prevented the attempt; it becomes its failure.</summary>
sealed class AttemptException(FailureCategory category, string message) : Exception(message)
{
    public FailureCategory Category { get; } = category;

    /// <summary>
    /// Throws when there is an error number: what was done, to which path, and why not.
    /// </summary>
    public static void ThrowIf(int error, string what, string path)
    {
        if (error != 0)
            throw new AttemptException(CategoryOf(error), $"{what} {path}: {Libc.Describe(error)}");
    }

    /// <summary>Whether trying again later can help.</summary>
    public static FailureCategory CategoryOf(int error) => error switch
    {
        Libc.ENOSPC or Libc.EDQUOT or Libc.EMFILE or Libc.ENFILE or Libc.EAGAIN or Libc.ENOMEM =>
            FailureCategory.Temporary,
        Libc.EACCES or Libc.EPERM or Libc.EROFS => FailureCategory.Permission,
        _ => FailureCategory.Failed,
    };
}
