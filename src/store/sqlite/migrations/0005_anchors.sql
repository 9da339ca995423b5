-- CAs of others, each trusted for one client and for the leaves with one exact subject.
CREATE TABLE anchor (
    client      BLOB    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    ca          BLOB    NOT NULL,
    certificate BLOB    NOT NULL,
    subject     TEXT    NOT NULL,
    added       INTEGER NOT NULL,
    PRIMARY KEY (client, ca)
) STRICT, WITHOUT ROWID;

-- The anchor that enrolled a certificate: a row of its client.
ALTER TABLE certificate ADD COLUMN ca BLOB;

-- SHA-256 over its public key and over what its CA signed, both or none: certificates enrolled before have none.
ALTER TABLE certificate ADD COLUMN key_digest BLOB;
ALTER TABLE certificate ADD COLUMN signed_digest BLOB;

-- Certificates that were removed from a client, whatever they were trusted for: none of its anchors enrols them, or another
-- certificate of their keys. They outlive the anchors.
CREATE TABLE removed_certificate (
    client      BLOB NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    fingerprint BLOB NOT NULL,
    key_digest  BLOB,
    PRIMARY KEY (client, fingerprint)
) STRICT, WITHOUT ROWID;
