-- The key that signs the checkpoints of an origin: Ed25519, its seed wrapped by the master key. Every node's is here, for a change of the
-- master key wraps all of them again.
CREATE TABLE signing_key (
    origin  TEXT  COLLATE "C" PRIMARY KEY,
    public  BYTEA NOT NULL,
    wrapped BYTEA NOT NULL
);
