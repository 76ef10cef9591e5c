-- Copies of outputs, and what came of runs by their fingerprint. A row is announced first, then its
-- chunks are written, then it is committed; readers see committed ones only. used_at: when it was
-- read last, to the hour.
CREATE TABLE artifact (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  key text NOT NULL CHECK (key <> ''),
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
  chunks integer NOT NULL DEFAULT 0 CHECK (chunks >= 0),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  committed_at timestamptz
);

-- Several may be writing one key; whoever commits last is what readers see.
CREATE UNIQUE INDEX artifact_committed ON artifact (key text_pattern_ops)
  WHERE committed_at IS NOT NULL;
CREATE INDEX artifact_half ON artifact (created_at) WHERE committed_at IS NULL;

-- form: 0 as it is, 1 deflated.
CREATE TABLE artifact_chunk (
  artifact bigint NOT NULL REFERENCES artifact (id) ON DELETE CASCADE,
  n integer NOT NULL CHECK (n >= 0),
  form integer NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (artifact, n)
);

ALTER TABLE artifact_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
