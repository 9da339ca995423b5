-- The first schema of what all nodes share. Identifiers are the 16 bytes of a UUID, times are seconds since 1970 unless they say _ms, truth is 0
-- or 1. Texts that are looked up or put in order compare as bytes, whatever the database's own collation.

CREATE TABLE meta (
    key   TEXT  COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE instance (
    id           BYTEA  PRIMARY KEY,
    name         TEXT   COLLATE "C" NOT NULL UNIQUE,
    crn_prefix   TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    location     TEXT   NOT NULL,
    crn_instance TEXT   NOT NULL,
    created      BIGINT NOT NULL
);

CREATE TABLE data_key (
    instance BYTEA  NOT NULL REFERENCES instance (id),
    epoch    BIGINT NOT NULL,
    wrapped  BYTEA  NOT NULL,
    PRIMARY KEY (instance, epoch)
);

CREATE TABLE client (
    id       BYTEA  PRIMARY KEY,
    label    TEXT   COLLATE "C" NOT NULL UNIQUE,
    instance BYTEA  NOT NULL REFERENCES instance (id),
    status   TEXT   NOT NULL,
    created  BIGINT NOT NULL
);

CREATE TABLE certificate (
    fingerprint BYTEA  PRIMARY KEY,
    client      BYTEA  NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    trust       TEXT   NOT NULL,
    not_before  BIGINT NOT NULL,
    not_after   BIGINT NOT NULL,
    subject     TEXT   NOT NULL,
    added       BIGINT NOT NULL
);

-- Orders the certificates of a client by the time they were added, and serves the cascade.
CREATE INDEX certificate_client ON certificate (client, added);

-- A page keeps a fifth for newer versions of its rows: that an object was read changes no column of an index, so that no index is written then.
-- Vacuum comes early: what destroyed keys held goes from the pages, and searches stay within the index.
CREATE TABLE object (
    id                    BYTEA  PRIMARY KEY,
    instance              BYTEA  NOT NULL REFERENCES instance (id),
    object_type           BIGINT NOT NULL,
    state                 BIGINT NOT NULL,
    state_version         BIGINT NOT NULL,
    attributes_version    BIGINT NOT NULL,
    fresh                 BIGINT NOT NULL,
    last_read             BIGINT,
    initial               BIGINT NOT NULL,
    activation            BIGINT,
    process_start         BIGINT,
    protect_stop          BIGINT,
    deactivation          BIGINT,
    destroy               BIGINT,
    compromise            BIGINT,
    compromise_occurrence BIGINT,
    archive               BIGINT,
    last_change           BIGINT NOT NULL,
    algorithm             BIGINT,
    length                BIGINT,
    usage_mask            BIGINT NOT NULL,
    digest                BYTEA,
    revocation_code       BIGINT,
    revocation_message    TEXT,
    data_key_epoch        BIGINT NOT NULL,
    material              BYTEA,
    attributes            BYTEA  NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX object_instance ON object (instance, id);

-- An entry of a b-tree has room for some 2700 bytes, and names may be longer: they are in indexes by their hash.
CREATE FUNCTION name_hash(name TEXT) RETURNS BYTEA
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to(name, 'UTF8'));

-- The Names of objects. live is 0 once the object is destroyed: its names may then be given to another.
CREATE TABLE object_name (
    instance  BYTEA  NOT NULL,
    value     TEXT   COLLATE "C" NOT NULL,
    object    BYTEA  NOT NULL,
    position  BIGINT NOT NULL,
    idx       BIGINT NOT NULL,
    name_type BIGINT NOT NULL,
    live      BIGINT NOT NULL,
    PRIMARY KEY (object, position)
);

CREATE UNIQUE INDEX object_name_live ON object_name (instance, name_hash(value)) WHERE live = 1;
-- To search by: a hash index takes texts of any length. The names that others may have again are many where one name is given over and over.
CREATE INDEX object_name_value ON object_name USING hash (value);
CREATE INDEX object_name_live_value ON object_name USING hash (value) WHERE live = 1;

-- Finds objects by a custom attribute: value_hash is SHA-256 of the stored form of its value.
CREATE TABLE object_custom (
    instance   BYTEA NOT NULL,
    name       TEXT  COLLATE "C" NOT NULL,
    value_hash BYTEA NOT NULL,
    object     BYTEA NOT NULL
);

-- In the order of the objects with a value, whatever the attribute is called: few values are had under two names.
CREATE UNIQUE INDEX object_custom_value ON object_custom (instance, value_hash, object, name_hash(name));
CREATE INDEX object_custom_object ON object_custom (object);

-- Each distinct initiator and scope once; the events of every node refer to them by number. Numbers come from these sequences, and some are
-- left out: what was rolled back took its own.
CREATE SEQUENCE initiator_number AS BIGINT MAXVALUE 4294967295;
CREATE SEQUENCE scope_number AS BIGINT MAXVALUE 4294967295;

CREATE TABLE initiator (
    id        BIGINT PRIMARY KEY,
    kind      BIGINT NOT NULL,
    initiator TEXT   COLLATE "C" NOT NULL,
    name      TEXT   COLLATE "C" NOT NULL,
    UNIQUE (kind, initiator, name)
);

CREATE TABLE scope (
    id         BIGINT PRIMARY KEY,
    crn_prefix TEXT   COLLATE "C" NOT NULL,
    account    TEXT   COLLATE "C" NOT NULL,
    location   TEXT   COLLATE "C" NOT NULL,
    instance   TEXT   COLLATE "C" NOT NULL,
    UNIQUE (crn_prefix, account, location, instance)
);
