using System.Collections.Immutable;

namespace Quoin.Engine;

/// <summary>
/// Fills paths into an argv. <c>{in}</c> and <c>{out}</c> stand for the only input and output;
/// <c>{in...}</c> and <c>{out...}</c> repeat the argument that they are in, once for each. All else
/// stays as it is: <c>{print $1}</c> is none of our business.
/// </summary>
/// <param name="inputs">
/// Paths as jobs see them: relative to the working directory for what lies below it (tools print
/// and embed short names that do not change with the place of the checkout), else absolute.
/// </param>
/// <param name="outputs">
/// Absolute paths in the staging folder, so that a job may change its folder.
/// </param>
readonly struct ArgTemplate(ImmutableArray<string> inputs, ImmutableArray<string> outputs)
{
    /// <summary>
    /// Adds the argument or arguments that <paramref name="template"/> stands for.
    /// </summary>
    public void Fill(string template, StringBlock into, List<string> problems)
    {
        if (!template.Contains('{'))
        {
            Add(template, template, into, problems);
            return;
        }
        var (allIn, allOut) = (template.Contains("{in...}"), template.Contains("{out...}"));
        if (allIn && allOut)
        {
            problems.Add($"argument \"{template}\" has both {{in...}} and {{out...}}");
        }
        else if (allIn || allOut)
        {
            var name = allIn ? "{in...}" : "{out...}";
            foreach (var path in allIn ? inputs : outputs)
                Add(template, Single(template.Replace(name, path), template, problems), into,
                    problems);
        }
        else
        {
            Add(template, Single(template, template, problems), into, problems);
        }
    }

    /// <summary>The one text that a template stands for; lists are not allowed in it.</summary>
    public string Single(string text, string template, List<string> problems) =>
        Replace(
            Replace(text, "{in}", inputs, "input", template, problems),
            "{out}", outputs, "output", template, problems);

    static string Replace(
        string text, string name, ImmutableArray<string> paths, string what, string template,
        List<string> problems)
    {
        if (!template.Contains(name)) return text;
        if (paths.Length == 1) return text.Replace(name, paths[0]);
        var all = name.Replace("}", "...}");
        problems.Add(paths.Length == 0
            ? $"argument \"{template}\": the run has no {what} for {name}"
            : $"argument \"{template}\": {name} stands for one {what}, and the run has "
                + $"{paths.Length}; {all} is replaced by all of them");
        return text;
    }

    static void Add(string template, string text, StringBlock into, List<string> problems)
    {
        if (text.Contains('\0')) problems.Add($"argument \"{template}\" holds a NUL character");
        else into.Add(text);
    }
}
