//! A look at a database that changes nothing.

use super::super::beside::BesideFile;
use super::super::engine::Connection;
use super::super::error::StoreError;
use super::super::query::{Inspection, LastSealed, Rows};
use super::super::sql::{client, epochs, master_key_check, seal};
use super::moving::check_unmarked;
use super::schema::{known, newest};
use super::{SHARED, Server};

/// What a database says of itself.
pub(in crate::store) fn inspect(server: &Server) -> Result<Inspection, StoreError> {
    let session = server.session("look").map_err(|error| error.sorted())?;
    check_unmarked(&session, server)?;
    let schema = known(&session, SHARED)?.min(known(&session, &server.schema())?);
    let (db, newest) = (Connection::Server(Box::new(session)), newest());
    let origin = epochs(&db)?.name;
    let key = seal::signing_key(&db, &origin)?;
    Ok(Inspection {
        schema,
        newest,
        master_key_check: master_key_check(&db)?,
        data_keys: client::data_keys(&db)?,
        signing_key: key.map(|key| (origin, key)),
        rows: (schema < newest).then(|| rows(&db)).transpose()?,
    })
}

/// About how much there is, as the server's own statistics have it: counting would take as long as a migration.
fn rows(db: &Connection) -> Result<Rows, StoreError> {
    let sql = "SELECT CAST(greatest(reltuples, 0) AS BIGINT) FROM pg_class WHERE oid = CAST(CAST(?1 AS TEXT) AS regclass)";
    let number = |table: &str| db.query_row(sql, [table], |row| row.get(0));
    Ok(Rows {
        objects: number("object")?,
        events: number("event")?,
    })
}

/// Whether the node's trail goes on from what was sealed last.
pub(in crate::store) fn inspect_seal(
    server: &Server,
    file: &BesideFile,
) -> Result<LastSealed, StoreError> {
    let session = server.session("look").map_err(|error| error.sorted())?;
    seal::last_sealed(&Connection::Server(Box::new(session)), file)
}
