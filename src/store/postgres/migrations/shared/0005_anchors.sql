-- CAs of others, each trusted for one client and for the leaves with one exact subject.
CREATE TABLE anchor (
    client      BYTEA  NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    ca          BYTEA  NOT NULL,
    certificate BYTEA  NOT NULL,
    subject     TEXT   NOT NULL,
    added       BIGINT NOT NULL,
    PRIMARY KEY (client, ca)
);

-- The anchor that enrolled a certificate: a row of its client.
ALTER TABLE certificate ADD COLUMN ca BYTEA;

-- SHA-256 over its public key and over what its CA signed, both or none: certificates enrolled before have none.
ALTER TABLE certificate ADD COLUMN key_digest BYTEA;
ALTER TABLE certificate ADD COLUMN signed_digest BYTEA;

-- Certificates that were removed from a client, whatever they were trusted for: none of its anchors enrols them, or another
-- certificate of their keys. They outlive the anchors.
CREATE TABLE removed_certificate (
    client      BYTEA NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    fingerprint BYTEA NOT NULL,
    key_digest  BYTEA,
    PRIMARY KEY (client, fingerprint)
);
