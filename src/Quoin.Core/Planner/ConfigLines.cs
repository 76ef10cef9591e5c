using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// The <c>arg</c> and <c>env</c> lines of a job's configs, as far as they are the same for all,
/// written once; only what holds captures is filled in for each partition, as UTF-8 and without
/// strings. The text is that of <see cref="Job.Configure"/>.
/// </summary>
sealed class ConfigLines
{
    const int ValueMax = 2048;

    readonly Job job;
    readonly List<Piece> pieces = [];
    readonly FingerprintWriter literals = new();
    readonly bool hasCaptures;

    public ConfigLines(Job job, ImmutableArray<SecretFact> secrets)
    {
        this.job = job;
        foreach (var i in Enumerable.Range(0, job.ExecTemplates.Length)
            .OrderBy(i => $"{i}", StringComparer.Ordinal))
            Add("arg", $"{i}", job.ExecTemplates[i]);
        var env = job.EnvTemplates.Select(entry => (entry.Name, entry.Value, KeyedDigest: ""))
            .Concat(secrets.Select(
                secret => (secret.Name, Value: (Template?)null, secret.KeyedDigest))!);
        foreach (var (name, template, digest) in env.OrderBy(
            entry => entry.Name, StringComparer.Ordinal))
        {
            if (template is null) literals.Line("env\t"u8, name, digest);
            else Add("env", name, template);
        }
        Flush(null);
        hasCaptures = pieces.Exists(piece => piece.Template is not null);
    }

    /// <summary>
    /// Writes the lines for an output. False, and some may have been written, when a value needs
    /// more than this: braces in a name, a very long one, one that leaves the calendar.
    /// </summary>
    public bool TryWrite(ReadOnlySpan<byte> output, FingerprintWriter writer)
    {
        if (job.ExecTemplates.IsEmpty) return false; // Only the exec's text is known.
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        Span<byte> value = stackalloc byte[ValueMax];
        // Where a capture's braces must be doubled the templates' own rendering is asked.
        if (hasCaptures && output.ContainsAny((byte)'{', (byte)'}')) return false;
        if (hasCaptures && !job.TryBind(output, slots)) return false;
        foreach (var piece in pieces)
        {
            writer.Append(piece.Before);
            if (piece.Template is not { } template) continue;
            var length = template.Fill(output, slots, value);
            if (length < 0) return false;
            writer.RestOfLine(value[..length]);
        }
        return true;
    }

    void Add(string kind, string name, Template template)
    {
        if (template.IsLiteral && template.Render([], []) is { } value)
            literals.Line(KindTab(kind), name, value);
        else
        {
            var start = new FingerprintWriter();
            start.Line(KindTab(kind), name, "");
            literals.Append(start.Text[..^1]); // Up to the value.
            Flush(template);
        }
    }

    void Flush(Template? template)
    {
        pieces.Add(new Piece(literals.Text.ToArray(), template));
        literals.Truncate(0);
    }

    static ReadOnlySpan<byte> KindTab(string kind) => kind == "arg" ? "arg\t"u8 : "env\t"u8;

    /// <summary>Text, and what follows it; null: nothing.</summary>
    readonly record struct Piece(byte[] Before, Template? Template);
}
