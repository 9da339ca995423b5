-- CAs of others, each trusted for one client and for the leaves with one exact subject.
CREATE TABLE anchor (
    client      BLOB    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    ca          BLOB    NOT NULL,
    certificate BLOB    NOT NULL,
    subject     TEXT    NOT NULL,
    added       INTEGER NOT NULL,
    PRIMARY KEY (client, ca)
) STRICT, WITHOUT ROWID;

-- The leaves an anchor has enrolled. One that was removed stays, so that it does not enrol itself again.
CREATE TABLE anchor_leaf (
    fingerprint BLOB    NOT NULL,
    client      BLOB    NOT NULL,
    ca          BLOB    NOT NULL,
    removed     INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, client, ca),
    FOREIGN KEY (client, ca) REFERENCES anchor (client, ca) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX anchor_leaf_anchor ON anchor_leaf (client, ca);
