-- The first schema of what one node alone has: its trail.

-- One row for each epoch of this node's trail; the highest epoch is the current one.
CREATE TABLE origin (
    epoch          BIGINT PRIMARY KEY,
    name           TEXT   NOT NULL,
    first_sequence BIGINT NOT NULL,
    created        BIGINT NOT NULL
);

-- The trail. leaf is the RFC 6962 leaf hash of the event's JSON; record is the compact form it is re-derived from.
CREATE TABLE event (
    sequence BIGINT PRIMARY KEY,
    record   BYTEA  NOT NULL,
    leaf     BYTEA  NOT NULL
);
