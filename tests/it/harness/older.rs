//! Databases of older schemas, built from one of today: what a table or a column of today holds that the older schema has, too.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// Every migration there is, the oldest first.
pub(crate) fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite/migrations");
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// Makes a database of today one of this schema, with what it holds.
pub(crate) fn make_older(path: &Path, schema: usize) {
    let newer = path.with_extension("newer");
    fs::rename(path, &newer).expect("a file");
    let db = Connection::open(path).expect("a database");
    db.execute_batch("PRAGMA application_id = 0x4b4c4447; PRAGMA journal_mode = WAL;")
        .expect("a database");
    db.execute_batch(
        "CREATE TABLE migration (name TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
    )
    .expect("a table");
    for path in migrations().iter().take(schema) {
        let sql = fs::read_to_string(path).expect("a migration");
        db.execute_batch(&sql).expect("a migration");
        let name = path.file_stem().and_then(|name| name.to_str());
        db.execute("INSERT INTO migration VALUES (?1, 0)", [name])
            .expect("a row");
    }
    db.pragma_update(None, "user_version", schema)
        .expect("a number");
    take_over(&db, newer.to_str().expect("a text"));
    db.close().expect("a database");
    fs::remove_file(newer).expect("a file");
}

/// Copies what the older tables and columns hold.
fn take_over(db: &Connection, newer: &str) {
    // A migration may have put rows in place that the other has, too.
    db.execute("ATTACH ?1 AS newer", [newer])
        .expect("the other");
    let list = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    };
    let tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name != 'migration'";
    for table in list(tables) {
        let columns = list(&format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
        let copy = format!(
            "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}"
        );
        db.execute_batch(&copy)
            .unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    db.execute_batch("DETACH newer").expect("the other");
}
