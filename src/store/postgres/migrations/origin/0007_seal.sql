-- What of the trail's tree is kept beside the leaves: each complete subtree of 256, 65 536 and so on leaves.
CREATE TABLE subtree (
    level BIGINT NOT NULL,
    idx   BIGINT NOT NULL,
    hash  BYTEA  NOT NULL,
    PRIMARY KEY (level, idx)
);

-- The newest checkpoint of each epoch, as the signed note it is.
CREATE TABLE checkpoint (
    epoch BIGINT PRIMARY KEY,
    size  BIGINT NOT NULL,
    note  TEXT   NOT NULL
);
