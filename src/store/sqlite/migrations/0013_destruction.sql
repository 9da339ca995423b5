-- When the destruction of a key that is scheduled is carried out; null: none is. Moves with the state version.
ALTER TABLE object ADD COLUMN destroy_due INTEGER;

-- Whose read last_read is: a row of initiator.
ALTER TABLE object ADD COLUMN last_reader INTEGER;

-- Destructions that administrators asked for and that are not carried out yet. due is null while another one has to approve; state and
-- deactivation are the key's own, for an undoing.
CREATE TABLE destruction (
    object            BLOB    PRIMARY KEY,
    instance          BLOB    NOT NULL,
    reason            TEXT    NOT NULL,
    forced            INTEGER NOT NULL,
    requested         INTEGER NOT NULL,
    requested_by      TEXT    NOT NULL,
    requested_by_name TEXT    NOT NULL,
    approved_by       TEXT,
    approved_by_name  TEXT,
    correlation       BLOB    NOT NULL,
    due               INTEGER,
    state             INTEGER,
    deactivation      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX destruction_due ON destruction (due) WHERE due IS NOT NULL;
