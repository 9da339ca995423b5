-- Who made, changed and destroyed what, as rows of initiator; null: it was done before this was kept, or by nobody that is recorded.
ALTER TABLE object ADD COLUMN creator BIGINT;
ALTER TABLE object ADD COLUMN changer BIGINT;
ALTER TABLE object ADD COLUMN destroyer BIGINT;
ALTER TABLE certificate ADD COLUMN creator BIGINT;
ALTER TABLE instance ADD COLUMN creator BIGINT;

-- When and by whom a certificate of the instance was last added or removed.
ALTER TABLE instance ADD COLUMN changed BIGINT;
ALTER TABLE instance ADD COLUMN changer BIGINT;

-- What a Key Protect script gave the instance that it made as an adapter: kept, and given back.
CREATE TABLE adapter (
    instance    BYTEA PRIMARY KEY REFERENCES instance (id),
    description TEXT  NOT NULL,
    crk_id      TEXT  NOT NULL
);

-- Certificates as they were enrolled. Apart from what every handshake is decided by: nothing but a listing reads them.
CREATE TABLE certificate_der (
    fingerprint BYTEA PRIMARY KEY REFERENCES certificate (fingerprint) ON DELETE CASCADE,
    der         BYTEA NOT NULL
);
