using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The two messages of a job's <c>config</c> command, as canonical proto3 JSON
/// (<c>ConfigQuestion</c> and <c>ConfigAnswer</c> of <c>job.proto</c>). Pure: starting the command
/// is somebody else's.
/// </summary>
public static class ConfigProtocol
{
    /// <summary>The bytes for the command's stdin.</summary>
    public static ReadOnlyMemory<byte> WriteQuestion(ImmutableArray<string> outputs)
    {
        var buffer = new ArrayBufferWriter<byte>(64 + (outputs.Length * 32));
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = Plain }))
        {
            json.WriteStartObject();
            json.WriteStartArray("outputs");
            foreach (var output in outputs) json.WriteStringValue(output);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }

    /// <summary>
    /// Reads what the command wrote to stdout and completes it with what the job declares. All that
    /// is wrong with it becomes one failure that names each field: unknown or doubled fields, wrong
    /// types, an asked output in no config or in two that differ, what <see cref="Job.Complete"/>
    /// finds.
    /// </summary>
    public static ConfigAnswer ReadAnswer(ReadOnlyMemory<byte> stdout, ConfigRequest request)
    {
        if (stdout.Span.Trim(" \t\r\n"u8).IsEmpty)
            return ConfigAnswer.Failed("config printed no answer on stdout");
        if (!Utf8.IsValid(stdout.Span))
            return ConfigAnswer.Failed("config's answer is not UTF-8");
        var wrong = new List<string>();
        try
        {
            using var document = JsonDocument.Parse(stdout);
            var reader = new AnswerReader(request.Job, wrong);
            var configs = reader.Read(document.RootElement);
            if (wrong.Count == 0) CheckCover(configs, request, wrong);
            return wrong.Count == 0
                ? ConfigAnswer.Of(configs)
                : ConfigAnswer.Failed("config's answer: " + string.Join("; ", wrong));
        }
        catch (JsonException e)
        {
            return ConfigAnswer.Failed($"config's answer is not JSON: {SentenceOf(e)}");
        }
        catch (InvalidOperationException)
        {
            // Thrown when text is taken out whose escapes are half a character.
            return ConfigAnswer.Failed("config's answer has text that is not Unicode");
        }
    }

    static readonly System.Text.Encodings.Web.JavaScriptEncoder Plain =
        System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    static void CheckCover(
        ImmutableArray<JobConfig> configs, ConfigRequest request, List<string> wrong)
    {
        var owners = new Dictionary<string, int>();
        foreach (var (i, config) in configs.Index())
        {
            foreach (var (j, output) in config.Outputs.Index())
            {
                if (owners.TryAdd(output, i)) continue;
                wrong.Add(
                    $"configs[{i}].outputs[{j}]: {output} is in configs[{owners[output]}] too");
            }
        }
        var missing = request.Outputs.Where(output => !owners.ContainsKey(output)).ToList();
        if (missing.Count == 0) return;
        wrong.Add($"{missing[0]} is in no config"
            + (missing.Count == 1
                ? ""
                : $", nor are {missing.Count - 1} more that were asked for"));
    }

    // The parser appends its own path and place; the place is worth keeping, the rest is noise.
    static string SentenceOf(JsonException e)
    {
        var text = e.Message;
        var cut = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
        if (cut > 0) text = text[..cut];
        return $"line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {text.TrimEnd('.')}";
    }

    sealed class AnswerReader(Job job, List<string> wrong)
    {
        static readonly string[] AnswerFields = ["configs"];

        static readonly string[] ConfigFields =
            ["outputs", "inputs", "args", "env", "resources", "job"];

        static readonly string[] ResourceFields =
            ["cpu", "cpuMost", "cpu_most", "memoryBytes", "memory_bytes", "pools"];

        public ImmutableArray<JobConfig> Read(JsonElement root)
        {
            if (!IsObject(root, "the answer", AnswerFields)) return [];
            if (!root.TryGetProperty("configs", out var list)
                || list.ValueKind != JsonValueKind.Array)
            {
                wrong.Add("configs must be a list");
                return [];
            }
            var configs = ImmutableArray.CreateBuilder<JobConfig>();
            foreach (var (i, element) in list.EnumerateArray().Index())
                if (ReadConfig(element, $"configs[{i}]") is { } config) configs.Add(config);
            return configs.DrainToImmutable();
        }

        JobConfig? ReadConfig(JsonElement element, string path)
        {
            var before = wrong.Count;
            if (!IsObject(element, path, ConfigFields)) return null;
            var answered = new JobConfig
            {
                Job = job.Name,
                Outputs = References(element, path, "outputs"),
                Inputs = References(element, path, "inputs"),
                Args = Texts(element, path, "args", Arguments.Check),
                Env = Env(element, path),
            };
            if (answered.Outputs.IsEmpty) wrong.Add($"{path}.outputs is empty");
            if (element.TryGetProperty("job", out var name)
                && name.ValueKind == JsonValueKind.String
                && name.GetString() is { Length: > 0 } other && other != job.Name)
                wrong.Add($"{path}.job is \"{other}\", not {job.Name}");
            foreach (var input in answered.Inputs)
                if (answered.Outputs.Contains(input))
                    wrong.Add($"{path}: {input} is its own input");
            var resources = Resources(element, path);
            if (wrong.Count > before) return null;
            var complete = job.Complete(answered, resources, out var problem);
            if (problem is not null) wrong.Add($"{path}: {problem}");
            return complete;
        }

        ImmutableArray<string> References(JsonElement owner, string path, string field) =>
            Texts(owner, path, field, text => PartitionRef.Check(text));

        ImmutableArray<string> Texts(
            JsonElement owner, string path, string field, Func<string, string?> check)
        {
            if (!TryGet(owner, field, out var list)) return [];
            if (list.ValueKind != JsonValueKind.Array)
            {
                wrong.Add($"{path}.{field} must be a list");
                return [];
            }
            var texts = ImmutableArray.CreateBuilder<string>(list.GetArrayLength());
            foreach (var (i, element) in list.EnumerateArray().Index())
            {
                if (element.ValueKind != JsonValueKind.String)
                    wrong.Add($"{path}.{field}[{i}] must be text");
                else if (check(element.GetString()!) is { } problem)
                    wrong.Add($"{path}.{field}[{i}]: {problem}");
                else
                    texts.Add(element.GetString()!);
            }
            return texts.DrainToImmutable();
        }

        ImmutableSortedDictionary<string, string> Env(JsonElement owner, string path)
        {
            var env =
                ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
            if (!TryGet(owner, "env", out var map)) return env.ToImmutable();
            if (!IsObject(map, $"{path}.env", null)) return env.ToImmutable();
            foreach (var variable in map.EnumerateObject())
            {
                if (variable.Value.ValueKind != JsonValueKind.String)
                    wrong.Add($"{path}.env.{variable.Name} must be text");
                else if (variable.Name.Length == 0
                    || variable.Name.AsSpan().IndexOfAny('=', '\0') >= 0)
                    wrong.Add($"{path}.env: \"{variable.Name}\" cannot name a variable");
                else
                    env[variable.Name] = variable.Value.GetString()!;
            }
            return env.ToImmutable();
        }

        ResourceVector? Resources(JsonElement owner, string path)
        {
            if (!TryGet(owner, "resources", out var map)) return null;
            path += ".resources";
            if (!IsObject(map, path, ResourceFields)) return null;
            var cores = Cores(map, path);
            var memory = map.TryGetProperty("memory_bytes", out _)
                ? Number(map, path, "memory_bytes", 1L << 53)
                : Number(map, path, "memoryBytes", 1L << 53);
            var pools = new SortedDictionary<string, int>(StringComparer.Ordinal);
            if (TryGet(map, "pools", out var claims) && IsObject(claims, $"{path}.pools", null))
                foreach (var claim in claims.EnumerateObject())
                    pools[claim.Name] = (int)Number(claims, $"{path}.pools", claim.Name, 1_000_000);
            return new()
            {
                Cpu = cores.Least,
                CpuMost = cores.Most,
                MemoryBytes = memory,
                Pools = [.. pools.Select(claim => new PoolClaim(claim.Key, claim.Value))],
            };
        }

        CoreRange Cores(JsonElement map, string path)
        {
            // proto3 does not write a zero: nothing is one core.
            var least = (int)Math.Max(1, Number(map, path, "cpu", CoreRange.Max));
            var field = map.TryGetProperty("cpu_most", out _) ? "cpu_most" : "cpuMost";
            var most = (int)Number(map, path, field, CoreRange.Max);
            if (most > 0 && most < least)
                wrong.Add($"{path}.{field} is less than cpu, {least}");
            return new CoreRange(least, most);
        }

        // Canonical proto3 JSON quotes 64-bit numbers, and reads both forms.
        long Number(JsonElement owner, string path, string field, long max)
        {
            if (!TryGet(owner, field, out var value)) return 0;
            var number = 0L;
            var isNumber = value.ValueKind switch
            {
                JsonValueKind.Number => value.TryGetInt64(out number),
                JsonValueKind.String => long.TryParse(
                    value.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out number),
                _ => false,
            };
            if (isNumber && number >= 0 && number <= max) return number;
            wrong.Add($"{path}.{field} must be a whole number from 0 to {max}");
            return 0;
        }

        // In proto3 JSON null is the same as not there.
        static bool TryGet(JsonElement owner, string field, out JsonElement value) =>
            owner.TryGetProperty(field, out value) && value.ValueKind != JsonValueKind.Null;

        bool IsObject(JsonElement element, string path, string[]? fields)
        {
            if (element.ValueKind != JsonValueKind.Object)
            {
                wrong.Add($"{path} must be an object");
                return false;
            }
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var property in element.EnumerateObject())
            {
                if (!seen.Add(property.Name)) wrong.Add($"{path} has \"{property.Name}\" twice");
                if (fields is null || fields.Contains(property.Name)) continue;
                var near = Nearest.To(property.Name, fields);
                wrong.Add($"{path} has an unknown field \"{property.Name}\""
                    + (near is null ? "" : $"; did you mean \"{near}\"?"));
            }
            return true;
        }
    }
}
