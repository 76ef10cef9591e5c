using System.Collections.Immutable;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// Fills paths into an argv. <c>{in}</c> and <c>{out}</c> stand for the only input and output;
/// <c>{in...}</c> and <c>{out...}</c> repeat the argument that they are in, once for each. Doubled
/// braces are single ones; all else stays as it is: <c>{print $1}</c> is none of our business.
/// </summary>
/// <param name="inputs">
/// Paths as jobs see them: relative to the working directory for what lies below it (tools print
/// and embed short names that do not change with the place of the checkout), else absolute.
/// </param>
/// <param name="outputs">
/// Absolute paths in the staging folder, so that a job may change its folder.
/// </param>
/// <param name="payload">What <c>{payload}</c> stands for; null: it is text.</param>
readonly struct ArgTemplate(
    ImmutableArray<string> inputs, ImmutableArray<string> outputs, string? payload = null)
{
    /// <summary>
    /// Adds the argument or arguments that <paramref name="template"/> stands for.
    /// </summary>
    public void Fill(string template, StringBlock into, List<string> problems)
    {
        if (template.AsSpan().IndexOfAny('{', '}') < 0)
        {
            Add(template, template, into, problems);
            return;
        }
        var (allIn, allOut) = (template.Contains("{in...}"), template.Contains("{out...}"));
        if (allIn && allOut)
            problems.Add($"argument \"{template}\" has both {{in...}} and {{out...}}");
        else if (allIn || allOut)
            foreach (var path in allIn ? inputs : outputs)
                Add(template, Text(template, path, problems), into, problems);
        else
            Add(template, Text(template, null, problems), into, problems);
    }

    /// <summary>The one text that a template stands for; lists are not allowed in it.</summary>
    public string Single(string template, List<string> problems) => Text(template, null, problems);

    // <c>each</c> is the path that {in...} or {out...} stands for this time.
    string Text(string template, string? each, List<string> problems)
    {
        var text = new StringBuilder(template.Length + 64);
        for (var i = 0; i < template.Length; i++)
        {
            var rest = template.AsSpan(i);
            if (rest is ['{', '{', ..] or ['}', '}', ..])
            {
                text.Append(template[i++]); // Doubled in the graph, because one opens a capture.
            }
            else if (each is not null && rest.StartsWith("{in...}"))
            {
                text.Append(each);
                i += "{in...}".Length - 1;
            }
            else if (each is not null && rest.StartsWith("{out...}"))
            {
                text.Append(each);
                i += "{out...}".Length - 1;
            }
            else if (rest.StartsWith("{in}"))
            {
                text.Append(Only(inputs, "{in}", "input", template, problems));
                i += "{in}".Length - 1;
            }
            else if (rest.StartsWith("{out}"))
            {
                text.Append(Only(outputs, "{out}", "output", template, problems));
                i += "{out}".Length - 1;
            }
            else if (payload is not null && rest.StartsWith("{payload}"))
            {
                text.Append(payload); // What stands in it is text, braces too.
                i += "{payload}".Length - 1;
            }
            else
            {
                text.Append(template[i]);
            }
        }
        return text.ToString();
    }

    static string Only(
        ImmutableArray<string> paths, string name, string what, string template,
        List<string> problems)
    {
        if (paths.Length == 1) return paths[0];
        var all = name.Replace("}", "...}");
        problems.Add(paths.Length == 0
            ? $"argument \"{template}\": the run has no {what} for {name}"
            : $"argument \"{template}\": {name} stands for one {what}, and the run has "
                + $"{paths.Length}; {all} is replaced by all of them");
        return "";
    }

    static void Add(string template, string text, StringBlock into, List<string> problems)
    {
        if (text.Contains('\0')) problems.Add($"argument \"{template}\" holds a NUL character");
        else into.Add(text);
    }
}
