-- How many days before its end a certificate was last warned of; null: not yet.
ALTER TABLE certificate ADD COLUMN warned BIGINT;
