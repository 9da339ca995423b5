//! Cells as the server sends and takes them.
//!
//! What does not fit is refused: a text is never read as a number, and a number never cut. Nothing here prints what a cell holds.

use std::error::Error;
use std::fmt;

use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use crate::store::engine::Value;

/// What a column of a row holds, by its place from 0, if it is of a type that cells have.
pub(in crate::store) fn value(row: &Row, column: usize) -> Option<Value<'_>> {
    row.try_get::<_, Cell<'_>>(column).ok().map(|cell| cell.0)
}

struct Cell<'a>(Value<'a>);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT2 => Value::Integer(i16::from_sql(kind, raw)?.into()),
            Type::OID => Value::Integer(u32::from_sql(kind, raw)?.into()),
            Type::BOOL => Value::Integer(bool::from_sql(kind, raw)?.into()),
            Type::BYTEA => Value::Blob(raw),
            _ => Value::Text(<&str>::from_sql(kind, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(kind: &Type) -> bool {
        is_number(kind) || is_text(kind) || *kind == Type::BYTEA
    }
}

/// A value that goes to the server.
#[derive(Clone, Copy)]
pub(in crate::store) struct Parameter<'a>(pub(in crate::store) Value<'a>);

/// A value is of another type than the parameter it is given for.
#[derive(Debug, thiserror::Error)]
#[error("a value does not fit a parameter of type {0}")]
struct Unfit(Type);

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => number_to_sql(number, kind, out),
            Value::Text(text) if is_text(kind) => text.to_sql(kind, out),
            Value::Blob(bytes) if *kind == Type::BYTEA => bytes.to_sql(kind, out),
            Value::Text(_) | Value::Blob(_) => Err(Unfit(kind.clone()).into()),
        }
    }

    /// Whether the value fits is seen when it is there: NULL fits all.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(kind, out)
    }
}

/// The library shows parameters when it logs.
impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameter")
    }
}

fn number_to_sql(
    number: i64,
    kind: &Type,
    out: &mut BytesMut,
) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
    match *kind {
        Type::INT8 => number.to_sql(kind, out),
        Type::INT4 => i32::try_from(number)?.to_sql(kind, out),
        Type::INT2 => i16::try_from(number)?.to_sql(kind, out),
        Type::OID => u32::try_from(number)?.to_sql(kind, out),
        Type::BOOL => (number != 0).to_sql(kind, out),
        _ => Err(Unfit(kind.clone()).into()),
    }
}

fn is_number(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::INT8 | Type::INT4 | Type::INT2 | Type::OID | Type::BOOL
    )
}

fn is_text(kind: &Type) -> bool {
    matches!(*kind, Type::TEXT | Type::VARCHAR | Type::NAME)
}
