using System.Text;
using static Quoin.Storage.SqliteNative;

namespace Quoin.Storage;

/// <summary>
/// A prepared statement. Bind from 1, step, read columns from 0, reset; spans of a row are valid
/// until the next step or reset.
/// </summary>
sealed unsafe class SqliteStatement(SqliteConnection connection, nint handle) : IDisposable
{
    nint handle = handle;

    public SqliteStatement Bind(int index, long value)
    {
        connection.Check(SqliteNative.Bind(handle, index, value));
        return this;
    }

    public SqliteStatement BindText(int index, ReadOnlySpan<byte> utf8)
    {
        fixed (byte* at = utf8)
            connection.Check(
                SqliteNative.BindText(handle, index, NotNull(at), utf8.Length, Transient));
        return this;
    }

    public SqliteStatement BindText(int index, string? text)
    {
        if (text is not null) return BindText(index, Encoding.UTF8.GetBytes(text));
        connection.Check(BindNull(handle, index));
        return this;
    }

    public SqliteStatement BindBlob(int index, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* at = bytes)
            connection.Check(
                SqliteNative.BindBlob(handle, index, NotNull(at), bytes.Length, Transient));
        return this;
    }

    /// <summary>Moves to the next row; false when there is none.</summary>
    public bool Step()
    {
        var code = SqliteNative.Step(handle);
        if (code == Row) return true;
        if (code == Done) return false;
        var error = SqliteErrors.ToException(connection, code);
        _ = SqliteNative.Reset(handle);
        throw error;
    }

    /// <summary>Steps once and resets: for statements that give no rows.</summary>
    public void Run()
    {
        Step();
        Reset();
    }

    /// <summary>Makes it ready to be bound and stepped again.</summary>
    public void Reset() => _ = SqliteNative.Reset(handle); // The error, if any, was Step's.

    /// <summary>
    /// Binds one more text and runs. The hot path: the bytes stay where they are, and SQLite makes
    /// no copy of them.
    /// </summary>
    public void RunText(int index, ReadOnlySpan<byte> utf8)
    {
        fixed (byte* at = utf8)
        {
            connection.Check(
                SqliteNative.BindText(handle, index, NotNull(at), utf8.Length, Static));
            Run();
        }
    }

    /// <summary>
    /// Binds and runs the insert of one event. The hot path: the bytes are pinned and stay where
    /// they are, so that SQLite copies them once, into its page.
    /// </summary>
    public void RunEvent(
        long position, long at, ReadOnlySpan<byte> type, ReadOnlySpan<byte> subject,
        ReadOnlySpan<byte> body)
    {
        fixed (byte* typeAt = type, subjectAt = subject, bodyAt = body)
        {
            _ = SqliteNative.Bind(handle, 1, position);
            _ = SqliteNative.Bind(handle, 2, at);
            _ = SqliteNative.BindText(handle, 3, NotNull(typeAt), type.Length, Static);
            _ = SqliteNative.BindText(handle, 4, NotNull(subjectAt), subject.Length, Static);
            var bound = SqliteNative.BindBlob(handle, 5, NotNull(bodyAt), body.Length, Static);
            if (bound != Ok) connection.Check(bound); // Too big; the others cannot fail alone.
            var code = SqliteNative.Step(handle);
            if (code != Done)
            {
                var error = SqliteErrors.ToException(connection, code);
                Reset();
                throw error;
            }
            Reset();
        }
    }

    public long Int64(int column) => ColumnInt64(handle, column);

    /// <summary>A text as UTF-8, or a blob.</summary>
    public ReadOnlySpan<byte> Bytes(int column)
    {
        var at = ColumnBlob(handle, column); // First this, then the count: SQLite's rule.
        return new ReadOnlySpan<byte>(at, ColumnBytes(handle, column));
    }

    public string Text(int column) => Encoding.UTF8.GetString(Bytes(column));

    public void Dispose()
    {
        if (handle != 0) _ = Finish(handle);
        handle = 0;
    }
}
