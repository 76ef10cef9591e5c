using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Resources;

/// <summary>
/// An <see cref="EngineWorld"/> with a service of files: <c>things/NAME</c> is a thing that exists,
/// <c>calls</c> has a line for each call, and <c>rules/NAME</c>, if it is there, is what the next
/// calls for that thing print instead.
/// </summary>
static class ResourceWorld
{
    const string Service = """
        verb=$1; name=$2
        echo "$QUOIN_DIRECTION $name ${QUOIN_EXTERNAL_ID:--} re=$QUOIN_REENTRY" >> calls
        [ -z "$QUOIN_CALLBACK" ] || echo "$QUOIN_CALLBACK" > callback
        if [ -s "rules/$verb-$name" ]; then
          line=$(head -n 1 "rules/$verb-$name")
          tail -n +2 "rules/$verb-$name" > "rules/$verb-$name.new"
          mv "rules/$verb-$name.new" "rules/$verb-$name"
          case $line in exit*) exit ${line#exit } ;; esac
          echo "$line"; exit 0
        fi
        case $verb in
          get)
            while [ -f slow ]; do sleep 0.02; done
            mkdir -p things; echo "$QUOIN_KEY" > "things/$name"
            echo "@quoin {\"external\":{\"id\":\"x-$name\"}}"
            echo "@quoin {\"manifest\":{\"outputs\":[],\"connections\":{\"at\":\"$name\"}}}" ;;
          look) echo '@quoin {"defer":{}}' ;;
          drop)
            if [ -f "things/$name" ]; then rm "things/$name"; echo '@quoin {"released":{}}'
            else echo '@quoin {"absent":{}}'; fi ;;
          hook) ;;
        esac
        """;

    public static EngineWorld Of(
        string jobs, ManualTime? clock = null, int callSlots = 4, string? callback = null)
    {
        var world = new EngineWorld("quoin: 1\njobs:\n" + jobs)
        {
            Clock = clock,
            IsShared = callSlots != 4,
            CallSlots = callSlots,
            Callback = callback,
        };
        world.Write("site.sh", Service);
        return world;
    }

    /// <summary>A job whose output NAME/N is a thing.</summary>
    public static string Job(string name, string inputs = "[]", string more = "") =>
        $$"""
              {{name}}:
                outputs: ["{{name}}/{id}"]
                inputs: {{inputs}}
                exec: [sh, site.sh, get, "{{name}}-{id}"]
                resource:
                  release: [sh, site.sh, drop, "{{name}}-{id}"]
                  poll: { every: 100ms, max: 100ms }
          {{more}}

          """;

    public static string[] Calls(this EngineWorld world) =>
        world.Exists("calls") ? world.Read("calls").Split('\n')[..^1] : [];

    /// <summary>A first call is being made.</summary>
    public static async Task WhenCalledAsync(this EngineWorld world)
    {
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(world.Workspace.Root, "calls");
        watcher.Created += (_, _) => called.TrySetResult();
        watcher.EnableRaisingEvents = true;
        if (world.Exists("calls")) called.TrySetResult();
        await called.Task;
    }

    /// <summary>What exists outside.</summary>
    public static string[] Things(this EngineWorld world) =>
        Directory.Exists(Path.Combine(world.Workspace.Root, "things"))
            ? [.. Directory.GetFiles(Path.Combine(world.Workspace.Root, "things"))
                .Select(Path.GetFileName).Order()!]
            : [];

    /// <summary>Waits, with a bound, and says at its end what happened instead.</summary>
    public static async Task<T> OrTell<T>(this Task<T> task, EngineWorld world)
    {
        try
        {
            return await task.WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(string.Join(
                '\n',
                world.Last.Events.Select(e => e.ToString()).Concat(world.Last.Warnings)
                    .Concat(world.Calls())));
        }
    }

    /// <inheritdoc cref="OrTell{T}"/>
    public static Task OrTell(this Task task, EngineWorld world) => Done(task).OrTell(world);

    static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    public static Task<Refusal?> DoAsync(this BuildSession session, KernelCommand command) =>
        session.AskAsync(_ => [command]);
}
