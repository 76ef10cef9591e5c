-- Who may ask a server of this store; of a token only its SHA-256 is kept.
CREATE TABLE access_token (
  name text PRIMARY KEY CHECK (name <> ''),
  role text NOT NULL CHECK (role IN ('read', 'operate')),
  hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revoked_at timestamptz
);

-- What was asked of a server under a key of the sender, and the command that it became.
CREATE TABLE keyed_request (
  key text PRIMARY KEY CHECK (key <> ''),
  digest bytea NOT NULL,
  command text NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX keyed_request_sent ON keyed_request (sent_at);
