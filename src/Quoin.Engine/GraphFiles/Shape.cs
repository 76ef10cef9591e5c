using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What may stand at a place of a graph file. The table of keys (<see cref="GraphShape"/>) is made
/// of these; the check of a file, and the JSON Schema for editors, follow from it.
/// </summary>
abstract record Shape
{
    /// <summary>For messages, with article: <c>a list</c>.</summary>
    public abstract string Description { get; }
}

/// <summary>Text; a number will do, nothing will not.</summary>
sealed record TextShape(string Description) : Shape
{
    public override string Description { get; } = Description;
}

/// <summary>A whole number.</summary>
sealed record IntShape(int Min, int Max) : Shape
{
    public override string Description => $"a whole number from {Min} to {Max}";
}

/// <summary>True or false.</summary>
sealed record BoolShape : Shape
{
    public override string Description => "true or false";
}

/// <summary>A duration; <c>none</c> only where a default may have to be undone.</summary>
sealed record DurationShape(bool AllowsNone = false) : Shape
{
    public override string Description =>
        "a duration such as 90s, 10m or 1h30m" + (AllowsNone ? ", or none" : "");
}

/// <summary>A size in bytes.</summary>
sealed record SizeShape : Shape
{
    public override string Description => "a size such as 200MB or 1GiB";
}

/// <summary>Cores: a number, or the least and the most of what will do.</summary>
sealed record CoresShape : Shape
{
    public override string Description =>
        $"a whole number of cores from 0 to {CoreRange.Max}, or a range such as 1-8";
}

/// <summary>One of some words.</summary>
sealed record ChoiceShape(params string[] Words) : Shape
{
    public override string Description => $"one of {string.Join(", ", Words)}";
}

/// <summary>A list with at least so many items.</summary>
sealed record ListShape(Shape Item, int CountMin = 0) : Shape
{
    public override string Description => "a list";
}

/// <summary>A map whose keys people choose.</summary>
sealed record MapShape(Shape Value, string KeyName) : Shape
{
    public override string Description => "a map";

    /// <summary>What a key must be, or null: any text.</summary>
    public IntShape? Key { get; init; }
}

/// <summary>A map with these keys and no others.</summary>
sealed record ObjectShape(string Name, params KeyShape[] Keys) : Shape
{
    public override string Description => "a map";
}

/// <summary>Text of one shape, or a map of another.</summary>
sealed record EitherShape(Shape Text, ObjectShape Map) : Shape
{
    public override string Description => $"{Text.Description} or a map";
}

/// <summary>A key of an <see cref="ObjectShape"/> and its meaning in a sentence.</summary>
sealed record KeyShape(string Key, Shape Value, string Doc)
{
    /// <summary>It must be there.</summary>
    public bool IsRequired { get; init; }

    /// <summary>It must be there unless this other key is; null: as the former says.</summary>
    public string? UnlessKey { get; init; }

    /// <summary>How far this version goes.</summary>
    public KeySupport Support { get; init; }
}

/// <summary>How far this version of Quoin goes with a key.</summary>
enum KeySupport : byte
{
    /// <summary>It does what the documentation says.</summary>
    Full,

    /// <summary>It is checked and has no effect: a warning says so.</summary>
    NoEffect,

    /// <summary>A graph that needs it cannot be built: an error.</summary>
    None,
}
