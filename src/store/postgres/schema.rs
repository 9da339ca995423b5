//! The schemas: made, brought up to date, and given to one more node.
//!
//! Migrations have the names that those of a file have; of each there is a part for the shared schema, one for that of a node's trail, or
//! both. They are applied in a transaction each. A node of the release before must run beside the new one: what takes something away
//! waits for the release after.

use super::super::engine::{Connection, params};
use super::super::error::StoreError;
use super::super::{InitMeta, sql};
use super::moving::{alone, check_unmarked};
use super::{SHARED, Server, ServerError, Session, hold};
use std::time::Duration;

/// A migration: its name, the part for the shared schema, the part for that of a node.
type Migration = (&'static str, &'static str, &'static str);

macro_rules! shared {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("migrations/shared/", $name, ".sql")),
            "",
        )
    };
}
macro_rules! origin {
    ($name:literal) => {
        (
            $name,
            "",
            include_str!(concat!("migrations/origin/", $name, ".sql")),
        )
    };
}
macro_rules! both {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("migrations/shared/", $name, ".sql")),
            include_str!(concat!("migrations/origin/", $name, ".sql")),
        )
    };
}

/// Every migration, oldest first; the schema's number is how many of them were applied.
pub(super) const MIGRATIONS: &[Migration] = &[
    both!("0001_start"),
    shared!("0002_locate"),
    shared!("0003_credentials"),
    shared!("0004_trust"),
    shared!("0005_anchors"),
    shared!("0006_values"),
    both!("0007_seal"),
    shared!("0008_routing"),
    origin!("0009_delivery"),
    origin!("0010_retention"),
    shared!("0011_rendering"),
    shared!("0012_permissions"),
    shared!("0013_destruction"),
    shared!("0014_issuers"),
    shared!("0015_administrators"),
    shared!("0016_revocations"),
    shared!("0017_removal"),
    both!("0018_warnings"),
    both!("0019_withdrawn"),
    shared!("0020_provenance"),
    shared!("0021_makers"),
    shared!("0022_administrator_warnings"),
    origin!("0023_beside"),
    shared!("0024_nodes"),
];

const MIGRATION: &str =
    "CREATE TABLE migration (name TEXT COLLATE \"C\" PRIMARY KEY, applied BIGINT NOT NULL)";
/// How long a node waits for another that brings the shared schema up to date.
const PATIENCE: Duration = Duration::from_secs(600);
/// Whose turn it is to change the shared schema is held like a node's trail; no node has this number.
const SHARED_NUMBER: u32 = 0;

/// Makes both schemas in a database that has none yet, with this node as the first; all of it or nothing.
pub(in crate::store) fn create(server: &Server, meta: &InitMeta) -> Result<Connection, StoreError> {
    let session = server.session("init").map_err(|error| error.sorted())?;
    session.unlimited();
    hold(&session, SHARED_NUMBER, PATIENCE, None).map_err(|error| error.sorted())?;
    if number(&session, SHARED)?.is_some() {
        check_unmarked(&session, server)?;
        return Err(StoreError::Refused(format!(
            "{server} is a keyledger database already: add this machine to it with keyledger node join"
        )));
    }
    let db = Connection::Server(Box::new(session));
    db.control("BEGIN")?;
    make(&db, SHARED)?;
    migrate(&db, SHARED, 0, meta.created)?;
    begin(&db, server, meta)?;
    sql::keep_master_key_check(&db, meta)?;
    db.control("COMMIT")?;
    drop(db);
    open(server, meta.created)
}

/// Makes the schema of this node in a database that others use; all of it or nothing.
pub(in crate::store) fn join(server: &Server, meta: &InitMeta) -> Result<Connection, StoreError> {
    // Until it ends nobody migrates the database, nor brings it up to date.
    let session = alone(server, "join")?;
    hold(&session, server.node, Duration::ZERO, None).map_err(|error| error.sorted())?;
    known(&session, SHARED)?;
    check_unmarked(&session, server)?;
    if number(&session, &server.schema())?.is_some() {
        return Err(StoreError::Refused(format!(
            "node {} has a trail in {server} already: give this machine another number with keyledger node prepare",
            server.node
        )));
    }
    let db = Connection::Server(Box::new(session));
    bring_up_to_date(&db, SHARED, meta.created)?;
    db.control("BEGIN")?;
    begin(&db, server, meta)?;
    db.control("COMMIT")?;
    drop(db);
    open(server, meta.created)
}

/// Opens the schemas for the node's writer, which alone writes its trail, and brings them up to date. `now` in seconds since 1970.
pub(in crate::store) fn open(server: &Server, now: i64) -> Result<Connection, StoreError> {
    let session = server.writing().map_err(|error| error.sorted())?;
    known(&session, SHARED)?;
    check_unmarked(&session, server)?;
    if number(&session, &server.schema())?.is_none() {
        return Err(StoreError::Refused(format!(
            "node {} has no trail in {server}: run keyledger node join",
            server.node
        )));
    }
    hold_trail(&session, server)?;
    // Whoever moves the database elsewhere marks it while it holds the trails.
    check_unmarked(&session, server)?;
    let db = Connection::Server(Box::new(session));
    bring_up_to_date(&db, SHARED, now)?;
    bring_up_to_date(&db, &server.schema(), now)?;
    Ok(db)
}

/// How long a starting node waits for a process that has just ended to be seen as gone, or for another node that delivers what it left.
const HOLD_PATIENCE: Duration = Duration::from_secs(30);

/// Holds the node's trail for this session.
pub(super) fn hold_trail(session: &Session, server: &Server) -> Result<(), StoreError> {
    let patience = if server.stands_in {
        Duration::ZERO
    } else {
        HOLD_PATIENCE
    };
    match hold(session, server.node, patience, None) {
        Err(ServerError::InUse { .. }) if server.stands_in => Err(StoreError::Busy),
        held => held.map_err(|error| error.sorted()),
    }
}

/// The schema of a node, with its first epoch and its row among the nodes.
pub(super) fn begin(db: &Connection, server: &Server, meta: &InitMeta) -> Result<(), StoreError> {
    make(db, &server.schema())?;
    migrate(db, &server.schema(), 0, meta.created)?;
    let path = format!("SET LOCAL search_path = {}, {SHARED}", server.schema());
    db.execute_batch(&path)?;
    let sql = "INSERT INTO node (number, name, joined) VALUES (?1, ?2, ?3)
        ON CONFLICT (number) DO UPDATE SET name = excluded.name, joined = excluded.joined";
    let row = params![server.node, meta.origin_name, meta.created];
    db.execute(sql, row).map_err(|error| {
        if error.is_unique_violation() {
            let name = &meta.origin_name;
            StoreError::Refused(format!(
                "there is a node of the name {name} already: give this one another"
            ))
        } else {
            error.into()
        }
    })?;
    sql::begin_origin(db, meta)
}

pub(super) fn make(db: &Connection, schema: &str) -> Result<(), StoreError> {
    db.execute_batch(&format!(
        "CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}"
    ))?;
    Ok(db.execute_batch(MIGRATION)?)
}

fn bring_up_to_date(db: &Connection, schema: &str, now: i64) -> Result<(), StoreError> {
    let Connection::Server(session) = db else {
        return Ok(());
    };
    if known(session, schema)? == newest() {
        return Ok(());
    }
    // Whoever opens it limits it again.
    session.unlimited();
    hold(session, SHARED_NUMBER, PATIENCE, None).map_err(|error| error.sorted())?;
    // Another node may have done it meanwhile.
    let found = known(session, schema)?;
    db.control("BEGIN")?;
    migrate(db, schema, found, now)?;
    db.control("COMMIT")?;
    db.query_row("SELECT pg_advisory_unlock(5696, 0)", [], |_| Ok(()))?;
    Ok(())
}

/// Applies what was not yet applied to a schema, in the transaction under way.
pub(super) fn migrate(
    db: &Connection,
    schema: &str,
    found: u32,
    now: i64,
) -> Result<(), StoreError> {
    db.execute_batch(&format!("SET LOCAL search_path = {schema}"))?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (name, shared, origin) in MIGRATIONS.iter().skip(done) {
        db.execute_batch(if schema == SHARED { shared } else { origin })?;
        let sql = format!("INSERT INTO {schema}.migration (name, applied) VALUES (?1, ?2)");
        db.execute(&sql, params![name, now])?;
    }
    Ok(())
}

/// The number of a schema that must be there and that this program must know.
pub(super) fn known(session: &Session, schema: &str) -> Result<u32, StoreError> {
    let found = number(session, schema)?.ok_or_else(|| {
        StoreError::Refused(
            "not a keyledger database: run keyledger init --store-url, or keyledger node join if others use it"
                .to_owned(),
        )
    })?;
    let known = newest();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(found)
}

/// The number of a schema, if it is there.
pub(super) fn number(session: &Session, schema: &str) -> Result<Option<u32>, StoreError> {
    let count = || -> Result<Option<u32>, ServerError> {
        let there = session.prepared("SELECT to_regclass(?1) IS NOT NULL")?;
        let table = format!("{schema}.migration");
        let there = session.rows(&there, &[super::super::engine::Value::Text(&table)])?;
        if !there.first().is_some_and(|row| row.get(0)) {
            return Ok(None);
        }
        let count = session.prepared(&format!("SELECT count(*) FROM {table}"))?;
        let rows = session.rows(&count, &[])?;
        let count: Option<i64> = rows.first().map(|row| row.get(0));
        Ok(count.and_then(|count| u32::try_from(count).ok()))
    };
    count().map_err(|error| error.sorted())
}

pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}
