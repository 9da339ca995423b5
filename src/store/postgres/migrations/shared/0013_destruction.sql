-- When the destruction of a key that is scheduled is carried out; null: none is. Moves with the state version.
ALTER TABLE object ADD COLUMN destroy_due BIGINT;

-- Whose read last_read is: a row of initiator.
ALTER TABLE object ADD COLUMN last_reader BIGINT;

-- Destructions that administrators asked for and that are not carried out yet. due is null while another one has to approve; state and
-- deactivation are the key's own, for an undoing.
CREATE TABLE destruction (
    object            BYTEA  PRIMARY KEY,
    instance          BYTEA  NOT NULL,
    reason            TEXT   NOT NULL,
    forced            BIGINT NOT NULL,
    requested         BIGINT NOT NULL,
    requested_by      TEXT   NOT NULL,
    requested_by_name TEXT   NOT NULL,
    approved_by       TEXT,
    approved_by_name  TEXT,
    correlation       BYTEA  NOT NULL,
    due               BIGINT,
    state             BIGINT,
    deactivation      BIGINT
);

CREATE INDEX destruction_due ON destruction (due) WHERE due IS NOT NULL;
