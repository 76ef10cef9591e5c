using System.Collections.Immutable;
using System.Globalization;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What a process asks of the one that decides, through the inbox of their store. The messages are
/// in proto/quoin/v1/command.proto.
/// </summary>
public abstract record StoreCommand
{
    private protected StoreCommand() { }

    /// <summary>Make these partitions current.</summary>
    /// <param name="Request">What, and how it is planned.</param>
    /// <param name="Graph">The graph that the targets were selected with.</param>
    /// <param name="GraphText">Its files, to say what differs; may be empty.</param>
    public sealed record Accept(WantRequest Request, Digest Graph, string GraphText = "")
        : StoreCommand
    {
        /// <summary>The command for a graph.</summary>
        public Accept(WantRequest request, Graph graph)
            : this(request, graph.Digest, graph.Text.Length <= TextMax ? graph.Text : "") { }

        /// <summary>
        /// After <c>graph-differs</c>: how that graph defines what is being made otherwise.
        /// </summary>
        public ImmutableArray<string> Definitions { get; init; } = [];

        // A longer one is not worth a row of the inbox.
        const int TextMax = 1 << 20;
    }

    /// <summary>Give a want up.</summary>
    public sealed record Cancel(WantId Want, string By) : StoreCommand;

    /// <summary>Give all open wants up.</summary>
    public sealed record CancelAll(string By) : StoreCommand;

    /// <summary>Give up the want that a run is for.</summary>
    public sealed record CancelRun(RunId Run, string By) : StoreCommand;

    /// <summary>Withdraw trust from published partitions.</summary>
    public sealed record Taint(ImmutableArray<string> Partitions, string By, string Why)
        : StoreCommand;

    /// <summary>Files of these partitions were removed.</summary>
    public sealed record Clean(ImmutableArray<string> Partitions, string By) : StoreCommand;

    /// <summary>The use of a want is over.</summary>
    public sealed record Release(WantId Want, string By) : StoreCommand;

    /// <summary>Take an offer; others of its group are given up.</summary>
    public sealed record AcceptOffer(WantId Want) : StoreCommand;

    /// <summary>Answer a question that only a person can answer.</summary>
    public sealed record Resolve(
        InterventionId Intervention, InterventionAnswer Answer, string ExternalId, string By)
        : StoreCommand;

    /// <summary>
    /// It is worth asking now what a run of a resource waits for. Whoever was told a
    /// <paramref name="Token"/> has to know the run's; null: somebody who may ask for anything.
    /// </summary>
    public sealed record Wake(RunId Run, string? Token = null) : StoreCommand
    {
        /// <summary>The same for whoever decides: with what speaks against it.</summary>
        public WakeRun In(KernelState state, DateTimeOffset now) =>
            ResourceRecipe.Wake(state, Run, Token, now);
    }

    /// <summary>A worker process is there and takes runs.</summary>
    public sealed record Joined(WorkerInfo Worker) : StoreCommand;

    /// <summary>A worker process ended.</summary>
    public sealed record Left(string Worker) : StoreCommand;

    /// <summary>A worker took a run out of the queue.</summary>
    internal sealed record Leased(RunId Run, int Epoch, string Worker) : StoreCommand;

    /// <summary>A call at a worker says what the thing is called outside.</summary>
    internal sealed record Named(RunId Run, int Epoch, string ExternalId) : StoreCommand;

    /// <summary>The answer of a call that the store could not take when it came.</summary>
    internal sealed record Answered(RunAnswer Answer) : StoreCommand;

    /// <summary>A run ended on a worker.</summary>
    internal sealed record Ended(EndedAttempt Attempt) : StoreCommand;

    /// <summary>The same, sent by somebody else; null: it does not say by whom.</summary>
    public StoreCommand? SentBy(string by) => this switch
    {
        Cancel c => c with { By = by },
        CancelAll c => c with { By = by },
        CancelRun c => c with { By = by },
        Taint c => c with { By = by },
        Clean c => c with { By = by },
        Release c => c with { By = by },
        Resolve c => c with { By = by },
        _ => null,
    };

    /// <summary>The command as a row of the inbox.</summary>
    public InboxCommand ToInbox(string id)
    {
        var w = new ProtoWriter(new byte[256]);
        var type = Write(ref w);
        return new InboxCommand(id, type, w.Buffer.AsMemory(0, w.Length));
    }

    string Write(ref ProtoWriter w)
    {
        switch (this)
        {
            case Accept c:
                w.Texts(1, c.Request.Targets);
                EventWriting.Write(ref w, 2, c.Request.Options);
                w.Text(3, c.Request.Text);
                w.Bool(4, c.Request.Options.Soft); // For programs that know no such options.
                w.Bool(5, c.Request.Options.Thorough);
                w.Digest(6, c.Graph);
                w.Text(7, c.GraphText);
                w.Int32(8, (int)c.Request.Options.Restore);
                w.Texts(9, c.Definitions);
                return "accept-want";
            case Cancel c:
                w.Int32(1, c.Want.Value);
                w.Text(2, c.By);
                return "cancel-want";
            case CancelAll c:
                w.Text(1, c.By);
                return "cancel-all";
            case CancelRun c:
                w.Int32(1, c.Run.Value);
                w.Text(2, c.By);
                return "cancel-run";
            case Taint c:
                w.Texts(1, c.Partitions);
                w.Text(2, c.By);
                w.Text(3, c.Why);
                return "taint-partitions";
            case Clean c:
                w.Texts(1, c.Partitions);
                w.Text(2, c.By);
                return "clean-outputs";
            case Release c:
                w.Int32(1, c.Want.Value);
                w.Text(2, c.By);
                return "release-want";
            case AcceptOffer c:
                w.Int32(1, c.Want.Value);
                return "accept-offer";
            case Resolve c:
                w.Int32(1, c.Intervention.Value);
                w.Text(2, c.By);
                w.Text(3, c.ExternalId);
                w.Int32(4, (int)c.Answer);
                return "resolve-intervention";
            case Wake c:
                w.Int32(1, c.Run.Value);
                w.Text(2, c.Token ?? "");
                w.Bool(4, c.Token is not null);
                return "wake-run";
            case Named c:
                w.Int32(1, c.Run.Value);
                w.Text(2, c.ExternalId);
                w.Int32(8, c.Epoch);
                return "run-named";
            case Joined c:
                w.Text(1, c.Worker.Owner);
                w.Int32(2, c.Worker.Slots);
                w.Int32(3, c.Worker.Capacity);
                w.Int64(4, c.Worker.MemoryBytes);
                w.Texts(5, c.Worker.Labels);
                w.Int32(6, c.Worker.Calls);
                return "worker-joined";
            case Left c:
                w.Text(1, c.Worker);
                return "worker-left";
            default:
                throw new InvalidOperationException($"unknown command {this}");
        }
    }

    /// <summary>
    /// The command of a row; null, and why, when this program does not understand it.
    /// </summary>
    public static StoreCommand? Read(InboxCommand row, out string problem)
    {
        problem = "";
        try
        {
            var command = row.Type switch
            {
                "worker-joined" => new Joined(ReadWorker(new(row.Body.Span))),
                "run-leased" => ReadLeased(row),
                "run-answered" => new Answered(RunAnswer.Read(new(row.Body.Span))),
                "run-ended" => new Ended(EndedAttempt.Read(new(row.Body.Span))),
                _ => Read(row.Type, new ProtoReader(row.Body.Span)),
            };
            if (command is null) problem = $"this quoin does not know the command {row.Type}";
            return command;
        }
        catch (ProtoException e)
        {
            problem = $"{row.Type} cannot be read: {e.Message}";
            return null;
        }
    }

    static StoreCommand? Read(string type, ProtoReader r)
    {
        const int block = ProtoReader.Block, number = ProtoReader.Number;
        var (texts, definitions) = (new ProtoList<string>(), new ProtoList<string>());
        var numbers = (First: 0, Answer: 0, Epoch: 0, IsBy: false);
        var (two, three, graphText) = ("", "", "");
        var options = WantOptions.Default;
        var graph = default(Digest);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | block: texts.Add(r.Text()); break;
                case (1 << 3) | number: numbers.First = r.Int32(); break;
                case (2 << 3) | block when type == "accept-want":
                    options = EventValues.Options(new(r.Bytes()));
                    break;
                case (2 << 3) | block: two = r.Text(); break;
                case (3 << 3) | block: three = r.Text(); break;
                case (4 << 3) | number when type == "resolve-intervention":
                    numbers.Answer = r.Enum((int)InterventionAnswer.Abandon);
                    break;
                case (6 << 3) | block: graph = r.Digest(); break;
                case (7 << 3) | block: graphText = r.Text(); break;
                case (9 << 3) | block: definitions.Add(r.Text()); break;
                case (4 << 3) | number when type == "wake-run": numbers.IsBy = r.Bool(); break;
                case (8 << 3) | number when type == "run-named": numbers.Epoch = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        var all = texts.ToImmutable();
        return type switch
        {
            "accept-want" => new Accept(
                new WantRequest
                {
                    Targets = all,
                    Options = options,
                    Text = three,
                },
                graph, graphText) { Definitions = definitions.ToImmutable() },
            "cancel-want" => new Cancel(new WantId(numbers.First), two),
            "cancel-all" => new CancelAll(all.IsEmpty ? "" : all[0]),
            "cancel-run" => new CancelRun(new RunId(numbers.First), two),
            "taint-partitions" => new Taint(all, two, three),
            "clean-outputs" => new Clean(all, two),
            "release-want" => new Release(new WantId(numbers.First), two),
            "accept-offer" => new AcceptOffer(new WantId(numbers.First)),
            "resolve-intervention" => new Resolve(
                new InterventionId(numbers.First), (InterventionAnswer)numbers.Answer, three, two),
            "wake-run" => new Wake(new RunId(numbers.First), numbers.IsBy ? two : null),
            "run-named" => new Named(new RunId(numbers.First), numbers.Epoch, two),
            "worker-left" => new Left(all.IsEmpty ? "" : all[0]),
            _ => null,
        };
    }

    // The id says which run: the store writes these rows for many runs with one body.
    static Leased ReadLeased(InboxCommand row)
    {
        var parts = row.Id.Split('/');
        var r = new ProtoReader(row.Body.Span);
        var worker = "";
        while (r.Next())
        {
            if (r.Tag == ((1 << 3) | ProtoReader.Block)) worker = r.Text();
            else r.Skip();
        }
        return parts is ["leased", var run, var epoch]
            && int.TryParse(run, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            && int.TryParse(epoch, NumberStyles.None, CultureInfo.InvariantCulture, out var lease)
            ? new Leased(new RunId(id), lease, worker)
            : throw new ProtoException($"its id {row.Id} is not leased/RUN/EPOCH");
    }

    /// <summary>What every claim of a worker puts into the inbox.</summary>
    internal static byte[] LeasedBody(string worker)
    {
        var w = new ProtoWriter(new byte[128]);
        w.Text(1, worker);
        return w.Buffer.AsSpan(0, w.Length).ToArray();
    }

    static WorkerInfo ReadWorker(ProtoReader r)
    {
        const int block = ProtoReader.Block, number = ProtoReader.Number;
        var worker = new WorkerInfo { Owner = "", Slots = 0, Capacity = 0, Calls = 0 };
        var labels = new ProtoList<string>();
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | block: worker = worker with { Owner = r.Text() }; break;
                case (2 << 3) | number: worker = worker with { Slots = r.Int32() }; break;
                case (3 << 3) | number: worker = worker with { Capacity = r.Int32() }; break;
                case (4 << 3) | number: worker = worker with { MemoryBytes = r.Int64() }; break;
                case (5 << 3) | block: labels.Add(r.Text()); break;
                case (6 << 3) | number: worker = worker with { Calls = r.Int32() }; break;
                default: r.Skip(); break;
            }
        }
        return worker with { Labels = labels.ToImmutable() };
    }
}
