using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>Checks one job: its patterns, templates and what they say of each other.</summary>
static class JobReader
{
    const string NotInNames = " \t\n:/*{}@,\"";

    /// <summary>The job, or null when a problem was added.</summary>
    public static Job? Read(JobDeclaration declared, int index, List<GraphProblem> problems)
    {
        var before = problems.Count;
        var name = declared.Name;
        if (name.Text.Length == 0 || name.Text.Any(NotInNames.Contains))
            problems.Add(new("bad-value", name.At,
                $"\"{name.Text}\" cannot name a job: letters, digits, - and _ can"));
        if (ReadOutputs(declared, problems) is not { } outputs) return null;
        var captures = outputs[0].Captures;
        var inputs = ReadAll(declared.Inputs, TemplateUse.Input, captures, problems);
        if (!declared.Inputs.IsEmpty && !declared.ConfigCommand.IsEmpty)
            problems.Add(new("bad-value", declared.Inputs[0].At,
                "a job has either inputs or config; config tells the inputs"));
        var exec = ReadAll(declared.Exec, TemplateUse.Argument, captures, problems);
        foreach (var arg in declared.Exec) CheckPaths(arg, declared, inputs, captures, problems);
        if (declared.Stdout is { } stdout) CheckStdout(stdout, declared, problems);
        var env = ReadEnv(declared, captures, problems);
        var resource = declared.Resource is { } written
            ? new ResourceReader(declared, written, problems).Read(captures)
            : null;
        var secrets = ReadSecrets(declared, problems);
        if (problems.Count > before) return null;
        return new()
        {
            Index = index,
            Name = name.Text,
            Location = name.At,
            Outputs = [.. outputs],
            Inputs = inputs,
            InputsWritten = declared.Inputs,
            ConfigCommand = TextsOf(declared.ConfigCommand),
            ConfigCache = declared.ConfigCache,
            FeedFolder = declared.FeedFolder,
            Exec = TextsOf(declared.Exec),
            ExecTemplates = exec,
            Before = declared.Before,
            Stdout = declared.Stdout?.Text,
            Folder = declared.Folder,
            Code = declared.Code,
            Env = TextsOf(env),
            EnvTemplates = [.. env],
            Secrets = secrets,
            Options = declared.Options,
            Conditions = declared.Conditions,
            // What bounds one activation says nothing of how long it takes until it is there.
            Limits = resource is null
                ? declared.Limits
                : declared.Limits with { Timeout = null, MaxAge = null },
            Resource = resource,
            Keep = declared.Keep,
            Cache = declared.Cache,
            Tags = declared.Tags,
        };
    }

    /// <summary>The problem of a text, at its place in the file.</summary>
    public static GraphProblem Locate(TextProblem problem, Written written) =>
        new(problem.Code, written.Place(problem.Offset), problem.Message, problem.Suggestion);

    static ImmutableArray<string> TextsOf(ImmutableArray<Written> all)
    {
        var texts = ImmutableArray.CreateBuilder<string>(all.Length);
        foreach (var written in all) texts.Add(written.Text);
        return texts.MoveToImmutable();
    }

    static ImmutableSortedDictionary<string, string> TextsOf(List<EnvTemplate> env)
    {
        var texts = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var variable in env) texts[variable.Name] = variable.Value.Text;
        return texts.ToImmutable();
    }

    // Sorted by name; of a name that is there twice the later one counts.
    static List<EnvTemplate> ReadEnv(
        JobDeclaration declared, ImmutableArray<Capture> captures, List<GraphProblem> problems)
    {
        var env = new List<EnvTemplate>(declared.Env.Length);
        foreach (var variable in declared.Env)
        {
            var template = TemplateParser.Parse(
                variable.Value.Text, TemplateUse.Text, captures, out var problem);
            env.RemoveAll(earlier => earlier.Name == variable.Name);
            if (template is null) problems.Add(Locate(problem!, variable.Value));
            else env.Add(new(variable.Name, template));
        }
        env.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return env;
    }

    // Sorted by name, each once.
    static ImmutableArray<string> ReadSecrets(
        JobDeclaration declared, List<GraphProblem> problems)
    {
        foreach (var (name, at) in declared.Secrets)
        {
            if (!IsVariable(name))
                problems.Add(new("bad-value", at,
                    $"\"{name}\" cannot name a variable: letters, digits and _ can"));
            else if (name.StartsWith("QUOIN_", StringComparison.Ordinal)
                || name is "PATH" or "HOME" or "LANG" or "TMPDIR" or "TRACEPARENT")
                problems.Add(new("bad-value", at, $"{name} is one that every job has"));
            else if (declared.Env.Any(variable => variable.Name == name))
                problems.Add(new("bad-value", at,
                    $"{name} is in env, where everybody can read it, and in secrets; which?"));
        }
        return
        [
            .. declared.Secrets.Select(secret => secret.Text).Distinct()
                .Order(StringComparer.Ordinal),
        ];
    }

    static bool IsVariable(string name) => name.Length > 0 && !char.IsAsciiDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    static List<Pattern>? ReadOutputs(JobDeclaration declared, List<GraphProblem> problems)
    {
        var outputs = new List<Pattern>(declared.Outputs.Length);
        ImmutableArray<Capture> captures = [];
        foreach (var written in declared.Outputs)
        {
            var pattern = PatternParser.Parse(written.Text, captures, out var problem);
            if (pattern is null)
            {
                problems.Add(Locate(problem!, written));
                continue;
            }
            outputs.Add(pattern);
            captures = pattern.Captures;
        }
        if (outputs.Count == 0 || outputs.Count < declared.Outputs.Length) return null;
        var before = problems.Count;
        for (var i = 0; i < outputs.Count; i++)
        {
            // A later output that binds more is seen here, at the earlier one that binds less.
            var missing = captures.Where(capture => !Binds(outputs[i], capture.Name)).ToList();
            if (missing.Count > 0)
                problems.Add(new("capture-mismatch", declared.Outputs[i].At,
                    $"\"{outputs[i].Text}\" lacks {{{missing[0].Name}}}, which another output has: "
                    + "from one output the job must know all"));
            for (var j = 0; j < i; j++)
                if (PatternOverlap.Example(outputs[i], outputs[j]) is { } example)
                    problems.Add(new("two-producers", declared.Outputs[i].At,
                        $"\"{outputs[i].Text}\" and \"{outputs[j].Text}\" of job "
                        + $"{declared.Name.Text} both make {example}"));
        }
        return problems.Count == before ? outputs : null;
    }

    static bool Binds(Pattern pattern, string capture)
    {
        foreach (var segment in pattern.Segments)
            foreach (var atom in segment.Atoms)
                if (atom.Type is not null
                    && pattern.Captures[atom.Slot].Name == capture) return true;
        return false;
    }

    static ImmutableArray<Template> ReadAll(
        ImmutableArray<Written> all,
        TemplateUse use,
        ImmutableArray<Capture> captures,
        List<GraphProblem> problems)
    {
        var templates = ImmutableArray.CreateBuilder<Template>(all.Length);
        foreach (var written in all)
        {
            var template = TemplateParser.Parse(written.Text, use, captures, out var problem);
            if (template is null) problems.Add(Locate(problem!, written));
            else templates.Add(template);
        }
        return templates.DrainToImmutable();
    }

    // {in} is one path; what stands for several has to be spread, or the job would see only one.
    static void CheckPaths(
        Written arg,
        JobDeclaration declared,
        ImmutableArray<Template> inputs,
        ImmutableArray<Capture> captures,
        List<GraphProblem> problems)
    {
        if (BraceText.Split(arg.Text, "", out _) is not { } pieces) return;
        foreach (var piece in pieces)
        {
            if (piece.IsLiteral) continue;
            var isManyInputs = inputs.Length > 1 || inputs.Any(input => input.IsMany);
            var at = arg.Place(piece.Offset);
            var problem = piece.Text switch
            {
                "in" when isManyInputs && declared.ConfigCommand.IsEmpty => new GraphProblem(
                    "several-paths", at,
                    "{in} is one path, but the job has several inputs; write {in...}, alone in its "
                    + "argument, for all of them"),
                "out" when declared.Outputs.Length > 1 => new GraphProblem(
                    "several-paths", at,
                    "{out} is one path, but the job has several outputs; write {out...}, alone in "
                    + "its argument, for all of them"),
                "in" or "in..." when declared.Inputs.IsEmpty && declared.ConfigCommand.IsEmpty =>
                    new GraphProblem("no-input", at, $"{{{piece.Text}}} but the job has no inputs"),
                "payload" when declared.FeedFolder is null
                    && !captures.Any(it => it.Name == "payload") => new GraphProblem(
                    "unknown-capture", at, "{payload} but no feed wants what the job makes"),
                _ => null,
            };
            if (problem is not null) problems.Add(problem);
        }
    }

    static void CheckStdout(Written stdout, JobDeclaration declared, List<GraphProblem> problems)
    {
        if (stdout.Text != "{out}")
            problems.Add(new("bad-value", stdout.At,
                $"stdout can only go to the output, not to \"{stdout.Text}\"", "{out}"));
        else if (declared.Outputs.Length > 1)
            problems.Add(new("several-paths", stdout.At,
                "stdout is one stream, but the job has several outputs; let it write to {out...}"));
    }
}
