-- Who may administer the server from elsewhere. instance is null for who may reach every one. digest is SHA-256 of the key's text.
CREATE TABLE api_key (
    id        BLOB PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    role      TEXT NOT NULL,
    instance  BLOB REFERENCES instance (id) ON DELETE CASCADE,
    digest    BLOB NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER
) STRICT;

CREATE TABLE administrator (
    fingerprint BLOB PRIMARY KEY,
    label       TEXT NOT NULL UNIQUE,
    role        TEXT NOT NULL,
    instance    BLOB REFERENCES instance (id) ON DELETE CASCADE,
    subject     TEXT NOT NULL,
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    added       INTEGER NOT NULL
) STRICT;
