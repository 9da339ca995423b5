-- How events are written for a target: sealed or cadf.
ALTER TABLE target ADD COLUMN rendering TEXT NOT NULL DEFAULT 'sealed';
