//! A copy compared with what it was made of: every row of every table, and what the trail comes to.

use super::super::engine::{Connection, Value};
use super::super::error::StoreError;
use super::super::{Origin, sql};
use super::copying::{Progress, each};
use super::tables::{Column, TABLES, Table, columns};
use crate::crypto::digest::Summing;

/// A table that is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 over its rows in the order of their keys.
    pub sha256: [u8; 32],
}

/// How a copy compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It is the same, table by table.
    Same(Vec<Compared>),
    /// It is not; where, in one line.
    Differs(String),
}

/// Rows of a table between two reports.
const REPORTED: u64 = 4096;

pub(super) fn compare(
    source: &Connection,
    copy: &Connection,
    told: &mut dyn FnMut(Progress),
) -> Result<Comparison, StoreError> {
    let mut all = Vec::new();
    for table in TABLES {
        let columns = columns(source, copy, *table)?;
        let one = sum(source, *table, &columns, told)?;
        let other = sum(copy, *table, &columns, told)?;
        if let Some(difference) = difference(&one, &other) {
            return Ok(Comparison::Differs(difference));
        }
        all.push(one);
    }
    Ok(match trails(source, copy)? {
        Some(difference) => Comparison::Differs(difference),
        None => Comparison::Same(all),
    })
}

fn difference(source: &Compared, copy: &Compared) -> Option<String> {
    let table = source.table;
    if source.rows != copy.rows {
        let (source, copy) = (source.rows, copy.rows);
        return Some(format!(
            "the table {table} has {source} rows where it is and {copy} in the copy"
        ));
    }
    (source.sha256 != copy.sha256).then(|| {
        let (source, copy) = (hex::encode(source.sha256), hex::encode(copy.sha256));
        format!("the rows of the table {table} are not the same in the copy (SHA-256 {source} where they are, {copy} in the copy)")
    })
}

fn sum(
    db: &Connection,
    table: Table,
    columns: &[Column],
    told: &mut dyn FnMut(Progress),
) -> Result<Compared, StoreError> {
    let (mut summing, mut rows) = (Summing::default(), 0);
    each(db, table, columns, None, &mut |row| {
        for column in 0..columns.len() {
            add(&mut summing, row.value(column)?);
        }
        rows += 1;
        if rows % REPORTED == 0 {
            told(Progress {
                table: table.name,
                rows,
            });
        }
        Ok(())
    })?;
    Ok(Compared {
        table: table.name,
        rows,
        sha256: summing.sum(),
    })
}

/// Adds a value so that no other row of values gives the same bytes: its kind, its length, itself.
fn add(summing: &mut Summing, value: Value<'_>) {
    let number;
    let (kind, bytes) = match value {
        Value::Null => (0_u8, &[][..]),
        Value::Integer(value) => {
            number = value.to_be_bytes();
            (1, &number[..])
        }
        Value::Text(text) => (2, text.as_bytes()),
        Value::Blob(bytes) => (3, bytes),
    };
    summing.add(&[kind]);
    summing.add(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    summing.add(bytes);
}

/// What the trail comes to: the next sequence, the root of its tree, the newest checkpoint.
fn trails(source: &Connection, copy: &Connection) -> Result<Option<String>, StoreError> {
    let (one, other) = (Trail::of(source)?, Trail::of(copy)?);
    Ok(if one.head != other.head {
        let (source, copy) = (one.head, other.head);
        Some(format!(
            "the trail goes on at event {source} where it is and at {copy} in the copy"
        ))
    } else if one.root != other.root {
        Some("the tree of the trail has another root in the copy".to_owned())
    } else if one.checkpoint != other.checkpoint {
        Some("the newest checkpoint of the trail is another one in the copy".to_owned())
    } else {
        None
    })
}

struct Trail {
    head: u64,
    root: Option<[u8; 32]>,
    checkpoint: Option<String>,
}

impl Trail {
    fn of(db: &Connection) -> Result<Self, StoreError> {
        let epochs = sql::epochs(db)?;
        let head = sql::head(db, &epochs)?;
        let origin = Origin {
            epoch: epochs.of(head),
            name: epochs.name,
        };
        let root = match sql::seal::tree(db, head.0) {
            Ok(tree) => Some(tree.root()),
            // That a part is missing is said where the trail is verified.
            Err(StoreError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            head: head.0,
            root,
            checkpoint: sql::seal::checkpoint(db, &origin)?,
        })
    }
}
