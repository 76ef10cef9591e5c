using System.Text;

namespace Quoin.Core;

/// <summary>
/// A template seen as a pattern: its captures and derived values match anything of their type.
/// </summary>
static class TemplateSegments
{
    /// <summary>
    /// Its segments; captures keep their slots, derived values get slots after them. Null: a
    /// segment has two parts of variable length and could be read in several ways.
    /// </summary>
    public static PatternSegment[]? Of(Template template)
    {
        var segments = new List<PatternSegment>();
        var atoms = new List<PatternAtom>();
        var seen = new HashSet<int>();
        var free = template.Captures.Length;
        foreach (var part in template.Parts)
        {
            if (part.Literal is null)
            {
                atoms.Add(part switch
                {
                    { Generator: >= 0 } =>
                        new(null, template.Generators[part.Generator].Type, free++, false),
                    { Value: { IsPlain: true } value } =>
                        new(null, value.Type, value.Slot, !seen.Add(value.Slot)),
                    _ => new(null, part.Value!.Type, free++, false),
                });
                continue;
            }
            var literals = Encoding.UTF8.GetString(part.Literal).Split('/');
            for (var i = 0; i < literals.Length; i++)
            {
                if (i > 0)
                {
                    segments.Add(new([.. atoms]));
                    atoms.Clear();
                }
                if (literals[i].Length > 0)
                    atoms.Add(new(Encoding.UTF8.GetBytes(literals[i]), null, 0, false));
            }
        }
        segments.Add(new([.. atoms]));
        return segments.Exists(segment => segment.Atoms.Count(atom => !atom.IsFixedLength) > 1)
            ? null
            : [.. segments];
    }
}
