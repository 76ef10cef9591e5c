namespace Quoin.Core;

/// <summary>A partition reference with typed captures: <c>daily/{date:date}</c>.</summary>
public sealed class Pattern
{
    /// <summary>As written.</summary>
    public required string Text { get; init; }

    /// <summary>True when the name matches, types included.</summary>
    public bool IsMatch(ReadOnlySpan<byte> name) => throw new NotSupportedException();
}
