namespace Quoin.EndToEndTests;

/// <summary>Many ways through one test.</summary>
static class Scenarios
{
    /// <summary>Runs all of them, some at a time; says of each that failed which it was.</summary>
    public static async Task EachAsync<T>(IEnumerable<T> scenarios, int abreast, Func<T, Task> run)
    {
        var failed = new List<string>();
        await Parallel.ForEachAsync(
            scenarios, new ParallelOptions { MaxDegreeOfParallelism = abreast },
            async (scenario, _) =>
            {
                try
                {
                    await run(scenario);
                }
                catch (Exception e)
                {
                    lock (failed) failed.Add($"{scenario}: {e.Message}");
                }
            });
        Assert.True(failed.Count == 0, string.Join("\n\n", failed));
    }
}
