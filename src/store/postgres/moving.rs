//! The schemas as the target of a migration, and as what one came from.
//!
//! Whoever migrates holds the shared schema against others who would, and in the other direction every node's trail: nobody writes meanwhile.

use super::super::engine::{Connection, params};
use super::super::error::StoreError;
use super::super::moving::mark::{Mark, Stage};
use super::super::{InitMeta, Node};
use super::schema::{begin, hold_trail, known, make, migrate, newest, number};
use super::{SHARED, Server, ServerError, Session, hold, nodes};
use std::time::Duration;

/// Whose turn it is to change the shared schema is held like a node's trail; no node has this number.
const SHARED_NUMBER: u32 = 0;
/// How long a process that has just ended may take to be seen as gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be copied into the schemas.
pub(in crate::store) struct Coming<'a> {
    /// What the trail is called, and when it began.
    pub(in crate::store) meta: &'a InitMeta,
    /// What the database is known by.
    pub(in crate::store) identity: &'a str,
    /// The sequence of the event that comes next.
    pub(in crate::store) head: u64,
}

/// Makes both schemas, marked, in a database that has none, or goes on with those of a migration of the same database that was cut off: as it
/// is where that database has not changed since, and anew otherwise.
pub(in crate::store) fn begin_copy(
    server: &Server,
    coming: &Coming<'_>,
) -> Result<Connection, StoreError> {
    let session = alone(server, "migration")?;
    let found = number(&session, SHARED)?;
    let own = number(&session, &server.schema())?;
    let db = Connection::Server(Box::new(session));
    let goes_on = match found {
        None if others(&db)?.is_empty() => false,
        None => return Err(not_empty(server)),
        Some(schema) => {
            let mark = Mark::of(&db)?.ok_or_else(|| not_empty(server))?;
            check(server, &mark, coming)?;
            let is_same = mark.head == coming.head && mark.stage != Stage::Differs;
            is_same && schema == newest() && own == Some(newest())
        }
    };
    if goes_on {
        return Ok(db);
    }
    db.control("BEGIN")?;
    drop_all(&db)?;
    make(&db, SHARED)?;
    migrate(&db, SHARED, 0, coming.meta.created)?;
    begin(&db, server, coming.meta)?;
    // It comes with the rest of the trail.
    db.execute("DELETE FROM origin", [])?;
    let mark = Mark {
        identity: coming.identity.to_owned(),
        head: coming.head,
        stage: Stage::Copying,
    };
    mark.put(&db)?;
    db.control("COMMIT")?;
    Ok(db)
}

/// What initiators and scopes are numbered with goes on after the highest number there is.
pub(in crate::store) fn set_numbers(db: &Connection) -> Result<(), StoreError> {
    for (sequence, table) in [("initiator_number", "initiator"), ("scope_number", "scope")] {
        let highest: Option<i64> =
            db.query_row(&format!("SELECT max(id) FROM {table}"), [], |row| {
                row.get(0)
            })?;
        if let Some(highest) = highest {
            let sql = "SELECT setval(CAST(CAST(?1 AS TEXT) AS regclass), ?2)";
            db.query_row(sql, params![sequence, highest], |_| Ok(()))?;
        }
    }
    Ok(())
}

/// The mark of a database that is there, with a session that keeps others from it; no mark: it can be started.
pub(in crate::store) fn marked(server: &Server) -> Result<(Connection, Option<Mark>), StoreError> {
    let session = alone(server, "migration")?;
    known(&session, SHARED)?;
    let db = Connection::Server(Box::new(session));
    let mark = Mark::of(&db)?;
    Ok((db, mark))
}

/// Opens the schemas to be copied from: nobody else writes in them meanwhile. Gives the nodes besides this one that have a trail there.
pub(in crate::store) fn open_to_leave(
    server: &Server,
) -> Result<(Connection, Vec<Node>), StoreError> {
    let (db, mark) = marked(server)?;
    if mark.is_some_and(|mark| mark.stage != Stage::Left) {
        return Err(StoreError::Refused(unfinished(server)));
    }
    let Connection::Server(session) = &db else {
        return Err(StoreError::NotAFile);
    };
    for schema in [SHARED.to_owned(), server.schema()] {
        if known(session, &schema)? != newest() {
            return Err(StoreError::Refused(format!(
                "{server} is of an older release: run keyledger serve once, which brings it up to date"
            )));
        }
    }
    hold_trail(session, server)?;
    let mut others = nodes(&db)?;
    others.retain(|node| node.number != server.node && node.joined.is_some());
    for node in &others {
        hold(session, node.number, Duration::ZERO, None).map_err(|error| error.sorted())?;
    }
    Ok((db, others))
}

/// Refuses to start a database that is marked, unless whoever asks is the one that migrates.
pub(in crate::store) fn check_unmarked(
    session: &Session,
    server: &Server,
) -> Result<(), StoreError> {
    if server.despite_mark {
        return Ok(());
    }
    let there = || -> Result<Option<i64>, super::super::engine::Error> {
        let there = session.prepare("SELECT to_regclass('keyledger.moving') IS NOT NULL")?;
        if !session
            .query(&there, &[])?
            .first()
            .is_some_and(|row| row.get(0))
        {
            return Ok(None);
        }
        let stage = session.prepare("SELECT stage FROM keyledger.moving")?;
        Ok(session.query(&stage, &[])?.first().map(|row| row.get(0)))
    };
    match there()? {
        None => Ok(()),
        Some(LEFT) => Err(StoreError::Refused(format!(
            "the database on {server} was moved into a file and is not started again: start the server that has the file; where the migration was \
             cut off, run keyledger migrate --to sqlite again"
        ))),
        Some(_) => Err(StoreError::Refused(unfinished(server))),
    }
}

/// The stage of a database that went elsewhere, as it is stored.
const LEFT: i64 = 3;

fn unfinished(server: &Server) -> String {
    format!(
        "a migration into the database on {server} is not finished: run keyledger migrate --to postgres again where it was begun"
    )
}

fn not_empty(server: &Server) -> StoreError {
    StoreError::Refused(format!(
        "{server} is not empty: it has a keyledger database already; name an empty one (nothing was changed)"
    ))
}

fn check(server: &Server, mark: &Mark, coming: &Coming<'_>) -> Result<(), StoreError> {
    if mark.stage == Stage::Left {
        return Err(StoreError::Refused(format!(
            "{server} is not empty: it has the database that was moved into a file; name an empty one, or drop the schemas of that (nothing was \
             changed)"
        )));
    }
    if mark.identity == coming.identity {
        return Ok(());
    }
    let name = mark.identity.split(' ').next().unwrap_or_default();
    Err(StoreError::Refused(format!(
        "{server} is not empty: a migration of another database, {name}, into it is not finished; finish that one, or name an empty database \
         (nothing was changed)"
    )))
}

/// A session that keeps others from migrating into this database or from it.
pub(super) fn alone(server: &Server, purpose: &str) -> Result<Session, StoreError> {
    let session = server.session(purpose).map_err(|error| error.sorted())?;
    match hold(&session, SHARED_NUMBER, PATIENCE, None) {
        Ok(()) => {
            session.unlimited();
            Ok(session)
        }
        Err(ServerError::InUse { holder, .. }) => Err(StoreError::Refused(format!(
            "another process migrates {server}, joins it or brings it up to date ({holder}): wait until it has ended"
        ))),
        Err(error) => Err(error.sorted()),
    }
}

/// The schemas of nodes' trails.
fn others(db: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^keyledger_[0-9]+$'";
    Ok(db.prepare(sql)?.query_map([], |row| row.get(0))?)
}

fn drop_all(db: &Connection) -> Result<(), StoreError> {
    let mut schemas = others(db)?;
    schemas.push(SHARED.to_owned());
    for schema in schemas {
        db.execute_batch(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))?;
    }
    Ok(())
}
