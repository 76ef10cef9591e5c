using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace Quoin.StorageTests;

/// <summary>
/// One bucket of an S3-compatible service on loopback, in memory: objects, lists, uploads in parts,
/// who asks (the key's id, not the signature), and faults when a test wants them.
/// </summary>
sealed class FakeBucket : IDisposable
{
    // Those that the npm package s3rver takes: the contract runs against it, too.
    public const string KeyId = "S3RVER", Secret = "S3RVER";

    readonly HttpListener listener;
    readonly ConcurrentDictionary<string, (byte[] Body, DateTimeOffset At)> objects = new();
    readonly ConcurrentDictionary<string, ConcurrentDictionary<int, byte[]>> uploads = new();
    int failures, uploadCount, stalls;
    readonly ConcurrentBag<HttpListenerContext> stalled = []; // So that nobody collects them.

    public FakeBucket()
    {
        (listener, Url) = Listen();
        _ = Task.Run(ServeAsync);
    }

    // A port that is free may be another process's a moment later; then it is another one.
    static (HttpListener Listener, string Url) Listen()
    {
        for (var tries = 1; ; tries++)
        {
            var url = $"http://127.0.0.1:{FreePort()}/";
            var listener = new HttpListener();
            listener.Prefixes.Add(url);
            try
            {
                listener.Start();
                return (listener, url);
            }
            catch (HttpListenerException) when (tries < 20)
            {
                listener.Close();
            }
        }
    }

    public string Url { get; }

    /// <summary>The next requests are answered with 503.</summary>
    public void FailNext(int count) => Volatile.Write(ref failures, count);

    /// <summary>The next object is sent without its last byte, and its answer never ends.</summary>
    public void StallNext() => Volatile.Write(ref stalls, 1);

    /// <summary>Somebody began to upload parts, and died.</summary>
    public void Leave(string key) => Begin(key);

    public void Dispose() => listener.Close();

    static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return; // Closed.
            }
            _ = Task.Run(() => Answer(context));
        }
    }

    void Answer(HttpListenerContext context)
    {
        var (request, response) = (context.Request, context.Response);
        try
        {
            using var read = new MemoryStream();
            request.InputStream.CopyTo(read);
            var (status, body) = Handle(request, read.ToArray(), response);
            response.StatusCode = status;
            if (Interlocked.Exchange(ref stalls, 0) == 1)
            {
                stalled.Add(context);
                response.ContentLength64 = body.Length;
                response.OutputStream.Write(body.AsSpan(0, body.Length - 1));
                return;
            }
            response.ContentLength64 = body.Length;
            if (request.HttpMethod != "HEAD") response.OutputStream.Write(body);
            response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException
            or IOException or InvalidOperationException)
        {
            response.Abort(); // The client went away.
        }
    }

    (int Status, byte[] Body) Handle(
        HttpListenerRequest request, byte[] body, HttpListenerResponse response)
    {
        if (Interlocked.Decrement(ref failures) >= 0) return Error(503, "SlowDown", "slow down");
        var who = request.Headers["Authorization"] ?? "";
        var id = who.Contains("Credential=", StringComparison.Ordinal)
            ? who.Split("Credential=")[1].Split('/')[0]
            : "nobody";
        if (id != KeyId) return Error(403, "AccessDenied", $"{id} is not known here");
        var path = Uri.UnescapeDataString(request.Url!.AbsolutePath).TrimStart('/');
        var key = path.Contains('/') ? path[(path.IndexOf('/') + 1)..] : "";
        var query = request.QueryString;
        var upload = query["uploadId"];
        return (request.HttpMethod, key, upload) switch
        {
            ("GET", "", _) when request.Url.Query.Contains("uploads") => ListUploads(),
            ("GET", "", _) => List(query["prefix"] ?? ""),
            ("GET" or "HEAD", _, _) => objects.TryGetValue(key, out var found)
                ? (200, found.Body)
                : Error(404, "NoSuchKey", "there is no such key"),
            ("PUT", _, null) => Put(key, body, response),
            ("PUT", _, { } part) => PutPart(part, query["partNumber"]!, body, response),
            ("POST", _, null) => Begin(key),
            ("POST", _, { } whole) => Complete(key, whole, response),
            ("DELETE", _, { } gone) when uploads.TryRemove(gone, out _) => (204, []),
            ("DELETE", _, _) => (objects.TryRemove(key, out _) ? 204 : 204, []),
            _ => Error(400, "InvalidRequest", request.HttpMethod),
        };
    }

    (int, byte[]) Put(string key, byte[] body, HttpListenerResponse response)
    {
        objects[key] = (body, TimeProvider.System.GetUtcNow());
        response.Headers["ETag"] = Tag(body);
        return (200, []);
    }

    (int, byte[]) PutPart(string upload, string part, byte[] body, HttpListenerResponse response)
    {
        if (!uploads.TryGetValue(upload, out var parts))
            return Error(404, "NoSuchUpload", "there is no such upload");
        parts[int.Parse(part, CultureInfo.InvariantCulture)] = body;
        response.Headers["ETag"] = Tag(body);
        return (200, []);
    }

    (int, byte[]) Begin(string key)
    {
        var id = $"upload-{Interlocked.Increment(ref uploadCount)}";
        uploads[id] = new();
        return (200, Xml(new XElement(
            "InitiateMultipartUploadResult", new XElement("Key", key),
            new XElement("UploadId", id))));
    }

    (int, byte[]) Complete(string key, string upload, HttpListenerResponse response)
    {
        if (!uploads.TryRemove(upload, out var parts))
            return Error(404, "NoSuchUpload", "there is no such upload");
        byte[] whole = [.. parts.OrderBy(part => part.Key).SelectMany(part => part.Value)];
        Put(key, whole, response);
        return (200, Xml(new XElement(
            "CompleteMultipartUploadResult", new XElement("Key", key),
            new XElement("ETag", Tag(whole)))));
    }

    (int, byte[]) List(string prefix) => (200, Xml(new XElement(
        "ListBucketResult", new XElement("IsTruncated", "false"),
        objects.Where(found => found.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(found => new XElement(
                "Contents", new XElement("Key", found.Key),
                new XElement("Size", found.Value.Body.Length),
                new XElement("ETag", Tag(found.Value.Body)),
                new XElement("LastModified", found.Value.At.ToString(
                    "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)))))));

    (int, byte[]) ListUploads() => (200, Xml(new XElement(
        "ListMultipartUploadsResult", new XElement("IsTruncated", "false"),
        uploads.Select(upload => new XElement(
            "Upload", new XElement("Key", "some/key"), new XElement("UploadId", upload.Key),
            new XElement("Initiated", TimeProvider.System.GetUtcNow().ToString(
                "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)))))));

    static string Tag(byte[] body) =>
        $"\"{Convert.ToHexStringLower(SHA256.HashData(body))[..32]}\"";

    static (int, byte[]) Error(int status, string code, string message) => (status, Xml(
        new XElement("Error", new XElement("Code", code), new XElement("Message", message))));

    static byte[] Xml(XElement root) => Encoding.UTF8.GetBytes(root.ToString());
}
