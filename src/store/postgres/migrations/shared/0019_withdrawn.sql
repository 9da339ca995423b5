-- Certificates that our CA issued and that were removed: what its revocation list names. ends is the last second of their validity.
CREATE TABLE withdrawn (
    fingerprint BYTEA  PRIMARY KEY,
    issuer      BYTEA  NOT NULL,
    serial      BYTEA  NOT NULL,
    ends        BIGINT NOT NULL,
    since       BIGINT NOT NULL
);

-- The last second of a certificate's own validity where not_after is an earlier one; null: not_after is it.
ALTER TABLE certificate ADD COLUMN ends BIGINT;
