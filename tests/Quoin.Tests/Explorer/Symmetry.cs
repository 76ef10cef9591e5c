using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// A renaming of partitions, wants and jobs under which an instance is the same as before.
/// </summary>
sealed class Symmetry
{
    readonly int[] partitions, wants, jobs;

    Symmetry(int[] partitions, int[] wants, int[] jobs)
    {
        this.partitions = partitions;
        this.wants = wants;
        this.jobs = jobs;
    }

    public int P(int partition) => partitions[partition];

    public int W(int want) => want < 0 ? want : wants[want];

    public int J(int job) => jobs[job];

    /// <summary>Runs go with their jobs; 0 is none.</summary>
    public int R(int run)
    {
        if (run == 0) return 0;
        var (job, number) = Marking.JobOf(new RunId(run));
        return Marking.RunIdOf(jobs[job], number);
    }

    public static Symmetry Identity(Instance instance) => new(
        [.. Enumerable.Range(0, instance.Partitions.Length)],
        [.. Enumerable.Range(0, instance.Wants.Length)],
        [.. Enumerable.Range(0, instance.Jobs.Length)]);

    /// <summary>All of them, the identity among them: a group.</summary>
    public static List<Symmetry> Of(Instance instance)
    {
        var found = new List<Symmetry>();
        foreach (var partitions in Permutations(instance.Partitions.Length))
        {
            char Image(char letter) =>
                instance.Partitions[partitions[instance.Partitions.IndexOf(letter)]];
            string Rename(string letters) => new([.. letters.Select(Image).Order()]);
            var jobs = Match(instance.Jobs, job => job with
            {
                Outputs = Rename(job.Outputs),
                Inputs = Rename(job.Inputs),
                Finds = Rename(job.Finds),
                Surplus = Rename(job.Surplus),
            });
            var wants = Match(instance.Wants, want => want with { Targets = Rename(want.Targets) });
            if (jobs is null || wants is null) continue;
            // What two jobs make is planned with the first of them, and so has to be its image.
            var keeps = partitions.Select((to, from) => (to, from)).All(pair =>
                First(instance, pair.to) == jobs[First(instance, pair.from)]);
            if (keeps) found.Add(new Symmetry(partitions, wants, jobs));
        }
        return found;
    }

    static int First(Instance instance, int partition)
    {
        for (var job = 0; job < instance.Jobs.Length; job++)
            if (instance.Jobs[job].Outputs.Contains(instance.Partitions[partition])) return job;
        return 0;
    }

    // To which of the others each one is renamed; equal ones take turns.
    static int[]? Match<T>(IReadOnlyList<T> all, Func<T, T> rename)
        where T : notnull
    {
        var taken = new HashSet<int>();
        var to = new int[all.Count];
        for (var i = 0; i < all.Count; i++)
        {
            var image = rename(all[i]);
            to[i] = Enumerable.Range(0, all.Count)
                .FirstOrDefault(j => !taken.Contains(j) && all[j].Equals(image), -1);
            if (to[i] < 0) return null;
            taken.Add(to[i]);
        }
        return to;
    }

    static IEnumerable<int[]> Permutations(int length)
    {
        if (length == 0) return [[]];
        return from shorter in Permutations(length - 1)
               from at in Enumerable.Range(0, length)
               select (int[])[.. shorter[..at], length - 1, .. shorter[at..]];
    }
}
