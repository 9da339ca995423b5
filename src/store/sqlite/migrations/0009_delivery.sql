-- How far each target is: the first event that it was not given, the epoch that was under way then, and how many events the newest checkpoint
-- seals that it has.
CREATE TABLE delivery (
    target     BLOB    PRIMARY KEY,
    epoch      INTEGER NOT NULL,
    next       INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events that a target refused for good. is_due is 1 once it is to be given to the target again.
CREATE TABLE parked (
    target    BLOB    NOT NULL,
    sequence  INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    parked_ms INTEGER NOT NULL,
    is_due    INTEGER NOT NULL,
    PRIMARY KEY (target, sequence)
) STRICT, WITHOUT ROWID;
