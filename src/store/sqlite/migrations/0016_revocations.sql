-- What CAs of others have revoked, by SHA-256 over the CA's public key: the list's own fingerprint, number and dates, and the serial numbers, 20
-- bytes each, in ascending order. How many days before its end a list was last warned of; null: not yet.
CREATE TABLE revocation (
    ca_key      BLOB    NOT NULL PRIMARY KEY,
    fingerprint BLOB    NOT NULL,
    number      BLOB,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    serials     BLOB    NOT NULL,
    warned      INTEGER
) STRICT;
