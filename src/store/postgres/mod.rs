//! PostgreSQL: sessions with a server, and the schemas.
use super::engine::{Error, Value};
use super::error::StoreError;
#[derive(Debug)]
pub(in crate::store) struct Session;
#[derive(Debug, Clone)]
pub(in crate::store) struct Prepared;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(in crate::store) struct ServerError;
impl ServerError {
    pub(in crate::store) fn is_state(&self, _: &str) -> bool {
        false
    }
    pub(in crate::store) fn sorted(&self) -> StoreError {
        StoreError::Closed
    }
}
pub(in crate::store) fn value(_: &tokio_postgres::Row, _: usize) -> Option<Value<'_>> {
    None
}
impl Session {
    pub(in crate::store) fn prepare(&self, _: &str) -> Result<Prepared, Error> {
        Err(Error::NoRow)
    }
    pub(in crate::store) fn query(
        &self,
        _: &Prepared,
        _: &[Value<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        Err(Error::NoRow)
    }
    pub(in crate::store) fn execute(&self, _: &Prepared, _: &[Value<'_>]) -> Result<usize, Error> {
        Err(Error::NoRow)
    }
    pub(in crate::store) fn batch(&self, _: &str) -> Result<(), Error> {
        Err(Error::NoRow)
    }
    pub(in crate::store) fn is_in_transaction(&self) -> bool {
        false
    }
    pub(in crate::store) fn begin_reading(&self) {}
    pub(in crate::store) fn end_reading(&self) -> Result<(), Error> {
        Ok(())
    }
}
