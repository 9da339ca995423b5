//! Rows read in the order of their keys, and written in pages; a copy that was cut off goes on after the last row that is there.

use tokio_postgres::types::ToSql;

use super::super::engine::{Connection, OptionalExtension as _, Row, Value};
use super::super::error::StoreError;
use super::super::postgres::Step;
use super::tables::{Cell, Column, Kind, Table, columns};

/// Rows that a server is asked for at once.
const FETCHED: usize = 256;
/// What is written with one commit, at most about: rows, and bytes of them.
const PAGE_ROWS: usize = 2048;
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// How far it is, with one table.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// The rows of it that were done.
    pub rows: u64,
}

/// Copies what is not there yet of a table. Both have the same columns.
pub(super) fn copy(
    source: &Connection,
    target: &Connection,
    table: Table,
    told: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let columns = columns(source, target, table)?;
    let last = last_key(target, table)?;
    let mut page = Page::new(target, table, &columns)?;
    let mut rows = 0;
    each(source, table, &columns, last.as_deref(), &mut |row| {
        page.add(row)?;
        rows += 1;
        if page.is_full() {
            page.write()?;
            told(Progress {
                table: table.name,
                rows,
            });
        }
        Ok(())
    })?;
    page.write()
}

/// Reads every row of a table in the order of its key, after `last` if there is one: its columns in the order of their names.
pub(super) fn each(
    db: &Connection,
    table: Table,
    columns: &[Column],
    last: Option<&[Cell]>,
    take: &mut dyn FnMut(Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let names: Vec<_> = columns.iter().map(Column::quoted).collect();
    let key = table.key.join(", ");
    let numbers: Vec<_> = (1..=table.key.len()).map(|at| format!("?{at}")).collect();
    let after = match last {
        Some(_) => format!("WHERE ({key}) > ({})", numbers.join(", ")),
        None => String::new(),
    };
    let sql = format!(
        "SELECT {} FROM {} {after} ORDER BY {key}",
        names.join(", "),
        table.name
    );
    let values: Vec<_> = last.unwrap_or_default().iter().map(Cell::value).collect();
    match db {
        Connection::File(_) => {
            let mut statement = db.prepare(&sql)?;
            let mut rows = statement.query(&values[..])?;
            while let Some(row) = rows.next()? {
                take(row)?;
            }
            Ok(())
        }
        Connection::Server(session) => {
            let done = each_of_server(db, table, (&sql, &values), take);
            session.reset();
            done
        }
    }
}

/// By a cursor of the server: it puts the rows in order once, and holds no more of them than it is asked for.
fn each_of_server(
    db: &Connection,
    table: Table,
    (sql, values): (&str, &[Value<'_>]),
    take: &mut dyn FnMut(Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    // A statement that is prepared is prepared for the columns of one cursor.
    let cursor = format!("moving_{}", table.name);
    db.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    db.execute(
        &format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}"),
        values,
    )?;
    let mut fetch = db.prepare(&format!("FETCH {FETCHED} FROM {cursor}"))?;
    loop {
        let mut rows = fetch.query([])?;
        let mut fetched = 0;
        while let Some(row) = rows.next()? {
            take(row)?;
            fetched += 1;
        }
        if fetched < FETCHED {
            break;
        }
    }
    Ok(db.control("COMMIT")?)
}

/// The last key that is there.
fn last_key(db: &Connection, table: Table) -> Result<Option<Vec<Cell>>, StoreError> {
    let (key, name) = (table.key.join(", "), table.name);
    let order = table.key.join(" DESC, ");
    let sql = format!("SELECT {key} FROM {name} ORDER BY {order} DESC LIMIT 1");
    let last = db.query_row(&sql, [], |row| {
        (0..table.key.len())
            .map(|column| row.value(column).map(Cell::of))
            .collect()
    });
    Ok(last.optional()?)
}

/// Rows that are written together.
struct Page<'a> {
    db: &'a Connection,
    sql: String,
    columns: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// What is written into one column.
enum Values {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl<'a> Page<'a> {
    fn new(db: &'a Connection, table: Table, columns: &[Column]) -> Result<Self, StoreError> {
        let names: Vec<_> = columns.iter().map(Column::quoted).collect();
        let rows = match db {
            Connection::File(_) => "VALUES (",
            Connection::Server(_) => "SELECT * FROM unnest(",
        };
        let numbered = |(at, column): (usize, &Column)| match db {
            Connection::File(_) => format!("?{at}"),
            Connection::Server(_) => format!("CAST(?{at} AS {}[])", type_of(column.kind)),
        };
        let values: Vec<_> = (1..).zip(columns).map(numbered).collect();
        let (name, names, values) = (table.name, names.join(", "), values.join(", "));
        Ok(Self {
            db,
            sql: format!("INSERT INTO {name} ({names}) {rows}{values})"),
            columns: columns
                .iter()
                .map(|column| Values::of(column.kind))
                .collect(),
            rows: 0,
            bytes: 0,
        })
    }

    fn add(&mut self, row: Row<'_>) -> Result<(), StoreError> {
        for (at, column) in self.columns.iter_mut().enumerate() {
            let value = row.value(at)?;
            self.bytes += column.push(value).ok_or_else(|| {
                StoreError::damaged(format!(
                    "{} of a row holds what does not belong there",
                    row.column_name(at)
                ))
            })?;
        }
        self.rows += 1;
        Ok(())
    }

    const fn is_full(&self) -> bool {
        self.rows >= PAGE_ROWS || self.bytes >= PAGE_BYTES
    }

    /// Writes what was added, all of it or nothing.
    fn write(&mut self) -> Result<(), StoreError> {
        if self.rows > 0 {
            match self.db {
                Connection::File(_) => self.write_to_file()?,
                Connection::Server(session) => {
                    let values: Vec<_> = self.columns.iter().map(Values::as_sql).collect();
                    let statement = session.prepare(&self.sql)?;
                    let mut answers = session.pipeline(&[Step::Execute(&statement, &values)]);
                    answers.drain(..).try_for_each(|answer| answer.map(drop))?;
                }
            }
        }
        self.columns.iter_mut().for_each(Values::clear);
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    fn write_to_file(&self) -> Result<(), StoreError> {
        self.db.control("BEGIN")?;
        let mut insert = self.db.prepare_cached(&self.sql)?;
        for row in 0..self.rows {
            let values: Vec<_> = self
                .columns
                .iter()
                .map(|column| column.value(row))
                .collect();
            insert.execute(&values[..])?;
        }
        Ok(self.db.control("COMMIT")?)
    }
}

impl Values {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integers(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        }
    }

    /// Takes one more, and tells about how many bytes it takes; none: it does not belong there.
    fn push(&mut self, value: Value<'_>) -> Option<usize> {
        match (self, value) {
            (Self::Integers(all), Value::Integer(number)) => all.push(Some(number)),
            (Self::Texts(all), Value::Text(text)) => {
                all.push(Some(text.to_owned()));
                return Some(text.len());
            }
            (Self::Bytes(all), Value::Blob(bytes)) => {
                all.push(Some(bytes.to_vec()));
                return Some(bytes.len());
            }
            (Self::Integers(all), Value::Null) => all.push(None),
            (Self::Texts(all), Value::Null) => all.push(None),
            (Self::Bytes(all), Value::Null) => all.push(None),
            _ => return None,
        }
        Some(size_of::<i64>())
    }

    fn value(&self, row: usize) -> Value<'_> {
        let found = match self {
            Self::Integers(all) => all.get(row).copied().flatten().map(Value::Integer),
            Self::Texts(all) => all.get(row).and_then(Option::as_deref).map(Value::Text),
            Self::Bytes(all) => all.get(row).and_then(Option::as_deref).map(Value::Blob),
        };
        found.unwrap_or(Value::Null)
    }

    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Integers(all) => all,
            Self::Texts(all) => all,
            Self::Bytes(all) => all,
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Integers(all) => all.clear(),
            Self::Texts(all) => all.clear(),
            Self::Bytes(all) => all.clear(),
        }
    }
}

const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "BIGINT",
        Kind::Text => "TEXT",
        Kind::Bytes => "BYTEA",
    }
}
