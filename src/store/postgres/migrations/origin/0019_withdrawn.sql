-- The certificates of the server's own that this node had in use last: the server's at place 0, then its CA's, the one that issues at place 1.
CREATE TABLE own_certificate (
    place       BIGINT PRIMARY KEY,
    certificate BYTEA  NOT NULL
);
