using Quoin.EndToEndTests.Faults;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Artifacts;

/// <summary>
/// Builds with a bucket, through the client that is shipped, against a service on loopback.
/// </summary>
public sealed class BucketTests : IDisposable
{
    const string Graph = """
        quoin: 1
        name: bucket
        targets: [tree]
        artifacts: { s3: "s3://bucket/cache?endpoint=URL" }
        jobs:
          tree:
            outputs: [tree]
            exec: [sh, -c, "echo tree >> ran; mkdir $0; echo one >$0/one; ln -s one $0/two", "{out}"]
        """;

    readonly FakeBucket bucket = new();
    readonly List<FaultWorld> worlds = [];

    public void Dispose()
    {
        foreach (var world in worlds) world.Dispose();
        bucket.Dispose();
    }

    FaultWorld Clone()
    {
        var world = new FaultWorld(
            null, Graph.Replace("URL", bucket.Url, StringComparison.Ordinal));
        worlds.Add(world);
        world.Workspace.Environment["AWS_ACCESS_KEY_ID"] = FakeBucket.KeyId;
        world.Workspace.Environment["AWS_SECRET_ACCESS_KEY"] = FakeBucket.Secret;
        return world;
    }

    [Fact]
    public void A_clone_takes_a_folder_from_the_bucket()
    {
        Clone().Workspace.Quoin("build").Expect(0);
        var clone = Clone();
        Assert.Contains(
            "restored  tree (from s3", clone.Workspace.Quoin("build").Expect(0).Stderr,
            StringComparison.Ordinal);
        Assert.Equal("one\n", clone.Workspace.Read(".quoin/data/tree/two"));
        Assert.Equal(0, clone.Executions);
    }

    [Fact]
    public void A_service_that_is_gone_is_one_warning_with_the_remedy()
    {
        var world = Clone();
        bucket.Dispose();
        var built = world.Workspace.Quoin("build").Expect(0);
        var warning = Assert.Single(built.ErrorLines, line => line.StartsWith(
            $"warning: the s3 artifacts ({bucket.Url}bucket) cannot be used",
            StringComparison.Ordinal));
        Assert.Contains(
            "Remedy: look at the endpoint, the bucket and AWS_ACCESS_KEY_ID", warning,
            StringComparison.Ordinal);
        Assert.Equal(1, world.Executions);
    }

    [Fact]
    public void A_wrong_key_is_one_warning_that_says_so()
    {
        var world = Clone();
        world.Workspace.Environment["AWS_ACCESS_KEY_ID"] = "stranger";
        var built = world.Workspace.Quoin("build").Expect(0);
        Assert.Contains(
            "stranger is not known here", Assert.Single(
                built.ErrorLines, line => line.StartsWith("warning:", StringComparison.Ordinal)),
            StringComparison.Ordinal);
    }
}
