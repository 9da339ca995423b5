//! A copy of the database as it is at one moment, made while others write to it.
//!
//! The pages are copied inside one read transaction of a connection of its own: the writer goes on, and the log grows until the copy is
//! made. Nothing waits for whoever takes the copy away: it is a file of its own.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};

use super::{connect, open_reader, schema};
use crate::store::error::StoreError;
use crate::store::sql::{epochs, head, master_key_check};
use crate::store::{Epochs, Sequence};

/// Pages copied between two looks at the disk: a mebibyte.
const PAGES: i32 = 256;
/// How long another connection may keep the copy from going on.
const PAUSE: Duration = Duration::from_millis(5);

/// What a copy holds.
pub(in crate::store) struct Copied {
    /// The sequence of the event that would come next.
    pub(in crate::store) head: Sequence,
    /// The epochs of the trail.
    pub(in crate::store) epochs: Epochs,
    /// The number of the schema.
    pub(in crate::store) schema: u32,
    /// The check value of the master key.
    pub(in crate::store) master_key_check: [u8; 16],
}

/// Copies the database at `path` to the empty file `to`. `may_go_on` is asked with the bytes that are still to be written, every mebibyte.
pub(in crate::store) fn copy(
    path: &Path,
    to: &Path,
    may_go_on: impl Fn(u64) -> Result<(), StoreError>,
) -> Result<Copied, StoreError> {
    let source = open_reader(path)?;
    source.at_one_moment(|moment| {
        // The first read fixes the moment.
        let epochs = epochs(moment)?;
        let copied = Copied {
            head: head(moment, &epochs)?,
            epochs,
            schema: schema(moment)?,
            master_key_check: master_key_check(moment)?,
        };
        let file = moment.file()?;
        let page_bytes: u64 = file.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages: u64 = file.pragma_query_value(None, "page_count", |row| row.get(0))?;
        may_go_on(pages.saturating_mul(page_bytes))?;
        copy_pages(file, to, |left| may_go_on(left.saturating_mul(page_bytes)))?;
        Ok(copied)
    })
}

fn copy_pages(
    source: &rusqlite::Connection,
    to: &Path,
    may_go_on: impl Fn(u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut target = connect(to, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // A copy that is cut off is thrown away: it needs neither a journal nor a sync.
    target.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
    target.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(PAUSE),
        }
        may_go_on(u64::try_from(backup.progress().remaining).unwrap_or(0))?;
    }
    drop(backup);
    target.close().map_err(|(_, error)| StoreError::from(error))
}
