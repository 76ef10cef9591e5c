using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The end of a good attempt: are all declared outputs there, what is their digest, and moving the
/// claimed ones to their places by rename, the lease checked before each.
/// </summary>
sealed class JobPublish(JobSpec spec, Staging staging, JobReports reports)
{
    /// <summary>Things that a person should know.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Where each declared output lies in the staging folder.</summary>
    public ImmutableArray<string> Staged { get; private set; } = staging.Outputs;

    /// <summary>
    /// Looks at what the job wrote. Null: it is all there, and <paramref name="found"/> has the
    /// content of each claimed output. Else the sentence that says what is wrong.
    /// </summary>
    public string? Check(DateTimeOffset startedAt, out Content[] found)
    {
        found = new Content[spec.Outputs.Length];
        var problems = new List<string>();
        var missing = new List<int>();
        PlaceReported(problems);
        for (var i = 0; i < spec.Outputs.Length; i++)
        {
            try
            {
                var stat = FileStat.OfLink(Staged[i]);
                if (!stat.Exists && spec.Outputs[i].Claimed) missing.Add(i);
                else if (!stat.Exists) Warnings.Add($"{spec.Outputs[i].Ref} was not written");
                else if (spec.Outputs[i].Claimed)
                    found[i] = ContentDigest.OfPath(Staged[i], stat);
            }
            catch (IOException e)
            {
                problems.Add($"{spec.Outputs[i].Ref}: {e.Message}");
            }
        }
        if (missing.Count > 0) problems.Insert(0, Missing(missing, startedAt));
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }

    /// <summary>
    /// Moves the claimed outputs to their places. False: the lease was over, and from there on
    /// nothing was moved.
    /// </summary>
    /// <exception cref="AttemptException">
    /// A rename failed; those before it are in place.
    /// </exception>
    public bool Move(JobControl control, Content[] found, List<PublishedOutput> published)
    {
        for (var i = 0; i < spec.Outputs.Length; i++)
        {
            var output = spec.Outputs[i];
            if (!output.Claimed) continue;
            if (!control.LeaseHolds()) return false;
            var error = MoveOne(Staged[i], output.Path, staging.OldPlace(i));
            if (error != 0)
            {
                var before = published.Count == 0
                    ? "" : $" ({published.Count} of its outputs were published before that)";
                throw new AttemptException(
                    AttemptException.CategoryOf(error),
                    $"cannot move {output.Ref} to {output.Path}: {Libc.Describe(error)}{before}");
            }
            reports.Outputs.TryGetValue(output.Ref, out var report);
            published.Add(new PublishedOutput(
                output.Ref, output.Path, found[i].Digest, found[i].Bytes,
                FileStat.OfLink(output.Path).Stamp, report.MetadataJson));
        }
        return true;
    }

    void PlaceReported(List<string> problems)
    {
        if (reports.Outputs.Count == 0) return;
        var staged = Staged.ToBuilder();
        foreach (var (reference, report) in reports.Outputs)
        {
            var index = -1;
            for (var i = 0; i < spec.Outputs.Length; i++)
                if (spec.Outputs[i].Ref == reference) index = i;
            if (index < 0)
                Warnings.Add(
                    $"extra output: the manifest names {reference}, which is not declared");
            else if (report.Path is { } path && staging.Below(path) is { } below)
                staged[index] = below;
            else if (report.Path is not null)
                problems.Add($"the manifest places {reference} at {report.Path}, outside of "
                    + spec.StagingDirectory);
        }
        Staged = staged.ToImmutable();
    }

    string Missing(List<int> missing, DateTimeOffset startedAt)
    {
        var names = string.Join(", ", missing.Take(3).Select(i => spec.Outputs[i].Ref))
            + (missing.Count > 3 ? $" and {missing.Count - 3} more" : "");
        // The clock of files ticks coarsely and may be behind ours by one tick.
        var since = (startedAt.ToUnixTimeMilliseconds() - 10) * 1_000_000;
        var direct = missing.Where(i =>
            FileStat.OfLink(spec.Outputs[i].Path) is { Exists: true } stat
            && stat.Stamp.ModifiedNs >= since).ToList();
        var hint = direct.Count > 0
            ? $"{spec.Outputs[direct[0]].Path} was written directly: write to {{out}} instead "
                + "(or the path in QUOIN_OUTPUTS), Quoin moves it into its place"
            : "the job has to write the path that {out} or QUOIN_OUTPUTS gives, here "
                + Staged[missing[0]];
        return $"exit 0, but {missing.Count} of {spec.Outputs.Length} outputs "
            + $"{(missing.Count == 1 ? "is" : "are")} missing: {names}; {hint}";
    }

    /// <summary>
    /// Moves something to its place, whatever is there; 0 or the error number.
    /// </summary>
    internal static int MoveOne(string staged, string place, string oldPlace)
    {
        var error = Folders.Rename(staged, place);
        if (error == 0) return 0;
        if (error == Libc.ENOENT && Path.GetDirectoryName(place) is { } folder)
        {
            if (Folders.Make(folder) is not 0 and var failed) return failed;
            error = Folders.Rename(staged, place);
        }
        // A folder is in the place of a file, or the other way round, or a folder has content.
        if (error is Libc.EISDIR or Libc.ENOTDIR or Libc.ENOTEMPTY or Libc.EEXIST)
            error = Exchange(staged, place, oldPlace, error);
        return error == Libc.EXDEV ? MoveAcross(staged, place) : error;
    }

    /// <summary>
    /// Moves something to its place if nothing is there: else <c>EEXIST</c>. 0 or the error number.
    /// </summary>
    internal static int MoveNew(string staged, string place)
    {
        var error = Folders.RenameNew(staged, place);
        if (error == Libc.ENOENT && Path.GetDirectoryName(place) is { } folder)
        {
            if (Folders.Make(folder) is not 0 and var failed) return failed;
            error = Folders.RenameNew(staged, place);
        }
        return error == Libc.EXDEV ? MoveAcross(staged, place, onlyNew: true) : error;
    }

    // Puts the old one aside first, and back if the new one cannot take its place.
    static int Exchange(string staged, string place, string oldPlace, int error)
    {
        var aside = Folders.Rename(place, oldPlace);
        if (aside != 0) return aside is Libc.ENOENT or Libc.ENOTDIR ? error : aside;
        error = Folders.Rename(staged, place);
        if (error != 0) _ = Folders.Rename(oldPlace, place);
        return error;
    }

    // Another file system: copied beside its place, then renamed, so that nobody sees half of it.
    static int MoveAcross(string staged, string place, bool onlyNew = false)
    {
        var beside = place + ".quoin-new";
        if (Folders.RemoveAny(beside) is not 0 and var failed) return failed;
        try
        {
            Copy(staged, beside);
        }
        catch (IOException e)
        {
            _ = Folders.RemoveAny(beside);
            // The low half of the number that the framework puts there is the system's own.
            return e.HResult is > 0 and < 4096 ? e.HResult : Libc.ENOSPC;
        }
        catch (UnauthorizedAccessException)
        {
            _ = Folders.RemoveAny(beside);
            return Libc.EACCES;
        }
        if (onlyNew)
        {
            var there = Folders.RenameNew(beside, place);
            if (there != 0) _ = Folders.RemoveAny(beside);
            return there;
        }
        var error = Folders.Rename(beside, place);
        if (error is not (Libc.EISDIR or Libc.ENOTDIR or Libc.ENOTEMPTY or Libc.EEXIST))
            return error;
        var old = place + ".quoin-old";
        error = Exchange(beside, place, old, error);
        _ = Folders.RemoveAny(error == 0 ? old : beside);
        return error;
    }

    static void Copy(string from, string to)
    {
        var folders = new Stack<(string From, string To)>();
        CopyOne(from, to, folders);
        while (folders.TryPop(out var folder))
        {
            foreach (var entry in Directory.EnumerateFileSystemEntries(folder.From))
                CopyOne(entry, Path.Join(folder.To, Path.GetFileName(entry)), folders);
        }
    }

    static void CopyOne(string from, string to, Stack<(string From, string To)> folders)
    {
        var stat = FileStat.OfLink(from);
        if (stat.Kind == FileKind.Link)
        {
            File.CreateSymbolicLink(to, new FileInfo(from).LinkTarget!);
        }
        else if (stat.Kind == FileKind.Directory)
        {
            Directory.CreateDirectory(to);
            folders.Push((from, to));
        }
        else
        {
            File.Copy(from, to); // With its mode and times.
        }
    }
}
