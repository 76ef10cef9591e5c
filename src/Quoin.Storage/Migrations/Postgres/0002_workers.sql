-- Workers: processes that take runs, each with a lease that it renews. turn: how often it put
-- something into the inbox.
CREATE TABLE worker (
  owner text PRIMARY KEY CHECK (owner <> ''),
  slots integer NOT NULL CHECK (slots >= 0),
  capacity integer NOT NULL CHECK (capacity >= 0),
  memory bigint NOT NULL CHECK (memory >= 0),
  labels text[] NOT NULL,
  joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  turn bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

-- Runs that wait for a worker, and those that one has. The epoch is the fencing number: it grows by
-- one with each claim, and whoever reports an end has to name it. When a worker goes, what it has
-- goes with it, until the coordinator offers it anew. stop: 1 asked to stop, 2 to be killed.
-- Rows live for seconds, so pages keep room for the next version, and vacuum comes early.
CREATE TABLE ready_run (
  run integer PRIMARY KEY CHECK (run > 0),
  epoch integer NOT NULL CHECK (epoch >= 0),
  attempt integer NOT NULL CHECK (attempt > 0),
  activation timestamptz NOT NULL,
  priority integer NOT NULL,
  cpu integer NOT NULL CHECK (cpu >= 0),
  memory bigint NOT NULL CHECK (memory >= 0),
  labels text[] NOT NULL,
  spec bytea NOT NULL,
  owner text,
  stop smallint CHECK (stop IN (1, 2)),
  CHECK (stop IS NULL OR owner IS NOT NULL)
) WITH (
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_limit = 2000);

CREATE INDEX ready_run_free ON ready_run (priority DESC, run) WHERE owner IS NULL;
CREATE INDEX ready_run_held ON ready_run (owner) WHERE owner IS NOT NULL;

CREATE FUNCTION ready_run_is_refused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'QN003';
END $$;

-- Conditions of triggers, so that a function is called for what is wrong only.
CREATE TRIGGER ready_run_is_offered BEFORE INSERT ON ready_run FOR EACH ROW
  WHEN (NEW.owner IS NOT NULL)
  EXECUTE FUNCTION ready_run_is_refused('a run is offered before it is claimed');

CREATE TRIGGER ready_run_is_fenced BEFORE UPDATE ON ready_run FOR EACH ROW
  WHEN (NEW.run <> OLD.run OR NOT CASE
    WHEN NEW.owner IS NULL THEN NEW.epoch >= OLD.epoch
    WHEN OLD.owner IS NULL THEN NEW.epoch = OLD.epoch + 1
    ELSE NEW.owner = OLD.owner AND NEW.epoch = OLD.epoch
  END)
  EXECUTE FUNCTION ready_run_is_refused('a claim takes a free run and adds one to its epoch');

-- In place of a foreign key, which looks at the worker again for each row of a claim and made half
-- of its time: once a statement. Whoever claims has the worker's row locked.
CREATE FUNCTION ready_run_has_its_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
      SELECT FROM (SELECT DISTINCT owner FROM changed_runs WHERE owner IS NOT NULL) AS o
      WHERE NOT EXISTS (SELECT FROM worker WHERE worker.owner = o.owner)) THEN
    RAISE EXCEPTION 'a run is claimed by a worker that is there' USING ERRCODE = 'QN003';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER ready_run_is_claimed AFTER UPDATE ON ready_run
  REFERENCING NEW TABLE AS changed_runs
  FOR EACH STATEMENT EXECUTE FUNCTION ready_run_has_its_worker();

CREATE FUNCTION worker_takes_its_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ready_run WHERE owner = OLD.owner;
  RETURN NULL;
END $$;

CREATE TRIGGER worker_is_gone AFTER DELETE ON worker FOR EACH ROW
  EXECUTE FUNCTION worker_takes_its_runs();

-- Logs of attempts that ran elsewhere: JSON lines.
CREATE TABLE run_log (
  run integer NOT NULL CHECK (run > 0),
  attempt integer NOT NULL CHECK (attempt > 0),
  form integer NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (run, attempt)
);

ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_limit = 2000);

-- Counts changes that neither the end of the log nor the workers' turns show: commands that were
-- sent, workers that come and go, a queue that changed without an event. One row, whose lock lets
-- them commit one after the other. The numbers of the inbox's rows would not do: a lower one may be
-- committed later.
CREATE TABLE news (
  one integer PRIMARY KEY CHECK (one = 1),
  count bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO news (one, count) VALUES (1, 0);
