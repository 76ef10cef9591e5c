-- Who may ask a server of this store; of a token only its SHA-256 is kept.
CREATE TABLE access_token (
  name TEXT PRIMARY KEY CHECK (name <> ''),
  role TEXT NOT NULL CHECK (role IN ('read', 'operate')),
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- What was asked of a server under a key of the sender, and the command that it became.
CREATE TABLE keyed_request (
  key TEXT PRIMARY KEY CHECK (key <> ''),
  digest BLOB NOT NULL,
  command TEXT NOT NULL,
  sent_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX keyed_request_sent ON keyed_request (sent_at);
