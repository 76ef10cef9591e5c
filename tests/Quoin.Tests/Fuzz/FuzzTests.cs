using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Events;
using Quoin.Tests.KernelTests;
using Quoin.Tests.Tidy;

namespace Quoin.Tests.Fuzz;

/// <summary>
/// Every parser of what comes from outside: whatever the bytes are, it answers, or refuses with the
/// documented exception, and what it says names the place.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    static string File(string path) => string.Join('\n', Repository.Read(path).Lines);

    [Fact]
    public void Graph_files()
    {
        using var folder = new TestFolder();
        var place = Path.Combine(folder.Root, "quoin.yaml");
        string[] files =
        [
            File("tests/Quoin.Tests/Graph/design-example.yaml"),
            File("examples/weather/quoin.yaml"),
            "quoin: 1\nname: a\npools: {p: 2}\njobs:\n  a:\n    outputs: [\"a/{x:date}\"]\n"
                + "    inputs: [\"b/{x-1d}\", \"c/{y:range(2026-01,2026-03)}\"]\n"
                + "    exec: [cp, \"{in...}\", \"{out}\"]\n    timeout: 1h30m\n    retries: 2\n"
                + "    resources: {cpu: 2, memory: 1GiB, pools: {p: 1}}\n"
                + "    exit_codes: {42: temporary}\n    env: {A: \"{x.month}\"}\n"
                + "datasets:\n  b/{d:date}: {source: \"b-{d}.csv\"}\n"
                + "  c/{m:month}: {source: \"c/{m}\"}\n",
        ];
        var fuzzer = new Fuzzer(
            "graph files", [.. files.Select(Bytes)], "outputs: ", "inputs: ", "exec: ", "jobs:\n",
            "include: [\"*\"]\n", "  ", "- ", ": ", "{x:enum(a,b)}", "{x:in(a,b)}", "{x.days}",
            "{x:known}", "{in...}", "{out}", "&a [*a]", "? ", "!!str ", "|\n", "P1D", "1e9GiB",
            "quoin: 1\n", "config: [x]\n", "overlap: supersede\n", "9999-12-31");
        output.WriteLine(fuzzer.Run(3_000, bytes =>
        {
            System.IO.File.WriteAllBytes(place, bytes);
            var load = GraphLoader.Load(folder.Root, "quoin.yaml");
            Assert.True(load.Graph is not null || load.Problems.Any(p => !p.IsWarning));
            foreach (var problem in load.Problems)
            {
                Assert.NotEqual("", problem.Code);
                Assert.NotEqual("", problem.Message);
                Assert.Equal("quoin.yaml", problem.Location.File);
                Assert.True(problem.Location is { Line: >= 1, Column: >= 1 }, $"{problem}");
            }
        }));
    }

    [Fact]
    public void Reports_of_jobs()
    {
        string[] lines =
        [
            """{"progress":0.5,"message":"half"}""", """{"needs":["a","b/c"]}""",
            """{"fail":{"category":"bad-input","reason":"no such city"}}""",
            """{"manifest":{"outputs":[{"ref":"a","path":"x/y","metadata":{"rows":3}}]}}""",
            """{"defer":{"after":"30s","reset":false,"state":{}}}""",
            """{"external":{"id":"s-77","extra":["s-78",79]}}""",
            """{"unknown":{"reason":"503"}}""",
            """{"ended":{"exit":3}}""",
            """{"manifest":{"connections":{"url":"http://x"}},"released":true,"absent":{}}""",
            """{"metric":{"name":"rows","value":3}}""",
        ];
        var fuzzer = new Fuzzer(
            "reports", [.. lines.Select(line => Bytes("@quoin " + line))], "\"needs\":", "[[[[",
            "{\"a\":", "\"progress\":", "\"manifest\":", "\"../..\"", "1e-400", "\"fail\":{}");
        output.WriteLine(fuzzer.Run(30_000, bytes =>
        {
            if (!bytes.AsSpan().StartsWith(ReportReader.Prefix)) return;
            var reports = new JobReports();
            Assert.NotEqual("", ReportReader.Read(bytes, reports, out var progress));
            Assert.True(progress?.Fraction is null or (>= 0 and <= 1));
            Assert.DoesNotContain(reports.Needs, need => need is null);
        }));
    }

    [Fact]
    public void Answers_of_config_commands()
    {
        var graph = TestGraph.Of(("g", ["g/{k:int}"], []));
        var request = new ConfigRequest(graph.Jobs[0], ["g/1", "g/2"]);
        string[] answers =
        [
            """{"configs":[{"outputs":["g/1","g/2"],"inputs":["x"],"args":["-v"]}]}""",
            """
            {"configs":[
              {"outputs":["g/1"],"env":{"A":"b"},"resources":{"cpu":2,"memoryBytes":"9"}},
              {"outputs":["g/2"],"resources":{"pools":{"p":1}}}
            ]}
            """,
        ];
        var fuzzer = new Fuzzer(
            "config answers", [.. answers.Select(Bytes)], "\"outputs\":", "\"g/1\"", "\"inputs\":[",
            "{\"configs\":", "\"cpu\":-1", "\"memory_bytes\":1e30", "[[[[", "\"g/01\"");
        output.WriteLine(fuzzer.Run(30_000, bytes =>
        {
            var answer = ConfigProtocol.ReadAnswer(bytes, request);
            Assert.NotEqual("", answer.Failure);
            Assert.True(answer.Failure is not null || !answer.Configs.IsEmpty);
            Assert.True(answer.Failure is null || answer.Failure.Contains("config"));
        }));
    }

    [Fact]
    public void Events_of_the_log()
    {
        var names = new PartitionNames();
        byte[] buffer = [];
        var corpus = new List<byte[]>(); // The type, a zero, the body.
        foreach (var type in EventMaker.Types)
        {
            for (var seed = 0; seed < 3; seed++)
            {
                var e = new EventMaker(names, seed == 0 ? null : seed).Make(type);
                var encoded = EventCodec.Encode(e, names, ref buffer);
                corpus.Add([.. encoded.Type, 0, .. encoded.Body]);
            }
        }
        output.WriteLine(new Fuzzer("events", corpus).Run(40_000, bytes =>
        {
            if (names.Count > 10_000) names = new PartitionNames();
            var zero = Math.Max(0, bytes.AsSpan().IndexOf((byte)0));
            try
            {
                var body = bytes.AsSpan(Math.Min(bytes.Length, zero + 1));
                var e = EventCodec.Decode(7, bytes.AsSpan(0, zero), body, names);
                EventCodec.Encode(e, names, ref buffer); // What was read can be written.
            }
            catch (StoreException e)
            {
                Assert.StartsWith("event 7 (", e.Message);
                Assert.Contains(e.Code, (string[])["store-corrupt", "store-newer"]);
            }
        }));
    }

    [Fact]
    public void Snapshots()
    {
        var world = new KernelWorld();
        var want = world.Want("a", "c");
        world.Plan(want, "j0", ["a", "b"], "x");
        world.Plan(want, "j1", ["x"]);
        world.Plan(want, "j2", ["c"]);
        world.Planned(want);
        var run = world.Schedule("x");
        world.Complete(run, world.Lease(run), "x");
        world.Fail(world.Schedule("c"), epoch: 0);
        world.Lease(world.Schedule("a"));
        var corpus = new List<byte[]> { KernelWorld.Snapshot(world.State) };
        output.WriteLine(new Fuzzer("snapshots", corpus).Run(15_000, bytes =>
        {
            try
            {
                KernelSnapshot.Read(bytes, new PartitionNames());
            }
            catch (FormatException e)
            {
                Assert.NotEqual("", e.Message);
            }
        }));
    }

    [Fact]
    public async Task Stored_snapshots_that_are_damaged_change_nothing()
    {
        var store = new MemoryStore();
        var names = new PartitionNames();
        await store.AppendAsync(
            new AppendBatch
            {
                At = default,
                Names = names,
                Events =
                [
                    new WantAccepted(new WantId(1), [names.Intern("a")]),
                    new WorkerAdded(new WorkerId("host/1/a"), 2),
                ],
            },
            TestContext.Current.CancellationToken);
        var loaded = StateLoader.Load(store, new PartitionNames());
        var expected = KernelWorld.Snapshot(loaded.State);
        await StateLoader.SaveAsync(
            store, loaded, TestContext.Current.CancellationToken);
        var saved = store.LatestSnapshot(StateLoader.Format)!;
        var used = 0;
        output.WriteLine(new Fuzzer("stored snapshots", [saved.Body.ToArray()]).Run(15_000, bytes =>
        {
            _ = store.SaveSnapshotAsync(saved with { Body = bytes }, CancellationToken.None);
            var again = StateLoader.Load(store, new PartitionNames());
            used += again.SnapshotAt > 0 ? 1 : 0;
            Assert.Equal(expected, KernelWorld.Snapshot(again.State));
        }));
        Assert.True(used > 0); // The undamaged one.
    }

    [Fact]
    public void Histories_of_durations()
    {
        var names = new PartitionNames();
        var history = new DurationHistory(names);
        for (var i = 0; i < 40; i++)
            history.Add($"j{i % 3}", names.Intern($"p/{i % 7}"), i * 1000);
        var buffer = new ArrayBufferWriter<byte>();
        history.Write(buffer);
        output.WriteLine(new Fuzzer("histories", [buffer.WrittenSpan.ToArray()]).Run(
            15_000, bytes => DurationHistory.TryRead(bytes, new PartitionNames())));
    }
}
