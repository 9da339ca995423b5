-- The epochs in which a checkpoint was written to the file beside the database.
CREATE TABLE beside (
    epoch INTEGER PRIMARY KEY
) STRICT;

-- So far meta named the last of them, as four bytes.
INSERT INTO beside (epoch)
    SELECT epoch FROM origin WHERE printf('%08X', epoch) = (SELECT hex(value) FROM meta WHERE key = 'checkpoint-beside');
DELETE FROM meta WHERE key = 'checkpoint-beside';
