using System.Buffers;
using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Artifacts in a bucket of an S3-compatible service. What a request puts is whole or not there;
/// large files go in parts, which become an object when all have arrived. Who asks is in the
/// environment (<c>AWS_ACCESS_KEY_ID</c>, <c>AWS_SECRET_ACCESS_KEY</c>) or where else the client
/// looks.
/// </summary>
public sealed class S3Artifacts : IArtifactPlace
{
    const long PartBytes = 64L << 20;
    const int ChunkBytes = 128 << 10;

    // Whoever says nothing for so long will hardly say anything.
    static readonly TimeSpan idleMost = TimeSpan.FromSeconds(30);

    readonly ArtifactAddress address;
    readonly TimeSpan idleLimit;
    readonly Lazy<AmazonS3Client> made;

    /// <summary>Connects when it is asked for the first time.</summary>
    public S3Artifacts(ArtifactAddress address)
        : this(
            address, Environment.GetEnvironmentVariable("AWS_ACCESS_KEY_ID") ?? "",
            Environment.GetEnvironmentVariable("AWS_SECRET_ACCESS_KEY") ?? "") { }

    internal S3Artifacts(
        ArtifactAddress address, string keyId, string secret, TimeSpan? idleLimit = null)
    {
        (this.address, this.idleLimit) = (address, idleLimit ?? idleMost);
        made = new Lazy<AmazonS3Client>(() => Make(address, keyId, secret));
    }

    // To make one takes longer than a build with nothing to do.
    AmazonS3Client Client => made.Value;

    static AmazonS3Client Make(ArtifactAddress address, string keyId, string secret)
    {
        var config = new AmazonS3Config
        {
            AuthenticationRegion = address.Region,
            MaxErrorRetry = 2,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            Timeout = Timeout.InfiniteTimeSpan, // A large file takes its time; see IdleLimit.
            // Checked by us; several compatible services refuse the headers.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (address.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.ToString();
            config.ForcePathStyle = true;
        }
        else config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(address.Region);
        // Without a key the client looks where it always does: profiles, the machine's role.
        var token = Environment.GetEnvironmentVariable("AWS_SESSION_TOKEN");
        return keyId.Length == 0 ? new AmazonS3Client(config)
            : token is { Length: > 0 } ? new AmazonS3Client(keyId, secret, token, config)
            : new AmazonS3Client(keyId, secret, config);
    }

    /// <inheritdoc/>
    public string Name => "s3";

    /// <inheritdoc/>
    public string Shown => $"{address.Endpoint?.ToString() ?? "s3://"}{address.Bucket}";

    /// <inheritdoc/>
    public string Remedy =>
        "look at the endpoint, the bucket and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

    string KeyOf(string key) => address.Prefix + key;

    /// <inheritdoc/>
    public byte[]? Get(string key, bool isUse = true)
    {
        using var bytes = new MemoryStream();
        return Read(key, bytes, CancellationToken.None) ? bytes.ToArray() : null;
    }

    /// <inheritdoc/>
    public void Put(string key, ReadOnlyMemory<byte> bytes) => Try(async idle =>
    {
        using var body = new MemoryStream(bytes.ToArray());
        var request = new PutObjectRequest
        {
            BucketName = address.Bucket,
            Key = KeyOf(key),
            InputStream = body,
            UseChunkEncoding = false,
        };
        await Client.PutObjectAsync(request, idle.Token);
        return true;
    });

    /// <inheritdoc/>
    public void PutFile(string key, string file, CancellationToken ct) => Try(
        async idle =>
        {
            if (await IsThereAsync(key, idle)) return false;
            if (new FileInfo(file).Length > PartBytes)
            {
                await PutPartsAsync(key, file, idle);
                return true;
            }
            var request = new PutObjectRequest
            {
                BucketName = address.Bucket,
                Key = KeyOf(key),
                FilePath = file,
                UseChunkEncoding = false,
            };
            request.StreamTransferProgress += (_, _) => idle.Moved();
            await Client.PutObjectAsync(request, idle.Token);
            return true;
        },
        ct);

    async Task<bool> IsThereAsync(string key, IdleLimit idle)
    {
        try
        {
            await Client.GetObjectMetadataAsync(address.Bucket, KeyOf(key), idle.Token);
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    async Task PutPartsAsync(string key, string file, IdleLimit idle)
    {
        var upload = await Client.InitiateMultipartUploadAsync(
            address.Bucket, KeyOf(key), idle.Token);
        try
        {
            var tags = new List<PartETag>();
            var size = new FileInfo(file).Length;
            for (var (from, part) = (0L, 1); from < size; from += PartBytes, part++)
            {
                var request = new UploadPartRequest
                {
                    BucketName = address.Bucket,
                    Key = KeyOf(key),
                    UploadId = upload.UploadId,
                    PartNumber = part,
                    PartSize = Math.Min(PartBytes, size - from),
                    FilePath = file,
                    FilePosition = from,
                    UseChunkEncoding = false,
                };
                request.StreamTransferProgress += (_, _) => idle.Moved();
                var answer = await Client.UploadPartAsync(request, idle.Token);
                idle.Moved();
                tags.Add(new PartETag(part, answer.ETag));
                FaultPoint.Reach("artifact.chunk");
            }
            var whole = new CompleteMultipartUploadRequest
            {
                BucketName = address.Bucket,
                Key = KeyOf(key),
                UploadId = upload.UploadId,
                PartETags = tags,
            };
            await Client.CompleteMultipartUploadAsync(whole, idle.Token);
        }
        catch
        {
            using var end = new IdleLimit(idleLimit);
            await Client.AbortMultipartUploadAsync(
                address.Bucket, KeyOf(key), upload.UploadId, end.Token);
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Read(string key, Stream to, CancellationToken ct) =>
        Try(idle => ReadAsync(key, to, idle), ct);

    async Task<bool> ReadAsync(string key, Stream to, IdleLimit idle)
    {
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            using var answer = await Client.GetObjectAsync(
                address.Bucket, KeyOf(key), idle.Token);
            idle.Moved();
            for (int count; (count = await answer.ResponseStream.ReadAsync(
                chunk, idle.Token)) > 0; idle.Moved())
            {
                idle.Pause();
                to.Write(chunk.AsSpan(0, count));
            }
            return true;
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchKey")
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    /// <inheritdoc/>
    public void Delete(string key) => Try(async idle =>
    {
        await Client.DeleteObjectAsync(address.Bucket, KeyOf(key), idle.Token);
        return true;
    });

    /// <inheritdoc/>
    public IEnumerable<PlacedBytes> List(string prefix)
    {
        string? next = null;
        do
        {
            var request = new ListObjectsV2Request
            {
                BucketName = address.Bucket,
                Prefix = KeyOf(prefix),
                ContinuationToken = next,
            };
            var page = Try(idle => Client.ListObjectsV2Async(request, idle.Token));
            foreach (var found in page.S3Objects ?? [])
                yield return new PlacedBytes(
                    found.Key[address.Prefix.Length..], found.Size ?? 0,
                    new DateTimeOffset(found.LastModified?.ToUniversalTime() ?? default));
            next = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (next is not null);
    }

    /// <inheritdoc/>
    public int RemoveHalf(TimeSpan olderThan, DateTimeOffset now) => Try(async idle =>
    {
        var request = new ListMultipartUploadsRequest
        {
            BucketName = address.Bucket,
            Prefix = address.Prefix,
        };
        var found = await Client.ListMultipartUploadsAsync(request, idle.Token);
        var old = (found.MultipartUploads ?? []).Where(upload =>
            now - (upload.Initiated?.ToUniversalTime() ?? now) > olderThan).ToList();
        foreach (var upload in old)
        {
            idle.Moved();
            await Client.AbortMultipartUploadAsync(
                address.Bucket, upload.Key, upload.UploadId, idle.Token);
        }
        return old.Count;
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        if (made.IsValueCreated) made.Value.Dispose();
    }

    // On a thread of a slot, which has nothing else to do.
    T Try<T>(Func<IdleLimit, Task<T>> action, CancellationToken ct = default)
    {
        using var idle = new IdleLimit(idleLimit, ct);
        try
        {
            return Task.Run(() => action(idle), CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (Exception e) when (ct.IsCancellationRequested)
        {
            throw new OperationCanceledException("stopped", e, ct);
        }
        catch (Exception e) when (e is AmazonServiceException or AmazonClientException
            or HttpRequestException or IOException or OperationCanceledException
            or WebException)
        {
            throw new ArtifactPlaceException(
                idle.IsOver ? $"nothing came or went for {idleLimit.TotalSeconds} s" : e.Message,
                e);
        }
    }
}
