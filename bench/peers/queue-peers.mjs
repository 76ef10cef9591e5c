// Graphile Worker and pg-boss at their batch settings, on the server of `./dev bench queue`:
//   node queue-peers.mjs graphile|pg-boss SOCKET_FOLDER WARM_UP JOBS WORKERS
// Workers are processes. They are connected and idle when all jobs are committed at once; the time
// goes from there to the last completion in the database. Prints seconds.
import { fork } from "node:child_process";
import { once } from "node:events";
import pg from "pg";

const [peer, host, warmUp, jobs, workers, role] = process.argv.slice(2);
const connection = { host, user: "test", database: "postgres" };
const batch = 500;

const peers = {
  graphile: {
    async prepare(pool) {
      const { runMigrations } = await import("graphile-worker");
      await runMigrations({ pgPool: pool });
    },
    async add(pool, count) {
      await pool.query(
        `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
           SELECT json_populate_record(NULL::graphile_worker.job_spec,
             json_build_object('identifier', 'noop', 'payload', '{}'::json))
           FROM generate_series(1, $1)))`, [count]);
    },
    async isLeft(pool) {
      const { rows } = await pool.query(
        "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS any");
      return rows[0].any;
    },
    async work(pool) {
      const { run, Logger } = await import("graphile-worker");
      await run({
        preset: {
          worker: {
            concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: batch },
            completeJobBatchDelay: 0, failJobBatchDelay: 0,
          },
        },
        pgPool: pool, noHandleSignals: true, logger: new Logger(() => () => {}),
        taskList: { noop: () => {} },
      });
    },
  },
  "pg-boss": {
    async prepare() {
      const { PgBoss } = await import("pg-boss");
      const boss = new PgBoss({ ...connection, supervise: false, schedule: false });
      await boss.start();
      await boss.createQueue("noop");
      await boss.stop({ graceful: false });
    },
    async add(pool, count) {
      const { PgBoss } = await import("pg-boss");
      const boss = new PgBoss({ ...connection, supervise: false, schedule: false });
      await boss.start();
      await boss.insert("noop", Array.from({ length: count }, () => ({ data: {} })));
      await boss.stop({ graceful: false });
    },
    async isLeft(pool) {
      const { rows } = await pool.query(
        "SELECT EXISTS (SELECT FROM pgboss.job"
          + " WHERE name = 'noop' AND state < 'completed') AS any");
      return rows[0].any;
    },
    async work(pool) {
      const { PgBoss } = await import("pg-boss");
      const boss = new PgBoss({ ...connection, supervise: false, schedule: false });
      await boss.start();
      (async () => {
        while (true) {
          const found = await boss.fetch("noop", { batchSize: batch });
          if (found.length === 0) {
            await new Promise((resolve) => setTimeout(resolve, 10));
            continue;
          }
          await boss.complete("noop", found.map((job) => job.id));
        }
      })();
    },
  },
};

const pool = new pg.Pool({ ...connection, max: 25 });
pool.on("error", () => {});
pool.on("connect", (client) => client.on("error", () => {}));
const round = async (count) => {
  await peers[peer].add(pool, count);
  const start = process.hrtime.bigint();
  while (await peers[peer].isLeft(pool))
    await new Promise((resolve) => setTimeout(resolve, 10));
  return Number(process.hrtime.bigint() - start) / 1e9;
};
if (role === "worker") {
  await peers[peer].work(pool);
  process.send("ready");
} else {
  await peers[peer].prepare(pool);
  const children = [];
  for (let i = 0; i < Number(workers); i++) {
    const child = fork(process.argv[1], [peer, host, warmUp, jobs, workers, "worker"]);
    await once(child, "message");
    children.push(child);
  }
  await new Promise((resolve) => setTimeout(resolve, 500)); // All are idle and listen.
  await round(Number(warmUp));
  console.log((await round(Number(jobs))).toFixed(3));
  for (const child of children) child.kill();
  await pool.end();
}
