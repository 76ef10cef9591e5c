using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;
using Quartz;

// Quartz.NET as a peer of `./dev bench queue`: postgres|sqlite CONNECTION JOBS [THREADS]. All
// triggers are stored and due before the scheduler starts; the time goes from its start to the
// deletion of the last trigger. Prints seconds. Batches as large as its threads, which is the most
// that it takes, and its triggers all of one job, which is what it does fastest.
var (kind, connection, jobs) = (args[0], args[1], int.Parse(args[2], CultureInfo.InvariantCulture));
var threads = args.Length > 3 ? int.Parse(args[3], CultureInfo.InvariantCulture) : 10;

var scheduler = await QuartzSchedulerBuilder.Create(quartz =>
{
    quartz.UseDefaultThreadPool(threads);
    quartz.ConfigureScheduler(options =>
    {
        options.MaxBatchSize = threads;
        options.BatchTriggerAcquisitionFireAheadTimeWindow = TimeSpan.FromSeconds(1);
    });
    quartz.UsePersistentStore(store =>
    {
        if (kind == "postgres") store.UsePostgres(NpgsqlFactory.Instance, connection);
        else store.UseSqlite(SqliteFactory.Instance, connection);
        store.UseSystemTextJsonSerializer();
        store.ProvisionSchema();
    });
}).BuildScheduler();

var job = JobBuilder.Create<NoOp>().WithIdentity("noop").StoreDurably().Build();
ITrigger[] triggers =
[
    .. Enumerable.Range(0, jobs).Select(
        i => TriggerBuilder.Create().WithIdentity($"t{i}").ForJob(job).StartNow().Build()),
];
await scheduler.ScheduleJobs(
    new Dictionary<IJobDetail, IReadOnlyCollection<ITrigger>> { [job] = triggers });
NoOp.Left = jobs;
var start = Stopwatch.GetTimestamp();
await scheduler.Start();
await NoOp.Done.Task;
while ((await scheduler.GetTriggerKeys(GroupMatcher<TriggerKey>.AnyGroup())).Count > 0) { }
var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
await scheduler.Shutdown(waitForJobsToComplete: true);
Console.WriteLine(seconds.ToString("F3", CultureInfo.InvariantCulture));

sealed class NoOp : IJob
{
    public static int Left;
    public static readonly TaskCompletionSource Done = new();

    public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        if (Interlocked.Decrement(ref Left) == 0) Done.SetResult();
        return default;
    }
}
