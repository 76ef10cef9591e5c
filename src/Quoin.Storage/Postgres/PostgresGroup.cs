using Npgsql;

namespace Quoin.Storage;

/// <summary>
/// Writes of a group as one batch of statements, which is one transaction and one round trip, and
/// who is told what each of them answered.
/// </summary>
sealed class PostgresGroup(NpgsqlConnection connection, long last, long? fence) : IDisposable
{
    readonly NpgsqlBatch batch = new(connection);
    readonly List<(Action<object>? Value, Action<int>? Rows)> told = [];

    /// <summary>Where the log ends before the next events.</summary>
    public long Last { get; private set; } = last;

    /// <summary>The coordinator's fencing number; null: this process holds no lease.</summary>
    public long? Fence { get; } = fence;

    /// <summary>So many events are appended by what was said.</summary>
    public void Move(int events) => Last += events;

    /// <summary>A statement without an answer.</summary>
    public void Add(NpgsqlBatchCommand command) => Add(command, null, null);

    /// <summary>A statement that answers with one value.</summary>
    public void Ask(NpgsqlBatchCommand command, Action<object> value) => Add(command, value, null);

    /// <summary>A statement of which the number of rows matters that it changed.</summary>
    public void Count(NpgsqlBatchCommand command, Action<int> rows) => Add(command, null, rows);

    void Add(NpgsqlBatchCommand command, Action<object>? value, Action<int>? rows)
    {
        batch.BatchCommands.Add(command);
        told.Add((value, rows));
    }

    /// <summary>Sends all, and tells.</summary>
    public void Run()
    {
        using (var reader = batch.ExecuteReader())
        {
            foreach (var (value, _) in told)
            {
                if (value is null) continue;
                reader.Read();
                value(reader.GetValue(0));
                reader.NextResult();
            }
            while (reader.NextResult()) { } // Until its end: then it is committed.
        }
        // Counts of rows are known when all has been read.
        for (var i = 0; i < told.Count; i++)
            told[i].Rows?.Invoke((int)batch.BatchCommands[i].RecordsAffected);
    }

    public void Dispose() => batch.Dispose();
}
