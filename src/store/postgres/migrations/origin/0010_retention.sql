-- What retention removes of the trail: every event before kept_from, as the event of this sequence says. They go in pages, once a checkpoint
-- seals that event.
CREATE TABLE removal (
    id        BIGINT PRIMARY KEY CHECK (id = 1),
    kept_from BIGINT NOT NULL,
    event     BIGINT NOT NULL,
    recorded  BIGINT NOT NULL
);

-- The leaf hashes of removed events, 256 in a row from event 256 * block on: what was sealed stays provable.
CREATE TABLE removed_leaves (
    block  BIGINT PRIMARY KEY,
    hashes BYTEA  NOT NULL
);

-- Events that were removed before a target had them.
CREATE TABLE gap (
    target BYTEA  NOT NULL,
    first  BIGINT NOT NULL,
    last   BIGINT NOT NULL,
    PRIMARY KEY (target, first)
);
