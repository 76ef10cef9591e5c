using System.Security.Cryptography;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What stands in fingerprints for the values of secrets: HMAC-SHA-256 with a key that lies beside
/// the store, or in <c>QUOIN_SECRET_KEY</c> where several workspaces shall agree, after a few
/// digits that say with which key: <c>hmac:5be1a07c:22ab7710…</c>. Whoever reads a fingerprint sees
/// that a secret is another one, and cannot try which. Thread safe.
/// </summary>
/// <param name="workspace">Where the key lies: <c>.quoin/secret.key</c>.</param>
/// <param name="variable">Reads a variable of this process's environment.</param>
/// <param name="newKey">Makes a key.</param>
/// <param name="keeps">
/// False: nothing may be written. Then nothing was built with a key yet that this could match, and
/// what is shown of a secret means nothing to anybody.
/// </param>
public sealed class SecretDigests(
    Workspace workspace, Func<string, string?> variable, Func<byte[]> newKey, bool keeps)
{
    /// <summary>The variable that a key is taken from.</summary>
    public const string KeyVariable = "QUOIN_SECRET_KEY";

    const string Prefix = "hmac:";
    const int DigitsShown = 32, KeyDigits = 8;

    readonly Lock gate = new();
    byte[]? key;

    /// <summary>Those of this process, with random keys.</summary>
    public static SecretDigests OfProcess(Workspace workspace, bool keeps) => new(
        workspace, Environment.GetEnvironmentVariable,
        static () => RandomNumberGenerator.GetBytes(32), keeps);

    /// <summary>A secret's fact; null: the environment does not have it.</summary>
    /// <exception cref="IOException">The key cannot be read or kept.</exception>
    public SecretFact? Of(string name)
    {
        if (variable(name) is not { } value) return null;
        lock (gate) key ??= FindKey() ?? NewKey();
        return Of(name, value, key);
    }

    static SecretFact Of(string name, string value, byte[] key) => new(
        name,
        $"{Prefix}{Mac(key, "key")[..KeyDigits]}:{Mac(key, $"{name}\0{value}")[..DigitsShown]}");

    static string Mac(byte[] key, string text) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));

    /// <summary>
    /// Whether this process has a secret with this digest; true, too, where nobody can say: with
    /// another key, without one, or with one that this user must not read.
    /// </summary>
    /// <exception cref="IOException">The key cannot be read.</exception>
    public bool Has(SecretFact secret)
    {
        if (variable(secret.Name) is not { } value) return false;
        if (secret.KeyedDigest.Length == 0 || KnownKey() is not { } known) return true;
        var own = Of(secret.Name, value, known);
        return own == secret || !secret.KeyedDigest.StartsWith(
            own.KeyedDigest[..(Prefix.Length + KeyDigits + 1)], StringComparison.Ordinal);
    }

    byte[]? KnownKey()
    {
        try
        {
            lock (gate) return key ??= FindKey();
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    string FileName => Path.Combine(workspace.QuoinDirectory, "secret.key");

    byte[]? FindKey() => variable(KeyVariable) is { Length: > 0 } given
        ? Encoding.UTF8.GetBytes(given)
        : Read(FileName);

    byte[] NewKey()
    {
        var made = newKey();
        if (!keeps) return made;
        var file = FileName;
        Directory.CreateDirectory(workspace.QuoinDirectory);
        // Several processes may make one at once; in containers they even have the same number.
        var beside = $"{file}.{Convert.ToHexStringLower(SHA256.HashData(made))[..16]}";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var stream = new FileStream(beside, options))
        {
            stream.Write(Encoding.UTF8.GetBytes(Convert.ToHexStringLower(made) + "\n"));
            stream.Flush(flushToDisk: true);
        }
        try
        {
            File.Move(beside, file);
            return made;
        }
        catch (IOException) when (File.Exists(file))
        {
            File.Delete(beside); // Another process was quicker.
            return Read(file) ?? throw new IOException($"{file} is not a key; remove it");
        }
    }

    static byte[]? Read(string file)
    {
        if (!File.Exists(file)) return null;
        try
        {
            return Convert.FromHexString(File.ReadAllText(file).Trim()) is { Length: > 0 } bytes
                ? bytes
                : null;
        }
        catch (FormatException)
        {
            throw new IOException(
                $"{file} is not a key (hexadecimal digits); remove it, and jobs with secrets run "
                + "once more");
        }
    }
}
