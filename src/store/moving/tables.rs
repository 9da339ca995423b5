//! The tables that go from one engine to the other, and those that do not.
//!
//! Which columns a table has is asked of the databases themselves; a table that a migration adds is named here, or a test fails.

use super::super::engine::{Connection, Value};
use super::super::error::StoreError;

/// A table that is copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// What tells one row from another, in an order that both engines put rows into alike: texts of a key compare as bytes.
    pub(super) key: &'static [&'static str],
}

const fn table(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key }
}

/// What is copied, in this order: a row comes after the rows that it refers to. The trail comes last.
pub(super) const TABLES: &[Table] = &[
    table("meta", &["key"]),
    table("signing_key", &["origin"]),
    table("initiator", &["id"]),
    table("scope", &["id"]),
    table("instance", &["id"]),
    table("data_key", &["instance", "epoch"]),
    table("credential", &["instance"]),
    table("adapter", &["instance"]),
    table("client", &["id"]),
    table("anchor", &["client", "ca"]),
    table("certificate", &["fingerprint"]),
    table("certificate_der", &["fingerprint"]),
    table("removed_certificate", &["client", "fingerprint"]),
    table("withdrawn", &["fingerprint"]),
    table("revocation", &["ca_key"]),
    table("api_key", &["id"]),
    table("administrator", &["fingerprint"]),
    table("target", &["id"]),
    table("target_secret", &["target", "field"]),
    table("route", &["id"]),
    table("routing_settings", &["id"]),
    table("object", &["id"]),
    table("object_name", &["object", "position"]),
    table(
        "object_custom",
        &["instance", "name", "value_hash", "object"],
    ),
    table("destruction", &["object"]),
    table("own_warned", &["fingerprint"]),
    table("own_certificate", &["place"]),
    table("origin", &["epoch"]),
    table("beside", &["epoch"]),
    table("delivery", &["target"]),
    table("parked", &["target", "sequence"]),
    table("gap", &["target", "first"]),
    table("removal", &["id"]),
    table("removed_leaves", &["block"]),
    table("subtree", &["level", "idx"]),
    table("checkpoint", &["epoch"]),
    table("event", &["sequence"]),
];

/// What is not copied: which migrations an engine has had, which nodes share a server, and what they have changed of it.
#[cfg(test)]
pub(super) const LEFT: &[&str] = &["migration", "node", "change", "moving"];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers.
    Integer,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Column {
    /// Its name as a statement has it.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

/// The columns of a table that both databases have, in the order of their names.
///
/// # Errors
/// They are not the same.
pub(super) fn columns(
    one: &Connection,
    other: &Connection,
    table: Table,
) -> Result<Vec<Column>, StoreError> {
    let columns = columns_of(one, table)?;
    if columns == columns_of(other, table)? {
        return Ok(columns);
    }
    Err(StoreError::Refused(format!(
        "the table {} has other columns in one of the databases: use the release that made both",
        table.name
    )))
}

const OF_FILE: &str = "SELECT name, type FROM pragma_table_info(?1)";
const OF_SERVER: &str =
    "SELECT CAST(attname AS TEXT), format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = CAST(CAST(?1 AS TEXT) AS regclass) AND attnum > 0 AND NOT attisdropped";

pub(super) fn columns_of(db: &Connection, table: Table) -> Result<Vec<Column>, StoreError> {
    let sql = match db {
        Connection::File(_) => OF_FILE,
        Connection::Server(_) => OF_SERVER,
    };
    let mut found = db.prepare(sql)?.query_map([table.name], |row| {
        Ok((row.get::<String>(0)?, row.get::<String>(1)?))
    })?;
    found.sort();
    let column = |(name, kind): (String, String)| {
        let kind = match kind.as_str() {
            "INTEGER" | "bigint" => Kind::Integer,
            "TEXT" | "text" => Kind::Text,
            "BLOB" | "bytea" => Kind::Bytes,
            _ => {
                let words = format!(
                    "the column {name} of the table {} is no column of ours",
                    table.name
                );
                return Err(StoreError::damaged(words));
            }
        };
        Ok(Column { name, kind })
    };
    found.into_iter().map(column).collect()
}

/// A value that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    pub(super) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Blob(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::store::InitMeta;

    fn named() -> BTreeSet<String> {
        let copied = TABLES.iter().map(|table| table.name.to_owned());
        copied
            .chain(LEFT.iter().map(|&name| name.to_owned()))
            .collect()
    }

    fn file(directory: &Path) -> Connection {
        let meta = InitMeta {
            origin_name: "node-1".to_owned(),
            master_key_check: [9; 16],
            created: 1,
        };
        crate::store::sqlite::create(&directory.join("db"), &meta).unwrap()
    }

    #[test]
    fn every_table_of_a_file_is_copied_or_said_not_to_be() {
        let directory = tempfile::tempdir().unwrap();
        let db = file(directory.path());
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let tables = db
            .prepare(sql)
            .unwrap()
            .query_map([], |row| row.get::<String>(0));
        for table in tables.unwrap() {
            assert!(
                named().contains(&table),
                "{table} is in neither TABLES nor LEFT"
            );
        }
        for table in TABLES {
            let columns = columns_of(&db, *table).unwrap();
            let names: Vec<_> = columns.iter().map(|column| &*column.name).collect();
            for key in table.key {
                assert!(names.contains(key), "{}: {key}", table.name);
            }
        }
    }

    #[test]
    fn every_table_of_a_server_is_copied_or_said_not_to_be() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres/migrations");
        let mut found = BTreeSet::new();
        let mut ordered = Vec::new();
        for part in ["shared", "origin"] {
            for entry in std::fs::read_dir(folder.join(part)).unwrap() {
                let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
                for made in text.split("CREATE TABLE ").skip(1) {
                    let name = made.split([' ', '(']).next().unwrap().to_owned();
                    let body = made.split("\n)").next().unwrap_or_default().to_owned();
                    found.insert(name.clone());
                    ordered.push((name, body));
                }
            }
        }
        let named = named();
        let missing: Vec<_> = found.difference(&named).collect();
        assert!(
            missing.is_empty(),
            "in neither TABLES nor LEFT: {missing:?}"
        );
        let place = |name: &str| TABLES.iter().position(|table| table.name == name);
        for (name, body) in ordered {
            // A row comes after what it refers to, and a text of a key compares as bytes.
            for referred in body.split("REFERENCES ").skip(1) {
                let referred = referred.split(' ').next().unwrap();
                assert!(
                    place(referred) < place(&name),
                    "{name} comes before {referred}"
                );
            }
            let Some(at) = place(&name) else { continue };
            for key in TABLES[at].key {
                let start = format!("    {key} ");
                let line = body.lines().find(|line| line.starts_with(&start));
                let line = line.unwrap_or_else(|| panic!("{name}.{key} is not in {body}"));
                let is_text = line.contains(" TEXT ");
                assert!(!is_text || line.contains("COLLATE \"C\""), "{name}: {line}");
            }
        }
    }
}
