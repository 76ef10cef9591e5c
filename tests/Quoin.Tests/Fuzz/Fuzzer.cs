using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Quoin.Tests.Fuzz;

/// <summary>
/// Feeds a parser with valid inputs that were damaged: bits flipped, pieces cut, doubled, nested
/// and taken from elsewhere, words put in. A case is made from the seed and its number alone, and a
/// failing one is cut down before it is told.
/// </summary>
sealed class Fuzzer(string name, IReadOnlyList<byte[]> corpus, params string[] words)
{
    const int BytesMax = 16 << 10;

    static readonly string[] AnyWords =
    [
        "\0", "\n", "\r\n", "\t", "\u00e9", "\ud83d\ude00", "\ufeff", "..", "/", "%", "%2F", "%zz",
        "-1", "0", "1e999", "99999999999999999999", "null", "\"", "\\", "\\u", "\\ud800", "{", "}",
        "[", "]", "*", "**", "&a", "*a", "{x}", "{x:int}", "{", "\u202e",
    ];

    /// <summary>
    /// The most that one case may allocate. Work is measured by that because it does not depend on
    /// how busy the machine is.
    /// </summary>
    public long AllocatedMax { get; init; } = 256 << 20;

    public static ulong Seed =>
        Environment.GetEnvironmentVariable("QUOIN_SEED") is { Length: > 0 } text
            ? ulong.Parse(text, CultureInfo.InvariantCulture)
            : 1;

    /// <summary>
    /// Runs so many cases, or one that the environment names. The check throws what is wrong.
    /// </summary>
    public string Run(int cases, Action<byte[]> check)
    {
        if (Environment.GetEnvironmentVariable("QUOIN_LONG_TESTS") == "1") cases *= 40;
        var only = Environment.GetEnvironmentVariable("QUOIN_FUZZ_CASE");
        var first = only is null ? 0 : int.Parse(only, CultureInfo.InvariantCulture);
        foreach (var valid in corpus) check(valid);
        var watch = Stopwatch.StartNew();
        for (var i = first; i < (only is null ? cases : first + 1); i++)
        {
            var input = Make(i);
            if (Failure(check, input) is not { } failure) continue;
            var small = Shrink(check, input, failure.GetType());
            Assert.Fail($"""
                {name}: {(Failure(check, small) ?? failure)}
                input: {Text(small)}
                Replay it: QUOIN_SEED={Seed} QUOIN_FUZZ_CASE={i}
                """);
        }
        var summary = string.Create(CultureInfo.InvariantCulture,
            $"fuzz {name}: {cases} cases, {cases / watch.Elapsed.TotalSeconds:0}/s, seed {Seed}");
        return summary;
    }

    Exception? Failure(Action<byte[]> check, byte[] input)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            check(input);
        }
        catch (Exception e)
        {
            return e;
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        return allocated <= AllocatedMax
            ? null
            : new InvalidOperationException(
                $"{input.Length} bytes made it allocate {allocated >> 20} MiB");
    }

    // Leaves pieces out as long as it fails in the same way.
    byte[] Shrink(Action<byte[]> check, byte[] input, Type failure)
    {
        for (var piece = input.Length / 2; piece > 0; piece /= 2)
        {
            for (var at = 0; at + piece <= input.Length;)
            {
                byte[] less = [.. input[..at], .. input[(at + piece)..]];
                if (Failure(check, less)?.GetType() == failure) input = less;
                else at += piece;
            }
        }
        return input;
    }

    byte[] Make(int number)
    {
        var random = new Random(HashOf(number));
        var input = new List<byte>(corpus[random.Next(corpus.Count)]);
        for (var n = random.Next(1, 6); n > 0; n--) Damage(random, input);
        if (input.Count > BytesMax) input.RemoveRange(BytesMax, input.Count - BytesMax);
        return [.. input];
    }

    static int HashOf(int number) => (int)((Seed * 0x9E3779B97F4A7C15UL) >> 33) ^ (number * 7919);

    void Damage(Random random, List<byte> input)
    {
        var at = random.Next(input.Count + 1);
        var length = Math.Min(input.Count - at, 1 << random.Next(8));
        switch (random.Next(9))
        {
            case 0 when at < input.Count:
                input[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < input.Count:
                input[at] = (byte)random.Next(256);
                break;
            case 2:
                input.RemoveRange(at, length);
                break;
            case 3:
                input.RemoveRange(at, input.Count - at);
                break;
            case 4:
                input.InsertRange(at, input.GetRange(at, length));
                break;
            case 5:
                var other = corpus[random.Next(corpus.Count)];
                var from = random.Next(other.Length + 1);
                input.InsertRange(
                    at, other.AsSpan(from, random.Next(other.Length - from + 1)).ToArray());
                break;
            case 6: // Deep nesting.
                var word = Encoding.UTF8.GetBytes(Word(random));
                for (var n = 1 << random.Next(12); n > 0 && input.Count < BytesMax; n--)
                    input.InsertRange(at, word);
                break;
            default:
                input.InsertRange(at, Encoding.UTF8.GetBytes(Word(random)));
                break;
        }
    }

    string Word(Random random) => words.Length > 0 && random.Next(2) == 0
        ? words[random.Next(words.Length)]
        : AnyWords[random.Next(AnyWords.Length)];

    static string Text(byte[] input) =>
        $"{System.Text.Json.JsonSerializer.Serialize(Encoding.UTF8.GetString(input))} "
        + $"({Convert.ToHexString(input)})";
}
