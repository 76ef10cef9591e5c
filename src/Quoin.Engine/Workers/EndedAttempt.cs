using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// An attempt that ended, as its worker tells the coordinator. As bytes it is the message RunEnded
/// of proto/quoin/v1/worker.proto.
/// </summary>
/// <param name="Id">Run and attempt.</param>
/// <param name="Epoch">The lease it had.</param>
/// <param name="Fingerprint">Everything that decided the outputs, at lease time.</param>
/// <param name="Result">What came of it.</param>
sealed record EndedAttempt(AttemptId Id, int Epoch, Digest Fingerprint, JobResult Result)
{
    /// <summary>It was a call about a thing outside: what was answered.</summary>
    public RunAnswer? Answer { get; init; }

    /// <summary>The message's bytes.</summary>
    public byte[] ToBytes()
    {
        var w = new ProtoWriter(new byte[512]);
        w.Int32(1, Id.Run.Value);
        w.Int32(2, Id.Attempt);
        w.Int32(3, Epoch);
        w.Int32(4, (int)Result.End);
        w.Digest(5, Fingerprint);
        foreach (var output in Result.Outputs)
        {
            var mark = w.Begin(6);
            w.Text(1, output.Ref);
            w.Digest(2, output.Digest);
            w.Int64(3, output.Bytes);
            w.Int64(4, output.Stamp.Size);
            w.Int64(5, output.Stamp.ModifiedNs);
            w.Int64(6, output.Stamp.Inode);
            w.End(mark);
        }
        if (Result.Failure is { } failure) EventWriting.Write(ref w, 7, failure);
        w.Texts(8, Result.Needs);
        EventWriting.Write(ref w, 9, Result.Usage);
        w.Texts(10, Result.LogTail);
        w.Int64(11, Result.LogLines);
        w.Bool(12, Result.SourceMoved);
        w.Texts(13, Result.Warnings);
        w.Text(14, Result.RestoredFrom);
        w.Bool(15, Result.IsApart);
        if (Answer is not null)
        {
            var mark = w.Begin(16);
            Answer.Write(ref w);
            w.End(mark);
        }
        w.Bool(17, Result.AreLost);
        return w.Buffer.AsSpan(0, w.Length).ToArray();
    }

    /// <summary>Reads the message; throws <see cref="ProtoException"/>.</summary>
    public static EndedAttempt Read(ProtoReader r)
    {
        const int block = ProtoReader.Block, number = ProtoReader.Number;
        var (run, attempt, epoch) = (0, 0, 0);
        var end = JobEnd.Completed;
        var fingerprint = default(Digest);
        var outputs = new ProtoList<PublishedOutput>();
        RunFailure? failure = null;
        var (needs, tail, warnings) =
            (new ProtoList<string>(), new ProtoList<string>(), new ProtoList<string>());
        var usage = default(RunUsage);
        var (lines, moved, restored, apart, lost) = (0L, false, "", false, false);
        RunAnswer? answer = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | number: run = r.Int32(); break;
                case (2 << 3) | number: attempt = r.Int32(); break;
                case (3 << 3) | number: epoch = r.Int32(); break;
                case (4 << 3) | number: end = (JobEnd)r.Enum((int)JobEnd.Returned); break;
                case (5 << 3) | block: fingerprint = r.Digest(); break;
                case (6 << 3) | block: outputs.Add(ReadOutput(new(r.Bytes()))); break;
                case (7 << 3) | block: failure = EventValues.Failure(new(r.Bytes())); break;
                case (8 << 3) | block: needs.Add(r.Text()); break;
                case (9 << 3) | block: usage = EventValues.Usage(new(r.Bytes())); break;
                case (10 << 3) | block: tail.Add(r.Text()); break;
                case (11 << 3) | number: lines = r.Int64(); break;
                case (12 << 3) | number: moved = r.Bool(); break;
                case (13 << 3) | block: warnings.Add(r.Text()); break;
                case (14 << 3) | block: restored = r.Text(); break;
                case (15 << 3) | number: apart = r.Bool(); break;
                case (16 << 3) | block: answer = RunAnswer.Read(new(r.Bytes())); break;
                case (17 << 3) | number: lost = r.Bool(); break;
                default: r.Skip(); break;
            }
        }
        var result = new JobResult
        {
            End = end,
            Outputs = outputs.ToImmutable(),
            Failure = end == JobEnd.Failed ? failure ?? new(FailureCategory.Failed, "") : null,
            Needs = needs.ToImmutable(),
            Usage = usage,
            LogTail = tail.ToImmutable(),
            LogLines = lines,
            SourceMoved = moved,
            Warnings = warnings.ToImmutable(),
            RestoredFrom = restored,
            IsApart = apart,
            AreLost = lost,
        };
        return new EndedAttempt(
            new AttemptId(new RunId(run), attempt), epoch, fingerprint, result)
        {
            Answer = answer,
        };
    }

    static PublishedOutput ReadOutput(ProtoReader r)
    {
        var name = "";
        var digest = default(Digest);
        var (bytes, size, modified, inode) = (0L, 0L, 0L, 0L);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Block: name = r.Text(); break;
                case (2 << 3) | ProtoReader.Block: digest = r.Digest(); break;
                case (3 << 3) | ProtoReader.Number: bytes = r.Int64(); break;
                case (4 << 3) | ProtoReader.Number: size = r.Int64(); break;
                case (5 << 3) | ProtoReader.Number: modified = r.Int64(); break;
                case (6 << 3) | ProtoReader.Number: inode = r.Int64(); break;
                default: r.Skip(); break;
            }
        }
        return PartitionRef.Check(name) is { } problem
            ? throw new ProtoException($"an output has the name \"{name}\": {problem}")
            : new PublishedOutput(
                name, "", digest, bytes, new FileStamp(size, modified, inode), null);
    }
}
