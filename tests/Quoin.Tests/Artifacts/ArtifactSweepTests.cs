using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Artifacts;

/// <summary>What nothing refers to goes, and nothing else.</summary>
public sealed class ArtifactSweepTests : IDisposable
{
    static readonly TimeSpan hour = TimeSpan.FromMinutes(66);

    readonly ArtifactWorld world = new();
    readonly KernelState state = new(new PartitionNames());

    public void Dispose() => world.Dispose();

    // The state after a run published this: the manifest of the partition.
    void Live(PublishedOutput output, string print)
    {
        var p = state.Names.Intern(output.Ref);
        var run = new RunId(state.LastRun + 1);
        BuildEvent[] events =
        [
            new WantAccepted(new WantId(state.LastWant + 1), [p]),
            new PartitionPlanned(new WantId(state.LastWant + 1), "job", [p], []),
            new RunScheduled(run, [p], []),
            new WorkerAdded(new WorkerId($"w/{run.Value}/1"), 1),
            new RunLeased(run, new WorkerId($"w/{run.Value}/1"), 1),
            new RunCompleted(run, 1, [new OutputManifest(p, output.Digest, output.Bytes)])
            {
                Fingerprint = ArtifactWorld.Print(print),
            },
        ];
        foreach (var e in events) Evolve.Apply(state, e);
    }

    SweepResult Sweep(ArtifactStore store, SweepRequest? request = null) =>
        ArtifactSweep.Local(store, state, request ?? new SweepRequest(), world.Time.GetUtcNow());

    static bool Has(ArtifactStore store, PublishedOutput output) => store.Local.Has(output.Digest);

    [Fact]
    public void What_a_live_partition_refers_to_stays_however_old_it_is()
    {
        var store = world.Host("a");
        var (old, now) = (world.Publish("a", "one"), world.Publish("b", "two"));
        store.Keep(ArtifactWorld.Print("old"), [old]);
        store.Keep(ArtifactWorld.Print("now"), [now]);
        Live(now, "now");
        world.Time.Advance(TimeSpan.FromDays(400));
        File.Delete(Directory.GetFiles( // Nothing knows the first any more.
            $"{store.Local.Folder}/record", "*", SearchOption.AllDirectories)
            .Single(file => file.EndsWith(
                ArtifactWorld.Print("old").Hex(), StringComparison.Ordinal)));
        Assert.Equal(new SweepResult("local", 0, 1, 3, 3), Sweep(store));
        Assert.Equal((false, true), (Has(store, old), Has(store, now)));
    }

    [Fact]
    public void Of_each_partition_the_latest_records_stay()
    {
        var store = world.Host("a");
        var made = new List<PublishedOutput>();
        for (var version = 1; version <= 4; version++)
        {
            var output = world.Publish("a", new string('x', version));
            made.Add(output);
            store.Keep(ArtifactWorld.Print($"{version}"), [output]);
            world.Time.Advance(hour);
        }
        Live(made[0], "1"); // A switch back to the first.
        Assert.Equal(new SweepResult("local", 2, 2, 5, 5), Sweep(store, new() { Retain = 2 }));
        Assert.Equal([true, false, false, true], made.Select(output => Has(store, output)));
        Assert.Equal(new SweepResult("local", 1, 1, 4, 1), Sweep(store));
        Assert.Equal([true, false, false, false], made.Select(output => Has(store, output)));
    }

    [Fact]
    public void Nothing_younger_than_an_hour_goes_and_use_makes_young()
    {
        var store = world.Host("a");
        var used = world.Publish("a", "one");
        store.Keep(ArtifactWorld.Print("1"), [used]);
        store.Keep(ArtifactWorld.Print("2"), [world.Publish("a", "three")]);
        store.Keep(ArtifactWorld.Print("3"), [world.Publish("a", "newest")]);
        Assert.Equal(0, Sweep(store).Artifacts);
        world.Time.Advance(hour);
        var output = store.Records(ArtifactWorld.Print("1")).Single().Record.Outputs[0];
        store.Restore(output, world.Free());
        Assert.Equal(new SweepResult("local", 2, 2, 11, 3), Sweep(store));
        Assert.True(Has(store, used));
    }

    [Fact]
    public void A_file_that_two_folders_share_stays_with_the_second()
    {
        var store = world.Host("a");
        var (one, two) = (world.PublishFolder("one"), world.PublishFolder("two"));
        File.WriteAllText($"{two.Path}/more", "more");
        var content = ContentDigest.OfPath(two.Path);
        two = two with { Digest = content.Digest, Bytes = content.Bytes };
        store.Keep(ArtifactWorld.Print("1"), [one]);
        world.Time.Advance(hour);
        store.Keep(ArtifactWorld.Print("2"), [two]);
        Live(two, "2");
        world.Time.Advance(hour);
        Directory.Delete(one.Path, recursive: true);
        store.Keep(ArtifactWorld.Print("3"), [world.Publish("one", "a file by now")]);
        world.Time.Advance(hour);
        var swept = Sweep(store);
        Assert.Equal((1, 1), (swept.Records, swept.Artifacts)); // Only the text of the first.
        var output = store.Records(ArtifactWorld.Print("2")).Single().Record.Outputs[0];
        Assert.Equal("local", store.Restore(output, world.Free()));
    }

    [Fact]
    public void With_a_size_the_least_recently_used_go_until_it_is_reached()
    {
        var store = world.Host("a");
        var made = new List<PublishedOutput>();
        for (var version = 1; version <= 4; version++)
        {
            made.Add(world.Publish("a", $"{version}".PadLeft(100)));
            store.Keep(ArtifactWorld.Print($"{version}"), [made[^1]]);
            world.Time.Advance(hour);
        }
        Assert.Equal(
            new SweepResult("local", 2, 2, 200, 200), Sweep(store, new() { MaxBytes = 250 }));
        Assert.Equal([false, false, true, true], made.Select(output => Has(store, output)));
    }

    [Fact]
    public void What_was_half_restored_an_hour_ago_goes_also_a_folder()
    {
        var store = world.Host("a");
        var half = $"{store.Local.Folder}/half/1";
        Directory.CreateDirectory($"{half}/in");
        File.WriteAllText($"{half}/in/file", "half");
        string[] parts = [$"{half}/in/file", $"{half}/in", half];
        foreach (var part in parts) Touch(part);
        world.Time.Advance(hour);
        Touch(parts[0]); // Somebody still writes it.
        Assert.Equal(new SweepResult("local", 0, 0, 0, 0), Sweep(store));
        world.Time.Advance(hour);
        Assert.Equal(new SweepResult("local", 0, 1, 4, 0), Sweep(store));
        Assert.False(Path.Exists(half));

        void Touch(string path)
        {
            var now = world.Time.GetUtcNow().UtcDateTime;
            if (File.Exists(path)) File.SetLastWriteTimeUtc(path, now);
            else Directory.SetLastWriteTimeUtc(path, now);
        }
    }

    [Fact]
    public void With_an_age_bodies_that_nothing_refers_to_stay_as_long_as_records_do()
    {
        var store = world.Host("a");
        var made = world.Publish("a", "one");
        store.Local.Put(made.Digest, made.Path);
        world.Time.Advance(TimeSpan.FromDays(2));
        var request = new SweepRequest { Older = TimeSpan.FromDays(3) };
        Assert.Equal(new SweepResult("local", 0, 0, 0, 3), Sweep(store, request));
        world.Time.Advance(TimeSpan.FromDays(2));
        Assert.Equal(new SweepResult("local", 0, 1, 3, 0), Sweep(store, request));
    }

    [Fact]
    public void A_dry_run_removes_nothing()
    {
        var store = world.Host("a");
        store.Keep(ArtifactWorld.Print("1"), [world.Publish("a", "one")]);
        store.Keep(ArtifactWorld.Print("2"), [world.Publish("a", "three")]);
        world.Time.Advance(hour);
        Assert.Equal(1, Sweep(store, new() { DryRun = true }).Artifacts);
        Assert.Equal(1, Sweep(store, new() { DryRun = true }).Artifacts);
        Assert.Equal(1, Sweep(store).Artifacts);
    }

    [Fact]
    public void Of_a_shared_place_half_written_bytes_go_after_an_hour_and_old_ones_when_asked()
    {
        using var place = world.Folder();
        var store = world.Host("a", world.Folder());
        store.Keep(ArtifactWorld.Print("1"), [world.Publish("a", "one")]);
        var made = world.Publish("b", "three");
        store.Keep(ArtifactWorld.Print("2"), [made]);
        Live(made, "2");
        Directory.CreateDirectory($"{world.Shared}/blob/aa");
        File.WriteAllText($"{world.Shared}/blob/aa/.half-9", "half");
        File.WriteAllText($"{world.Shared}/blob/aa/aabb", "nobody's");
        var now = DateTimeOffset.FromUnixTimeSeconds(
            new DateTimeOffset(File.GetLastWriteTimeUtc($"{world.Shared}/blob/aa/aabb"))
                .ToUnixTimeSeconds());
        var request = new SweepRequest();
        Assert.Equal(
            new SweepResult("shared", 0, 0, 0, 16),
            ArtifactSweep.Outer(place, state, request, now));
        Assert.Equal(
            new SweepResult("shared", 0, 2, 8, 8),
            ArtifactSweep.Outer(place, state, request, now + TimeSpan.FromDays(40)));
        request = request with { Older = TimeSpan.FromDays(30) };
        Assert.Equal(
            new SweepResult("shared", 1, 1, 3, 5),
            ArtifactSweep.Outer(place, state, request, now + TimeSpan.FromDays(40)));
        Assert.True(world.Host("c", world.Folder()).CanRestore(
            ArtifactWorld.Print("2"), "b", made.Digest));
    }
}
