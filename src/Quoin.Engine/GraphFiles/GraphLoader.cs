using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What came of loading: the graph, if nothing but warnings was found, and all problems in order of
/// place.
/// </summary>
public sealed record GraphLoad(Graph? Graph, ImmutableArray<GraphProblem> Problems)
{
    /// <summary>
    /// All files that were read, relative to the workspace, in the order of reading.
    /// </summary>
    public ImmutableArray<string> Files { get; init; } = [];

    /// <summary>
    /// The jobs that feeds ask for; they are jobs of the graph, too.
    /// </summary>
    public ImmutableArray<FeedJob> FeedJobs { get; init; } = [];
}

/// <summary>Reads <c>quoin.yaml</c> and what it includes.</summary>
public static class GraphLoader
{
    const int FilesMax = 1000;

    /// <summary>
    /// Loads a graph file; <paramref name="graphFile"/> may be relative to <paramref
    /// name="workspaceDir"/>. Every problem of all files comes back, also that a file is not there
    /// or cannot be read; nothing is thrown for what stands in a file.
    /// </summary>
    public static GraphLoad Load(string workspaceDir, string graphFile) =>
        new Loading(Path.GetFullPath(workspaceDir)).Run(graphFile);

    sealed record LoadedFile(string File, byte[] Bytes, GraphFileReader Reader);

    sealed class Loading(string root)
    {
        readonly List<GraphProblem> problems = [];
        readonly List<LoadedFile> files = [];
        readonly HashSet<string> seen = [];
        ImmutableArray<FeedJob> feedJobs = [];

        public GraphLoad Run(string graphFile)
        {
            var main = Path.GetRelativePath(root, Path.GetFullPath(graphFile, root));
            Open(main.Replace('\\', '/'), null);
            var graph = files.Count == 0 ? null : Build(files[0].Reader);
            problems.Sort(ByPlace);
            if (problems.Exists(problem => !problem.IsWarning)) graph = null;
            return new(graph, [.. problems])
            {
                Files = [.. files.Select(entry => entry.File)],
                FeedJobs = graph is null ? [] : feedJobs,
            };
        }

        // Includes come right after the file that names them; a file named twice is read once.
        void Open(string file, SourceLocation? includedAt)
        {
            if (!seen.Add(file)) return;
            var place = includedAt ?? new(file, 1, 1);
            if (seen.Count > FilesMax)
            {
                if (seen.Count == FilesMax + 1)
                    problems.Add(new("too-many-files", place, $"more than {FilesMax} graph files"));
                return;
            }
            if (ReadBytes(file, place) is not { } bytes) return;
            if (YamlReader.Read(bytes, file, problems) is not { } node) return;
            new ShapeChecker(file, problems).Check(node, GraphShape.File, "the file");
            if (node.Kind != YamlKind.Map) return;
            var folder = Path.GetDirectoryName(file) ?? "";
            var reader = new GraphFileReader(file, folder, node);
            files.Add(new(file, bytes, reader));
            foreach (var glob in reader.Include) Include(glob, folder);
        }

        byte[]? ReadBytes(string file, SourceLocation place)
        {
            try
            {
                var found = new FileInfo(Path.Combine(root, file));
                if (Directory.Exists(found.FullName))
                    problems.Add(
                        new("file-missing", place, $"{file} is a folder, not a graph file"));
                else if (!found.Exists)
                    problems.Add(new("file-missing", place,
                        $"there is no graph file {file}; `quoin init` writes a first one"));
                else if (found.Length > YamlReader.BytesMax)
                    problems.Add(new("file-too-big", place,
                        $"{file} has {found.Length >> 20} MiB; a graph file has at most "
                        + $"{YamlReader.BytesMax >> 20} MiB. A job's config command can "
                        + "generate configs"));
                else
                    return File.ReadAllBytes(found.FullName);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add(new("file-unreadable", place, $"{file} cannot be read: {e.Message}"));
            }
            return null;
        }

        void Include(Written glob, string folder)
        {
            var full = Path.GetFullPath(Path.Combine(root, folder, glob.Text));
            var relative = Path.GetRelativePath(root, full);
            if (Path.IsPathRooted(glob.Text) || relative.StartsWith("..", StringComparison.Ordinal))
            {
                problems.Add(new("bad-path", glob.At, $"\"{glob.Text}\" leaves the workspace"));
                return;
            }
            var found = Glob.Files(root, relative);
            if (found.Count == 0)
                problems.Add(
                    new("file-missing", glob.At, $"no graph file matches \"{glob.Text}\""));
            foreach (var file in found) Open(file, glob.At);
        }

        Graph? Build(GraphFileReader main)
        {
            var builder = new GraphBuilder(main.Name ?? new DirectoryInfo(root).Name)
            {
                Targets = main.Targets,
                Pools = Pools(),
                Artifacts = main.Artifacts(problems),
            };
            feedJobs = FeedJobReader.Read([.. files.Select(entry => entry.Reader)], problems);
            foreach (var (_, _, reader) in files)
            {
                foreach (var dataset in reader.Datasets(problems)) builder.Add(dataset);
                foreach (var job in reader.Jobs(feedJobs)) builder.Add(job);
            }
            // What a file with problems lacks would look like problems elsewhere.
            builder.IsIncomplete = files.Count < seen.Count
                || files.Exists(entry => entry.Reader.IsIncomplete);
            builder.Text = () => string.Concat(files.Select(file => GraphDiff.FileMark + file.File
                + "\n" + Encoding.UTF8.GetString(file.Bytes).TrimEnd('\n') + "\n"));
            return builder.Build(DigestOfFiles(), problems);
        }

        ImmutableSortedDictionary<string, int> Pools()
        {
            var pools = ImmutableSortedDictionary<string, int>.Empty.WithComparers(
                StringComparer.Ordinal);
            foreach (var (_, _, reader) in files)
            {
                foreach (var (pool, places) in reader.Pools)
                {
                    if (pools.TryGetValue(pool.Text, out var other) && other != places)
                        problems.Add(new("duplicate-pool", pool.At,
                            $"pool {pool.Text} has {other} places in another file, {places} here"));
                    pools = pools.SetItem(pool.Text, places);
                }
            }
            return pools;
        }

        Digest DigestOfFiles()
        {
            var text = new ArrayBufferWriter<byte>();
            foreach (var (file, bytes, _) in files)
            {
                text.Write(Encoding.UTF8.GetBytes($"{file}\n{bytes.Length}\n"));
                text.Write(bytes);
            }
            return Fingerprint.DigestOf(text.WrittenSpan);
        }

        // Files in the order of reading, then places.
        int ByPlace(GraphProblem a, GraphProblem b)
        {
            var order = Rank(a.Location.File).CompareTo(Rank(b.Location.File));
            return order != 0
                ? order
                : (a.Location.Line, a.Location.Column, a.Message)
                    .CompareTo((b.Location.Line, b.Location.Column, b.Message));
        }

        int Rank(string file) =>
            files.FindIndex(entry => entry.File == file) is >= 0 and var index ? index
                : int.MaxValue;
    }
}
