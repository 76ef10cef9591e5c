using Quoin.Core;

namespace Quoin.Engine;

/// <summary>How feeds are read.</summary>
public sealed record FeedReaderOptions
{
    /// <summary>The folder of the files.</summary>
    public required string Folder { get; init; }

    /// <summary>Longer lines are skipped, bytes.</summary>
    public int LineBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>How many lines are read at a time.</summary>
    public int BatchLinesMax { get; init; } = 2000;

    /// <summary>How long reading at a time may take.</summary>
    public TimeSpan BatchTimeMax { get; init; } = TimeSpan.FromMilliseconds(10);
}

/// <summary>
/// Follows a folder of feed files into a book: looks which files are there and which they are, and
/// reads what was added, newest runs first, in small steps. What the system says about changes is a
/// hint; the truth is a look, at the latest every ten seconds.
/// </summary>
public sealed class FeedReader : IDisposable
{
    const int LookEveryMs = 10_000, RetryMs = 1000, OpenFilesMax = 48;

    readonly FeedReaderOptions options;
    readonly FeedBook book;
    readonly IFeedStore store;
    readonly ILineObserver observer;
    readonly FeedFolder folder;
    readonly FeedFileReader lines;
    readonly Dictionary<string, TrackedFile> files = new(StringComparer.Ordinal);
    readonly HashSet<string> said = new(StringComparer.Ordinal);
    readonly HashSet<string> touched = new(StringComparer.Ordinal);
    FileFacts folderFacts;
    long knownDevice;
    long nextLookMs;
    bool isLookDue = true, isFirstLook = true, hasUnread;

    /// <summary>Goes on where a store says that reading had got to.</summary>
    public FeedReader(
        FeedReaderOptions options, FeedBook book, IFeedStore store, FeedStart start,
        ILineObserver observer)
    {
        (this.options, this.book, this.store) = (options, book, store);
        this.observer = observer;
        folder = new FeedFolder(options.Folder);
        lines = new FeedFileReader(options, observer);
        knownDevice = start.FolderDevice;
        foreach (var source in start.Sources)
            files[source.Name.ToString()] = new TrackedFile(source) { ScannedTo = source.Offset };
    }

    /// <summary>A descriptor that is readable when <see cref="Rang"/> should be called.</summary>
    public int Bell => folder.Bell;

    /// <summary>All that was found is read.</summary>
    public bool IsCaughtUp => !isFirstLook && !hasUnread;

    /// <summary>When to call <see cref="Step"/> again at the latest.</summary>
    public long NextMs => Math.Max(
        pausedUntilMs, hasUnread || isLookDue || touched.Count > 0 ? 0 : nextLookMs);

    long pausedUntilMs;

    /// <summary>The records of all files, in the order of their names.</summary>
    public IEnumerable<FeedSource> Sources =>
        files.Values.Select(it => it.Source).OrderBy(it => it.Name.ToString());

    /// <summary>Something may have changed.</summary>
    public void Rang() => isLookDue |= folder.Rang(name => touched.Add(name));

    /// <summary>
    /// Looks if that is due, and reads one batch; true: there is more to read. A store that cannot
    /// be written to pauses reading for a second.
    /// </summary>
    public bool Step(long nowMs, long at)
    {
        if (nowMs < pausedUntilMs
            || (!hasUnread && !isLookDue && touched.Count == 0 && nowMs < nextLookMs)) return false;
        try
        {
            if (isLookDue || nowMs >= nextLookMs) Look(nowMs, at);
            else foreach (var name in touched) Touch(name);
            touched.Clear();
            var next = Next();
            if (next is not null && Read(next, at) is { } isReplaced) isLookDue |= isReplaced;
            said.Remove("store");
        }
        catch (StoreException e)
        {
            store.RollBack();
            Say("store", $"Reading pauses: {e.Message}");
            pausedUntilMs = nowMs + RetryMs;
            isLookDue = true;
            // What was read is not kept. It is unread, and older lines wait for it.
            foreach (var it in files.Values) it.ScanAgain();
        }
        SetBarriers();
        hasUnread = files.Values.Any(IsUnread) || files.Values.Any(IsForgetting);
        return nowMs >= pausedUntilMs && hasUnread;
    }

    bool IsUnread(TrackedFile it) => !it.IsFailed && (it.Source.File is null
        || it.Size > it.ScannedTo || it.Source.IsComplete == it.Source.Name.IsPart)
        && !IsForgetting(it);

    bool IsForgetting(TrackedFile it) => it.Source.File is null
        && store.IsForgetting(book.FeedOf(it.Source.Name.Feed), it.Source.Name.Number);

    TrackedFile? Next()
    {
        TrackedFile? next = null;
        foreach (var it in files.Values)
        {
            if (IsUnread(it) && (next is null || it.Source.Name.Number > next.Source.Name.Number))
                next = it;
        }
        return next;
    }

    // Lines of older runs wait until the newest known file of their feed is read.
    void SetBarriers()
    {
        for (var feed = 0; feed < book.Feeds.Count; feed++)
        {
            var barrier = long.MinValue;
            foreach (var it in files.Values)
            {
                if (it.Source.Name.Feed == book.Feeds[feed] && it.Source.Name.Number > barrier
                    && !it.IsFailed && (it.Size > it.ScannedTo || it.Source.File is null))
                    barrier = it.Source.Name.Number;
            }
            book.SetBarrier(feed, barrier);
        }
    }

    void Touch(string name)
    {
        if (!files.TryGetValue(name, out var it)) return;
        var facts = it.Handle >= 0 ? FeedFolder.Facts(it.Handle) : folder.Facts(name);
        if (facts is { } now && it.IsSame(now) && now.Size >= it.Source.Offset) it.Saw(now);
        else isLookDue = true;
    }

    void Look(long nowMs, long at)
    {
        nextLookMs = nowMs + LookEveryMs;
        var isRung = isLookDue;
        isLookDue = false;
        if (folder.Facts() is not { IsFolder: true } now || folder.Names() is not { } names)
        {
            Say("folder", $"{options.Folder} cannot be read; what it listed is kept");
            (folderFacts, nextLookMs) = (default, nowMs + RetryMs);
            return;
        }
        if ((now.Device, now.Inode) != (folderFacts.Device, folderFacts.Inode))
        {
            if (!folder.Watch()) nextLookMs = nowMs + RetryMs;
            names = folder.Names() ?? names; // What came before the watch.
        }
        folderFacts = now;
        var found = Find(names);
        if (IsUnmounted(now, found))
        {
            Say("folder", $"{options.Folder} is on another file system now and has none of its "
                + "files: it is taken for unmounted, and what it listed is kept");
            nextLookMs = nowMs + RetryMs;
            return;
        }
        said.Remove("folder");
        if (!isRung || isFirstLook) foreach (var it in files.Values) it.ScanAgain();
        Match(found, at);
        if (!isFirstLook && knownDevice == now.Device) return;
        isFirstLook = false;
        knownDevice = now.Device;
        store.Settle(book, [.. files.Values.Select(it => it.Source)], now.Device, at);
    }

    bool IsUnmounted(
        FileFacts now, Dictionary<string, (FeedFileName Name, FileFacts Facts)> found) =>
        knownDevice != 0 && now.Device != knownDevice && files.Count > 0
        && !files.Keys.Any(found.ContainsKey);

    Dictionary<string, (FeedFileName Name, FileFacts Facts)> Find(List<string> names)
    {
        var found = new Dictionary<string, (FeedFileName, FileFacts)>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (FeedFileName.TryParse(name, out var parsed)
                && folder.Facts(name) is { IsRegular: true } facts) found[name] = (parsed, facts);
        }
        return found;
    }

    void Match(Dictionary<string, (FeedFileName Name, FileFacts Facts)> found, long at)
    {
        var claimed = new HashSet<string>(StringComparer.Ordinal);
        var moved = new List<(string From, string? To)>();
        foreach (var (name, it) in files)
        {
            if (found.TryGetValue(name, out var same) && it.IsSame(same.Facts, isFirstLook))
            {
                claimed.Add(name);
                continue;
            }
            var other = found.FirstOrDefault(
                f => !claimed.Contains(f.Key) && it.IsSame(f.Value.Facts, isFirstLook)
                && f.Value.Name.Feed == it.Source.Name.Feed
                && f.Value.Name.Number == it.Source.Name.Number).Key;
            moved.Add((name, other));
            if (other is not null) claimed.Add(other);
        }
        foreach (var (from, to) in moved.OrderBy(it => it.To is not null))
        {
            var it = files[from];
            if (to is null) Remove(it, at);
            else files.Remove(from);
            if (to is null) continue;
            // Whoever had the new name before is gone; its own turn removes it, or did.
            if (files.TryGetValue(to, out var replaced)) Remove(replaced, at);
            it.Source.Name = found[to].Name;
            files[to] = it;
            store.Renamed(it.Source, at);
        }
        foreach (var (name, (parsed, facts)) in found)
        {
            if (files.TryGetValue(name, out var it)) See(it, facts, at);
            else if (IsFirstOfRun(parsed)) Add(parsed, facts);
        }
    }

    bool IsFirstOfRun(FeedFileName name)
    {
        var first = files.Values.FirstOrDefault(it => it.Source.Name.Feed == name.Feed
            && it.Source.Name.Number == name.Number && it.Source.Name.Digits != name.Digits);
        if (first is null) return true;
        Say($"twin {name}", $"'{name}' is ignored: '{first.Source.Name}' is the same run");
        return false;
    }

    void See(TrackedFile it, FileFacts facts, long at)
    {
        it.IsFailed = false;
        if (facts.Size < it.Source.Offset || (it.HasChanged(facts) && !HasTail(it)))
        {
            Remove(it, at);
            Add(it.Source.Name, facts);
            return;
        }
        it.Saw(facts);
    }

    bool HasTail(TrackedFile it) => !TryOpen(it) || lines.HasTail(it);

    void Add(FeedFileName name, FileFacts facts)
    {
        var it = new TrackedFile(new FeedSource { Name = name });
        it.Saw(facts);
        files[name.ToString()] = it;
    }

    void Remove(TrackedFile it, long at)
    {
        store.Remove(book, it.Source, at);
        it.Close();
        files.Remove(it.Source.Name.ToString());
    }

    // True: the file is another one than it was; look again.
    bool? Read(TrackedFile it, long at)
    {
        if (!TryOpen(it)) return null;
        var batch = lines.Read(it);
        if (batch is null) return true;
        if (batch.ChangesAnything) store.Accept(book, batch, at);
        if (!it.Source.Name.IsPart || files.Values.Count(f => f.Handle >= 0) > OpenFilesMax)
            it.Close();
        return false;
    }

    bool TryOpen(TrackedFile it)
    {
        if (it.Handle >= 0) return true;
        var name = it.Source.Name.ToString();
        it.Handle = folder.Open(name);
        if (it.Handle >= 0 && FeedFolder.Facts(it.Handle) is { IsRegular: true } facts
            && it.IsSame(facts)) return true;
        isLookDue |= it.Handle >= 0 || it.Handle == -Libc.ENOENT;
        if (it.Handle < 0 && it.Handle != -Libc.ENOENT)
        {
            var why = Libc.Describe(-it.Handle);
            Say($"open {name} {why}", $"'{name}' cannot be read: {why}");
        }
        it.Close();
        it.IsFailed = true; // Until the next look.
        return false;
    }

    void Say(string about, string line)
    {
        if (said.Add(about)) observer.Said(line);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var it in files.Values) it.Close();
        folder.Dispose();
    }
}

/// <summary>A file that is followed.</summary>
sealed class TrackedFile(FeedSource source)
{
    bool isSeen;
    long modified;

    /// <summary>What the store knows of it.</summary>
    public FeedSource Source => source;

    /// <summary>Its descriptor while it is open; a growing file stays open.</summary>
    public int Handle { get; set; } = -1;

    /// <summary>How big it was when it was seen last.</summary>
    public long Size { get; private set; }

    /// <summary>
    /// Up to here nothing new can be had: no line ends behind the offset before it.
    /// </summary>
    public long ScannedTo { get; set; }

    /// <summary>It could not be opened; tried again with the next look.</summary>
    public bool IsFailed { get; set; }

    /// <summary>Whether it is this very file.</summary>
    public bool IsSame(FileFacts facts, bool isFirstLook = false) =>
        facts.Inode == source.Inode && (facts.Birth == source.Birth || source.Birth == 0)
        && (facts.Device == source.Device || isFirstLook);

    /// <summary>Whether its content may be another one than when it was seen last.</summary>
    public bool HasChanged(FileFacts facts) =>
        !isSeen || facts.Size != Size || facts.Modified != modified;

    /// <summary>It was seen.</summary>
    public void Saw(FileFacts facts)
    {
        if (facts.Size < Size || (isSeen && facts.Modified != modified && facts.Size == Size))
            ScannedTo = Math.Min(ScannedTo, source.Offset);
        (source.Device, source.Inode, source.Birth) = (facts.Device, facts.Inode, facts.Birth);
        (Size, modified, isSeen) = (facts.Size, facts.Modified, true);
    }

    /// <summary>
    /// What has no end yet is looked at again: memory that is mapped changes without a word.
    /// </summary>
    public void ScanAgain() => ScannedTo = source.Offset;

    /// <summary>Closes it.</summary>
    public void Close()
    {
        if (Handle >= 0) _ = Libc.close(Handle);
        Handle = -1;
    }
}
