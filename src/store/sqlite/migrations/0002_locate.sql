-- What Locate can tell of an object without its row: a search passes through this index instead of the table.
-- It takes the place of object_instance, so that making an object still writes as many indexes.
CREATE INDEX object_head ON object (instance, id, state, object_type, algorithm, length, usage_mask, initial, activation, deactivation);
DROP INDEX object_instance;
