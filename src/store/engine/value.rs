//! What a cell holds, and the types of ours that go into one and come out.

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::Error;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Value<'a> {
    /// Nothing.
    Null,
    /// A whole number, or truth as 0 or 1.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes, if it holds some.
    pub(in crate::store) const fn as_blob(self) -> Option<&'a [u8]> {
        match self {
            Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What goes into a cell.
pub(in crate::store) trait ToCell {
    /// As the cell holds it.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where no cell does.
    fn to_cell(&self) -> Result<Value<'_>, Error>;
}

/// What comes out of a cell.
pub(in crate::store) trait FromCell: Sized {
    /// The value, if the cell holds one of this type.
    fn from_cell(value: Value<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl ToCell for $integer {
            fn to_cell(&self) -> Result<Value<'_>, Error> {
                i64::try_from(*self).map(Value::Integer).map_err(|_| Error::TooLarge)
            }
        }

        impl FromCell for $integer {
            fn from_cell(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::Integer(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(i32, i64, u8, u32, u64, usize);

impl ToCell for bool {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        Ok(Value::Integer(i64::from(*self)))
    }
}

impl FromCell for bool {
    fn from_cell(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl ToCell for str {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        Ok(Value::Text(self))
    }
}

impl ToCell for String {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        Ok(Value::Text(self))
    }
}

impl FromCell for String {
    fn from_cell(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl ToCell for [u8] {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        Ok(Value::Blob(self))
    }
}

impl ToCell for Vec<u8> {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        Ok(Value::Blob(self))
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(value: Value<'_>) -> Option<Self> {
        value.as_blob().map(<[u8]>::to_vec)
    }
}

impl<const N: usize> ToCell for [u8; N] {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        Ok(Value::Blob(self))
    }
}

impl<const N: usize> FromCell for [u8; N] {
    fn from_cell(value: Value<'_>) -> Option<Self> {
        value.as_blob()?.try_into().ok()
    }
}

impl<T: ToCell> ToCell for Option<T> {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        self.as_ref().map_or(Ok(Value::Null), ToCell::to_cell)
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_cell(other).map(Some),
        }
    }
}

impl<T: ToCell + ?Sized> ToCell for &T {
    fn to_cell(&self) -> Result<Value<'_>, Error> {
        (**self).to_cell()
    }
}

/// The parameters of a statement, in order.
pub(in crate::store) trait Params {
    /// As they go into cells.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where one does not.
    fn values(&self) -> Result<Vec<Value<'_>>, Error>;
}

impl Params for [&(dyn ToCell + Sync); 0] {
    fn values(&self) -> Result<Vec<Value<'_>>, Error> {
        Ok(Vec::new())
    }
}

impl<T: ToCell> Params for [T; 1] {
    fn values(&self) -> Result<Vec<Value<'_>>, Error> {
        self.iter().map(ToCell::to_cell).collect()
    }
}

impl Params for &[Value<'_>] {
    fn values(&self) -> Result<Vec<Value<'_>>, Error> {
        Ok(self.to_vec())
    }
}

impl Params for &[&dyn ToCell] {
    fn values(&self) -> Result<Vec<Value<'_>>, Error> {
        self.iter().map(|value| value.to_cell()).collect()
    }
}

/// The parameters of a statement, whatever their types.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::store::engine::ToCell),*] as &[&dyn $crate::store::engine::ToCell]
    };
}
pub(in crate::store) use params;
