-- Times are integer milliseconds since 1970 UTC. A digest is one byte for the algorithm (1 XXH3,
-- 2 SHA-256) and its bytes. form: 0 as it is, 1 deflated.

-- Which store this is. One row.
CREATE TABLE store (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL CHECK (id <> ''),
  created_at INTEGER NOT NULL
) STRICT;

-- The build event log. body: the bytes of the message of this type in quoin/v1/event.proto.
-- There is no index but the key: appends are the hot path, and a person's query may scan.
-- FAIL everywhere: with ABORT, the default, SQLite copies a page for each statement, so that it
-- could undo that statement alone, and appends take twice the time. We undo whole transactions.
CREATE TABLE event (
  position INTEGER PRIMARY KEY ON CONFLICT FAIL,
  at INTEGER NOT NULL ON CONFLICT FAIL,
  type TEXT NOT NULL ON CONFLICT FAIL,
  subject TEXT NOT NULL ON CONFLICT FAIL,
  body BLOB NOT NULL ON CONFLICT FAIL
) STRICT;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(FAIL, 'the event log is append only'); END;

CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(FAIL, 'the event log is append only'); END;

-- Also what stops INSERT OR REPLACE, which fires no delete trigger.
CREATE TRIGGER event_in_order BEFORE INSERT ON event
WHEN NEW.position IS NOT
  1 + coalesce((SELECT position FROM event ORDER BY position DESC LIMIT 1), 0)
BEGIN SELECT RAISE(FAIL, 'the event log has no gaps'); END;

-- The state as of a position: a head start for reading the log. At most one row; dropping it is
-- always safe.
CREATE TABLE snapshot (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  format INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- Commands of other processes until the coordinator takes them, oldest first.
CREATE TABLE inbox (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  sent_at INTEGER NOT NULL,
  type TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- The readable text behind each fingerprint.
CREATE TABLE fingerprint (
  number INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  form INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- What was known of a file when its digest was taken. Paths are relative to the workspace. Size
-- -1: there was no such file; then there is no digest (X'00').
CREATE TABLE file_stamp (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  digest BLOB NOT NULL,
  checked_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers of jobs' config commands, by the digest of the question.
CREATE TABLE config_answer (
  number INTEGER PRIMARY KEY,
  question BLOB NOT NULL UNIQUE,
  form INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
