-- User name and password that an instance asks its clients for; no row: it asks for none.

CREATE TABLE credential (
    instance BYTEA PRIMARY KEY REFERENCES instance (id),
    username TEXT  NOT NULL,
    -- Argon2id with its parameters and salt, as a PHC string.
    password TEXT  NOT NULL
);
