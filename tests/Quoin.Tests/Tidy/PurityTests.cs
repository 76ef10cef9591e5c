using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Tidy;

/// <summary>
/// The core decides and does nothing else. What it uses of the outside is read from its compiled
/// form, where nothing hides behind a <c>using</c> or a <c>var</c>; the line is then looked up in
/// the sources.
/// </summary>
public sealed class PurityTests
{
    static readonly string[] forbiddenNamespaces =
    [
        "System.IO", "System.Net", "System.Threading.Tasks", "System.Data", "Microsoft",
    ];

    static readonly string[] forbiddenTypes =
    [
        "System.Console", "System.Random", "System.TimeProvider",
        "System.Diagnostics.Process", "System.Diagnostics.Stopwatch", "System.Threading.Thread",
        "System.Threading.Timer", "System.Security.Cryptography.RandomNumberGenerator",
        "System.AppContext", "System.Runtime.InteropServices.Marshal",
    ];

    static readonly string[] forbiddenMembers =
    [
        "DateTime.get_Now", "DateTime.get_UtcNow", "DateTime.get_Today", "DateTimeOffset.get_Now",
        "DateTimeOffset.get_UtcNow", "Guid.NewGuid",
        // Of Environment, iterators use the thread's number; nothing else is allowed.
        "Environment.GetEnvironmentVariable", "Environment.get_TickCount64",
        "Environment.get_TickCount", "Environment.get_ProcessorCount", "Environment.Exit",
        "Environment.get_MachineName", "Environment.get_CurrentDirectory",
    ];

    [Fact]
    public void The_core_has_no_files_tasks_clock_processes_or_randomness()
    {
        using var stream = File.OpenRead(typeof(Digest).Assembly.Location);
        using var image = new PEReader(stream);
        var metadata = image.GetMetadataReader();

        var types = from handle in metadata.TypeReferences
                    let type = metadata.GetTypeReference(handle)
                    let space = metadata.GetString(type.Namespace)
                    let name = metadata.GetString(type.Name)
                    where IsForbidden(space, name)
                    select (Text: $"{space}.{name}", Word: name);
        var members = from handle in metadata.MemberReferences
                      let member = metadata.GetMemberReference(handle)
                      where member.Parent.Kind == HandleKind.TypeReference
                      let type = metadata.GetTypeReference((TypeReferenceHandle)member.Parent)
                      let name = metadata.GetString(member.Name)
                      let text = $"{metadata.GetString(type.Name)}.{name}"
                      where forbiddenMembers.Contains(text)
                      select (Text: text, Word: name.Replace("get_", "", StringComparison.Ordinal));

        TidyTests.None(types.Concat(members).SelectMany(use => Places(use.Text, use.Word)));
    }

    static bool IsForbidden(string space, string name) =>
        forbiddenTypes.Contains($"{space}.{name}")
        || forbiddenNamespaces.Any(forbidden =>
            space == forbidden || space.StartsWith(forbidden + ".", StringComparison.Ordinal));

    static string[] Places(string text, string word)
    {
        var advice = $"the core may not use {text}; take the value as an argument, or do it in "
            + "Quoin.Engine";
        string[] places =
        [
            .. from file in Repository.CSharp
               where file.Path.StartsWith("src/Quoin.Core/", StringComparison.Ordinal)
               from place in file.WhereCode(
                   line => line.Contains(word, StringComparison.Ordinal), advice)
               select place,
        ];
        return places is [] ? [$"src/Quoin.Core: {advice}"] : places;
    }
}
