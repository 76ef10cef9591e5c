using System.Diagnostics;
using System.Runtime.CompilerServices;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.StorageTests;

/// <summary>
/// This test program as a child process that appends batches until it is killed: started with
/// QUOIN_TEST_APPEND it never comes to the tests. It prints the position of each batch once it was
/// acknowledged. Batch n has n % 5 + 1 events, all of run n. All of it runs on this one thread:
/// others wait for the initializer before they may run code of this assembly.
/// </summary>
static class AppendingChild
{
    const string Variable = "QUOIN_TEST_APPEND";

    [ModuleInitializer]
    internal static void BeTheChild()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } path) return;
        Append(path);
    }

    public static Process Start(string path)
    {
        var assembly = typeof(AppendingChild).Assembly.Location;
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            Environment = { [Variable] = path },
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
            start.ArgumentList.Add(assembly);
        return Process.Start(start)!;
    }

    public static int Size(int batch) => (batch % 5) + 1;

    static void Append(string path)
    {
        var names = new PartitionNames();
        var options = new StoreOptions { NewId = "child", Lead = true };
        var output = Console.OpenStandardOutput();
        var store = SqliteStore.Open(path, options);
        var batch = store.Read(0, names)
            .Select(e => ((StaleReportRejected)e.Event).Run.Value).LastOrDefault();
        while (true)
        {
            batch++;
            var events = Enumerable.Range(1, Size(batch))
                .Select(epoch => new StaleReportRejected(new(batch), epoch)).ToArray();
            var append = store.AppendAsync(
                new() { At = DateTimeOffset.UnixEpoch, Names = names, Events = events },
                CancellationToken.None);
            var last = append.GetAwaiter().GetResult();
            output.Write(System.Text.Encoding.ASCII.GetBytes($"{last}\n"));
        }
    }
}
