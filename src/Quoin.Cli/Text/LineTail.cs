namespace Quoin.Cli;

/// <summary>
/// Lines of a file that somebody else is writing: only whole ones, until the reader says that
/// nothing more will come.
/// </summary>
sealed class LineTail(Stream file)
{
    byte[] buffer = new byte[64 << 10];
    int start, end;

    /// <summary>
    /// The next line without its newline; null when there is no whole one yet. With
    /// <paramref name="endOfFile"/> the rest of the file counts as one. Valid until the next call.
    /// </summary>
    public byte[]? Next(bool endOfFile)
    {
        while (true)
        {
            var newline = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                var line = buffer[start..(start + newline)];
                start += newline + 1;
                return line;
            }
            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }
            if (end == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
            var read = file.Read(buffer, end, buffer.Length - end);
            if (read > 0)
            {
                end += read;
                continue;
            }
            if (!endOfFile || end == 0) return null;
            var rest = buffer[..end];
            end = 0;
            return rest;
        }
    }
}
