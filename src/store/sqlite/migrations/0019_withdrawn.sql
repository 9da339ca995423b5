-- Certificates that our CA issued and that were removed: what its revocation list names. ends is the last second of their validity.
CREATE TABLE withdrawn (
    fingerprint BLOB    NOT NULL PRIMARY KEY,
    issuer      BLOB    NOT NULL,
    serial      BLOB    NOT NULL,
    ends        INTEGER NOT NULL,
    since       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last second of a certificate's own validity where not_after is an earlier one; null: not_after is it.
ALTER TABLE certificate ADD COLUMN ends INTEGER;

-- The certificates of the server's own that were in use last: the server's at place 0, then its CA's, the one that issues at place 1.
CREATE TABLE own_certificate (
    place       INTEGER NOT NULL PRIMARY KEY,
    certificate BLOB    NOT NULL
) STRICT;
