-- Who made a credential over the API, and who made those: initiator IDs with a space between, the nearest first. Empty: it was made on the
-- machine, or before this was kept. With a destruction that waits stand those of who asked for it.
ALTER TABLE api_key ADD COLUMN makers TEXT NOT NULL DEFAULT '';
ALTER TABLE administrator ADD COLUMN makers TEXT NOT NULL DEFAULT '';
ALTER TABLE destruction ADD COLUMN requested_by_makers TEXT NOT NULL DEFAULT '';
