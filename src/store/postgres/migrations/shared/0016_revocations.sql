-- What CAs of others have revoked, by SHA-256 over the CA's public key: the list's own fingerprint, number and dates, and the serial numbers, 20
-- bytes each, in ascending order. How many days before its end a list was last warned of; null: not yet.
CREATE TABLE revocation (
    ca_key      BYTEA  PRIMARY KEY,
    fingerprint BYTEA  NOT NULL,
    number      BYTEA,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    serials     BYTEA  NOT NULL,
    warned      BIGINT
);
