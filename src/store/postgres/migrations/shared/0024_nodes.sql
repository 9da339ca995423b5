-- The nodes that share this database. prepared is when a node was given its number and its name, joined when its server was first started, seen
-- its last sign of life; release is the program's that was then at work.
CREATE TABLE node (
    number   BIGINT PRIMARY KEY,
    name     TEXT   COLLATE "C" NOT NULL UNIQUE,
    prepared BIGINT,
    joined   BIGINT,
    seen     BIGINT,
    release  TEXT
);

-- How often each of what nodes keep in memory was changed, in one row: what writes reads it first, and who changes such things adds one.
CREATE TABLE change (
    id             BIGINT PRIMARY KEY CHECK (id = 1),
    clients        BIGINT NOT NULL DEFAULT 0,
    administrators BIGINT NOT NULL DEFAULT 0,
    routing        BIGINT NOT NULL DEFAULT 0,
    keys           BIGINT NOT NULL DEFAULT 0
);

INSERT INTO change (id) VALUES (1);
