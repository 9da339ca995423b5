-- How many days before its end the certificate of a CA that is trusted for a client was last warned of; null: not yet.
ALTER TABLE anchor ADD COLUMN warned INTEGER;

-- The same of the certificates of the server's own, by fingerprint: they lie in files, and of them nothing else is kept here.
CREATE TABLE own_warned (
    fingerprint BLOB    NOT NULL PRIMARY KEY,
    days        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
