using System.Collections.Immutable;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The folder of one attempt: where the job writes, and where it finds the lists of its inputs and
/// outputs. An output lies there under its own file name, so that tools see the extension they
/// expect; if two outputs have the same name, their position goes in front.
/// </summary>
/// <remarks>
/// On a journaling file system making and removing a folder costs as much as starting a process, so
/// a slot keeps the folder of an attempt that left it as it was, both lists in it, under another
/// name, and the next attempt gets it by rename.
/// </remarks>
sealed class Staging
{
    const string OwnPrefix = ".quoin-";
    const uint FileMode = 0x1B6; // rw-rw-rw-, less the umask

    readonly JobSpec spec;
    readonly StagingSpare spare;
    FileStamp made;
    int mode;

    public Staging(JobSpec spec, StagingSpare spare)
    {
        (this.spec, this.spare) = (spec, spare);
        Outputs = Places(spec);
    }

    /// <summary>Absolute path of each declared output.</summary>
    public ImmutableArray<string> Outputs { get; }

    /// <summary>The JSON file that <c>QUOIN_INPUTS</c> names.</summary>
    public string InputsFile => spec.StagingDirectory + "/" + OwnPrefix + "inputs.json";

    /// <summary>The JSON file that <c>QUOIN_OUTPUTS</c> names.</summary>
    public string OutputsFile => spec.StagingDirectory + "/" + OwnPrefix + "outputs.json";

    /// <summary>
    /// Makes the folder, empty but for the lists. What an attempt of the same number left there
    /// (the coordinator died before it recorded the number) is removed.
    /// </summary>
    public void Create(Utf8Buffer json)
    {
        if (!TakeSpare())
        {
            var error = Folders.MakeOne(spec.StagingDirectory);
            if (error is Libc.EEXIST or Libc.ENOENT)
            {
                error = Folders.RemoveAny(spec.StagingDirectory);
                if (error == 0) error = Folders.Make(spec.StagingDirectory);
            }
            AttemptException.ThrowIf(
                error, "cannot make the staging folder", spec.StagingDirectory);
            var stat = FileStat.OfLink(spec.StagingDirectory);
            (made, mode) = (stat.Stamp, stat.Mode);
            spare.InputsBytes = spare.OutputsBytes = 0;
        }
        json.Clear();
        json.Raw("{\"inputs\":["u8);
        for (var i = 0; i < spec.Inputs.Length; i++)
        {
            var input = spec.Inputs[i];
            Entry(json, i, input.Ref, input.Path);
            json.Raw(",\"digest\":"u8);
            json.Quoted(input.Digest.ToString());
            if (input.Held is { } held)
            {
                json.Raw(",\"external_id\":"u8);
                json.Quoted(held.ExternalId);
                json.Raw(",\"connections\":"u8);
                json.Raw(Encoding.UTF8.GetBytes(held.ConnectionsJson ?? "{}"));
            }
            json.Raw((byte)'}');
        }
        json.Raw("]}\n"u8);
        Write(InputsFile, json, ref spare.InputsBytes);

        json.Clear();
        json.Raw("{\"outputs\":["u8);
        for (var i = 0; i < spec.Outputs.Length; i++)
        {
            Entry(json, i, spec.Outputs[i].Ref, Outputs[i]);
            json.Raw((byte)'}');
        }
        json.Raw("]}\n"u8);
        Write(OutputsFile, json, ref spare.OutputsBytes);
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
    /// Takes the folder away and returns the names of what the job left in it beyond
    /// <paramref name="expected"/>, at most ten. <paramref name="problem"/> says why not all of it
    /// could be removed.
    /// </summary>
    /// <param name="expected">Declared outputs that were not claimed.</param>
    /// <param name="reuse">False: something may still be at work in it.</param>
    /// <param name="problem">For people.</param>
    public List<string> Remove(IEnumerable<string> expected, bool reuse, out string? problem)
    {
        problem = null;
        var names = Names(out var untouched);
        if (reuse && untouched && KeepSpare()) return [];
        var known = expected.Select(Path.GetFileName).ToHashSet(StringComparer.Ordinal);
        var extra = names.FindAll(n => !known.Contains(n) && !n.StartsWith(OwnPrefix));
        extra.Sort(StringComparer.Ordinal);
        if (extra.Count > 10) extra.RemoveRange(10, extra.Count - 10);
        var error = Folders.RemoveAny(spec.StagingDirectory);
        if (error != 0) problem = $"cannot remove {spec.StagingDirectory}: {Libc.Describe(error)}";
        return extra;
    }

    /// <summary>A name in the folder for something that is being replaced.</summary>
    public string OldPlace(int index) => $"{spec.StagingDirectory}/{OwnPrefix}old-{index}";

    // What is in the folder; untouched: exactly our two lists, in the folder that we made.
    List<string> Names(out bool untouched)
    {
        untouched = false;
        var flags = Libc.ReadOnly | Libc.DirectoryOnly | Libc.NoFollow;
        var fd = Libc.Open(spec.StagingDirectory, flags);
        if (fd < 0) return [];
        var stat = FileStat.OfOpen(fd);
        var names = Folders.List(fd).ConvertAll(Folders.Text);
        _ = Libc.close(fd);
        untouched = names.Count == 2 && stat.Stamp.Inode == made.Inode && stat.Mode == mode
            && names.TrueForAll(n => n is OwnPrefix + "inputs.json" or OwnPrefix + "outputs.json");
        return names;
    }

    bool TakeSpare()
    {
        if (spare.Folder is not { } folder) return false;
        spare.Folder = null;
        var error = Folders.Rename(folder, spec.StagingDirectory);
        if (error is Libc.ENOTEMPTY or Libc.EEXIST or Libc.ENOTDIR
            && Folders.RemoveAny(spec.StagingDirectory) == 0)
            error = Folders.Rename(folder, spec.StagingDirectory);
        (made, mode) = (spare.Stamp, spare.Mode);
        if (error != 0) _ = Folders.RemoveAny(folder);
        return error == 0;
    }

    bool KeepSpare()
    {
        var folder = $"{Path.GetDirectoryName(spec.StagingDirectory)}/{spare.Name}";
        if (Folders.Rename(spec.StagingDirectory, folder) != 0) return false;
        (spare.Folder, spare.Stamp, spare.Mode) = (folder, made, mode);
        return true;
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

    // A list of an earlier attempt is overwritten and then shortened, never cut to nothing first:
    // ext4 writes a file out at once when it was.
    static void Write(string path, Utf8Buffer json, ref int before)
    {
        var flags = Libc.WriteOnly | Libc.Create | Libc.NoFollow | Libc.NonBlock;
        var fd = Libc.Open(path, flags, FileMode);
        AttemptException.ThrowIf(fd < 0 ? -fd : 0, "cannot write", path);
        var error = Libc.WriteAll(fd, json.Written);
        if (error == 0 && json.Length < before && Libc.ftruncate(fd, json.Length) != 0)
            error = Libc.Error;
        before = json.Length;
        _ = Libc.close(fd);
        AttemptException.ThrowIf(error, "cannot write", path);
    }
}

/// <summary>The folder that one slot keeps from one attempt to the next.</summary>
sealed class StagingSpare
{
    /// <summary>Lengths of the lists in it.</summary>
    public int InputsBytes, OutputsBytes;

    /// <summary>Its name while nobody uses it.</summary>
    public string Name { get; } =
        $".spare-{Environment.ProcessId}-{Environment.CurrentManagedThreadId}";

    /// <summary>Where it is; null: there is none.</summary>
    public string? Folder { get; set; }

    /// <summary>Its stat when it was made.</summary>
    public FileStamp Stamp { get; set; }

    /// <summary>Its permissions when it was made.</summary>
    public int Mode { get; set; }

    /// <summary>Removes it.</summary>
    public void Drop()
    {
        if (Folder is { } folder) _ = Folders.RemoveAny(folder);
        Folder = null;
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
