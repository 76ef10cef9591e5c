using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// What came of the commands that servers sent, so that a request under a key that comes again gets
/// the same answer: for as long as keys are kept, and of the newest <see cref="AnswersMax"/>.
/// Belongs to <see cref="StoreState"/>.
/// </summary>
sealed class AnswerBook
{
    /// <summary>So many are kept at most; each takes about 300 bytes.</summary>
    public const int AnswersMax = 200_000;

    static readonly TimeSpan keptFor = KeyedRequest.KeptFor + TimeSpan.FromHours(1);

    readonly Dictionary<string, CommandAnswer> answers = new(StringComparer.Ordinal);
    readonly Queue<(string Command, DateTimeOffset At)> order = new();

    /// <summary>How many are kept.</summary>
    public int Count => answers.Count;

    /// <summary>Some were given up because there were too many of them.</summary>
    public bool HasForgotten { get; private set; }

    /// <summary>What came of a command; null: nothing yet, or it is too long ago.</summary>
    public CommandAnswer? Find(string command) => answers.GetValueOrDefault(command);

    /// <summary>Keeps the first answer to a command.</summary>
    public void Add(string command, CommandAnswer answer, DateTimeOffset at)
    {
        if (!answers.TryAdd(command, answer)) return;
        order.Enqueue((command, at));
        while (order.Count > AnswersMax || order.Peek().At < at - keptFor)
        {
            HasForgotten |= order.Count > AnswersMax;
            answers.Remove(order.Dequeue().Command);
        }
    }
}
