using System.Diagnostics;
using System.Text;
using Microsoft.Data.Sqlite;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// Durable appends through the store beside bare SQLite inserts of the same rows in transactions of
/// the same size, and the replay of a million events. Disks swing, so only ratios of one round
/// count; the rounds alternate and the best of each is shown.
/// </summary>
static class StoreBench
{
    const int Events = 200_000;
    const int Replayed = 1_000_000;
    const int Rounds = 3;

    static readonly DateTimeOffset at = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public static void Run()
    {
        var folder = Directory.CreateTempSubdirectory("quoin-bench-");
        try
        {
            Codec();
            Console.WriteLine($"appends, best of {Rounds} rounds of {Events:N0} events, events/s");
            foreach (var size in new[] { 10, 100, 1000 })
                Appends(folder.FullName, size);
            Replay(folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static void Codec()
    {
        var names = new PartitionNames();
        var events = Workload(names, Events);
        var best = TimeSpan.MaxValue;
        byte[] buffer = [];
        long bytes = 0;
        for (var round = 0; round < 10; round++)
        {
            var start = Stopwatch.GetTimestamp();
            bytes = 0;
            foreach (var e in events) bytes += EventCodec.Encode(e, names, ref buffer).Body.Length;
            best = Min(best, Stopwatch.GetElapsedTime(start));
        }
        Console.WriteLine(
            $"encode {Rate(Events, best)}/s, {(double)bytes / Events:F0} bytes an event");
        var rows = Rows(events, names);
        best = TimeSpan.MaxValue;
        for (var round = 0; round < 10; round++)
        {
            var start = Stopwatch.GetTimestamp();
            var decoder = new EventDecoder(new PartitionNames());
            foreach (var row in rows) decoder.Decode(1, row.Type8, row.Body);
            best = Min(best, Stopwatch.GetElapsedTime(start));
        }
        Console.WriteLine($"decode {Rate(Events, best)}/s");
    }

    static void Appends(string folder, int size)
    {
        var names = new PartitionNames();
        var events = Workload(names, Events);
        var batches = events.Chunk(size)
            .Select(chunk => new AppendBatch { At = at, Names = names, Events = chunk }).ToArray();
        var rows = Rows(events, names);
        var (store, native, ado) = (Cost.Max, Cost.Max, Cost.Max);
        for (var round = 0; round < Rounds; round++)
        {
            store = store.Min(ThroughStore(Path.Combine(folder, "store.db"), batches));
            native = native.Min(BareNative(Path.Combine(folder, "native.db"), rows, size));
            ado = ado.Min(BareAdo(Path.Combine(folder, "ado.db"), rows, size));
        }
        Console.WriteLine(
            $"  batches of {size,4}: store {store}, bare C calls {native}"
            + $" ({native.Wall / store.Wall:P0}), Microsoft.Data.Sqlite {ado}"
            + $" ({ado.Wall / store.Wall:P0})");
    }

    /// <summary>
    /// Wall clock and processor time of this process; the latter holds on a busy machine too.
    /// </summary>
    readonly record struct Cost(TimeSpan Wall, TimeSpan Processor)
    {
        public static readonly Cost Max = new(TimeSpan.MaxValue, TimeSpan.MaxValue);

        public static Cost Of(Action action)
        {
            var processor = Environment.CpuUsage.TotalTime;
            var start = Stopwatch.GetTimestamp();
            action();
            return new(
                Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - processor);
        }

        public Cost Min(Cost other) => new(
            StoreBench.Min(Wall, other.Wall), StoreBench.Min(Processor, other.Processor));

        public override string ToString() =>
            $"{Rate(Events, Wall)}/s ({Processor.TotalMicroseconds / Events:F1} µs cpu)";
    }

    // The batches are all asked for at once and then awaited: what a busy coordinator does. Waiting
    // batches share a transaction, which is what group commit is for.
    static Cost ThroughStore(string path, AppendBatch[] batches)
    {
        Delete(path);
        var store = SqliteStore.Open(path, new StoreOptions { NewId = "bench" });
        var cost = Cost.Of(() =>
        {
            Task last = Task.CompletedTask;
            foreach (var batch in batches) last = store.AppendAsync(batch, CancellationToken.None);
            last.GetAwaiter().GetResult();
        });
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return cost;
    }

    const string Table = """
        PRAGMA page_size = 8192;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA wal_autocheckpoint = 2000;
        CREATE TABLE event (
          position INTEGER PRIMARY KEY,
          at INTEGER NOT NULL,
          type TEXT NOT NULL,
          subject TEXT NOT NULL,
          body BLOB NOT NULL
        ) STRICT;
        """;

    const string Insert =
        "INSERT INTO event (position, at, type, subject, body) VALUES ($1, $2, $3, $4, $5)";

    // The fastest way there is: one prepared statement, called directly, no trigger, no thread.
    static Cost BareNative(string path, Row[] rows, int size)
    {
        Delete(path);
        using var connection = Storage.SqliteConnection.Open(
            path, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 0);
        connection.Execute(Encoding.UTF8.GetBytes(Table));
        var insert = connection.Prepare(Encoding.UTF8.GetBytes(Insert));
        var time = at.ToUnixTimeMilliseconds();
        return Cost.Of(() =>
        {
            for (var i = 0; i < rows.Length;)
            {
                connection.Execute("BEGIN IMMEDIATE"u8);
                for (var end = Math.Min(i + size, rows.Length); i < end; i++)
                    insert.RunEvent(i + 1, time, rows[i].Type8, rows[i].Subject8, rows[i].Body);
                connection.Execute("COMMIT"u8);
            }
        });
    }

    // What one writes without thinking about it: the provider, a prepared command, a transaction.
    static Cost BareAdo(string path, Row[] rows, int size)
    {
        Delete(path);
        using var connection = new Microsoft.Data.Sqlite.SqliteConnection(
            $"Data Source={path};Pooling=False");
        connection.Open();
        using (var create = connection.CreateCommand())
        {
            create.CommandText = Table;
            create.ExecuteNonQuery();
        }
        using var insert = connection.CreateCommand();
        insert.CommandText = Insert;
        var parameters = Enumerable.Range(1, 5)
            .Select(i => insert.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" }))
            .ToArray();
        var time = at.ToUnixTimeMilliseconds();
        return Cost.Of(() =>
        {
            for (var i = 0; i < rows.Length;)
            {
                using var transaction = connection.BeginTransaction();
                insert.Transaction = transaction;
                for (var end = Math.Min(i + size, rows.Length); i < end; i++)
                {
                    parameters[0].Value = i + 1L;
                    parameters[1].Value = time;
                    parameters[2].Value = rows[i].Type;
                    parameters[3].Value = rows[i].Subject;
                    parameters[4].Value = rows[i].Body;
                    insert.ExecuteNonQuery();
                }
                transaction.Commit();
            }
        });
    }

    static void Replay(string folder)
    {
        var path = Path.Combine(folder, "replay.db");
        var names = new PartitionNames();
        var batches = Workload(names, Replayed).Chunk(10_000)
            .Select(chunk => new AppendBatch { At = at, Names = names, Events = chunk }).ToArray();
        ThroughStore(path, batches);
        var size = new FileInfo(path).Length;
        for (var round = 1; round <= Rounds; round++)
        {
            GC.Collect();
            long count = 0;
            var cost = Cost.Of(() =>
            {
                var store = SqliteStore.Open(path, new() { NewId = "", ReadOnly = true });
                foreach (var e in store.Read(0, new PartitionNames()))
                    count += e.Event is null ? 0 : 1;
                store.DisposeAsync().AsTask().GetAwaiter().GetResult();
            });
            Console.WriteLine(
                $"replay {round}: {count:N0} events read and decoded in {cost.Wall.TotalSeconds:F2}"
                + $" s ({cost.Processor.TotalSeconds:F2} s cpu, {size / 1e6:F0} MB)");
        }
    }

    // A build of single-output jobs with two inputs: planned, scheduled, leased, completed, stale.
    static BuildEvent[] Workload(PartitionNames names, int count)
    {
        var events = new BuildEvent[count];
        var worker = new WorkerId("host-a/4711/8f31c2");
        var sha = new Digest(DigestAlgorithm.Sha256, new byte[32]);
        var xxh = new Digest(DigestAlgorithm.Xxh3, new byte[16]);
        PartitionId[] last = [names.Intern("observed/seattle/2012"), names.Intern("daily/seattle")];
        for (var i = 0; i < count; i++)
        {
            var run = new RunId((i / 5) + 1);
            var output = i % 5 == 0
                ? names.Intern($"daily/seattle/{2000 + (i / 5 % 25)}-{i / 5}")
                : last[1];
            events[i] = (i % 5) switch
            {
                0 => new PartitionPlanned(new(1), "daily", [output], [.. last])
                {
                    Definition = sha,
                },
                1 => new RunScheduled(run, [output], []),
                2 => new RunLeased(run, worker, 1),
                3 => new RunCompleted(run, 1, [new(output, xxh, 12_345)])
                {
                    Fingerprint = sha,
                    Usage = new(at.AddMilliseconds(i), 31, 29, 4096),
                },
                _ => new PartitionStale(output, StaleReason.Changed) { Detail = "code daily.awk" },
            };
            last[1] = output;
        }
        return events;
    }

    sealed record Row(string Type, string Subject, byte[] Type8, byte[] Subject8, byte[] Body);

    static Row[] Rows(BuildEvent[] events, PartitionNames names)
    {
        byte[] buffer = [];
        var rows = new Row[events.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            var e = EventCodec.Encode(events[i], names, ref buffer);
            rows[i] = new(
                Encoding.UTF8.GetString(e.Type), Encoding.UTF8.GetString(e.Subject),
                e.Type.ToArray(), e.Subject.ToArray(), e.Body.ToArray());
        }
        return rows;
    }

    static void Delete(string path)
    {
        foreach (var end in new[] { "", "-wal", "-shm" }) File.Delete(path + end);
    }

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    static string Rate(int count, TimeSpan time) => $"{count / time.TotalSeconds:N0}";
}
