-- The tables of one store, in a schema of their own. Times are the database's; a digest is one
-- byte for the algorithm (1 XXH3, 2 SHA-256) and its bytes. form: 0 as it is, 1 deflated.

-- Which store this is. One row.
CREATE TABLE store (
  one integer PRIMARY KEY CHECK (one = 1),
  id text NOT NULL CHECK (id <> ''),
  created_at timestamptz NOT NULL
);

-- The build event log. body: the bytes of the message of this type in quoin/v1/event.proto.
-- xid proves the order of commits to whoever wants to check it.
CREATE TABLE event (
  position bigint PRIMARY KEY CHECK (position > 0),
  at timestamptz NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  body bytea NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the event log is append only' USING ERRCODE = 'QN003';
END $$;

CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON event
  FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only();

-- Once a statement, not once a row: what was added has to follow what was there, without a gap.
CREATE FUNCTION event_has_no_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  first bigint;
  last bigint;
  added bigint;
BEGIN
  SELECT min(position), max(position), count(*) INTO first, last, added FROM added_events;
  IF added = 0 THEN RETURN NULL; END IF;
  IF last - first + 1 <> added
      OR (first > 1 AND NOT EXISTS (SELECT FROM event WHERE position = first - 1)) THEN
    RAISE EXCEPTION 'the event log has no gaps' USING ERRCODE = 'QN003';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER event_in_order AFTER INSERT ON event
  REFERENCING NEW TABLE AS added_events
  FOR EACH STATEMENT EXECUTE FUNCTION event_has_no_gaps();

-- Who decides for this store, and until when unless it says so again. One row; the fence grows
-- with each new owner and is part of every append.
CREATE TABLE coordinator (
  one integer PRIMARY KEY CHECK (one = 1),
  owner text NOT NULL,
  fence bigint NOT NULL,
  expires_at timestamptz NOT NULL
);

INSERT INTO coordinator (one, owner, fence, expires_at) VALUES (1, '', 0, '-infinity');

-- Takes the lease when it is free, over, or this owner's already; null when another has it.
CREATE FUNCTION take_lease(new_owner text, seconds double precision) RETURNS bigint
LANGUAGE sql AS $$
  UPDATE coordinator
  SET owner = new_owner, fence = fence + 1,
    expires_at = clock_timestamp() + make_interval(secs => seconds)
  WHERE expires_at <= clock_timestamp()
  RETURNING fence
$$;

-- False: it is lost, and nothing may be decided any more.
CREATE FUNCTION renew_lease(held bigint, seconds double precision) RETURNS boolean
LANGUAGE sql AS $$
  WITH renewed AS (
    UPDATE coordinator
    SET expires_at = clock_timestamp() + make_interval(secs => seconds)
    WHERE fence = held AND expires_at > clock_timestamp()
    RETURNING one)
  SELECT EXISTS (SELECT FROM renewed)
$$;

CREATE FUNCTION give_lease(held bigint) RETURNS void LANGUAGE sql AS $$
  UPDATE coordinator SET expires_at = '-infinity' WHERE fence = held
$$;

-- One batch: its events follow the position that the caller decided on, under the caller's lease
-- (null: none is asked for). Commits are one after the other, so the order of positions is the
-- order of commits for every reader. The lock is released with the transaction.
CREATE FUNCTION append(
  expected bigint, batch_at timestamptz, types text[], subjects text[], bodies bytea[],
  held bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  last bigint;
BEGIN
  PERFORM pg_advisory_xact_lock('event'::regclass::oid::bigint);
  IF held IS NOT NULL THEN
    PERFORM FROM coordinator
      WHERE fence = held AND expires_at > clock_timestamp() FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the coordinator lease is over' USING ERRCODE = 'QN001';
    END IF;
  END IF;
  SELECT position INTO last FROM event ORDER BY position DESC LIMIT 1;
  last := coalesce(last, 0);
  IF cardinality(types) = 0 THEN RETURN last; END IF;
  IF last <> expected THEN
    RAISE EXCEPTION '%', last USING ERRCODE = 'QN002';
  END IF;
  INSERT INTO event (position, at, type, subject, body)
    SELECT expected + number, batch_at, type, subject, body
    FROM unnest(types, subjects, bodies) WITH ORDINALITY AS e (type, subject, body, number);
  RETURN expected + cardinality(types);
END $$;

-- The state as of a position: a head start for reading the log. At most one row; dropping it is
-- always safe.
CREATE TABLE snapshot (
  one integer PRIMARY KEY CHECK (one = 1),
  position bigint NOT NULL,
  format integer NOT NULL,
  body bytea NOT NULL
);

-- Commands of other processes until the coordinator takes them, oldest first.
CREATE TABLE inbox (
  number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  id text NOT NULL UNIQUE,
  sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  type text NOT NULL,
  body bytea NOT NULL
);

-- The readable text behind each fingerprint.
CREATE TABLE fingerprint (
  digest bytea PRIMARY KEY,
  form integer NOT NULL,
  body bytea NOT NULL
);

-- What was known of a file when its digest was taken. Paths are relative to the workspace. Size
-- -1: there was no such file; then there is no digest.
CREATE TABLE file_stamp (
  path text PRIMARY KEY,
  size bigint NOT NULL,
  modified_ns bigint NOT NULL,
  inode bigint NOT NULL,
  digest bytea NOT NULL,
  checked_ns bigint NOT NULL
);

-- Answers of jobs' config commands, by the digest of the question.
CREATE TABLE config_answer (
  question bytea PRIMARY KEY,
  form integer NOT NULL,
  body bytea NOT NULL
);
