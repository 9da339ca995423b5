-- How far each target is: the first event that it was not given, the epoch that was under way then, and how many events the newest checkpoint
-- seals that it has.
CREATE TABLE delivery (
    target     BYTEA  PRIMARY KEY,
    epoch      BIGINT NOT NULL,
    next       BIGINT NOT NULL,
    checkpoint BIGINT NOT NULL
);

-- Events that a target refused for good. is_due is 1 once it is to be given to the target again.
CREATE TABLE parked (
    target    BYTEA  NOT NULL,
    sequence  BIGINT NOT NULL,
    reason    TEXT   NOT NULL,
    parked_ms BIGINT NOT NULL,
    is_due    BIGINT NOT NULL,
    PRIMARY KEY (target, sequence)
);
