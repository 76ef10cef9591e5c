using Microsoft.AspNetCore.Http;

namespace Quoin.Server;

/// <summary>Who asks.</summary>
/// <param name="Name">Of the token; <c>local</c> where none is needed.</param>
/// <param name="MayOperate">May change things, too.</param>
sealed record Visitor(string Name, bool MayOperate)
{
    static readonly object Key = new();

    /// <summary>Somebody on this machine, where there are no tokens.</summary>
    public static readonly Visitor Local = new("local", MayOperate: true);

    /// <summary>By a cookie: there is a session to leave.</summary>
    public bool HasSession { get; init; }

    /// <summary>Whoever sent a request; null: nobody that is known.</summary>
    public static Visitor? Of(HttpContext http) => http.Items[Key] as Visitor;

    /// <summary>Remembers who sent it.</summary>
    public void Enter(HttpContext http) => http.Items[Key] = this;
}
