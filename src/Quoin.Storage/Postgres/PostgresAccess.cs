using Npgsql;
using Quoin.Engine;
using static Quoin.Storage.PostgresValues;

namespace Quoin.Storage;

// Tokens, and requests under a key.
public sealed partial class PostgresStore : IAccessStore
{
    /// <inheritdoc/>
    public IReadOnlyList<AccessToken> Tokens() => Ask(
        "SELECT name, role, hash, created_at, revoked_at FROM access_token ORDER BY name",
        row => new AccessToken(
            row.GetString(0), row.GetString(1), row.GetFieldValue<byte[]>(2),
            row.GetFieldValue<DateTimeOffset>(3),
            row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4)));

    /// <inheritdoc/>
    public Task<bool> AddTokenAsync(AccessToken token, CancellationToken ct) => Queue(
        new PostgresToken(
            """
            INSERT INTO access_token (name, role, hash) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO NOTHING
            """,
            () => [Text(token.Name), Text(token.Role), Bytes(token.Hash)]),
        ct);

    /// <inheritdoc/>
    public Task<bool> RevokeTokenAsync(string name, CancellationToken ct) => Queue(
        new PostgresToken(
            """
            UPDATE access_token SET revoked_at = clock_timestamp()
            WHERE name = $1 AND revoked_at IS NULL
            """,
            () => [Text(name)]),
        ct);

    /// <inheritdoc/>
    public async Task<KeyedRequest> SendOnceAsync(
        KeyedRequest request, InboxCommand command, CancellationToken ct)
    {
        await Queue(new PostgresKeyed(request, command), ct);
        return SentUnder(request.Key) ?? request;
    }

    /// <inheritdoc/>
    public KeyedRequest? SentUnder(string key) => Ask(
        "SELECT digest, command FROM keyed_request WHERE key = $1",
        row => new KeyedRequest(key, row.GetFieldValue<byte[]>(0), row.GetString(1)), key)
        .SingleOrDefault();

    sealed class PostgresToken(string sql, Func<NpgsqlParameter[]> values)
        : StoreWrite<PostgresGroup, bool>
    {
        public override bool IsNews => false;

        public override void Write(PostgresGroup target)
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.AddRange(values());
            target.Count(command, rows => Answer = rows == 1);
        }
    }

    // The command is only sent with the key's own row: a transaction that is tried again after its
    // commit was lost sends nothing a second time.
    sealed class PostgresKeyed(KeyedRequest request, InboxCommand command)
        : StoreWrite<PostgresGroup, bool>
    {
        public override void Write(PostgresGroup target)
        {
            var insert = new NpgsqlBatchCommand("""
                WITH old AS (
                  DELETE FROM keyed_request WHERE sent_at < clock_timestamp() - $7 * interval '1 s'
                    AND key <> $1),
                fresh AS (
                  INSERT INTO keyed_request (key, digest, command) VALUES ($1, $2, $3)
                  ON CONFLICT (key) DO NOTHING RETURNING true),
                sent AS (
                  INSERT INTO inbox (id, type, body) SELECT $4, $5, $6 WHERE EXISTS (
                    SELECT FROM fresh)
                  ON CONFLICT (id) DO NOTHING RETURNING true)
                UPDATE news SET count = count + 1 WHERE EXISTS (SELECT FROM sent)
                """);
            insert.Parameters.AddRange(new[]
            {
                Text(request.Key), Bytes(request.Digest), Text(request.Command),
                Text(command.Id), Text(command.Type), Bytes(command.Body),
                Double(KeyedRequest.KeptFor.TotalSeconds),
            });
            target.Add(insert);
        }
    }
}
