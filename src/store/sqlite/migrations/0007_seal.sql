-- What of the trail's tree is kept beside the leaves: each complete subtree of 256, 65 536 and so on leaves.
CREATE TABLE subtree (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB    NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- The key that signs the checkpoints of an origin: Ed25519, its seed wrapped by the master key.
CREATE TABLE signing_key (
    origin  TEXT PRIMARY KEY,
    public  BLOB NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest checkpoint of each epoch, as the signed note it is.
CREATE TABLE checkpoint (
    epoch INTEGER PRIMARY KEY,
    size  INTEGER NOT NULL,
    note  TEXT    NOT NULL
) STRICT;
