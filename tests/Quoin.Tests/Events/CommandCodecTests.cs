using System.Collections.Immutable;
using Google.Protobuf;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Events;

/// <summary>
/// Commands of the inbox and what workers are given: read back as they were written, and read by
/// the classes that are generated from the definitions.
/// </summary>
public sealed class CommandCodecTests
{
    static readonly Digest some = Xxh3.Hash("some"u8);
    static readonly Digest other = Xxh3.Hash("other"u8);

    static StoreCommand RoundTrip(StoreCommand command, string id = "i")
    {
        var read = StoreCommand.Read(command.ToInbox(id), out var problem);
        Assert.Equal("", problem);
        return read!;
    }

    static ReadOnlySpan<byte> Bytes(StoreCommand command) => command.ToInbox("i").Body.Span;

    [Fact]
    public void A_want_for_another_process()
    {
        var request = new WantRequest
        {
            Targets = ["a/1", "b"],
            Options = new WantOptions
            {
                Priority = 3,
                Strict = true,
                Soft = true,
                Thorough = true,
                Restore = RestoreMode.None,
                KeepAll = true,
                Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            },
            Text = "build a/1 b",
        };
        var command = new StoreCommand.Accept(request, some, "--- quoin.yaml\nquoin: 1\n");

        var read = Assert.IsType<StoreCommand.Accept>(RoundTrip(command));
        Assert.Equal(["a/1", "b"], read.Request.Targets);
        Assert.Equal(request, read.Request with { Targets = request.Targets });
        Assert.Equal((some, command.GraphText), (read.Graph, read.GraphText));
        var generated = V1.AcceptWant.Parser.ParseFrom(Bytes(command));
        Assert.Equal(["a/1", "b"], generated.Targets);
        Assert.Equal((3, true), (generated.Options.Priority, generated.Options.Strict));
        Assert.Equal(
            ("build a/1 b", true, true, command.GraphText),
            (generated.Request, generated.Soft, generated.Thorough, generated.GraphText));
        Assert.Equal(some.Hex(), Convert.ToHexStringLower(generated.Graph.Xxh3.Span));
    }

    [Fact]
    public void What_is_asked_of_things_outside()
    {
        var release = new StoreCommand.Release(new WantId(17), "somebody");
        Assert.Equal(release, RoundTrip(release));
        var generated = V1.ReleaseWant.Parser.ParseFrom(Bytes(release));
        Assert.Equal((17, "somebody"), (generated.Want, generated.By));

        var accept = new StoreCommand.AcceptOffer(new WantId(18));
        Assert.Equal(accept, RoundTrip(accept));
        Assert.Equal(18, V1.AcceptOffer.Parser.ParseFrom(Bytes(accept)).Want);

        var resolve = new StoreCommand.Resolve(
            new InterventionId(3), InterventionAnswer.Adopt, "s-77", "somebody");
        Assert.Equal(resolve, RoundTrip(resolve));
        var answer = V1.ResolveIntervention.Parser.ParseFrom(Bytes(resolve));
        Assert.Equal(
            (3, V1.InterventionAnswer.Adopt, "s-77", "somebody"),
            (answer.Intervention, answer.Answer, answer.ExternalId, answer.By));

        var wake = new StoreCommand.Wake(new RunId(4));
        Assert.Equal(wake, RoundTrip(wake));
        Assert.Equal(4, V1.WakeRun.Parser.ParseFrom(Bytes(wake)).Run);
        foreach (var token in (string[])["", "ab12"])
            Assert.Equal(wake with { Token = token }, RoundTrip(wake with { Token = token }));
        Assert.Equal("ab", V1.WakeRun.Parser.ParseFrom(Bytes(wake with { Token = "ab" })).Token);

        var named = new StoreCommand.Named(new RunId(4), 7, "s-77");
        Assert.Equal(named, RoundTrip(named));
        var seen = V1.RunNamed.Parser.ParseFrom(Bytes(named));
        Assert.Equal((4, 7, "s-77"), (seen.Run, seen.Epoch, seen.ExternalId));
    }

    [Fact]
    public void An_answer_that_the_store_could_not_take()
    {
        var answer = new RunAnswer(
            new AttemptId(new RunId(19), 2), 7, ResourceDirection.Release)
        {
            CalledId = "x-2",
            Usage = new RunUsage(default, 5, 4, 3),
            Answer = new ResourceAnswer(ResourceAnswerKind.Busy)
            {
                Reason = "still there",
                Failure = new RunFailure(FailureCategory.Temporary, "later") { ExitCode = 75 },
                Defer = new DeferReport(TimeSpan.Zero, true, "{}"),
                Ended = new EndedReport(0),
                ExternalId = "x-1",
                ExtraIds = ["x-2"],
                ConnectionsJson = "{}",
            },
        };

        var row = answer.ToInbox();
        Assert.Equal(("answer/19/7", "run-answered"), (row.Id, row.Type));
        var read = Assert.IsType<StoreCommand.Answered>(StoreCommand.Read(row, out _)).Answer;
        Assert.Equal(["x-2"], read.Answer.ExtraIds);
        var same = read with
        {
            Answer = read.Answer with { ExtraIds = answer.Answer.ExtraIds },
        };
        Assert.Equal(answer, same);
        var generated = V1.RunAnswered.Parser.ParseFrom(row.Body.Span);
        Assert.Equal((19, 7, "x-1"), (generated.Run, generated.Epoch, generated.ExternalId));
    }

    [Fact]
    public void A_worker_that_joins_and_leaves()
    {
        var worker = new WorkerInfo
        {
            Owner = "host/1/ab",
            Slots = 4,
            Capacity = 68,
            MemoryBytes = 1L << 40,
            Labels = ["gpu=a100", "os=linux"],
        };
        var joined = new StoreCommand.Joined(worker);

        var read = Assert.IsType<StoreCommand.Joined>(RoundTrip(joined)).Worker;
        Assert.Equal(worker, read with { Labels = worker.Labels });
        Assert.Equal(worker.Labels, read.Labels);
        var generated = V1.WorkerJoined.Parser.ParseFrom(Bytes(joined));
        Assert.Equal(
            ("host/1/ab", 4, 68, 1L << 40),
            (generated.Worker, generated.Slots, generated.Capacity, generated.MemoryBytes));
        Assert.Equal(4, generated.Calls);
        Assert.Equal(worker.Labels, generated.Labels);

        var left = new StoreCommand.Left("host/1/ab");
        Assert.Equal(left, RoundTrip(left));
        Assert.Equal("host/1/ab", V1.WorkerLeft.Parser.ParseFrom(Bytes(left)).Worker);
    }

    [Fact]
    public void A_claim_says_by_its_id_which_run_it_is()
    {
        var body = StoreCommand.LeasedBody("host/1/ab");
        Assert.Equal("host/1/ab", V1.RunClaimed.Parser.ParseFrom(body).Worker);

        var read = StoreCommand.Read(new InboxCommand("leased/19/2", "run-leased", body), out _);
        Assert.Equal(new StoreCommand.Leased(new RunId(19), 2, "host/1/ab"), read);
        foreach (var id in (string[])["leased/19", "leased/x/2", "ended/19/2", "leased/-1/2"])
        {
            Assert.Null(StoreCommand.Read(new InboxCommand(id, "run-leased", body), out var why));
            Assert.Contains(id, why, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_end_of_an_attempt_with_all_that_can_be_said_of_it()
    {
        var ended = new EndedAttempt(new AttemptId(new RunId(19), 2), 3, some, new JobResult
        {
            End = JobEnd.Failed,
            Outputs = [new("a/1", "", other, 77, new FileStamp(77, 1_700_000_000_000, 42), null)],
            Failure = new RunFailure(FailureCategory.Timeout, "too slow") { Signal = 9 },
            Needs = ["b", "c"],
            Usage = new RunUsage(DateTimeOffset.UnixEpoch.AddSeconds(5), 10, 20, 30),
            LogTail = ["last", "lines"],
            LogLines = 1000,
            SourceMoved = true,
            Warnings = ["w"],
        });
        var bytes = ended.ToBytes();

        var read = EndedAttempt.Read(new ProtoReader(bytes));
        Assert.Equal(ended with { Result = read.Result }, read);
        Assert.Equal(bytes, read.ToBytes());
        Assert.Equal(ended.Result.Outputs, read.Result.Outputs);
        Assert.Equal(ended.Result.Failure, read.Result.Failure);
        var generated = V1.RunEnded.Parser.ParseFrom(bytes);
        Assert.Equal(bytes, generated.ToByteArray());
        Assert.Equal(
            (19, 2, 3, V1.AttemptEnd.Failed),
            (generated.Run, generated.Attempt, generated.Epoch, generated.End));
        Assert.Equal("too slow", generated.Failure.Reason);
        Assert.Equal((77L, 42L), (generated.Outputs[0].Bytes, generated.Outputs[0].Inode));
    }

    [Fact]
    public void A_call_on_its_way_to_a_worker_and_its_answer_on_the_way_back()
    {
        var call = new ResourceCall
        {
            Key = "store-19",
            Direction = ResourceDirection.Hook,
            Hook = 1,
            Reentry = true,
            MayCreate = false,
            ExternalId = "x-1",
            StateJson = "{}",
            NotAfter = DateTimeOffset.UnixEpoch.AddSeconds(5),
            Callback = "http://host/",
        };
        var spec = new AttemptSpec
        {
            Id = new AttemptId(new RunId(19), 1),
            Config = new JobConfig { Job = "j", Outputs = ["a"], Args = ["true"] },
            Outputs = [new("out/a", true)],
            Call = call,
        };
        Assert.Equal(call, AttemptSpec.Read(spec.ToBytes()).Call);
        var sent = V1.AttemptSpec.Parser.ParseFrom(spec.ToBytes()).Call;
        Assert.Equal(("store-19", 3, 1, true), (sent.Key, sent.Direction, sent.Hook, sent.Reentry));
        Assert.Equal(5, sent.NotAfter.Seconds);

        var ended = new EndedAttempt(
            spec.Id, 2, default, new JobResult { End = JobEnd.Answered })
        {
            Answer = new RunAnswer(spec.Id, 2, ResourceDirection.Hook)
            {
                Answer = new ResourceAnswer(ResourceAnswerKind.Busy) { ExternalId = "x-2" },
            },
        };
        var read = EndedAttempt.Read(new ProtoReader(ended.ToBytes()));
        Assert.Equal(JobEnd.Answered, read.Result.End);
        Assert.Equal("x-2", read.Answer!.Answer.ExternalId);
        Assert.Equal((ResourceDirection.Hook, 2), (read.Answer.Direction, read.Answer.Epoch));
        Assert.Equal("x-2", V1.RunEnded.Parser.ParseFrom(ended.ToBytes()).Answer.ExternalId);
    }

    [Fact]
    public void An_end_with_an_output_that_is_no_reference_is_refused_with_its_name()
    {
        var ended = new EndedAttempt(new AttemptId(new RunId(1), 1), 1, default, new JobResult
        {
            End = JobEnd.Completed,
            Outputs = [new("a/../b", "", some, 1, default, null)],
        });
        var row = new InboxCommand("ended/1/1", "run-ended", ended.ToBytes());
        Assert.Null(StoreCommand.Read(row, out var problem));
        Assert.Contains("a/../b", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_attempt_on_its_way_to_a_worker()
    {
        var spec = new AttemptSpec
        {
            Id = new AttemptId(new RunId(19), 2),
            Config = new JobConfig
            {
                Job = "daily",
                Outputs = ["a/1", "a/2"],
                Inputs = ["b"],
                Args = ["sh", "-c", "cat {in} > {out...}"],
                Env = ImmutableSortedDictionary.CreateRange(
                    StringComparer.Ordinal, [new("A", "1"), KeyValuePair.Create("B", "")]),
                Resources = new ResourceVector { Cpu = 2, MemoryBytes = 5_000_000_000 },
            },
            Folder = "sub",
            Inputs = [new("data/b.csv", some)],
            Outputs = [new("out/1", true), new("out/2", false)],
            Stdout = "{out}",
            Timeout = TimeSpan.FromMinutes(3),
            Grace = TimeSpan.FromSeconds(10),
            ExitCodes = ImmutableSortedDictionary.CreateRange<int, FailureCategory?>(
                [new(3, null), new(42, FailureCategory.Temporary)]),
            Watched = [new("daily.awk", other)],
            Fingerprint = other,
            TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        };
        var bytes = spec.ToBytes();

        var read = AttemptSpec.Read(bytes);
        Assert.Equal(bytes, read.ToBytes());
        Assert.Equal(
            (spec.Id, spec.Folder, spec.Stdout, spec.Timeout, spec.Grace, spec.Fingerprint),
            (read.Id, read.Folder, read.Stdout, read.Timeout, read.Grace, read.Fingerprint));
        Assert.Equal(spec.Config.Env, read.Config.Env);
        Assert.Equal(spec.ExitCodes, read.ExitCodes);
        Assert.Equal(spec.Outputs, read.Outputs);
        var generated = V1.AttemptSpec.Parser.ParseFrom(bytes);
        Assert.Equal(["a/1", "a/2"], generated.Config.Outputs);
        Assert.Equal("1", generated.Config.Env["A"]);
        Assert.Equal(180_000, generated.TimeoutMs);
        Assert.Equal([3, 42], generated.ExitCodes.Select(code => code.Code));
        Assert.Equal("daily.awk", generated.Watched[0].Path);
        Assert.Equal(
            (spec.TraceParent, spec.TraceParent), (read.TraceParent, generated.TraceParent));
    }

    [Fact]
    public void Cut_off_bytes_of_a_spec_or_an_end_are_an_error_and_nothing_else()
    {
        var spec = new AttemptSpec
        {
            Id = new AttemptId(new RunId(19), 2),
            Config = new JobConfig { Job = "j", Outputs = ["a"], Args = ["true"] },
            Outputs = [new("out/a", true)],
            Fingerprint = some,
        }.ToBytes();
        var end = new EndedAttempt(new AttemptId(new RunId(1), 1), 1, some, new JobResult
        {
            End = JobEnd.Completed,
            Outputs = [new("a", "", some, 1, new FileStamp(1, 2, 3), null)],
        }).ToBytes();
        for (var length = 0; length < spec.Length; length++)
            Try(() => AttemptSpec.Read(spec.AsSpan(0, length)));
        for (var length = 0; length < end.Length; length++)
            Try(() => EndedAttempt.Read(new ProtoReader(end.AsSpan(0, length))));

        // Whole fields may be missing at the end; anything else is told.
        static void Try(Action read)
        {
            try
            {
                read();
            }
            catch (ProtoException)
            {
                // Expected of most lengths.
            }
        }
    }
}
