using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What came of an attempt, wherever it ran, as commands to the kernel. Belongs to the
/// coordinator's thread.
/// </summary>
sealed class Outcomes(
    Coordinator coordinator, CoordinatorParts parts, EarlierRuns earlier)
{
    readonly HashSet<PartitionId> lost = [];

    KernelState State => parts.State;

    /// <summary>What it says counts only under its lease.</summary>
    public void Take(EndedAttempt ended)
    {
        var (run, epoch, result) = (ended.Id.Run, ended.Epoch, ended.Result);
        foreach (var warning in result.Warnings) parts.Observer.Warn($"{ended.Id}: {warning}");
        switch (result.End)
        {
            case JobEnd.Completed:
                Publish(ended);
                break;
            case JobEnd.Failed:
                Fail(ended, result.Failure!);
                break;
            case JobEnd.NeedsInputs:
                if (ended.Result.AreLost) Lose(ended);
                else Miss(ended);
                break;
            case JobEnd.Cancelled or JobEnd.Returned:
                // Told to stop by the kernel, or by a kill of the whole process; or given back.
                if (State.Runs.TryGetValue(run.Value, out var token)
                    && token.Place == RunPlace.Running)
                    coordinator.Do(new ExpireLease(run, epoch, parts.Time.GetUtcNow())
                    {
                        IsReturned = result.End == JobEnd.Returned,
                    });
                else coordinator.Do(new AckRunCancel(run, epoch) { Usage = result.Usage });
                break;
        }
    }

    void Publish(EndedAttempt ended)
    {
        var result = ended.Result;
        var outputs = ImmutableArray.CreateBuilder<OutputManifest>(result.Outputs.Length);
        var outdated = new List<(OutputManifest Made, string Path)>();
        foreach (var output in result.Outputs)
        {
            var id = State.Names.Intern(output.Ref);
            var made = new OutputManifest(id, output.Digest, output.Bytes);
            outputs.Add(made);
            var path = parts.Graph.PathOf(State.Names.Utf8(id));
            if (!result.IsApart) parts.Files.Published(path, output.Stamp, output.Digest);
            else if (parts.Files.Check(path, output.Digest) == FileVerdict.Modified)
                outdated.Add((made, parts.Workspace.Absolute(path)));
        }
        coordinator.Do(new CompleteRun(ended.Id.Run, ended.Epoch, outputs.MoveToImmutable())
        {
            // What it read is not what was digested: published, and at the next test not current.
            Fingerprint = result.SourceMoved ? default : ended.Fingerprint,
            Usage = result.Usage,
            RestoredFrom = result.RestoredFrom,
        });
        foreach (var (made, path) in outdated)
        {
            // What is here was before that, and a copy can be had: if what was said counts.
            if (State.TryGetManifest(made.Partition, out var manifest)
                && manifest.Run == ended.Id.Run && manifest.Digest == made.Digest)
                coordinator.AfterCommit(() => _ = Folders.RemoveAny(path));
        }
    }

    void Fail(EndedAttempt ended, RunFailure failure)
    {
        if (!State.Runs.TryGetValue(ended.Id.Run.Value, out var run)) return;
        var retries = parts.Graph.FindJob(run.Config.Job)?.Limits.Retries ?? 0;
        coordinator.Do(new FailRun(ended.Id.Run, ended.Epoch, failure)
        {
            Retries = earlier.IsAwaited(run.Id)
                ? int.MaxValue // It is what was edited that is tried, under a new plan.
                : RetryRules.RetriesOf(failure.Category, retries),
            RetryAt = parts.Time.GetUtcNow()
                + RetryRules.Delay(run.Failures + 1, parts.Random.NextDouble()),
            Usage = ended.Result.Usage,
        });
    }

    // They are made again, and then this is run again. Once: what was made again and is lost once
    // more would be so for ever.
    void Lose(EndedAttempt ended)
    {
        var inputs = ImmutableArray.CreateRange(
            ended.Result.Needs, name => State.Names.Intern(name));
        var again = inputs.FirstOrDefault(lost.Contains, new PartitionId(-1));
        if (again.Value >= 0)
        {
            Fail(ended, new RunFailure(
                FailureCategory.Temporary,
                $"input {State.Names.Text(again)} was made again, and still it is not where this "
                + "ran, and no layer of artifacts has it whole"));
            return;
        }
        lost.UnionWith(inputs);
        foreach (var input in inputs)
        {
            parts.Facts.Lost(input);
            parts.Observer.Warn(
                $"input {State.Names.Text(input)} of {ended.Id.Run} is lost: it is not in its "
                + "place, and no layer of artifacts has it whole; it is made again");
        }
        coordinator.Do(new MissInputs(ended.Id.Run, ended.Epoch, inputs)
        {
            AreLost = true,
            Usage = ended.Result.Usage,
        });
    }

    void Miss(EndedAttempt ended)
    {
        var result = ended.Result;
        var needs = ImmutableArray.CreateBuilder<PartitionId>(result.Needs.Length);
        foreach (var name in result.Needs)
        {
            var problem = PartitionRef.Check(name);
            var id = problem is null ? State.Names.Intern(name) : default;
            if (problem is null && parts.Graph.FindProducer(State.Names.Utf8(id)).Job is null)
                problem = $"no job makes {name}; a run can only ask for what a job makes";
            if (problem is not null)
            {
                Fail(ended, new RunFailure(FailureCategory.Contract, $"needs: {problem}"));
                return;
            }
            needs.Add(id);
        }
        coordinator.Do(new MissInputs(ended.Id.Run, ended.Epoch, needs.ToImmutable())
        {
            Usage = result.Usage,
        });
    }
}
