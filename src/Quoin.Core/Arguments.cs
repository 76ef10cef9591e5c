using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// The arguments of a <see cref="JobConfig"/> before and after the paths are known. In them
/// <c>{in}</c> and <c>{out}</c> stand for the first input's and output's path, anywhere in an
/// argument; <c>{in...}</c> and <c>{out...}</c>, as whole arguments, for one argument a path. A
/// brace that is meant is doubled.
/// </summary>
public static class Arguments
{
    /// <summary>The argv to start: paths filled in, doubled braces single again.</summary>
    public static ImmutableArray<string> Fill(
        ImmutableArray<string> args, ImmutableArray<string> inputs, ImmutableArray<string> outputs)
    {
        var filled = ImmutableArray.CreateBuilder<string>(args.Length);
        foreach (var arg in args)
        {
            if (arg == "{in...}") filled.AddRange(inputs);
            else if (arg == "{out...}") filled.AddRange(outputs);
            else filled.Add(FillOne(arg, inputs, outputs));
        }
        return filled.DrainToImmutable();
    }

    /// <summary>An argument that <see cref="Fill"/> gives back as it is here.</summary>
    public static string Literal(string text) => BraceText.Escape(text);

    /// <summary>
    /// An argument that somebody wrote, checked: braces hold <c>in</c>, <c>out</c>, <c>in...</c> or
    /// <c>out...</c>, or are doubled. Null when it is right, else what is wrong.
    /// </summary>
    public static string? Check(string arg) =>
        TemplateParser.Parse(arg, TemplateUse.Argument, [], out var problem) is null
            ? problem!.Message
            : null;

    /// <summary>True when a checked argument has this placeholder.</summary>
    internal static bool Has(string arg, string placeholder)
    {
        for (var i = 0; i < arg.Length; i++)
        {
            var rest = arg.AsSpan(i);
            if (rest is ['{', '{', ..] or ['}', '}', ..]) i++;
            else if (rest.StartsWith(placeholder, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    static string FillOne(
        string arg, ImmutableArray<string> inputs, ImmutableArray<string> outputs)
    {
        if (arg.AsSpan().IndexOfAny('{', '}') < 0) return arg;
        var text = new StringBuilder(arg.Length + 64);
        for (var i = 0; i < arg.Length;)
        {
            var rest = arg.AsSpan(i);
            var (piece, length) = rest switch
            {
                ['{', '{', ..] => ("{", 2),
                ['}', '}', ..] => ("}", 2),
                ['{', 'i', 'n', '}', ..] when inputs.Length > 0 => (inputs[0], 4),
                ['{', 'o', 'u', 't', '}', ..] when outputs.Length > 0 => (outputs[0], 5),
                _ => (arg[i..(i + 1)], 1),
            };
            text.Append(piece);
            i += length;
        }
        return text.ToString();
    }
}
