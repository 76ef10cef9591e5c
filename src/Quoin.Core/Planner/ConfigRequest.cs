using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// What one call of a job's <c>config</c> command is asked in one round of analysis, or the lines
/// of its feed.
/// </summary>
/// <param name="Job">The job; <see cref="Job.IsAsked"/>.</param>
/// <param name="Outputs">All partitions asked of it in this round, sorted by name
/// (ordinal).</param>
public sealed record ConfigRequest(Job Job, ImmutableArray<string> Outputs);

/// <summary>
/// What came of a <see cref="ConfigRequest"/>: configs that cover its outputs, or how the call
/// failed (<c>config exited with 2: KeyError: region</c>).
/// </summary>
public sealed record ConfigAnswer
{
    ConfigAnswer(ImmutableArray<JobConfig> configs, string? failure) =>
        (Configs, Failure) = (configs, failure);

    /// <summary>The configs; empty when the call failed.</summary>
    public ImmutableArray<JobConfig> Configs { get; }

    /// <summary>How the call failed; null when it did not.</summary>
    public string? Failure { get; }

    /// <summary>It is known from an earlier call: the command did not run.</summary>
    public bool IsKept { get; init; }

    /// <summary>
    /// Outputs that cannot be made, each for a reason of its own: its code and a sentence.
    /// </summary>
    public ImmutableArray<(string Output, string Code, string Why)> Refused { get; init; } = [];

    /// <summary>The call answered.</summary>
    public static ConfigAnswer Of(ImmutableArray<JobConfig> configs) => new(configs, null);

    /// <summary>The call failed.</summary>
    public static ConfigAnswer Failed(string why) => new([], why);
}

/// <summary>The rules that every answered config is held to.</summary>
static class ConfigRules
{
    /// <summary>Null when the config may be used, else everything that is wrong with it.</summary>
    public static string? Check(Job job, JobConfig config)
    {
        List<string> wrong = [];
        if (config.Job != job.Name) wrong.Add($"it is for job \"{config.Job}\"");
        if (config.Outputs.IsDefaultOrEmpty) wrong.Add("it has no outputs");
        foreach (var output in config.Outputs.IsDefault ? [] : config.Outputs)
        {
            if (PartitionRef.Check(output) is { } problem) wrong.Add($"outputs: {problem}");
            else if (!Matches(job, output))
                wrong.Add($"output {output} matches none of its patterns "
                    + string.Join(", ", job.Outputs.Select(pattern => pattern.Text)));
        }
        foreach (var input in config.Inputs.IsDefault ? [] : config.Inputs)
        {
            if (PartitionRef.Check(input) is { } problem) wrong.Add($"inputs: {problem}");
            else if (!config.Outputs.IsDefault && config.Outputs.Contains(input))
                wrong.Add($"{input} is its own input");
        }
        return wrong.Count == 0 ? null : string.Join("; ", wrong);
    }

    /// <summary>
    /// Records with arrays compare by reference; configs are equal when all text is.
    /// </summary>
    public static bool Same(JobConfig one, JobConfig other) =>
        one.Job == other.Job
        && one.Outputs.SequenceEqual(other.Outputs)
        && one.Inputs.SequenceEqual(other.Inputs)
        && one.Args.SequenceEqual(other.Args)
        && one.Env.SequenceEqual(other.Env)
        && one.Resources.Cpu == other.Resources.Cpu
        && one.Resources.CpuMost == other.Resources.CpuMost
        && one.Resources.MemoryBytes == other.Resources.MemoryBytes
        && one.Resources.Pools.SequenceEqual(other.Resources.Pools);

    static bool Matches(Job job, string output)
    {
        var name = System.Text.Encoding.UTF8.GetBytes(output);
        foreach (var pattern in job.Outputs)
        {
            if (pattern.IsMatch(name)) return true;
        }
        return false;
    }
}
