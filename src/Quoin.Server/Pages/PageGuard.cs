using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Quoin.Server;

/// <summary>
/// Who looks at a page, and whether a form came from a page of ours. The proof lies in a cookie
/// that scripts cannot read and that no other site's form brings along, and in the form; a form
/// whose proof is another one is refused.
/// </summary>
static class PageGuard
{
    const string CookieName = "quoin-proof";

    /// <summary>The field of a form that has the proof.</summary>
    public const string Field = "proof";

    /// <summary>The proof for the forms of a page; null: who looks may not act.</summary>
    public static string? Proof(HttpContext http, bool isBehindTls)
    {
        if (Visitor.Of(http) is not { MayOperate: true }) return null;
        if (http.Request.Cookies[CookieName] is { Length: 64 } known) return known;
        var proof = RandomNumberGenerator.GetHexString(64, lowercase: true);
        http.Response.Cookies.Append(CookieName, proof, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = Gate.IsSecure(http, isBehindTls),
            Path = "/",
        });
        return proof;
    }

    /// <summary>Whether a form may act.</summary>
    public static bool IsProven(HttpContext http, string? proof) =>
        http.Request.Cookies[CookieName] is { Length: 64 } known && proof is not null
        && CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(known), Encoding.UTF8.GetBytes(proof));
}
