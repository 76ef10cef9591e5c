using System.Security.Cryptography;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What stands in fingerprints for the values of secrets: HMAC-SHA-256 with a key that lies beside
/// the store, or in <c>QUOIN_SECRET_KEY</c> where several workspaces shall agree. Whoever reads a
/// fingerprint sees that a secret is another one, and cannot try which. One thread.
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

    const int DigitsShown = 32;

    byte[]? key;

    /// <summary>A secret's fact; null: the environment does not have it.</summary>
    /// <exception cref="IOException">The key cannot be read or kept.</exception>
    public SecretFact? Of(string name)
    {
        if (variable(name) is not { } value) return null;
        var mac = HMACSHA256.HashData(
            key ??= FindKey(), Encoding.UTF8.GetBytes($"{name}\0{value}"));
        return new SecretFact(name, $"hmac:{Convert.ToHexStringLower(mac)[..DigitsShown]}");
    }

    byte[] FindKey()
    {
        if (variable(KeyVariable) is { Length: > 0 } given) return Encoding.UTF8.GetBytes(given);
        var file = FileName;
        if (Read(file) is { } kept) return kept;
        var made = newKey();
        if (!keeps) return made;
        Directory.CreateDirectory(workspace.QuoinDirectory);
        var beside = $"{file}.{Environment.ProcessId}";
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

    /// <summary>
    /// Whether this process has a secret with this digest; true, too, where nobody can say: without
    /// the key.
    /// </summary>
    /// <exception cref="IOException">The key cannot be read.</exception>
    public bool Has(SecretFact secret) => variable(secret.Name) is not null
        && (secret.KeyedDigest.Length == 0 || !HasKey || Of(secret.Name) == secret);

    bool HasKey => key is not null || variable(KeyVariable) is { Length: > 0 }
        || File.Exists(FileName);

    string FileName => Path.Combine(workspace.QuoinDirectory, "secret.key");

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
