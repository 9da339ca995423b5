//! Moving the write-ahead log into the database.
//!
//! Most of it is done by a thread with a connection of its own, while the writer goes on committing. What was committed meanwhile is
//! moved by the writer itself, which is short; then the log is empty to the engine and begins anew. A sync that fails counts as much as
//! that of a commit.
//!
//! The thread is asked only right after a commit that left something to move, and the writer moves nothing while it is at work: an SQLite
//! before 3.51.3 could lose track where one connection finds everything moved while another begins the log anew.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use crate::store::engine::Connection;

use crate::store::error::StoreError;
use crate::store::sqlite;

/// Pages in the log from which on it is moved into the database. 16 MiB of 4 KiB pages: fewer checkpoints between commits than with
/// SQLite's 4 MiB.
const PAGES_MAX: i32 = 4000;
/// The same while the disk is full: 1 MiB. What is in the database need not lie in the log too.
const PAGES_MAX_FULL: i32 = 256;
/// From so many on, commits wait for the thread: 64 MiB, the size the log file is cut to.
const PAGES_AT_MOST: i32 = 16_000;
/// So many pages more before the next try, when readers kept the log from beginning anew.
const PAGES_MORE: i32 = 1000;
/// The same once there are far too many: the writer does it itself and soon again.
const PAGES_MORE_AT_MOST: i32 = 64;

/// The thread, and when the log is due.
pub(super) struct Checkpoints {
    /// Asks the thread for one.
    ask: Option<SyncSender<()>>,
    /// What became of it.
    done: Receiver<Result<(), StoreError>>,
    thread: Option<JoinHandle<()>>,
    under_way: bool,
    /// Pages in the log when it was looked at last.
    seen: i32,
    /// The next checkpoint is due at so many pages.
    due_at: i32,
}

/// What the writer has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Go on.
    Nothing,
    /// Move the rest of the log itself, unless what went before failed.
    Rest(Result<(), StoreError>),
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let db = sqlite::open_checkpointer(path)?;
        let (ask, asked) = sync_channel(1);
        let (tell, done) = sync_channel(1);
        let thread = std::thread::Builder::new().name("store-checkpoint".to_owned());
        let thread = thread.spawn(move || serve(&db, &asked, &tell));
        Ok(Self {
            ask: Some(ask),
            done,
            thread: Some(thread.map_err(|error| StoreError::File(error.to_string()))?),
            under_way: false,
            seen: 0,
            due_at: PAGES_MAX,
        })
    }

    /// Looks at the log after a commit, which left `pages` in it. While the disk is full the writer does all of it.
    pub(super) fn look(&mut self, pages: i32, disk_is_full: bool) -> Due {
        if self.under_way {
            let done = if pages < PAGES_AT_MOST {
                self.done.try_recv()
            } else {
                self.done.recv().map_err(Into::into)
            };
            let moved = match done {
                Ok(moved) => moved,
                Err(TryRecvError::Empty) => return Due::Nothing,
                // The thread is gone; what it has not done is left to the writer.
                Err(TryRecvError::Disconnected) => Ok(()),
            };
            self.under_way = false;
            self.due_at = pages.saturating_add(PAGES_MORE);
            return Due::Rest(moved);
        }
        if pages < self.seen {
            self.due_at = PAGES_MAX;
        }
        self.seen = pages;
        if disk_is_full && pages >= PAGES_MAX_FULL {
            self.due_at = pages.saturating_add(PAGES_MORE);
            return Due::Rest(Ok(()));
        }
        if pages < self.due_at {
            return Due::Nothing;
        }
        if pages >= PAGES_AT_MOST {
            self.due_at = pages.saturating_add(PAGES_MORE_AT_MOST);
            return Due::Rest(Ok(()));
        }
        self.under_way = self
            .ask
            .as_ref()
            .is_some_and(|ask| ask.try_send(()).is_ok());
        if self.under_way {
            return Due::Nothing;
        }
        self.due_at = pages.saturating_add(PAGES_MORE);
        Due::Rest(Ok(()))
    }

    /// Ends the thread, after the checkpoint under way.
    ///
    /// # Errors
    /// What became of that, where nobody has looked yet.
    pub(super) fn stop(&mut self) -> Result<(), StoreError> {
        self.ask = None;
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("The thread that moves the store's log panicked.");
        }
        self.done.try_recv().unwrap_or(Ok(()))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        // A writer that ends in order has looked at what became of it.
        drop(self.stop());
    }
}

fn serve(db: &Connection, asked: &Receiver<()>, tell: &SyncSender<Result<(), StoreError>>) {
    while asked.recv().is_ok() {
        if tell.send(sqlite::checkpoint(db, "PASSIVE")).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    /// A database with something in its log, and its checkpoints.
    fn place() -> (TempDir, rusqlite::Connection, Checkpoints) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("db");
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x); INSERT INTO t VALUES (1)",
        )
        .unwrap();
        let checkpoints = Checkpoints::start(&path).unwrap();
        (dir, db, checkpoints)
    }

    /// Bytes of the database without its log.
    fn database(dir: &TempDir) -> u64 {
        std::fs::metadata(dir.path().join("db")).unwrap().len()
    }

    fn look_until_done(checkpoints: &mut Checkpoints, pages: i32) -> Due {
        for _ in 0..2000 {
            let due = checkpoints.look(pages, false);
            if due != Due::Nothing {
                return due;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the thread does nothing");
    }

    #[test]
    fn the_thread_moves_the_log_and_the_writer_the_rest() {
        let (dir, _db, mut checkpoints) = place();
        let before = database(&dir);
        assert_eq!(checkpoints.look(PAGES_MAX - 1, false), Due::Nothing);
        assert!(!checkpoints.under_way);
        assert_eq!(checkpoints.look(PAGES_MAX, false), Due::Nothing);
        assert!(checkpoints.under_way);
        let due = look_until_done(&mut checkpoints, PAGES_MAX);
        assert_eq!(due, Due::Rest(Ok(())));
        assert!(database(&dir) > before, "the table is in the database");
    }

    #[test]
    fn a_log_that_readers_hold_is_not_tried_at_each_commit() {
        let (_dir, _db, mut checkpoints) = place();
        assert_eq!(checkpoints.look(PAGES_MAX, false), Due::Nothing);
        let due = look_until_done(&mut checkpoints, PAGES_MAX);
        assert_eq!(due, Due::Rest(Ok(())));
        let soon = checkpoints.look(PAGES_MAX + PAGES_MORE - 1, false);
        assert_eq!(soon, Due::Nothing);
        assert!(!checkpoints.under_way);
        // It began anew.
        checkpoints.look(5, false);
        assert_eq!(checkpoints.due_at, PAGES_MAX);
    }

    #[test]
    fn a_log_that_grows_too_long_waits_for_the_thread() {
        let (_dir, _db, mut checkpoints) = place();
        assert_eq!(checkpoints.look(PAGES_MAX, false), Due::Nothing);
        let due = checkpoints.look(PAGES_AT_MOST, false);
        assert_eq!(due, Due::Rest(Ok(())));
    }

    #[test]
    fn without_the_thread_the_writer_does_it() {
        let (_dir, _db, mut checkpoints) = place();
        checkpoints.stop().unwrap();
        assert_eq!(checkpoints.look(PAGES_MAX, false), Due::Rest(Ok(())));
        assert_eq!(checkpoints.look(PAGES_MAX + 1, false), Due::Nothing);
        let full = checkpoints.look(PAGES_MAX_FULL, true);
        assert_eq!(full, Due::Rest(Ok(())));
    }

    #[test]
    fn the_thread_is_not_asked_for_what_the_writer_has_moved() {
        let (_dir, _db, mut checkpoints) = place();
        let full = checkpoints.look(PAGES_MAX, true);
        assert_eq!(full, Due::Rest(Ok(())));
        assert_eq!(checkpoints.look(PAGES_MAX, false), Due::Nothing);
        assert!(!checkpoints.under_way);
    }

    #[test]
    fn far_too_long_a_log_is_tried_again_soon() {
        let (_dir, _db, mut checkpoints) = place();
        let long = checkpoints.look(PAGES_AT_MOST, false);
        assert_eq!(long, Due::Rest(Ok(())));
        let next = PAGES_AT_MOST + PAGES_MORE_AT_MOST;
        assert_eq!(checkpoints.look(next - 1, false), Due::Nothing);
        assert_eq!(checkpoints.look(next, false), Due::Rest(Ok(())));
    }
}
