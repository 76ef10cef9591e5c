-- Workers: processes that take runs, each with a lease that it renews. Labels are one a line.
CREATE TABLE worker (
  owner TEXT PRIMARY KEY CHECK (owner <> ''),
  slots INTEGER NOT NULL CHECK (slots >= 0),
  capacity INTEGER NOT NULL CHECK (capacity >= 0),
  memory INTEGER NOT NULL CHECK (memory >= 0),
  labels TEXT NOT NULL,
  joined_at INTEGER NOT NULL,
  heard_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Runs that wait for a worker, and those that one has. The epoch is the fencing number: it grows by
-- one with each claim, and whoever reports an end has to name it. When a worker goes, what it has
-- goes with it, until the coordinator offers it anew. stop: 1 asked to stop, 2 to be killed.
CREATE TABLE ready_run (
  run INTEGER PRIMARY KEY CHECK (run > 0),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  attempt INTEGER NOT NULL CHECK (attempt > 0),
  activation INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  cpu INTEGER NOT NULL CHECK (cpu >= 0),
  memory INTEGER NOT NULL CHECK (memory >= 0),
  labels TEXT NOT NULL,
  spec BLOB NOT NULL,
  owner TEXT REFERENCES worker (owner) ON DELETE CASCADE,
  stop INTEGER CHECK (stop IN (1, 2)),
  CHECK (stop IS NULL OR owner IS NOT NULL)
) STRICT;

CREATE INDEX ready_run_free ON ready_run (priority DESC, run) WHERE owner IS NULL;
CREATE INDEX ready_run_held ON ready_run (owner) WHERE owner IS NOT NULL;

CREATE TRIGGER ready_run_is_offered BEFORE INSERT ON ready_run
WHEN NEW.owner IS NOT NULL
BEGIN SELECT RAISE(FAIL, 'a run is offered before it is claimed'); END;

CREATE TRIGGER ready_run_is_fenced BEFORE UPDATE ON ready_run
WHEN NEW.run <> OLD.run OR NOT CASE
  WHEN NEW.owner IS NULL THEN NEW.epoch >= OLD.epoch
  WHEN OLD.owner IS NULL THEN NEW.epoch = OLD.epoch + 1
  ELSE NEW.owner = OLD.owner AND NEW.epoch = OLD.epoch
END
BEGIN SELECT RAISE(FAIL, 'a claim takes a free run and adds one to its epoch'); END;

-- Logs of attempts that ran elsewhere: JSON lines.
CREATE TABLE run_log (
  run INTEGER NOT NULL CHECK (run > 0),
  attempt INTEGER NOT NULL CHECK (attempt > 0),
  form INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (run, attempt)
) STRICT;
