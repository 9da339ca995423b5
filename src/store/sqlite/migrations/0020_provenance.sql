-- Who made, changed and destroyed what, as rows of initiator; null: it was done before this was kept, or by nobody that is recorded.
ALTER TABLE object ADD COLUMN creator INTEGER;
ALTER TABLE object ADD COLUMN changer INTEGER;
ALTER TABLE object ADD COLUMN destroyer INTEGER;
ALTER TABLE certificate ADD COLUMN creator INTEGER;
ALTER TABLE instance ADD COLUMN creator INTEGER;

-- When and by whom a certificate of the instance was last added or removed.
ALTER TABLE instance ADD COLUMN changed INTEGER;
ALTER TABLE instance ADD COLUMN changer INTEGER;

-- What a Key Protect script gave the instance that it made as an adapter: kept, and given back.
CREATE TABLE adapter (
    instance    BLOB PRIMARY KEY REFERENCES instance (id),
    description TEXT NOT NULL,
    crk_id      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Certificates as they were enrolled. Apart from what every handshake is decided by: nothing but a listing reads them.
CREATE TABLE certificate_der (
    fingerprint BLOB PRIMARY KEY REFERENCES certificate (fingerprint) ON DELETE CASCADE,
    der         BLOB NOT NULL
) STRICT;
