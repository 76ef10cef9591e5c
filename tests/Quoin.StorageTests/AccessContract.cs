using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What every store keeps for a server: tokens, and requests under a key.</summary>
static class AccessContract
{
    public static async Task HoldAsync(IBuildStore opened, CancellationToken ct)
    {
        var store = (IAccessStore)opened;
        var hash = new byte[32];
        hash[0] = 7;
        var token = new AccessToken("ci", "read", hash, default, null);

        Assert.True(await store.AddTokenAsync(token, ct));
        Assert.False(await store.AddTokenAsync(token with { Role = "operate" }, ct));
        var kept = Assert.Single(store.Tokens());
        Assert.Equal(("ci", "read", null), (kept.Name, kept.Role, kept.RevokedAt));
        Assert.Equal(hash, kept.Hash.ToArray());
        Assert.True(await store.RevokeTokenAsync("ci", ct));
        Assert.False(await store.RevokeTokenAsync("ci", ct));
        Assert.False(await store.RevokeTokenAsync("nobody", ct));
        Assert.NotNull(Assert.Single(store.Tokens()).RevokedAt);

        var first = new KeyedRequest("k", new byte[] { 1 }, "http/1");
        var again = first with { Digest = new byte[] { 2 }, Command = "http/2" };
        Assert.Null(store.SentUnder("k"));
        var sent = await store.SendOnceAsync(first, new("http/1", "cancel-all", default), ct);
        Assert.Equal("http/1", sent.Command);
        sent = await store.SendOnceAsync(again, new("http/2", "cancel-all", default), ct);
        Assert.Equal(("http/1", 1), (sent.Command, sent.Digest.Span[0]));
        Assert.Equal("http/1", Assert.Single(opened.Waiting()).Id);
    }
}
