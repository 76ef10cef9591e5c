using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Server;

/// <summary>
/// Feeds of the graph: what their supervisors know, and lines that come over HTTP instead of in a
/// file. Those become a file of the feed's folder, which is the one place that is read.
/// </summary>
static class FeedRoutes
{
    const int RejectedShown = 1_000;

    static ImmutableArray<Engine.FeedJob> JobsOf(Served served) =>
        GraphLoader.Load(served.Workspace.Root, served.Workspace.GraphFile).FeedJobs;

    /// <summary>All jobs that feeds ask for.</summary>
    public static async Task ListAsync(Request request)
    {
        request.Only();
        var served = request.Served;
        var jobs = JobsOf(served).Select(job =>
        {
            var path = Path.Combine(served.Workspace.QuoinDirectory, "feeds", $"{job.Name}.db");
            var isThere = FeedPicture.IsAt(path);
            return (job, Picture: isThere ? FeedReport.Read(served.Cli, path) : null);
        }).ToList();
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("feeds");
            foreach (var (job, picture) in jobs)
            {
                json.WriteStartObject();
                json.WriteString("job", job.Name);
                json.WriteString("makes", $"{job.Dataset}/{{{job.Capture}}}");
                json.WriteString("folder", job.FeedFolder);
                if (picture is not null)
                {
                    json.WritePropertyName("supervisor");
                    FeedReport.Write(json, picture);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>
    /// The lines of one run of a feed, as text: <c>KEY REST</c>. All or nothing: one that is no
    /// line is named, and nothing is taken. The same lines again change nothing.
    /// </summary>
    public static async Task PostAsync(Request request)
    {
        request.Only("job");
        var (feed, number) = (request.Part("feed"), request.Part("number"));
        var name = $"{feed}.{number}.txt";
        if (!FeedFileName.TryParse(name, out var file) || file.Feed != feed
            || feed.AsSpan().IndexOfAny("/\\\0") >= 0)
            throw Request.Bad($"{name} is not NAME.NUMBER.txt, as files of feeds are named");
        var job = JobOf(request, feed);
        using var body = new MemoryStream();
        await request.Http.Request.Body.CopyToAsync(body, request.Ct);
        var bytes = body.ToArray();
        if (bytes is [.., not (byte)'\n']) bytes = [.. bytes, (byte)'\n'];
        var (lines, rejected) = Check(bytes);
        if (rejected.Count > 0)
        {
            await WriteAsync(request, 422, name, lines, rejected);
            return;
        }
        var folder = Path.GetFullPath(job.FeedFolder, request.Served.Workspace.Root);
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, name);
        if (File.Exists(path) || File.Exists(path + ".part"))
        {
            if (!File.Exists(path) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes))
                throw new ApiException(
                    409, "feed-run-exists", $"{name} is there with other lines; take a new number");
            await WriteAsync(request, 200, name, lines, rejected);
            return;
        }
        try
        {
            Put(folder, name, bytes);
        }
        catch (IOException e)
        {
            throw File.Exists(path)
                ? new ApiException(
                    409, "feed-run-exists", $"{name} was sent twice at the same time")
                : new ApiException(503, "feed-folder", $"{name} cannot be written: {e.Message}");
        }
        await WriteAsync(request, 201, name, lines, rejected);
    }

    // Whole or not at all, and on the disk before anybody is told that it is there.
    static void Put(string folder, string name, byte[] bytes)
    {
        var half = Path.Combine(folder, $".{name}.{ThisMachine.Hex(12)}");
        try
        {
            using (var file = new FileStream(half, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }
            File.Move(half, Path.Combine(folder, name)); // Never over another one.
            if (!Workspace.SyncNames(folder))
                throw new IOException($"{folder} cannot be written to the disk");
        }
        finally
        {
            File.Delete(half);
        }
    }

    static Engine.FeedJob JobOf(Request request, string feed)
    {
        var jobs = JobsOf(request.Served);
        var asked = request.One("job");
        if (asked is null && jobs is [var only]) return only;
        return jobs.FirstOrDefault(job => job.Name == (asked ?? feed))
            ?? throw new ApiException(
                404, "no-such-feed",
                $"no feed asks for {asked ?? feed}; say ?job=, one of "
                + string.Join(", ", jobs.Select(job => job.Name)));
    }

    static (int Lines, List<(int Line, string Why)> Rejected) Check(ReadOnlySpan<byte> bytes)
    {
        var rejected = new List<(int, string)>();
        var (number, lines) = (0, 0);
        while (bytes.Length > 0)
        {
            var end = FeedLine.EndOf(bytes);
            var line = end < 0 ? bytes : bytes[..end];
            bytes = end < 0 ? [] : bytes[(end + (bytes[end..] is [13, 10, ..] ? 2 : 1))..];
            number++;
            switch (FeedLine.Split(line, out _, out _))
            {
                case FeedLineFault.None: lines++; break;
                case FeedLineFault.Fields: rejected.Add((number, "it has fewer than two fields"));
                    break;
                case FeedLineFault.Encoding: rejected.Add((number, "it is not UTF-8")); break;
            }
        }
        return (lines, rejected);
    }

    static Task WriteAsync(
        Request request, int status, string file, int lines,
        List<(int Line, string Why)> rejected) =>
        Json.WriteAsync(
            request.Http,
            json =>
            {
                json.WriteStartObject();
                json.WriteString("file", file);
                json.WriteNumber("lines", status == 422 ? 0 : lines);
                if (status == 422)
                {
                    json.WriteNumber("status", status);
                    json.WriteString("code", "bad-lines");
                    json.WriteString(
                        "detail", $"{rejected.Count} lines are no lines of a feed; nothing was"
                        + " taken");
                }
                json.WriteStartArray("rejected");
                foreach (var (line, why) in rejected.Take(RejectedShown))
                {
                    json.WriteStartObject();
                    json.WriteNumber("line", line);
                    json.WriteString("why", why);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            },
            status,
            status == 422 ? "application/problem+json; charset=utf-8"
                : "application/json; charset=utf-8");
}
