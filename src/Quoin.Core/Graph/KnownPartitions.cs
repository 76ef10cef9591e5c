using System.Text;

namespace Quoin.Core;

/// <summary>
/// The partitions that can be told from the graph, and those that were recorded. From the graph:
/// outputs without captures, targets, files of sources; what these need, backwards through inputs;
/// and forwards, what a job would make of a known input that names all captures of its outputs
/// (<c>clean/{f}</c> of <c>raw/{f}</c>), if its sources are there. Jobs with a config command tell
/// their inputs only to a plan. Found out at the first question; any
/// thread may ask.
/// </summary>
public sealed class KnownPartitions : IKnownPartitions
{
    // What a plan stops at too: a chain such as {d-1d} has no other end.
    const int StepsMax = 10_000;
    const int CountMax = 10_000_000;

    readonly Lazy<string[]> sorted;

    /// <summary>
    /// Takes where to look: <paramref name="listFiles"/> gives the files that match a glob
    /// (<c>*</c> inside segments), both relative to the workspace with <c>/</c>.
    /// </summary>
    public KnownPartitions(
        Graph graph,
        Func<string, IEnumerable<string>> listFiles,
        IEnumerable<string>? recorded = null)
    {
        sorted = new(() => new Search(graph).Run(listFiles, recorded ?? []));
    }

    /// <summary>All of them, in ordinal order.</summary>
    public IReadOnlyList<string> All => sorted.Value;

    /// <inheritdoc/>
    public void AddStartingWith(string prefix, List<string> found)
    {
        var all = sorted.Value;
        var index = Array.BinarySearch(all, prefix, StringComparer.Ordinal);
        for (var i = index < 0 ? ~index : index;
            i < all.Length && all[i].StartsWith(prefix, StringComparison.Ordinal); i++)
            found.Add(all[i]);
    }

    // What {x:known} would add is known already, so here it stands for nothing.
    sealed class Nothing : IKnownPartitions
    {
        public void AddStartingWith(string prefix, List<string> found) { }
    }

    sealed class Search(Graph graph)
    {
        readonly PartitionNames names = new();
        readonly HashSet<PartitionId> known = [];
        readonly HashSet<PartitionId> files = [];
        readonly PatternIndex<(Job Job, Pattern Input)> readers = new();
        readonly Nothing nothing = new();
        readonly List<PartitionId> outputs = [];
        readonly List<PartitionId> inputs = [];
        List<PartitionId> next = [];

        public string[] Run(
            Func<string, IEnumerable<string>> listFiles, IEnumerable<string> recorded)
        {
            foreach (var job in graph.Jobs)
                foreach (var input in job.Inputs)
                    if (Reversed(job, input) is { } pattern) readers.Add(pattern, (job, pattern));
            ListSources(listFiles);
            foreach (var job in graph.Jobs)
                foreach (var output in job.Outputs)
                    if (output.IsLiteral) Add(names.Intern(output.Prefix));
            foreach (var target in graph.Targets)
                foreach (var name in Selection.Plain(graph, target)) Add(names.Intern(name));
            foreach (var name in recorded) Add(names.Intern(name));
            for (var step = 0; step < StepsMax && next.Count > 0; step++)
            {
                var now = next;
                next = [];
                foreach (var id in now) Visit(id);
            }
            var all = new string[known.Count];
            foreach (var (i, id) in known.Index()) all[i] = names.Text(id);
            Array.Sort(all, StringComparer.Ordinal);
            return all;
        }

        void ListSources(Func<string, IEnumerable<string>> listFiles)
        {
            foreach (var dataset in graph.Datasets)
            {
                if (!dataset.IsSource) continue;
                foreach (var path in listFiles(dataset.PathGlob))
                {
                    if (dataset.ReferenceAt(Encoding.UTF8.GetBytes(path)) is not { } name) continue;
                    files.Add(names.Intern(name));
                    Add(names.Intern(name));
                }
            }
        }

        void Add(PartitionId id)
        {
            if (known.Count < CountMax && known.Add(id)) next.Add(id);
        }

        void Visit(PartitionId id)
        {
            var producer = graph.FindProducer(names.Utf8(id));
            if (producer.Job is { } job && TryExpand(job, id))
            {
                foreach (var output in outputs) Add(output);
                foreach (var input in inputs)
                    if (graph.FindProducer(names.Utf8(input)) is var made
                        && (made.Job is not null || files.Contains(input)))
                        Add(input);
            }
            readers.FindAll(names.Utf8(id), reader => MakeFrom(id, reader.Job, reader.Input));
        }

        void MakeFrom(PartitionId input, Job job, Pattern pattern)
        {
            Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
            Span<byte> buffer = stackalloc byte[PartitionRef.BytesMax];
            var name = names.Utf8(input);
            if (!pattern.TryMatch(name, slots)) return;
            var length = job.Outputs[0].Fill(name, slots, buffer);
            if (length < 0) return;
            var output = names.Intern(buffer[..length]);
            if (known.Contains(output) || !TryExpand(job, output)) return;
            // The pattern knows nothing of derived values and other inputs: ask the job itself.
            if (!inputs.Contains(input)) return;
            foreach (var other in inputs)
                if (graph.FindProducer(names.Utf8(other)).Source is not null
                    && !files.Contains(other))
                    return;
            Add(output);
        }

        bool TryExpand(Job job, PartitionId output)
        {
            outputs.Clear();
            inputs.Clear();
            return !job.IsAsked
                && job.Expand(output, names, outputs, inputs, nothing) is null;
        }

        // An input as a pattern, if every capture of the outputs stands in it as it is.
        static Pattern? Reversed(Job job, Template input)
        {
            var captures = job.Outputs[0].Captures;
            if (input.IsMany || captures.IsEmpty) return null;
            var seen = new bool[captures.Length];
            foreach (var part in input.Parts)
            {
                if (part.Value is not { } value) continue;
                if (!value.IsPlain) return null;
                seen[value.Slot] = true;
            }
            return Array.TrueForAll(seen, isSeen => isSeen)
                && TemplateSegments.Of(input) is { } segments
                    ? new(input.Text, captures, segments)
                    : null;
        }
    }
}
