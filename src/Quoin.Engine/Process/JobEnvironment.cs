using System.Collections.Immutable;
using System.Globalization;

namespace Quoin.Engine;

/// <summary>
/// What a job sees of its environment: the variables that its config declares, PATH, HOME, LANG and
/// TMPDIR as Quoin has them, <c>QUOIN_*</c>, and <c>TRACEPARENT</c> where the want is traced.
/// Nothing else gets in, so that a build does not depend on who started it.
/// </summary>
sealed class JobEnvironment
{
    /// <summary>Marks every process that this Quoin started, however far it ran away.</summary>
    public const string OwnerVariable = "QUOIN_OWNER";

    static readonly string[] inherited = ["PATH", "HOME", "LANG", "TMPDIR"];
    static readonly string[] own =
    [
        "QUOIN_RUN", "QUOIN_ATTEMPT", "QUOIN_STAGING", "QUOIN_INPUTS", "QUOIN_OUTPUTS",
        "QUOIN_EPOCH", "QUOIN_CPU", "QUOIN_KEY", "QUOIN_DIRECTION", "QUOIN_REENTRY",
        "QUOIN_MAY_CREATE", "QUOIN_EXTERNAL_ID", "QUOIN_STATE", "QUOIN_NOT_AFTER",
        "QUOIN_CALLBACK", OwnerVariable,
    ];

    readonly Func<string, string?> variable;
    readonly List<KeyValuePair<string, string>> shared = [];
    readonly string searchPath = "/usr/local/bin:/usr/bin:/bin";

    /// <param name="owner">The mark.</param>
    /// <param name="variable">Reads a variable of Quoin's own environment.</param>
    public JobEnvironment(string owner, Func<string, string?> variable)
    {
        this.variable = variable;
        foreach (var name in inherited)
        {
            var value = variable(name) ?? (name == "PATH" ? searchPath : null);
            if (value is null) continue;
            if (name == "PATH") searchPath = value;
            shared.Add(new(name, value));
        }
        Owner = owner;
    }

    /// <summary>The mark's value.</summary>
    public string Owner { get; }

    /// <summary>Where a job's program is looked for.</summary>
    public string SearchPath(ImmutableSortedDictionary<string, string> declared) =>
        declared.TryGetValue("PATH", out var path) ? path : searchPath;

    /// <summary>Writes the environment of a command that is not an attempt.</summary>
    public void Fill(ImmutableSortedDictionary<string, string> declared, StringBlock into)
    {
        into.Clear();
        foreach (var (name, value) in shared)
            if (!declared.ContainsKey(name)) into.Add(name, value);
        foreach (var (name, value) in declared) into.Add(name, value);
        into.Add(OwnerVariable, Owner);
    }

    /// <summary>Writes the environment of an attempt.</summary>
    public void Fill(JobSpec spec, Staging staging, StringBlock into)
    {
        Fill(
            spec.Secrets.IsEmpty
                ? spec.Config.Env
                : spec.Config.Env.RemoveRange(spec.Secrets.Select(secret => secret.Name)),
            into);
        foreach (var (name, _) in spec.Secrets) into.Add(name, variable(name) ?? "");
        Span<char> number = stackalloc char[11];
        into.Add("QUOIN_RUN", spec.Id.Run.ToString());
        spec.Id.Attempt.TryFormat(number, out var length);
        into.Add("QUOIN_ATTEMPT", number[..length]);
        into.Add("QUOIN_STAGING", spec.StagingDirectory);
        into.Add("QUOIN_INPUTS", staging.InputsFile);
        into.Add("QUOIN_OUTPUTS", staging.OutputsFile);
        spec.Epoch.TryFormat(number, out length);
        into.Add("QUOIN_EPOCH", number[..length]);
        Math.Max(1, spec.Config.Resources.Cpu).TryFormat(number, out length);
        into.Add("QUOIN_CPU", number[..length]);
        if (spec.TraceParent.Length > 0 && !spec.Config.Env.ContainsKey(TraceContext.Variable))
            into.Add(TraceContext.Variable, spec.TraceParent);
        if (spec.Resource is { } call) Fill(call, into);
    }

    // All of them in every activation, empty where there is nothing: a shell script can use them
    // without asking first.
    static void Fill(ResourceCall call, StringBlock into)
    {
        into.Add("QUOIN_KEY", call.CallKey);
        into.Add("QUOIN_DIRECTION", ResourceCall.Word(call.Direction));
        into.Add("QUOIN_REENTRY", call.Reentry ? "1" : "0");
        into.Add("QUOIN_MAY_CREATE", call.MayCreate ? "1" : "0");
        into.Add("QUOIN_EXTERNAL_ID", call.ExternalId);
        into.Add("QUOIN_STATE", call.StateJson ?? "");
        into.Add("QUOIN_NOT_AFTER", call.NotAfter?.UtcDateTime.ToString(
            "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) ?? "");
        into.Add("QUOIN_CALLBACK", call.Callback ?? "");
    }

    /// <summary>What is wrong with declared variables, one sentence each.</summary>
    public static void Check(
        ImmutableSortedDictionary<string, string> declared, List<string> problems)
    {
        foreach (var (name, value) in declared)
        {
            if (name.Length == 0 || name.Contains('=') || name.Contains('\0'))
                problems.Add($"env \"{name}\" is not a name of a variable");
            else if (Array.IndexOf(own, name) >= 0)
                problems.Add($"env {name} is set by Quoin itself; choose another name");
            if (value.Contains('\0')) problems.Add($"env {name} holds a NUL character");
        }
    }
}
