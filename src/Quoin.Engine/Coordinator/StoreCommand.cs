using System.Collections.Immutable;
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
    public sealed record Accept(WantRequest Request, Digest Graph) : StoreCommand;

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
                w.Bool(4, c.Request.Soft);
                w.Bool(5, c.Request.Thorough);
                w.Digest(6, c.Graph);
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
            var command = Read(row.Type, new ProtoReader(row.Body.Span));
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
        var texts = new ProtoList<string>();
        var numbers = (First: 0, Soft: false, Thorough: false);
        var (two, three) = ("", "");
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
                case (4 << 3) | number: numbers.Soft = r.Bool(); break;
                case (5 << 3) | number: numbers.Thorough = r.Bool(); break;
                case (6 << 3) | block: graph = r.Digest(); break;
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
                    Soft = numbers.Soft,
                    Thorough = numbers.Thorough,
                },
                graph),
            "cancel-want" => new Cancel(new WantId(numbers.First), two),
            "cancel-all" => new CancelAll(all.IsEmpty ? "" : all[0]),
            "cancel-run" => new CancelRun(new RunId(numbers.First), two),
            "taint-partitions" => new Taint(all, two, three),
            "clean-outputs" => new Clean(all, two),
            _ => null,
        };
    }
}
