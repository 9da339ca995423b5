-- The CA of this server that issued a certificate, by its fingerprint, and the serial number that a CA revokes it by: certificates enrolled
-- before have neither.
ALTER TABLE certificate ADD COLUMN issuer BYTEA;
ALTER TABLE certificate ADD COLUMN serial BYTEA;
