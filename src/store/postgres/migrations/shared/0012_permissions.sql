-- What a client may do: operations has a bit for each code of the standard, null is all of them; windows are hours, one window a line.
ALTER TABLE client ADD COLUMN operations BIGINT;
ALTER TABLE client ADD COLUMN windows TEXT NOT NULL DEFAULT '';

-- What none of an instance's clients may do, likewise.
ALTER TABLE instance ADD COLUMN denied BIGINT NOT NULL DEFAULT 0;
