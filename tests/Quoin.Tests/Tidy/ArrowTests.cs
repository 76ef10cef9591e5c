using Xunit;

namespace Quoin.Tests.Tidy;

/// <summary>Which project may refer to which: an arrow is a project reference.</summary>
public sealed class ArrowTests
{
    [Fact]
    public void The_projects_refer_to_each_other_as_in_this_picture()
    {
        var arrows = from path in Repository.Files
                     where path.StartsWith("src/", StringComparison.Ordinal)
                         && path.EndsWith(".csproj", StringComparison.Ordinal)
                     let to = from reference in TidyTests.Xml(path).Descendants("ProjectReference")
                              let include = (string)reference.Attribute("Include")!
                              orderby include
                              select Path.GetFileNameWithoutExtension(include)
                     select $"{Path.GetFileNameWithoutExtension(path)} -> {string.Join(", ", to)}";

        // A new project needs a new deployable, a published package or a heavy dependency to fence
        // off. Another arrow needs a reason in docs/decisions/.
        Assert.Equal("""
            Quoin.Cli -> Quoin.Engine, Quoin.Storage
            Quoin.Core -> 
            Quoin.Engine -> Quoin.Core
            Quoin.Server -> Quoin.Cli
            Quoin.Storage -> Quoin.Engine
            """, string.Join('\n', arrows));
    }

    [Fact]
    public void The_packages_of_each_project_are_these()
    {
        var packages = from path in Repository.Files
                       where path.StartsWith("src/", StringComparison.Ordinal)
                           && path.EndsWith(".csproj", StringComparison.Ordinal)
                       let ids = TidyTests.Xml(path).Descendants("PackageReference")
                           .Select(reference => (string)reference.Attribute("Include")!)
                           .Order(StringComparer.Ordinal)
                       select $"{Path.GetFileNameWithoutExtension(path)}: {string.Join(", ", ids)}";

        // The core has none. A package is a dependency of everybody who uses Quoin: say why in the
        // commit that adds it.
        Assert.Equal("""
            Quoin.Cli: System.CommandLine
            Quoin.Core: 
            Quoin.Engine: Google.Protobuf, Grpc.Tools, YamlDotNet
            Quoin.Server: 
            Quoin.Storage: AWSSDK.S3, Npgsql, SourceGear.sqlite3
            """, string.Join('\n', packages));
    }
}
