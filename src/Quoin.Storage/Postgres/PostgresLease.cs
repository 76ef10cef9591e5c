using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The right to decide for a store: a row with a fencing number that grows with each owner, renewed
/// every 3 s, over after 10 s by the database's clock. Every append is checked against it in its
/// own transaction, so who lost it (paused, cut off) can write nothing.
/// </summary>
sealed class PostgresLease : IDisposable
{
    static readonly TimeSpan length = TimeSpan.FromSeconds(10), renewal = TimeSpan.FromSeconds(3);

    readonly NpgsqlDataSource source;
    readonly PostgresAddress address;
    readonly Action<StoreException> lost;
    readonly TimeProvider time;
    readonly ITimer timer;
    // Each time somebody had it when it was asked for, and no more when it was looked at.
    const int TriesMax = 5;

    readonly Lock gate = new();
    long renewedAt;
    bool closed;

    PostgresLease(
        NpgsqlDataSource source, PostgresAddress address, long fence, TimeProvider time,
        long takenAt, Action<StoreException> lost)
    {
        (this.source, this.address, this.lost, Fence) = (source, address, lost, fence);
        (this.time, renewedAt) = (time, takenAt);
        timer = time.CreateTimer(_ => Renew(), null, renewal, renewal);
    }

    /// <summary>The fencing number of this tenure.</summary>
    public long Fence { get; }

    /// <summary>
    /// True while the lease is good for certain: by our own clock, counted from before it was asked
    /// for, so it ends no later here than in the database.
    /// </summary>
    public bool Holds => time.GetElapsedTime(Volatile.Read(ref renewedAt)) < length;

    /// <summary>
    /// Takes the lease, or throws <c>store-locked</c> with the name of who has it.
    /// </summary>
    public static PostgresLease Take(
        NpgsqlDataSource source, PostgresAddress address, StoreOptions options,
        Action<StoreException> lost)
    {
        var given = false;
        for (var tries = 1; ; tries++)
        {
            var asked = options.Time.GetTimestamp();
            using var command = source.CreateCommand("SELECT take_lease($1, $2)");
            command.Parameters.Add(new() { Value = options.Owner });
            command.Parameters.Add(new() { Value = length.TotalSeconds });
            if (command.ExecuteScalar() is long fence)
                return new PostgresLease(source, address, fence, options.Time, asked, lost);
            var (owner, held, left) = Holder(source);
            if (left <= 0 && tries < TriesMax) continue; // It was given back meanwhile.
            if (given || !ProcessNames.IsGone(owner))
                throw new StoreException(
                    "store-locked",
                    $"{address.Shown}: {owner} decides for this store at the moment (its lease is "
                    + $"good for {left:0} s more, unless it renews it); wait for it, or end it");
            Give(source, held); // It died on this host, so nobody has to wait for its lease's end.
            given = true;
        }
    }

    static (string Owner, long Fence, double Left) Holder(NpgsqlDataSource source)
    {
        using var command = source.CreateCommand("""
            SELECT owner, fence, CASE WHEN isfinite(expires_at)
              THEN extract(epoch FROM expires_at - clock_timestamp())::float8 ELSE 0 END
            FROM coordinator
            """);
        using var row = command.ExecuteReader();
        row.Read();
        return (row.GetString(0), row.GetInt64(1), Math.Max(0, row.GetDouble(2)));
    }

    static void Give(NpgsqlDataSource source, long fence)
    {
        using var command = source.CreateCommand("SELECT give_lease($1)");
        command.Parameters.Add(new() { Value = fence });
        command.ExecuteNonQuery();
    }

    void Renew()
    {
        lock (gate)
        {
            if (closed) return;
            try
            {
                var asked = time.GetTimestamp();
                using var command = source.CreateCommand("SELECT renew_lease($1, $2)");
                command.Parameters.Add(new() { Value = Fence });
                command.Parameters.Add(new() { Value = length.TotalSeconds });
                if (command.ExecuteScalar() is true)
                {
                    Volatile.Write(ref renewedAt, asked);
                    return;
                }
                closed = true;
            }
            catch (Exception e) when (e is NpgsqlException or IOException)
            {
                return; // The next one may come through; if none does, the fence tells.
            }
        }
        lost(new StoreException(
            "lease-lost",
            $"{address.Shown}: this process was not heard of for longer than its lease, and "
            + "another one may decide now. Run the command again"));
    }

    /// <summary>Gives the lease back, so that the next process need not wait for its end.</summary>
    public void Dispose()
    {
        timer.Dispose();
        lock (gate)
        {
            if (closed) return;
            closed = true;
        }
        try
        {
            Give(source, Fence);
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // It ends by itself.
        }
    }
}
