-- What Locate can tell of an object without its row: a search passes through this index instead of the table, where vacuum has been.
-- The columns that are only told are beside the key, so that they order nothing. A change of state writes the indexes of the object
-- once more, three or four times in its life; a read and a tag write none of them.
CREATE INDEX object_head ON object (instance, id)
    INCLUDE (state, object_type, algorithm, length, usage_mask, initial, activation, deactivation);
DROP INDEX object_instance;
