-- Who may administer the server from elsewhere. instance is null for who may reach every one. digest is SHA-256 of the key's text.
CREATE TABLE api_key (
    id        BYTEA  PRIMARY KEY,
    name      TEXT   COLLATE "C" NOT NULL UNIQUE,
    role      TEXT   NOT NULL,
    instance  BYTEA  REFERENCES instance (id) ON DELETE CASCADE,
    digest    BYTEA  NOT NULL UNIQUE,
    created   BIGINT NOT NULL,
    expires   BIGINT,
    last_used BIGINT
);

CREATE TABLE administrator (
    fingerprint BYTEA  PRIMARY KEY,
    label       TEXT   COLLATE "C" NOT NULL UNIQUE,
    role        TEXT   NOT NULL,
    instance    BYTEA  REFERENCES instance (id) ON DELETE CASCADE,
    subject     TEXT   NOT NULL,
    not_before  BIGINT NOT NULL,
    not_after   BIGINT NOT NULL,
    added       BIGINT NOT NULL
);
