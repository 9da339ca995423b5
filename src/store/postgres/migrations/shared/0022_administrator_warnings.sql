-- How many days before its end the certificate of an administrator was last warned of; null: not yet.
ALTER TABLE administrator ADD COLUMN warned BIGINT;
