using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// Where a project keeps copies of outputs: what its graph file says, or <c>QUOIN_ARTIFACTS</c> in
/// its place: <c>off</c>, <c>local</c>, a folder, <c>s3://…</c>, <c>database</c>, several with
/// <c>;</c> between them.
/// </summary>
static class ProjectArtifacts
{
    /// <summary>The layers; null: switched off. The caller disposes of it.</summary>
    public static ArtifactStore? Open(Cli cli, Workspace workspace, ArtifactSettings? settings)
    {
        var places = new List<IArtifactPlace>();
        if (Environment.GetEnvironmentVariable(ArtifactStore.Variable) is { Length: > 0 } words)
        {
            foreach (var word in words.Split(';', StringSplitOptions.RemoveEmptyEntries))
            {
                if (word == "off") return null;
                if (word == "database") AddDatabase(cli, places);
                else if (word.Contains("://", StringComparison.Ordinal)) AddBucket(word, places);
                else if (word != "local") places.Add(Folder(cli, workspace, word));
            }
        }
        else if (settings is not null)
        {
            if (settings.Shared.Length > 0) places.Add(Folder(cli, workspace, settings.Shared));
            if (settings.S3.Length > 0) AddBucket(settings.S3, places);
            if (settings.Database) AddDatabase(cli, places);
        }
        return new ArtifactStore(
            workspace.ArtifactDirectory, places, settings?.Writes ?? true, cli.Time, NewName)
        {
            Warn = message => cli.Say($"warning: {message}"),
        };
    }

    static string NewName() => ThisMachine.Hex(16);

    static SharedFolderPlace Folder(Cli cli, Workspace workspace, string path) =>
        new(Path.GetFullPath(path, workspace.Root), NewName, cli.Time);

    static void AddBucket(string text, List<IArtifactPlace> places)
    {
        if (ArtifactAddress.Check(text) is { } wrong)
            throw new UsageException("usage", $"{ArtifactStore.Variable}: {wrong}");
        places.Add(new S3Artifacts(ArtifactAddress.Parse(text)));
    }

    static void AddDatabase(Cli cli, List<IArtifactPlace> places)
    {
        if (Project.AddressOf(cli) is { } address) places.Add(new PostgresArtifacts(address));
        else cli.Say("warning: artifacts in the database need a store on PostgreSQL; left out");
    }
}
