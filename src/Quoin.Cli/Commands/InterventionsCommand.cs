using System.Collections.Immutable;
using System.CommandLine;
using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin interventions</c>: the questions that only a person can answer, and the answers.
/// </summary>
static class InterventionsCommand
{
    public const string Summary = "Show what needs a person, and answer it";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var all = new Option<bool>("--all") { Description = "Answered ones, too" };
        var command = new Command("interventions", Summary) { all, Resolve(cli) };
        command.SetAction((parsed, _) => RunAsync(cli(parsed), parsed.GetValue(all)));
        return command;
    }

    static Command Resolve(Func<ParseResult, Cli> cli)
    {
        var id = new Argument<string>("I") { Description = "The intervention: i-3" };
        var retry = new Option<bool>("--retry") { Description = "Try once more to release it" };
        var adopt = new Option<string?>("--adopt")
        {
            Description = "The thing is the one that the service knows by this id: go on with it",
            HelpName = "ID",
        };
        var released = new Option<bool>("--released") { Description = "It was released by hand" };
        var abandon = new Option<bool>("--abandon")
        {
            Description = "Whatever is left is nobody's business any more",
        };
        var command = new Command("resolve", "Answer an intervention")
        {
            id, retry, adopt, released, abandon,
        };
        command.SetAction((parsed, ct) =>
        {
            var answers = new List<InterventionAnswer>();
            if (parsed.GetValue(retry)) answers.Add(InterventionAnswer.Retry);
            if (parsed.GetValue(adopt) is not null) answers.Add(InterventionAnswer.Adopt);
            if (parsed.GetValue(released)) answers.Add(InterventionAnswer.Released);
            if (parsed.GetValue(abandon)) answers.Add(InterventionAnswer.Abandon);
            if (answers is not [var answer])
                throw new UsageException(
                    "usage", "give one answer: --retry, --adopt ID, --released or --abandon");
            return ResolveAsync(
                cli(parsed), IdOf(parsed.GetRequiredValue(id)), answer,
                parsed.GetValue(adopt) ?? "", ct);
        });
        return command;
    }

    static InterventionId IdOf(string text) => InterventionId.TryParse(text, out var id)
        ? id
        : throw new UsageException("usage", $"\"{text}\" is not an intervention (i-3)");

    /// <summary>Records the answer; 4 when there is no such question.</summary>
    public static async Task<int> ResolveAsync(
        Cli cli, InterventionId id, InterventionAnswer answer, string externalId,
        CancellationToken ct)
    {
        var by = cli.User;
        await using var deciding = Deciding.Open(cli, Project.Find(cli));
        var made = await deciding.DoAsync(
            _ =>
            [
                new ResolveIntervention(id, answer, by)
                {
                    ExternalId = externalId,
                },
            ],
            [new StoreCommand.Resolve(id, answer, externalId, by)], ct);
        if (made.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        var isNew = made.Events.OfType<InterventionResolved>().Any(e => e.Intervention == id);
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("resolved", $"{id}");
                json.WriteString("answer", Word(answer));
                json.WriteEndObject();
            }));
        }
        else if (isNew) cli.Print($"{id}: {Word(answer)}");
        else cli.Say($"{id} was answered before");
        return ExitCode.Ok;
    }

    /// <summary>One question, with its answer if there is one.</summary>
    public sealed record Question(DateTimeOffset At, InterventionOpened What, string Partition)
    {
        /// <summary>When it was answered; null: it is open.</summary>
        public DateTimeOffset? AnsweredAt { get; init; }

        /// <summary>How.</summary>
        public InterventionResolved? Answer { get; init; }
    }

    /// <summary>Prints the open questions, or all.</summary>
    public static async Task<int> RunAsync(Cli cli, bool all)
    {
        var workspace = Project.Find(cli);
        List<Question> questions = [];
        if (Project.HasStore(cli, workspace))
        {
            await using var store = Project.OpenForReading(cli, workspace);
            questions = [.. Read(store).Where(question => all || question.Answer is null)];
        }
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("interventions");
                foreach (var question in questions) Write(json, question);
                json.WriteEndArray();
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        foreach (var question in questions)
            foreach (var line in Lines(question, cli)) cli.Print(line);
        if (questions.Count == 0) cli.Say("nothing needs a person");
        return ExitCode.Ok;
    }

    /// <summary>The questions of a store, oldest first.</summary>
    public static IEnumerable<Question> Read(IBuildStore store)
    {
        var names = new PartitionNames();
        var questions = new SortedDictionary<int, Question>();
        foreach (var raw in store.Query(new EventQuery
        {
            Types = ["intervention-opened", "intervention-resolved"],
        }))
        {
            switch (Decode(raw, names))
            {
                case InterventionOpened e:
                    questions[e.Intervention.Value] = new(
                        raw.At, e with { ExternalIds = IdsOf(store, e, names) },
                        PartitionOf(store, e.Run, names));
                    break;
                case InterventionResolved e
                    when questions.TryGetValue(e.Intervention.Value, out var question):
                    questions[e.Intervention.Value] =
                        question with { AnsweredAt = raw.At, Answer = e };
                    break;
            }
        }
        return questions.Values;
    }

    // Also what became known after the question: which thing is the one, and which may be left.
    static ImmutableArray<string> IdsOf(
        IBuildStore store, InterventionOpened question, PartitionNames names)
    {
        var ids = new List<string>(question.ExternalIds.IsDefault ? [] : question.ExternalIds);
        foreach (var raw in store.Query(new EventQuery
        {
            Subject = question.Run.ToString(),
            Types = ["external-seen"],
        }))
        {
            if (Decode(raw, names) is not ExternalSeen seen) continue;
            if (seen.ExternalId.Length > 0) ids.Add(seen.ExternalId);
            if (!seen.Extra.IsDefault) ids.AddRange(seen.Extra);
        }
        return [.. ids.Distinct()];
    }

    static string PartitionOf(IBuildStore store, RunId run, PartitionNames names)
    {
        var scheduled = store.Query(new EventQuery
        {
            Subject = run.ToString(),
            Types = ["run-scheduled"],
        }).LastOrDefault();
        return scheduled is not null && Decode(scheduled, names) is RunScheduled e
            ? names.Text(e.Claims[0])
            : "";
    }

    static BuildEvent Decode(RawEvent raw, PartitionNames names) =>
        EventCodec.Decode(raw.Position, Encoding.UTF8.GetBytes(raw.Type), raw.Body.Span, names);

    static IEnumerable<Line> Lines(Question question, Cli cli)
    {
        var what = question.What;
        yield return new Line($"{what.Intervention}", Style.Bold)
            .Add($"  {what.Code}", question.Answer is null ? Style.Red : Style.Dim)
            .Add($"  {question.Partition}  {what.Run}  since "
                + Units.DayAndMinute(question.At, cli.Time));
        if (what.Reason.Length > 0) yield return new Line($"  {what.Reason}");
        var known = what.ExternalIds.IsDefaultOrEmpty ? "unknown"
            : string.Join(", ", what.ExternalIds);
        yield return new Line($"  key {what.Key}, id {known}", Style.Dim);
        if (question.Answer is { } answer)
        {
            var by = answer.By.Length > 0 ? $" by {answer.By}" : "";
            var id = answer.ExternalId.Length > 0 ? $" {answer.ExternalId}" : "";
            yield return new Line($"  {Word(answer.Answer)}{id}{by}, "
                + Units.DayAndMinute(question.AnsweredAt!.Value, cli.Time));
        }
        else
        {
            yield return new Line(
                $"  quoin interventions resolve {what.Intervention}"
                + " --retry | --adopt ID | --released | --abandon", Style.Dim);
        }
    }

    static void Write(Utf8JsonWriter json, Question question)
    {
        var what = question.What;
        json.WriteStartObject();
        json.WriteString("intervention", $"{what.Intervention}");
        json.WriteString("state", question.Answer is null ? "open" : "answered");
        json.WriteString("code", what.Code);
        json.WriteString("partition", question.Partition);
        json.WriteString("run", $"{what.Run}");
        json.WriteString("key", what.Key);
        JsonParts.Write(json, "external_ids", what.ExternalIds.IsDefault ? [] : what.ExternalIds);
        json.WriteString("reason", what.Reason);
        JsonParts.Time(json, "opened_at", question.At);
        if (question.Answer is { } answer)
        {
            json.WriteString("answer", Word(answer.Answer));
            if (answer.ExternalId.Length > 0) json.WriteString("external_id", answer.ExternalId);
            json.WriteString("by", answer.By);
            JsonParts.Time(json, "answered_at", question.AnsweredAt);
        }
        json.WriteEndObject();
    }

    /// <summary>The word of an answer.</summary>
    public static string Word(InterventionAnswer answer) => answer switch
    {
        InterventionAnswer.Retry => "retry",
        InterventionAnswer.Adopt => "adopt",
        InterventionAnswer.Released => "released",
        InterventionAnswer.Abandon => "abandon",
        InterventionAnswer.Closed => "closed",
    };
}
