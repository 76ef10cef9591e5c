using Quoin.Engine;

namespace Quoin.Storage;

// Tokens, and requests under a key.
public sealed partial class SqliteStore : IAccessStore
{
    /// <inheritdoc/>
    public IReadOnlyList<AccessToken> Tokens() => reader.Tokens();

    /// <inheritdoc/>
    public KeyedRequest? SentUnder(string key) => reader.SentUnder(key);

    /// <inheritdoc/>
    public Task<bool> AddTokenAsync(AccessToken token, CancellationToken ct) =>
        Queue(new TokenWrite(token, NowMs), ct);

    /// <inheritdoc/>
    public Task<bool> RevokeTokenAsync(string name, CancellationToken ct) =>
        Queue(new RevokeWrite(name, NowMs), ct);

    /// <inheritdoc/>
    public Task<KeyedRequest> SendOnceAsync(
        KeyedRequest request, InboxCommand command, CancellationToken ct) =>
        Queue(new KeyedWrite(request, command, NowMs), ct);

    sealed class TokenWrite(AccessToken token, long nowMs)
        : StoreWrite<SqliteWriteStatements, bool>
    {
        public override void Write(SqliteWriteStatements statements)
        {
            using var insert = statements.Connection.PrepareOnce("""
                INSERT INTO access_token (name, role, hash, created_at) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT DO NOTHING
                """u8);
            insert.BindText(1, token.Name).BindText(2, token.Role);
            insert.BindBlob(3, token.Hash.Span).Bind(4, nowMs).Run();
            Answer = statements.Connection.Changes == 1;
        }
    }

    sealed class RevokeWrite(string name, long nowMs) : StoreWrite<SqliteWriteStatements, bool>
    {
        public override void Write(SqliteWriteStatements statements)
        {
            using var update = statements.Connection.PrepareOnce("""
                UPDATE access_token SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL
                """u8);
            update.BindText(1, name).Bind(2, nowMs).Run();
            Answer = statements.Connection.Changes == 1;
        }
    }

    sealed class KeyedWrite(KeyedRequest request, InboxCommand command, long nowMs)
        : StoreWrite<SqliteWriteStatements, KeyedRequest>
    {
        public override void Write(SqliteWriteStatements statements)
        {
            using (var old = statements.Connection.PrepareOnce(
                "DELETE FROM keyed_request WHERE sent_at < ?1"u8))
                old.Bind(1, nowMs - (long)KeyedRequest.KeptFor.TotalMilliseconds).Run();
            using (var insert = statements.Connection.PrepareOnce("""
                INSERT INTO keyed_request (key, digest, command, sent_at) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT DO NOTHING
                """u8))
            {
                insert.BindText(1, request.Key).BindBlob(2, request.Digest.Span);
                insert.BindText(3, request.Command).Bind(4, nowMs).Run();
            }
            if (statements.Connection.Changes == 1)
            {
                statements.Send(command, nowMs);
                Answer = request;
                return;
            }
            using var found = statements.Connection.PrepareOnce(
                "SELECT digest, command FROM keyed_request WHERE key = ?1"u8);
            found.BindText(1, request.Key).Step();
            Answer = new KeyedRequest(request.Key, found.Bytes(0).ToArray(), found.Text(1));
        }
    }
}
