using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Quoin.Server;

/// <summary>
/// The style sheet and the script, from inside of this program. Their addresses name their content,
/// so browsers keep them until there are others.
/// </summary>
static class PageAssets
{
    static readonly FrozenDictionary<string, (byte[] Bytes, string Type)> files = Load();

    /// <summary>The address of the style sheet.</summary>
    public static string Style { get; } = AddressOf("app.css");

    /// <summary>The address of the script.</summary>
    public static string Script { get; } = AddressOf("app.js");

    /// <summary>The address of the icon.</summary>
    public static string Icon { get; } = AddressOf("icon.svg");

    /// <summary>Adds the route.</summary>
    public static void Map(WebApplication web) =>
        web.MapGet("/assets/{digest}/{name}", async http =>
        {
            if (!files.TryGetValue($"{http.Request.RouteValues["name"]}", out var file))
            {
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }
            http.Response.ContentType = file.Type;
            http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
            http.Response.ContentLength = file.Bytes.Length;
            await http.Response.Body.WriteAsync(file.Bytes, http.RequestAborted);
        });

    static FrozenDictionary<string, (byte[], string)> Load()
    {
        var all = new Dictionary<string, (byte[], string)>(StringComparer.Ordinal);
        foreach (var (name, type) in new[]
        {
            ("app.css", "text/css; charset=utf-8"), ("app.js", "text/javascript; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        })
        {
            using var stream = typeof(PageAssets).Assembly.GetManifestResourceStream(name)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            all[name] = (bytes, type);
        }
        return all.ToFrozenDictionary(StringComparer.Ordinal);
    }

    static string AddressOf(string name)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(files[name].Bytes).AsSpan(0, 8));
        return $"/assets/{digest}/{name}";
    }
}
