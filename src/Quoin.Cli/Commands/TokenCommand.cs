using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin token</c>: who may ask a server of this store. A token is shown once, when it is made;
/// the store keeps its hash.
/// </summary>
static class TokenCommand
{
    public const string Summary = "Make, list and revoke the tokens that quoin serve asks for";

    const int SecretBytes = 32, NameMax = 64;

    /// <summary>What every token begins with, so that it is recognized where it leaked.</summary>
    public const string Prefix = "quoin_";

    public static Command Create(Func<ParseResult, Cli> cli) =>
        new("token", Summary) { Make(cli), List(cli), Revoke(cli) };

    static Command Make(Func<ParseResult, Cli> cli)
    {
        var name = new Argument<string>("NAME") { Description = "Who has it, for people" };
        var role = new Option<string>("--role")
        {
            Description = "read: look at everything; operate: also change things (default read)",
            HelpName = "ROLE",
            DefaultValueFactory = _ => "read",
        };
        var command = new Command("create", "Make a token and show it, once") { name, role };
        command.SetAction((parsed, ct) => CreateAsync(
            cli(parsed), parsed.GetRequiredValue(name), parsed.GetValue(role)!, ct));
        return command;
    }

    static Command List(Func<ParseResult, Cli> cli)
    {
        var command = new Command("list", "List all tokens by name");
        command.SetAction((parsed, _) => ListAsync(cli(parsed)));
        return command;
    }

    static Command Revoke(Func<ParseResult, Cli> cli)
    {
        var name = new Argument<string>("NAME") { Description = "As it was made" };
        var command = new Command("revoke", "From now on it opens nothing") { name };
        command.SetAction((parsed, ct) =>
            RevokeAsync(cli(parsed), parsed.GetRequiredValue(name), ct));
        return command;
    }

    /// <summary>What is kept of a token.</summary>
    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>Makes a token; 4 when its name is taken.</summary>
    public static async Task<int> CreateAsync(
        Cli cli, string name, string role, CancellationToken ct)
    {
        if (role is not ("read" or "operate"))
            throw new UsageException("usage", $"--role {role}: write read or operate");
        if (name.Length is 0 or > NameMax
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '@'))
            throw new UsageException(
                "usage", $"{name}: a name is letters, digits, - _ . @, at most {NameMax} of them");
        var secret = RandomNumberGenerator.GetBytes(SecretBytes);
        var token = Prefix + Convert.ToBase64String(secret)
            .TrimEnd('=').Replace('+', '-').Replace('/', '_');
        await using var store = Project.OpenForAsking(cli, Project.Find(cli));
        var kept = new AccessToken(name, role, HashOf(token), default, null);
        if (!await Access(store).AddTokenAsync(kept, ct))
            return cli.Error(
                "name-taken", $"there is a token {name}, or was one; choose another name",
                ExitCode.Refused);
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteString("role", role);
                json.WriteString("token", token);
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        cli.Print(token);
        cli.Say("keep it now: it is not shown again");
        return ExitCode.Ok;
    }

    /// <summary>Prints names, roles and times.</summary>
    public static async Task<int> ListAsync(Cli cli)
    {
        var workspace = Project.Find(cli);
        IReadOnlyList<AccessToken> tokens = [];
        if (Project.HasStore(cli, workspace))
        {
            await using var store = Project.OpenForReading(cli, workspace);
            tokens = Access(store).Tokens();
        }
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("tokens");
                foreach (var token in tokens)
                {
                    json.WriteStartObject();
                    json.WriteString("name", token.Name);
                    json.WriteString("role", token.Role);
                    JsonParts.Time(json, "created_at", token.CreatedAt);
                    JsonParts.Time(json, "revoked_at", token.RevokedAt);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        foreach (var token in tokens)
        {
            var revoked = token.RevokedAt is { } at
                ? $"  revoked {Units.DayAndMinute(at, cli.Time)}"
                : "";
            cli.Print(new Line(token.Name, Style.Bold)
                .Add($"  {token.Role}  {Units.DayAndMinute(token.CreatedAt, cli.Time)}{revoked}"));
        }
        if (tokens.Count == 0) cli.Say("there are no tokens; quoin token create makes one");
        return ExitCode.Ok;
    }

    /// <summary>Revokes one; 4 when there is none of that name.</summary>
    public static async Task<int> RevokeAsync(Cli cli, string name, CancellationToken ct)
    {
        await using var store = Project.OpenForAsking(cli, Project.Find(cli));
        if (!await Access(store).RevokeTokenAsync(name, ct))
            return cli.Error(
                "no-such-token", $"there is no token {name} that opens anything",
                ExitCode.Refused);
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("revoked", name);
                json.WriteEndObject();
            }));
        }
        else cli.Print($"revoked {name}");
        return ExitCode.Ok;
    }

    static IAccessStore Access(IBuildStore store) => store as IAccessStore
        ?? throw new UsageException(
            "usage", "tokens are made on the store itself, not through its server");
}
