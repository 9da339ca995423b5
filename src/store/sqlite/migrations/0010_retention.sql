-- What retention removes of the trail: every event before kept_from, as the event of this sequence says. They go in pages, once a checkpoint
-- seals that event.
CREATE TABLE removal (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    kept_from INTEGER NOT NULL,
    event     INTEGER NOT NULL,
    recorded  INTEGER NOT NULL
) STRICT;

-- The leaf hashes of removed events, 256 in a row from event 256 * block on: what was sealed stays provable.
CREATE TABLE removed_leaves (
    block  INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL
) STRICT;

-- Events that were removed before a target had them.
CREATE TABLE gap (
    target BLOB    NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (target, first)
) STRICT, WITHOUT ROWID;
