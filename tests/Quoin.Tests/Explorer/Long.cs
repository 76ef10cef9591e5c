namespace Quoin.Tests.Explorer;

/// <summary>
/// <c>QUOIN_LONG_TESTS=1</c> asks for the instances that take minutes; then, and only then, tests
/// say what they counted.
/// </summary>
static class Long
{
    public static readonly bool IsAsked =
        Environment.GetEnvironmentVariable("QUOIN_LONG_TESTS") == "1";

    /// <summary>One line of the summary that <c>./dev check --long</c> prints.</summary>
    public static void Say(string line)
    {
        if (IsAsked) Console.WriteLine(line);
    }
}
