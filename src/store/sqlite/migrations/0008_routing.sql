-- Where events are delivered. endpoint is a JSON object whose secrets are masked; they are in target_secret, wrapped by the master key.
CREATE TABLE target (
    id          BLOB    PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    target_type TEXT    NOT NULL,
    region      TEXT,
    endpoint    TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE target_secret (
    target  BLOB NOT NULL REFERENCES target (id) ON DELETE CASCADE,
    field   TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (target, field)
) STRICT, WITHOUT ROWID;

-- rules and settings are JSON, read and written as a whole.
CREATE TABLE route (
    id      BLOB    PRIMARY KEY,
    name    TEXT    NOT NULL UNIQUE,
    rules   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE routing_settings (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    settings TEXT    NOT NULL
) STRICT;
