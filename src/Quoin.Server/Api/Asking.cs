using System.Security.Cryptography;
using System.Text;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// Commands of the API: through the inbox to whoever decides, and the answer out of the log. Under
/// an <c>Idempotency-Key</c> a request becomes a command once, whatever happens in between; asked
/// again, the same answer comes from the log.
/// </summary>
static class Asking
{
    const int KeyMax = 200;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Makes a command and sends it, or finds the one that was sent under the key of the request,
    /// and answers with what came of it. Throws <see cref="ApiException"/> when it was refused.
    /// </summary>
    public static Task<CommandAnswer> DoAsync(Request request, Func<StoreCommand> make) =>
        DoAsync(request, () => Task.FromResult(make()));

    /// <summary>The same with a command that takes time to make.</summary>
    public static async Task<CommandAnswer> DoAsync(
        Request request, Func<Task<StoreCommand>> make)
    {
        var answer = await AnswerAsync(
            request.Served, await SendAsync(request, make), request.Ct);
        return answer.Code is "done" or "nothing-to-do"
            ? answer
            : throw new ApiException(StatusOf(answer.Code), answer.Code, answer.Message);
    }

    // Null: it has no key. A key is its sender's own.
    static KeyedRequest? KeyOf(Request request)
    {
        if (request.Http.Request.Headers["Idempotency-Key"] is not { Count: > 0 } header)
            return null;
        if (header is not [{ Length: > 0 and <= KeyMax } key]
            || !key.All(c => c is > ' ' and < '\x7f'))
            throw Request.Bad(
                $"Idempotency-Key: one, of up to {KeyMax} printable characters without spaces");
        var who = Visitor.Of(request.Http)?.Name ?? "";
        var what = SHA256.HashData([
            .. Encoding.UTF8.GetBytes(
                $"{request.Http.Request.Method} {request.Http.Request.Path}"
                + $"{request.Http.Request.QueryString}\n"),
            .. request.BodyBytes.Span]);
        return new KeyedRequest($"{who}/{key}", what, NewId());
    }

    static string NewId() =>
        StoreState.CommandPrefix + RandomNumberGenerator.GetHexString(32, lowercase: true);

    // The id of the command that was sent, now or before.
    static async Task<string> SendAsync(Request request, Func<Task<StoreCommand>> make)
    {
        var store = request.Served.Store;
        if (KeyOf(request) is not { } keyed)
        {
            var id = NewId();
            await store.SendAsync((await make()).ToInbox(id), request.Ct);
            return id;
        }
        var access = (IAccessStore)store;
        var kept = access.SentUnder(keyed.Key) ?? await access.SendOnceAsync(
            keyed, (await make()).ToInbox(keyed.Command), request.Ct);
        if (!kept.Digest.Span.SequenceEqual(keyed.Digest.Span))
            throw new ApiException(
                422, "key-reused",
                "this Idempotency-Key was used for another request; take a new one");
        if (kept.Command != keyed.Command && IsForgotten(request.Served, kept.Command))
            throw new ApiException(
                410, "key-forgotten",
                "this was done, so long ago that its answer is not kept: look at /api/v1/wants");
        return kept.Command;
    }

    // It was sent, nobody still has to do it, and its answer was given up for newer ones.
    static bool IsForgotten(Served served, string command)
    {
        if (!served.Views.Read(s => s.Answers.HasForgotten && s.Answers.Find(command) is null))
            return false;
        return served.Store.Waiting().All(waiting => waiting.Id != command)
            && served.Views.Read(s => s.Answers.Find(command) is null);
    }

    /// <summary>What came of a command, as soon as the log says it.</summary>
    public static async Task<CommandAnswer> AnswerAsync(
        Served served, string id, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        try
        {
            while (true)
            {
                var position = served.Views.Position;
                if (served.Views.Read(s => s.Answers.Find(id)) is { } answer)
                    return answer;
                await served.Views.NextAsync(position, patience.Token);
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new ApiException(
                503, "no-coordinator", "nobody decides for this store now; what was asked stays in"
                + " it, and whoever decides next does it");
        }
    }

    // What is not there, and what the state does not allow.
    static int StatusOf(string code) =>
        code.StartsWith("no-such-", StringComparison.Ordinal) ? 404
        : code == "bad-command" ? 400
        : 409;
}
