-- How many days before its end a certificate of the server's own was last warned of, by fingerprint: they lie in this node's files, and of them
-- nothing else is kept here.
CREATE TABLE own_warned (
    fingerprint BYTEA  PRIMARY KEY,
    days        BIGINT NOT NULL
);
