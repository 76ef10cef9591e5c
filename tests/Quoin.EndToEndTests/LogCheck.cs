using System.Buffers;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.EndToEndTests;

/// <summary>What holds of every log that a test leaves behind.</summary>
static class LogCheck
{
    /// <summary>
    /// The whole log replayed gives the state that a snapshot with its tail gives, and no run ended
    /// twice. Null when the test broke the store; else the state.
    /// </summary>
    public static KernelState? Replay(string path)
    {
        if (!File.Exists(path)) return null;
        SqliteStore store;
        try
        {
            store = SqliteStore.Open(path, new StoreOptions { NewId = "", ReadOnly = true });
        }
        catch (StoreException)
        {
            return null; // Broken on purpose; every other test goes on below.
        }
        try
        {
            return Replay(store);
        }
        finally
        {
            store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>The same of an open store.</summary>
    public static KernelState Replay(IBuildStore store)
    {
        var names = new PartitionNames();
        var state = new KernelState(names);
        var ended = new HashSet<RunId>();
        foreach (var logged in store.Read(0, names))
        {
            Evolve.Apply(state, logged.Event);
            var ends = logged.Event is RunCompleted or RunDepMissed or RunCancelAcked
                or RunFailed { RetryAt: null } or LeaseExpired { RetryAt: null };
            if (ends && logged.Event is RunEvent run)
                Assert.True(ended.Add(run.Run), $"{run.Run} ended twice");
        }
        Assert.Equal(Bytes(state), Bytes(StateLoader.Load(store, names).State));
        return state;
    }

    static byte[] Bytes(KernelState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        KernelSnapshot.Write(state, buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
