using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// What SQLite's error codes mean to a person: a stable code, the file, the remedy.
/// </summary>
static class SqliteErrors
{
    const int Busy = 5, Locked = 6, ReadOnly = 8, IoError = 10, Corrupt = 11, Full = 13;
    const int CannotOpen = 14, Constraint = 19, NotADatabase = 26, Error = 1;
    const int NoPermission = 13, NoSpace = 28, ReadOnlyFileSystem = 30, QuotaExceeded = 122;

    public static StoreException ToException(SqliteConnection connection, int extendedCode)
    {
        var path = connection.Path;
        var said = $"SQLite says: {connection.ErrorText} ({extendedCode})";
        return (extendedCode & 0xFF, connection.SystemErrorNumber) switch
        {
            (Full, _) or (IoError or CannotOpen, NoSpace or QuotaExceeded) =>
                IsFull(path, said),
            (ReadOnly, _) or (IoError or CannotOpen, ReadOnlyFileSystem) => IsReadOnly(path, said),
            (Busy or Locked, _) => new(
                "store-locked",
                $"{path} is locked by another program (a database browser, a backup?); end it or "
                + $"let it finish, then run the command again. {said}"),
            (Corrupt, _) => new(
                "store-corrupt",
                $"{path} is damaged; restore it from a backup, or move its folder away and build "
                + $"again. {said}"),
            (NotADatabase, _) => IsNoDatabase(path),
            (CannotOpen, _) when !File.Exists(path) && !CanMakeFileAt(path) =>
                IsReadOnly(path, said),
            (CannotOpen or IoError, NoPermission) => new(
                "store-unavailable", $"{path} cannot be opened: no permission. {said}"),
            (CannotOpen, _) => new(
                "store-unavailable",
                $"{path} cannot be opened; see that its folder exists and may be written. {said}"),
            (IoError, _) => new(
                "store-unavailable",
                $"{path} cannot be read or written: the file system failed (errno "
                + $"{connection.SystemErrorNumber}). {said}"),
            (Error or Constraint, _) => new(
                "store-corrupt",
                $"{path} has not the tables that its schema version promises; restore it from a "
                + $"backup, or move its folder away and build again. {said}"),
            _ => new("store-unavailable", $"{path} failed. {said}"),
        };
    }

    // SQLite's last errno is not the one of making the file, so try that with another one.
    static bool CanMakeFileAt(string path)
    {
        try
        {
            using var probe = new FileStream(
                path + "-probe", FileMode.Create, FileAccess.Write, FileShare.None, 1,
                FileOptions.DeleteOnClose);
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException e)
        {
            return e.HResult != ReadOnlyFileSystem;
        }
    }

    public static StoreException IsReadOnly(string path, string said) => new(
        "store-read-only",
        $"{path} cannot be written: the file, its folder or the file system is read-only. Make it "
        + $"writable, or choose another place with --store. {said}".TrimEnd());

    public static StoreException IsFull(string path, string said) => new(
        "disk-full",
        $"the disk of {path} is full; nothing recorded is lost. Free some space and run the "
        + $"command again. {said}".TrimEnd());

    public static StoreException IsNoDatabase(string path) => new(
        "store-corrupt",
        $"{path} is not an SQLite database; move it away, or choose another place with --store");

    public static StoreException IsMissing(string path) => new(
        "store-unavailable", $"{path} does not exist: nothing was built here yet. Run quoin build");

    public static StoreException NoFolder(string path, string folder) => new(
        "store-unavailable", $"{path} cannot be made: the folder {folder} does not exist");

    public static StoreException IsForeign(string path) => new(
        "store-foreign",
        $"{path} is a database of another program; choose another place with --store");

    public static StoreException IsNewer(string path, long version, string quoin, int ours) => new(
        "store-newer",
        $"{path} was written by quoin {quoin} (schema {version}), this one knows schema {ours}: "
        + $"use quoin {quoin} or newer");

    public static StoreException Moved(string path, long expected, long found) => new(
        "store-locked",
        $"another quoin process appended to {path} (the log ends at {found}, here it ended at "
        + $"{expected}); wait until it ends, then run the command again");

    public static StoreException IsLed(string path, string by) => new(
        "store-locked",
        $"{path} is in use by another quoin process{by}; wait until it ends, then run the command "
        + "again");
}
