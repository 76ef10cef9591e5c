using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;

namespace Quoin.EndToEndTests.Telemetry;

/// <summary>
/// An OpenTelemetry collector on a free port of loopback, as far as tests need one: it takes
/// requests, and shows the messages in them, read by field numbers with the protobuf library's own
/// reader.
/// </summary>
sealed class OtlpReceiver : IDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly List<OtlpRequest> requests = [];
    readonly bool answers;
    readonly List<TcpClient> clients = [];

    public OtlpReceiver(bool answers = true)
    {
        this.answers = answers;
        listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>What came so far.</summary>
    public IReadOnlyList<OtlpRequest> Requests
    {
        get
        {
            lock (requests) return [.. requests];
        }
    }

    /// <summary>Spans that came so far.</summary>
    public IReadOnlyList<OtlpSpan> Spans =>
    [
        .. from request in Requests
           where request.Path == "/v1/traces"
           from resource in request.Body.All(1)
           from scope in resource.All(2)
           from span in scope.All(2)
           select new OtlpSpan(span),
    ];

    /// <summary>The newest of each metric that came so far, by name.</summary>
    public IReadOnlyDictionary<string, OtlpMessage> Metrics
    {
        get
        {
            var metrics = new Dictionary<string, OtlpMessage>();
            foreach (var metric in
                from request in Requests
                where request.Path == "/v1/metrics"
                from resource in request.Body.All(1)
                from scope in resource.All(2)
                from metric in scope.All(2)
                select metric) metrics[metric.Text(1)] = metric;
            return metrics;
        }
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync();
                lock (requests) clients.Add(client);
                if (answers) _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    async Task ServeAsync(TcpClient client)
    {
        try
        {
            var stream = client.GetStream();
            while (await ReadAsync(stream) is { } request)
            {
                lock (requests) requests.Add(request);
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
            }
        }
        catch (IOException)
        {
            // The sender is gone.
        }
    }

    static async Task<OtlpRequest?> ReadAsync(NetworkStream stream)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (!Encoding.ASCII.GetString([.. head.TakeLast(4)]).Equals(
            "\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0) return null;
            head.Add(one[0]);
        }
        var lines = Encoding.ASCII.GetString([.. head]).Split("\r\n");
        var headers = lines.Skip(1).Where(line => line.Contains(':')).ToDictionary(
            line => line[..line.IndexOf(':')], line => line[(line.IndexOf(':') + 1)..].Trim(),
            StringComparer.OrdinalIgnoreCase);
        var body = new byte[int.Parse(
            headers["Content-Length"], System.Globalization.CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body);
        return new OtlpRequest(lines[0].Split(' ')[1], headers, OtlpMessage.Read(body));
    }

    public void Dispose()
    {
        listener.Stop();
        lock (requests) clients.ForEach(client => client.Dispose());
    }
}

/// <summary>One request of an exporter.</summary>
sealed record OtlpRequest(
    string Path, IReadOnlyDictionary<string, string> Headers, OtlpMessage Body);

/// <summary>A message of protobuf whose definition nobody told: fields by their numbers.</summary>
sealed class OtlpMessage
{
    readonly List<(int Field, object Value)> fields = [];

    public static OtlpMessage Read(byte[] bytes)
    {
        var message = new OtlpMessage();
        var input = new CodedInputStream(bytes);
        while (input.ReadTag() is not 0 and var tag)
        {
            message.fields.Add((WireFormat.GetTagFieldNumber(tag),
                WireFormat.GetTagWireType(tag) switch
                {
                    WireFormat.WireType.Varint => input.ReadInt64(),
                    WireFormat.WireType.Fixed64 => input.ReadFixed64(),
                    WireFormat.WireType.LengthDelimited => input.ReadBytes().ToByteArray(),
                    var other => throw new InvalidDataException($"wire type {other}"),
                }));
        }
        return message;
    }

    public IEnumerable<OtlpMessage> All(int field) =>
        from f in fields where f.Field == field select Read((byte[])f.Value);

    public object? One(int field) => fields.LastOrDefault(f => f.Field == field).Value;

    public string Text(int field) => Encoding.UTF8.GetString((byte[]?)One(field) ?? []);

    public string Hex(int field) => Convert.ToHexStringLower((byte[]?)One(field) ?? []);

    /// <summary>Key and value pairs: texts, numbers, lists with a comma.</summary>
    public Dictionary<string, string> Attributes(int field) =>
        All(field).ToDictionary(pair => pair.Text(1), pair => ValueOf(pair.All(2).Single()));

    static string ValueOf(OtlpMessage any) => any.fields[0] switch
    {
        (1, byte[] text) => Encoding.UTF8.GetString(text),
        (3, long number) => $"{number}",
        (5, byte[] list) => string.Join(',', Read(list).All(1).Select(ValueOf)),
        var other => throw new InvalidDataException($"{other}"),
    };
}

/// <summary>A span that came.</summary>
sealed class OtlpSpan(OtlpMessage message)
{
    public string Trace => message.Hex(1);
    public string Id => message.Hex(2);
    public string Parent => message.Hex(4);
    public string Name => message.Text(5);
    public ulong Start => (ulong)message.One(7)!;
    public ulong End => (ulong)message.One(8)!;
    public Dictionary<string, string> Attributes => message.Attributes(9);

    /// <summary>What it says went wrong; empty: nothing.</summary>
    public string Error =>
        message.All(15).Where(status => status.One(3) is 2L).Select(s => s.Text(2))
            .SingleOrDefault("");
}
