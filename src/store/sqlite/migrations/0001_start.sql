-- The first schema. Identifiers are the 16 bytes of a UUID, times are seconds since 1970 unless they say _ms.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each epoch of this node's trail; the highest epoch is the current one.
CREATE TABLE origin (
    epoch          INTEGER PRIMARY KEY,
    name           TEXT    NOT NULL,
    first_sequence INTEGER NOT NULL,
    created        INTEGER NOT NULL
) STRICT;

CREATE TABLE instance (
    id           BLOB PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    crn_prefix   TEXT NOT NULL,
    account      TEXT NOT NULL,
    location     TEXT NOT NULL,
    crn_instance TEXT NOT NULL,
    created      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE data_key (
    instance BLOB    NOT NULL REFERENCES instance (id),
    epoch    INTEGER NOT NULL,
    wrapped  BLOB    NOT NULL,
    PRIMARY KEY (instance, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE client (
    id       BLOB PRIMARY KEY,
    label    TEXT NOT NULL UNIQUE,
    instance BLOB NOT NULL REFERENCES instance (id),
    status   TEXT NOT NULL,
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    fingerprint BLOB PRIMARY KEY,
    client      BLOB NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    trust       TEXT NOT NULL,
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    subject     TEXT NOT NULL,
    added       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Orders the certificates of a client by the time they were added, and serves the cascade.
CREATE INDEX certificate_client ON certificate (client, added);

-- A table with row numbers: a row holds some 300 to 1000 bytes, and a b-tree ordered by id would keep
-- few of them on the pages that searches pass through. New rows go to the end of both trees, for ids grow with time.
CREATE TABLE object (
    id                    BLOB NOT NULL UNIQUE,
    instance              BLOB NOT NULL REFERENCES instance (id),
    object_type           INTEGER NOT NULL,
    state                 INTEGER NOT NULL,
    state_version         INTEGER NOT NULL,
    attributes_version    INTEGER NOT NULL,
    fresh                 INTEGER NOT NULL,
    last_read             INTEGER,
    initial               INTEGER NOT NULL,
    activation            INTEGER,
    process_start         INTEGER,
    protect_stop          INTEGER,
    deactivation          INTEGER,
    destroy               INTEGER,
    compromise            INTEGER,
    compromise_occurrence INTEGER,
    archive               INTEGER,
    last_change           INTEGER NOT NULL,
    algorithm             INTEGER,
    length                INTEGER,
    usage_mask            INTEGER NOT NULL,
    digest                BLOB,
    revocation_code       INTEGER,
    revocation_message    TEXT,
    data_key_epoch        INTEGER NOT NULL,
    material              BLOB,
    attributes            BLOB NOT NULL
) STRICT;

CREATE INDEX object_instance ON object (instance, id);

-- The Names of objects. live is 0 once the object is destroyed: its names may then be given to another.
CREATE TABLE object_name (
    instance  BLOB    NOT NULL,
    value     TEXT    NOT NULL,
    object    BLOB    NOT NULL,
    position  INTEGER NOT NULL,
    idx       INTEGER NOT NULL,
    name_type INTEGER NOT NULL,
    live      INTEGER NOT NULL,
    PRIMARY KEY (instance, value, object, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX object_name_live ON object_name (instance, value) WHERE live = 1;
CREATE INDEX object_name_object ON object_name (object, position);

-- Finds objects by a custom attribute: value_hash is SHA-256 of the stored form of its value.
CREATE TABLE object_custom (
    instance   BLOB NOT NULL,
    name       TEXT NOT NULL,
    value_hash BLOB NOT NULL,
    object     BLOB NOT NULL,
    PRIMARY KEY (instance, name, value_hash, object)
) STRICT, WITHOUT ROWID;

CREATE INDEX object_custom_object ON object_custom (object);

-- Each distinct initiator and scope once; events refer to them by number.
CREATE TABLE initiator (
    id        INTEGER PRIMARY KEY,
    kind      INTEGER NOT NULL,
    initiator TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    UNIQUE (kind, initiator, name)
) STRICT;

CREATE TABLE scope (
    id         INTEGER PRIMARY KEY,
    crn_prefix TEXT NOT NULL,
    account    TEXT NOT NULL,
    location   TEXT NOT NULL,
    instance   TEXT NOT NULL,
    UNIQUE (crn_prefix, account, location, instance)
) STRICT;

-- The trail. leaf is the RFC 6962 leaf hash of the event's JSON; record is the compact form it is re-derived from.
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    record   BLOB NOT NULL,
    leaf     BLOB NOT NULL
) STRICT;
