-- Where events are delivered. endpoint is a JSON object whose secrets are masked; they are in target_secret, wrapped by the master key.
CREATE TABLE target (
    id          BYTEA  PRIMARY KEY,
    name        TEXT   COLLATE "C" NOT NULL UNIQUE,
    target_type TEXT   NOT NULL,
    region      TEXT,
    endpoint    TEXT   NOT NULL,
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL,
    version     BIGINT NOT NULL
);

CREATE TABLE target_secret (
    target  BYTEA NOT NULL REFERENCES target (id) ON DELETE CASCADE,
    field   TEXT  COLLATE "C" NOT NULL,
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (target, field)
);

-- rules and settings are JSON, read and written as a whole.
CREATE TABLE route (
    id      BYTEA  PRIMARY KEY,
    name    TEXT   COLLATE "C" NOT NULL UNIQUE,
    rules   TEXT   NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE routing_settings (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    settings TEXT   NOT NULL
);
