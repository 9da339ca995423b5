-- When an instance was removed; null: it is there. Its data keys and clients went with it, and its name is free for another.
ALTER TABLE instance ADD COLUMN removed BIGINT;
