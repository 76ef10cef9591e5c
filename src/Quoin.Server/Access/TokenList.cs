using System.Security.Cryptography;
using Quoin.Cli;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// The tokens of the store as of a moment ago, and the sessions of browsers that showed one. A
/// token that is revoked ends its sessions; a session does not survive the server.
/// </summary>
sealed class TokenList(IAccessStore store, TimeProvider time)
{
    const int SessionsMax = 10_000;
    static readonly TimeSpan TrustedFor = TimeSpan.FromSeconds(1);
    static readonly TimeSpan SessionFor = TimeSpan.FromHours(12);

    readonly Lock gate = new();
    readonly Dictionary<string, (string Token, DateTimeOffset Until)> sessions =
        new(StringComparer.Ordinal);
    IReadOnlyList<AccessToken> tokens = [];
    long readAt;
    bool isRead;

    /// <summary>Somebody made tokens: from then on everybody needs one.</summary>
    public bool IsNeeded => Now().Count > 0;

    /// <summary>Whose token this is; null: nobody's.</summary>
    public Visitor? Find(string text)
    {
        var hash = TokenCommand.HashOf(text);
        Visitor? found = null;
        foreach (var token in Now())
            if (CryptographicOperations.FixedTimeEquals(token.Hash.Span, hash)
                && token.RevokedAt is null) found = VisitorOf(token);
        return found;
    }

    /// <summary>A session for who showed a token.</summary>
    public string Begin(Visitor visitor)
    {
        var id = RandomNumberGenerator.GetHexString(64, lowercase: true);
        lock (gate)
        {
            if (sessions.Count >= SessionsMax) Forget();
            sessions[id] = (visitor.Name, time.GetUtcNow() + SessionFor);
        }
        return id;
    }

    /// <summary>Who began a session that is not over.</summary>
    public Visitor? FindSession(string id)
    {
        string name;
        lock (gate)
        {
            if (!sessions.TryGetValue(id, out var session)) return null;
            if (session.Until < time.GetUtcNow())
            {
                sessions.Remove(id);
                return null;
            }
            name = session.Token;
        }
        var token = Now().FirstOrDefault(t => t.Name == name && t.RevokedAt is null);
        return token is null ? null : VisitorOf(token) with { HasSession = true };
    }

    /// <summary>Ends a session.</summary>
    public void End(string id)
    {
        lock (gate) sessions.Remove(id);
    }

    void Forget()
    {
        var now = time.GetUtcNow();
        foreach (var (id, session) in sessions.ToArray())
            if (session.Until < now) sessions.Remove(id);
        if (sessions.Count < SessionsMax) return;
        sessions.Remove(sessions.MinBy(session => session.Value.Until).Key);
    }

    static Visitor VisitorOf(AccessToken token) => new(token.Name, token.Role == "operate");

    IReadOnlyList<AccessToken> Now()
    {
        lock (gate)
        {
            if (isRead && time.GetElapsedTime(readAt) < TrustedFor) return tokens;
            tokens = store.Tokens();
            (readAt, isRead) = (time.GetTimestamp(), true);
            return tokens;
        }
    }
}
