-- How many days before its end the certificate of a CA that is trusted for a client was last warned of; null: not yet.
ALTER TABLE anchor ADD COLUMN warned BIGINT;
