-- The epochs in which a checkpoint was written to the file that this node keeps outside the database.
CREATE TABLE beside (
    epoch BIGINT PRIMARY KEY
);
