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

    readonly ArtifactAddress address;
    readonly Lazy<AmazonS3Client> made;

    /// <summary>Connects when it is asked for the first time.</summary>
    public S3Artifacts(ArtifactAddress address)
        : this(
            address, Environment.GetEnvironmentVariable("AWS_ACCESS_KEY_ID") ?? "",
            Environment.GetEnvironmentVariable("AWS_SECRET_ACCESS_KEY") ?? "") { }

    internal S3Artifacts(ArtifactAddress address, string keyId, string secret)
    {
        this.address = address;
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
    public byte[]? Get(string key)
    {
        using var bytes = new MemoryStream();
        return Read(key, bytes) ? bytes.ToArray() : null;
    }

    /// <inheritdoc/>
    public void Put(string key, ReadOnlyMemory<byte> bytes) => Try(async () =>
    {
        using var body = new MemoryStream(bytes.ToArray());
        await Client.PutObjectAsync(new PutObjectRequest
        {
            BucketName = address.Bucket,
            Key = KeyOf(key),
            InputStream = body,
            UseChunkEncoding = false,
        });
        return true;
    });

    /// <inheritdoc/>
    public void PutFile(string key, string file) => Try(async () =>
    {
        if (await IsThereAsync(key)) return false;
        if (new FileInfo(file).Length > PartBytes) await PutPartsAsync(key, file);
        else await Client.PutObjectAsync(new PutObjectRequest
        {
            BucketName = address.Bucket,
            Key = KeyOf(key),
            FilePath = file,
            UseChunkEncoding = false,
        });
        return true;
    });

    async Task<bool> IsThereAsync(string key)
    {
        try
        {
            await Client.GetObjectMetadataAsync(address.Bucket, KeyOf(key));
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    async Task PutPartsAsync(string key, string file)
    {
        var upload = await Client.InitiateMultipartUploadAsync(address.Bucket, KeyOf(key));
        try
        {
            var tags = new List<PartETag>();
            var size = new FileInfo(file).Length;
            for (var (from, part) = (0L, 1); from < size; from += PartBytes, part++)
            {
                var answer = await Client.UploadPartAsync(new UploadPartRequest
                {
                    BucketName = address.Bucket,
                    Key = KeyOf(key),
                    UploadId = upload.UploadId,
                    PartNumber = part,
                    PartSize = Math.Min(PartBytes, size - from),
                    FilePath = file,
                    FilePosition = from,
                    UseChunkEncoding = false,
                });
                tags.Add(new PartETag(part, answer.ETag));
                FaultPoint.Reach("artifact.chunk");
            }
            await Client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
            {
                BucketName = address.Bucket,
                Key = KeyOf(key),
                UploadId = upload.UploadId,
                PartETags = tags,
            });
        }
        catch
        {
            await Client.AbortMultipartUploadAsync(address.Bucket, KeyOf(key), upload.UploadId);
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Read(string key, Stream to) => Try(async () =>
    {
        try
        {
            using var answer = await Client.GetObjectAsync(address.Bucket, KeyOf(key));
            await answer.ResponseStream.CopyToAsync(to);
            return true;
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchKey")
        {
            return false;
        }
    });

    /// <inheritdoc/>
    public void Delete(string key) => Try(async () =>
    {
        await Client.DeleteObjectAsync(address.Bucket, KeyOf(key));
        return true;
    });

    /// <inheritdoc/>
    public IEnumerable<PlacedBytes> List(string prefix)
    {
        string? next = null;
        do
        {
            var page = Try(() => Client.ListObjectsV2Async(new ListObjectsV2Request
            {
                BucketName = address.Bucket,
                Prefix = KeyOf(prefix),
                ContinuationToken = next,
            }));
            foreach (var found in page.S3Objects ?? [])
                yield return new PlacedBytes(
                    found.Key[address.Prefix.Length..], found.Size ?? 0,
                    new DateTimeOffset(found.LastModified?.ToUniversalTime() ?? default));
            next = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (next is not null);
    }

    /// <inheritdoc/>
    public int RemoveHalf(TimeSpan olderThan, DateTimeOffset now) => Try(async () =>
    {
        var found = await Client.ListMultipartUploadsAsync(new ListMultipartUploadsRequest
        {
            BucketName = address.Bucket,
            Prefix = address.Prefix,
        });
        var old = (found.MultipartUploads ?? []).Where(upload =>
            now - (upload.Initiated?.ToUniversalTime() ?? now) > olderThan).ToList();
        foreach (var upload in old)
            await Client.AbortMultipartUploadAsync(address.Bucket, upload.Key, upload.UploadId);
        return old.Count;
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        if (made.IsValueCreated) made.Value.Dispose();
    }

    // On a thread of a slot, which has nothing else to do.
    static T Try<T>(Func<Task<T>> action)
    {
        try
        {
            return Task.Run(action).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is AmazonServiceException or AmazonClientException
            or HttpRequestException or IOException or OperationCanceledException
            or WebException)
        {
            throw new ArtifactPlaceException(e.Message, e);
        }
    }
}
