//! Moving the write-ahead log into the database.
//!
//! Most of it is done by a thread with a connection of its own, while the writer goes on committing. What was committed meanwhile is
//! moved by the writer itself, which is short; then the log is empty to the engine and begins anew. A sync that fails counts as much as
//! that of a commit.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::store::error::StoreError;
use crate::store::sqlite;

/// Pages in the log from which on it is moved into the database. 16 MiB of 4 KiB pages: fewer checkpoints between commits than with
/// SQLite's 4 MiB.
const PAGES_MAX: i32 = 4000;
/// The same while the disk is full: 1 MiB. What is in the database need not lie in the log too.
const PAGES_MAX_FULL: i32 = 256;
/// So many pages more before the next try, when readers kept the log from beginning anew.
const PAGES_MORE: i32 = 1000;

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
            let Ok(moved) = self.done.try_recv() else {
                return Due::Nothing;
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
            return Due::Rest(Ok(()));
        }
        if pages >= self.due_at
            && let Some(ask) = &self.ask
        {
            self.under_way = ask.try_send(()).is_ok();
        }
        Due::Nothing
    }

    /// Ends the thread, after the checkpoint under way.
    pub(super) fn stop(&mut self) {
        self.ask = None;
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("The thread that moves the store's log panicked.");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(db: &Connection, asked: &Receiver<()>, tell: &SyncSender<Result<(), StoreError>>) {
    while asked.recv().is_ok() {
        if tell.send(sqlite::checkpoint(db, "PASSIVE")).is_err() {
            return;
        }
    }
}
