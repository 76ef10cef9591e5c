using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Quoin.Core;

/// <summary>A want of a store, written <c>w-17</c>. The coordinator counts them from 1.</summary>
public readonly record struct WantId(int Value)
{
    /// <summary>The id as people write it.</summary>
    public override string ToString() => $"w-{Value}";

    /// <summary>Reads <c>w-17</c>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out WantId id)
    {
        var ok = IdText.TryParse(text, 'w', out var value);
        id = new WantId(value);
        return ok;
    }
}

/// <summary>A run of a store, written <c>r-19</c>. The coordinator counts them from 1.</summary>
public readonly record struct RunId(int Value)
{
    /// <summary>The id as people write it.</summary>
    public override string ToString() => $"r-{Value}";

    /// <summary>Reads <c>r-19</c>; an attempt (<c>r-19/2</c>) is not a run.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out RunId id)
    {
        var ok = IdText.TryParse(text, 'r', out var value);
        id = new RunId(value);
        return ok;
    }
}

/// <summary>
/// An open question for a person, written <c>i-3</c>. The coordinator counts them from 1.
/// </summary>
public readonly record struct InterventionId(int Value)
{
    /// <summary>The id as people write it.</summary>
    public override string ToString() => $"i-{Value}";

    /// <summary>Reads <c>i-3</c>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out InterventionId id)
    {
        var ok = IdText.TryParse(text, 'i', out var value);
        id = new InterventionId(value);
        return ok;
    }
}

/// <summary>One attempt of a run, counted from 1, written <c>r-19/2</c>.</summary>
public readonly record struct AttemptId(RunId Run, int Attempt)
{
    /// <summary>The id as people write it.</summary>
    public override string ToString() => $"{Run}/{Attempt}";
}

/// <summary>
/// A worker process of a store. <see cref="Owner"/> (host/pid/start nonce) never repeats, so that
/// a process that died is never taken for the one that got its pid.
/// </summary>
public readonly record struct WorkerId(string Owner)
{
    /// <summary>The owner text.</summary>
    public override string ToString() => Owner;
}

/// <summary>
/// A partition's name as this process numbers it, from 0: an index into
/// <see cref="PartitionNames"/>. It means nothing in another process and is never stored.
/// </summary>
public readonly record struct PartitionId(int Value);

static class IdText
{
    public static bool TryParse([NotNullWhen(true)] string? text, char letter, out int value)
    {
        value = 0;
        return text is [var first, '-', ..] && first == letter
            && int.TryParse(
                text.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out value)
            && value > 0;
    }
}
