namespace Quoin.Engine;

/// <summary>
/// What a server of the store keeps in it beside the log: who may ask, and what was asked under a
/// key. Any process may call.
/// </summary>
public interface IAccessStore
{
    /// <summary>All tokens, revoked ones too, by name.</summary>
    IReadOnlyList<AccessToken> Tokens();

    /// <summary>Adds a token; false when its name is taken.</summary>
    Task<bool> AddTokenAsync(AccessToken token, CancellationToken ct);

    /// <summary>
    /// From now on the token opens nothing; false when there is no such token, or it was revoked.
    /// </summary>
    Task<bool> RevokeTokenAsync(string name, CancellationToken ct);

    /// <summary>What was sent under a key; null: nothing, or too long ago.</summary>
    KeyedRequest? SentUnder(string key);

    /// <summary>
    /// Puts a command into the inbox unless something was sent under this key before: both in one
    /// transaction. Answers with what is kept under the key: the same request when it is new.
    /// </summary>
    Task<KeyedRequest> SendOnceAsync(
        KeyedRequest request, InboxCommand command, CancellationToken ct);
}

/// <summary>Who may ask, as it is kept: the token itself is not.</summary>
/// <param name="Name">For people.</param>
/// <param name="Role"><c>read</c> or <c>operate</c>.</param>
/// <param name="Hash">SHA-256 of the token.</param>
/// <param name="CreatedAt">When, by the store's clock.</param>
/// <param name="RevokedAt">Since when it opens nothing; null: it does.</param>
public sealed record AccessToken(
    string Name, string Role, ReadOnlyMemory<byte> Hash, DateTimeOffset CreatedAt,
    DateTimeOffset? RevokedAt);

/// <summary>A request under a key of its sender, so that it is carried out once.</summary>
/// <param name="Key">The sender's.</param>
/// <param name="Digest">Of what was asked: another one under the same key is a mistake.</param>
/// <param name="Command">The id of the command that it became.</param>
public sealed record KeyedRequest(string Key, ReadOnlyMemory<byte> Digest, string Command)
{
    /// <summary>How long a key is kept at least.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(7);
}
