using System.Collections;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Quoin.Core;

namespace Quoin.Tests.Events;

/// <summary>
/// Makes events of every type through their constructors and properties, so that a new event or a
/// new field is covered without a line here. With a seed they are random; without one they are the
/// samples of the golden file, where every text is the name of its property.
/// </summary>
sealed class EventMaker(PartitionNames names, int? seed = null)
{
    /// <summary>Every event that there is.</summary>
    public static readonly ImmutableArray<Type> Types =
    [
        .. typeof(BuildEvent).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(BuildEvent)) && !type.IsAbstract)
            .OrderBy(type => type.Name, StringComparer.Ordinal),
    ];

    static readonly string[] letters =
        ["a", "b", "/", "%", "\t", "\"", "\\", "é", "€", "😀", "\0", "\n"];

    readonly Random? random = seed is { } s ? new Random(s) : null;
    int counter;

    public BuildEvent Make(Type type) => (BuildEvent)MakeRecord(type);

    object Make(Type type, string name)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return random?.Next(2) == 0 ? null! : Make(inner, name);
        if (type.IsEnum) return PickEnum(type);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>))
            return MakeArray(type.GetGenericArguments()[0], name);
        return type switch
        {
            _ when type == typeof(string) => MakeText(name),
            _ when type == typeof(bool) => random is null || random.Next(2) == 1,
            _ when type == typeof(int) => MakeInt(),
            _ when type == typeof(long) => random?.NextInt64(long.MinValue, long.MaxValue)
                ?? 5_000_000_000,
            _ when type == typeof(PartitionId) => names.Intern(MakeReference(name)),
            _ when type == typeof(WantId) => new WantId(random?.Next(1, int.MaxValue) ?? 17),
            _ when type == typeof(InterventionId) =>
                new InterventionId(random?.Next(1, int.MaxValue) ?? 3),
            _ when type == typeof(TimeSpan) =>
                TimeSpan.FromMilliseconds(random?.Next(1, int.MaxValue) ?? ++counter),
            _ when type == typeof(RunId) => new RunId(random?.Next(1, int.MaxValue) ?? 19),
            _ when type == typeof(DateTimeOffset) => MakeTime(),
            _ when type == typeof(Digest) => MakeDigest(),
            _ => MakeRecord(type),
        };
    }

    object MakeRecord(Type type)
    {
        var constructor = type.GetConstructors()
            .Where(c => c.GetParameters() is not [var only] || only.ParameterType != type)
            .OrderByDescending(c => c.GetParameters().Length).First();
        var parameters = constructor.GetParameters();
        var made = constructor.Invoke(
            [.. parameters.Select(p => Make(p.ParameterType, p.Name!))]);
        foreach (var property in type.GetProperties())
        {
            if (property.CanWrite && !parameters.Any(p => p.Name == property.Name))
                property.SetValue(made, Make(property.PropertyType, property.Name));
        }
        return made;
    }

    object MakeArray(Type element, string name)
    {
        var count = random is null ? 2 : random.Next(10) == 0 ? random.Next(200) : random.Next(4);
        var array = Array.CreateInstance(element, count);
        for (var i = 0; i < count; i++) array.SetValue(Make(element, $"{name}-{i + 1}"), i);
        return typeof(System.Runtime.InteropServices.ImmutableCollectionsMarshal)
            .GetMethod("AsImmutableArray")!.MakeGenericMethod(element).Invoke(null, [array])!;
    }

    object PickEnum(Type type)
    {
        var values = Enum.GetValues(type);
        return values.GetValue(random?.Next(values.Length) ?? values.Length - 1)!;
    }

    // Sizes of 1 to 5 bytes on the wire are equally likely, and so are 0 and a negative number.
    int MakeInt() => random is null
        ? ++counter
        : random.Next(7) switch
        {
            0 => 0,
            1 => random.Next(int.MinValue, 0),
            var size => random.Next() >> (31 - (6 * (size - 1))),
        };

    string MakeText(string name)
    {
        if (random is null) return name;
        var text = new StringBuilder();
        for (var n = random.Next(5) == 0 ? random.Next(300) : random.Next(8); n > 0; n--)
            text.Append(letters[random.Next(letters.Length)]);
        return text.ToString();
    }

    string MakeReference(string name)
    {
        if (random is null) return $"{name.ToLowerInvariant()}/2026-01-31";
        var tail = random.Next(20) == 0 ? new string('x', random.Next(900)) : "";
        return $"d{random.Next(3)}/ü{random.Next(50)}{tail}";
    }

    DateTimeOffset MakeTime() => random is null
        ? new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero).AddMilliseconds(++counter)
        : random.Next(6) switch
        {
            0 => DateTimeOffset.UnixEpoch,
            1 => DateTimeOffset.UnixEpoch.AddTicks(-1),
            2 => DateTimeOffset.MaxValue,
            _ => new DateTimeOffset(
                random.NextInt64(DateTimeOffset.MinValue.Ticks + 1, DateTimeOffset.MaxValue.Ticks),
                TimeSpan.Zero),
        };

    Digest MakeDigest()
    {
        counter++;
        var size = random?.Next(3) ?? (counter % 2) + 1;
        var bytes = new byte[size * 16];
        if (random is null) bytes.AsSpan().Fill((byte)counter);
        else random.NextBytes(bytes);
        return new Digest((DigestAlgorithm)(bytes.Length / 16), bytes);
    }

    /// <summary>
    /// Everything in an event as text, so that two can be compared with a readable diff.
    /// </summary>
    public static string Describe(object? value, PartitionNames names) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        PartitionId id => names.Text(id),
        DateTimeOffset time => time.ToString("O", CultureInfo.InvariantCulture),
        TimeSpan span => $"{span.TotalMilliseconds} ms",
        Digest or Enum or WantId or RunId or InterventionId => $"{value}",
        WorkerId or bool or int or long => $"{value}",
        IEnumerable items =>
            $"[{string.Join(", ", items.Cast<object>().Select(item => Describe(item, names)))}]",
        _ => $"{value.GetType().Name}({string.Join(", ", Properties(value, names))})",
    };

    static IEnumerable<string> Properties(object value, PartitionNames names) =>
        from property in value.GetType().GetProperties()
        where property.Name != "EqualityContract"
        select $"{property.Name}={Describe(property.GetValue(value), names)}";
}
