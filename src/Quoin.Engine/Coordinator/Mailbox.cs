using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Something that happened outside the coordinator's thread.</summary>
abstract record Message
{
    /// <summary>A want arrives.</summary>
    public sealed record Wanted(
        WantRequest Request, TaskCompletionSource<WantReport> Report) : Message
    {
        /// <summary>The command of another process that asks for it; null: this one does.</summary>
        public string? Command { get; init; }
    }

    /// <summary>Another process may have put something into the inbox.</summary>
    public sealed record Look : Message;

    /// <summary>Offers were taken back; a worker may have been quicker.</summary>
    public sealed record TakenBack(IReadOnlyList<RunId> Runs) : Message;

    /// <summary>Somebody gives wants up; null: all of them.</summary>
    public sealed record Cancel(WantId? Want, string By) : Message;

    /// <summary>An attempt ended.</summary>
    public sealed record Ended(LaunchRequest Launch, JobResult Result) : Message;

    /// <summary>A call of a resource's run ended.</summary>
    public sealed record Activated(Activation Activation, JobResult Result) : Message;

    /// <summary>A call that still runs says what the thing is called outside.</summary>
    public sealed record Named(Activation Activation, string ExternalId) : Message;

    /// <summary>The process shall end: it starts nothing more.</summary>
    public sealed record Drain(TaskCompletionSource<bool> Drained) : Message;

    /// <summary>The process shall end: running jobs are killed.</summary>
    public sealed record Kill : Message;

    /// <summary>A timer went off.</summary>
    public sealed record Tick : Message;

    /// <summary>A sign of life is due.</summary>
    public sealed record Beat : Message;

    /// <summary>Any other command, with the answer for who asked.</summary>
    public sealed record Ask(
        Func<KernelState, IReadOnlyList<KernelCommand>> Commands,
        TaskCompletionSource<Refusal?> Answer) : Message;

    /// <summary>Somebody waits until there is nothing to do.</summary>
    public sealed record WhenIdle(TaskCompletionSource<bool> Idle) : Message;

    /// <summary>No more messages: the loop ends.</summary>
    public sealed record Stop : Message;
}

/// <summary>
/// Messages from many threads to one, in order of arrival. Waiting is by monitor: it does not spin
/// first, as semaphores do, for the cores belong to the jobs.
/// </summary>
sealed class Mailbox
{
    readonly object gate = new();
    List<Message> messages = [];

    public void Post(Message message)
    {
        lock (gate)
        {
            messages.Add(message);
            if (messages.Count == 1) Monitor.Pulse(gate);
        }
    }

    /// <summary>Something is there to be taken.</summary>
    public bool HasMessages
    {
        get
        {
            lock (gate) return messages.Count > 0;
        }
    }

    /// <summary>Takes all; <paramref name="wait"/>: there is one at least.</summary>
    public List<Message> Take(List<Message> empty, bool wait)
    {
        lock (gate)
        {
            while (wait && messages.Count == 0) Monitor.Wait(gate);
            (messages, empty) = (empty, messages);
            return empty;
        }
    }
}
