using System.Net.Sockets;
using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// What workers do on PostgreSQL, on connections of their own beside the coordinator's: each call
/// is one transaction and one round trip. When the connection is lost it tries again on a new one,
/// for a while. Rows are locked in one order by all: first the worker's, then runs by number.
/// </summary>
sealed class PostgresQueue(PostgresAddress address, TimeProvider time) : IDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);
    static readonly TimeSpan pause = TimeSpan.FromMilliseconds(200);

    // A queue changes faster than statistics do, so the planner only gets the choice that stays
    // right: the index. Measured: a plan for 10 % of the rows makes a claim take 16 times as long.
    // What is forbidden counts as very expensive, which would have each statement compiled: jit.
    const string Settings = """
        SET plan_cache_mode = force_custom_plan;
        SET enable_seqscan = off; SET enable_bitmapscan = off;
        SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
        SET default_transaction_isolation = 'read committed'
        """;

    readonly NpgsqlDataSource source = SourceOf(address);

    static NpgsqlDataSource SourceOf(PostgresAddress address)
    {
        var connection = new NpgsqlConnectionStringBuilder(address.Connection.ConnectionString)
        {
            NoResetOnClose = true, // What Settings says stays said.
            MaxPoolSize = 16,
        };
        var builder = PostgresStore.BuilderOf(connection);
        builder.UsePhysicalConnectionInitializer(
            connection =>
            {
                using var command = new NpgsqlCommand(Settings, connection);
                command.ExecuteNonQuery();
            },
            async connection =>
            {
                await using var command = new NpgsqlCommand(Settings, connection);
                await command.ExecuteNonQueryAsync();
            });
        return builder.Build();
    }

    /// <summary>The connection string's settings, for whoever looks at plans.</summary>
    public NpgsqlConnection OpenConnection() => source.OpenConnection();

    /// <summary>Makes a worker known; false when it is there already.</summary>
    public Task<bool> JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct) =>
        PatientlyAsync(
            async (connection, isFirst) =>
            {
                await using var command = PostgresQueueCommands.Join(worker, lease, joined);
                command.Connection = connection;
                // Found at a second try it is what the first one wrote: an owner has its nonce.
                return await command.ExecuteScalarAsync(ct) is true || !isFirst;
            },
            ct);

    /// <summary>Takes a worker's row away, and with it what it holds; false when it was.</summary>
    public Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct) =>
        PatientlyAsync(
            async (connection, isFirst) =>
            {
                await using var batch = PostgresQueueCommands.Leave(owner, left);
                batch.Connection = connection;
                await using var reader = await batch.ExecuteReaderAsync(ct);
                var isThere = await reader.ReadAsync(ct);
                while (await reader.NextResultAsync(ct)) { } // Until its end: then it is committed.
                return isThere || !isFirst;
            },
            ct);

    /// <summary>A worker's turn, and whether it left free runs that it had looked at.</summary>
    public Task<(WorkerAnswer Answer, bool IsMoreFree)> WorkAsync(
        WorkerTurn turn, CancellationToken ct) =>
        PatientlyAsync(
            async (connection, isFirst) =>
            {
                await using var work = new PostgresTurn(turn);
                var answer = await work.RunAsync(connection, isFirst, ct);
                return (answer, work.IsMoreFree);
            },
            ct);

    async Task<T> PatientlyAsync<T>(
        Func<NpgsqlConnection, bool, Task<T>> work, CancellationToken ct)
    {
        var since = time.GetTimestamp();
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync(ct);
                return await work(connection, isFirst);
            }
            catch (Exception e) when (PostgresErrors.IsWorthAnotherTry(e)
                && time.GetElapsedTime(since) < patience)
            {
                // A connection that died while it was idle is replaced at once.
                if (!isFirst) await Task.Delay(pause, ct);
            }
            catch (Exception e) when (e is NpgsqlException or IOException or SocketException)
            {
                throw PostgresErrors.Of(e, address);
            }
        }
    }

    public void Dispose() => source.Dispose();
}
