using System.Reflection;

namespace Quoin.Storage;

/// <summary>The migration scripts that are part of this program, and which program it is.</summary>
static class Scripted
{
    /// <summary>The text of a script.</summary>
    public static string Read(string name)
    {
        using var stream = typeof(Scripted).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>This program's version, as a migration records it.</summary>
    public static string ProgramVersion() => typeof(Scripted).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion
        .Split('+')[0];
}
