using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The messages of a job's <c>config</c> command: <c>{"outputs":[…]}</c> to its stdin, and
/// <c>{"configs":[{"outputs":[…],"inputs":[…],"args":[…],"env":{…},"resources":{…}}]}</c> from its
/// stdout. Only <c>outputs</c> is required; an unknown field is an error that names it.
/// </summary>
public static class ConfigProtocol
{
    /// <summary>The question for some outputs of a job.</summary>
    public static ReadOnlyMemory<byte> WriteQuestion(ImmutableArray<string> outputs)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteStartArray("outputs"u8);
        foreach (var output in outputs) json.WriteStringValue(output);
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>The configs of an answer, or what is wrong with it and where.</summary>
    public static ConfigAnswer ReadAnswer(ReadOnlyMemory<byte> utf8, ConfigRequest request)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8);
            var root = Object(document.RootElement, "the answer", "configs");
            if (!root.TryGetProperty("configs", out var list))
                return ConfigAnswer.Failed("config answered without a field configs");
            var configs = ImmutableArray.CreateBuilder<JobConfig>();
            foreach (var item in Array(list, "configs"))
                configs.Add(ReadConfig(item, $"configs[{configs.Count}]", request.Job));
            return ConfigAnswer.Of(configs.ToImmutable());
        }
        catch (JsonException e)
        {
            return ConfigAnswer.Failed(
                "config did not answer JSON: line "
                + $"{e.LineNumber + 1}, byte {e.BytePositionInLine}");
        }
        catch (FormatException e)
        {
            return ConfigAnswer.Failed($"config answered wrongly: {e.Message}");
        }
    }

    static JobConfig ReadConfig(JsonElement item, string at, Job job)
    {
        var config = Object(item, at, "outputs", "inputs", "args", "env", "resources");
        var env = job.Env;
        if (config.TryGetProperty("env", out var declared))
        {
            foreach (var variable in Object(declared, $"{at}.env").EnumerateObject())
                env = env.SetItem(variable.Name, Text(variable.Value, $"{at}.env.{variable.Name}"));
        }
        return new JobConfig
        {
            Job = job.Name,
            Outputs = References(config, "outputs", at),
            Inputs = References(config, "inputs", at),
            Args = [.. job.Exec, .. Texts(config, "args", at)],
            Env = env,
            Resources = config.TryGetProperty("resources", out var resources)
                ? ReadResources(resources, $"{at}.resources", job.Limits.Resources)
                : job.Limits.Resources,
        };
    }

    static ResourceVector ReadResources(JsonElement item, string at, ResourceVector declared)
    {
        foreach (var field in Object(item, at, "cpu", "memory", "pools").EnumerateObject())
        {
            declared = field.Name switch
            {
                "cpu" => declared with { Cpu = (int)Number(field.Value, $"{at}.cpu", 4096) },
                "memory" => declared with
                {
                    MemoryBytes = Number(field.Value, $"{at}.memory", long.MaxValue),
                },
                _ => declared with
                {
                    Pools =
                    [
                        .. Object(field.Value, $"{at}.pools").EnumerateObject()
                            .OrderBy(pool => pool.Name, StringComparer.Ordinal)
                            .Select(pool => new PoolClaim(
                                pool.Name,
                                (int)Number(pool.Value, $"{at}.pools.{pool.Name}", int.MaxValue))),
                    ],
                },
            };
        }
        return declared;
    }

    static ImmutableArray<string> References(JsonElement config, string field, string at)
    {
        var references = Texts(config, field, at);
        for (var i = 0; i < references.Length; i++)
        {
            if (PartitionRef.Check(references[i]) is { } problem)
                throw new FormatException($"{at}.{field}[{i}]: {problem}");
        }
        return references;
    }

    static ImmutableArray<string> Texts(JsonElement config, string field, string at)
    {
        if (!config.TryGetProperty(field, out var list))
            return field == "outputs" ? throw new FormatException($"{at} has no outputs") : [];
        var texts = ImmutableArray.CreateBuilder<string>();
        foreach (var item in Array(list, $"{at}.{field}"))
            texts.Add(Text(item, $"{at}.{field}[{texts.Count}]"));
        return texts.ToImmutable();
    }

    // Without names any field is allowed.
    static JsonElement Object(JsonElement item, string at, params ReadOnlySpan<string> fields)
    {
        if (item.ValueKind != JsonValueKind.Object)
            throw new FormatException($"{at} is not an object");
        foreach (var field in item.EnumerateObject())
        {
            if (!fields.IsEmpty && !fields.Contains(field.Name))
                throw new FormatException(
                    $"{at} has a field {field.Name}; it may have {string.Join(", ", fields!)}");
        }
        return item;
    }

    static JsonElement.ArrayEnumerator Array(JsonElement item, string at) =>
        item.ValueKind == JsonValueKind.Array
            ? item.EnumerateArray()
            : throw new FormatException($"{at} is not a list");

    static string Text(JsonElement item, string at) =>
        item.ValueKind == JsonValueKind.String
            ? item.GetString()!
            : throw new FormatException($"{at} is not a text");

    static long Number(JsonElement item, string at, long max) =>
        item.ValueKind == JsonValueKind.Number && item.TryGetInt64(out var number)
        && number >= 0 && number <= max
            ? number
            : throw new FormatException($"{at} is not a whole number from 0 to {max}");
}
