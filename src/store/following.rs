//! Changes of other nodes, as this one hears of them: clients, administrators, routing, the master key.
//!
//! A thread with a connection of its own listens, and looks once a second besides. What must never be late does not wait for it: the
//! thread that writes compares in each transaction. This brings the rest up to date: connections are ended, targets are begun.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Shared;
use super::changed::Counters;
use super::engine::Connection;
use super::error::StoreError;
use super::postgres::{self, Server};
use super::whereabouts::Whereabouts;

/// How long it listens before it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long it waits until it connects again.
const AGAIN: Duration = Duration::from_millis(500);
/// How often a node gives a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// The channel that changes are announced on.
pub(super) const ANNOUNCE: &str = "NOTIFY keyledger_change";

/// The thread.
#[derive(Debug)]
pub(super) struct Following {
    ends: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Following {
    /// Starts it, where there can be other nodes.
    pub(super) fn start(
        whereabouts: &Whereabouts,
        shared: &Arc<Shared>,
    ) -> Result<Option<Self>, StoreError> {
        let server = whereabouts.server().filter(|server| !server.stands_in);
        let Some(server) = server.cloned() else {
            return Ok(None);
        };
        let ends = Arc::new(AtomicBool::new(false));
        let (told, shared) = (Arc::clone(&ends), Arc::downgrade(shared));
        let thread = std::thread::Builder::new().name("store-follower".to_owned());
        let thread = thread.spawn(move || follow(&server, &shared, &told));
        Ok(Some(Self {
            ends,
            thread: Mutex::new(Some(
                thread.map_err(|error| StoreError::File(error.to_string()))?,
            )),
        }))
    }

    /// Ends it. Blocks until then.
    pub(super) fn stop(&self) {
        self.ends.store(true, Ordering::Release);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("The thread that follows other nodes panicked.");
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop();
    }
}

fn follow(server: &Server, shared: &Weak<Shared>, ends: &AtomicBool) {
    let mut was_lost = false;
    while !ends.load(Ordering::Acquire) {
        let Err(error) = listen(server, shared, ends, &mut was_lost) else {
            return;
        };
        if !std::mem::replace(&mut was_lost, true) {
            tracing::warn!(%error, "Changes of other nodes are not heard of.");
        }
        std::thread::sleep(AGAIN);
    }
}

/// Follows until it is to end, or the connection is gone.
fn listen(
    server: &Server,
    shared: &Weak<Shared>,
    ends: &AtomicBool,
    was_lost: &mut bool,
) -> Result<(), StoreError> {
    let session = server
        .following("follower")
        .map_err(|error| error.sorted())?;
    let db = Connection::Server(Box::new(session));
    db.execute_batch("LISTEN keyledger_change")?;
    if std::mem::take(was_lost) {
        tracing::info!("Changes of other nodes are heard of again.");
    }
    let mut seen: Option<Instant> = None;
    loop {
        let Some(shared) = shared.upgrade() else {
            return Ok(());
        };
        db.at_one_moment(|db| {
            let now = Counters::read(db)?;
            shared.catch_up(db, now)
        })?;
        drop(shared);
        if seen.is_none_or(|seen| seen.elapsed() >= SIGN_OF_LIFE) {
            postgres::give_sign_of_life(&db, server.node)?;
            seen = Some(Instant::now());
        }
        if ends.load(Ordering::Acquire) {
            return Ok(());
        }
        wait(&db, ends)?;
    }
}

/// Waits for something to be announced, for the next look, or for the end.
fn wait(db: &Connection, ends: &AtomicBool) -> Result<(), StoreError> {
    let Connection::Server(session) = db else {
        return Ok(());
    };
    let begun = Instant::now();
    while begun.elapsed() < LOOK && !ends.load(Ordering::Acquire) && !session.is_closed() {
        let came = session.wait_for_notice(LOOK / 10);
        if came.map_err(|error| error.sorted())? {
            break;
        }
    }
    Ok(())
}
