//! A client that behaves, and notices nothing of what others do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use super::{address, enrol};
use crate::harness::{Connection, Server, create, get, key_template, until};

/// Where it is.
const ADDRESS: u8 = 99;

/// A client of its own at an address of its own. It works until this is dropped; a failure of it is a failure of the test.
pub(super) struct Witness {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    rounds: AtomicUsize,
}

impl Witness {
    /// One that reads its key on a connection that stays open and on a new one, in turns.
    pub(super) fn start(server: &Arc<Server>) -> Self {
        Self::work(server, true)
    }

    /// One that keeps to the connection it has.
    pub(super) fn start_settled(server: &Arc<Server>) -> Self {
        Self::work(server, false)
    }

    fn work(server: &Arc<Server>, connects: bool) -> Self {
        let credentials = enrol(server, "witness");
        let connect = {
            let server = Arc::clone(server);
            move || -> Connection {
                let connected = server.try_connect_from(address(ADDRESS), &credentials);
                connected.expect("the witness is let in")
            }
        };
        let mut kept = connect();
        let uid = kept.ask(create(key_template())).success().uid();
        let material = kept.ask(get(&uid)).success().key_material();
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !theirs.stop.load(Ordering::Relaxed) {
                let answer = kept.ask(get(&uid)).success();
                assert_eq!(answer.key_material(), material);
                if connects {
                    let answer = connect().ask(get(&uid)).success();
                    assert_eq!(answer.key_material(), material);
                }
                theirs.rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let witness = Self {
            shared,
            thread: Some(thread),
        };
        witness.works();
        witness
    }

    /// Waits until it has done a round that began after this was called.
    #[track_caller]
    pub(super) fn works(&self) {
        let before = self.shared.rounds.load(Ordering::Relaxed);
        until("the witness to do its work", || {
            let thread = self.thread.as_ref().expect("it works");
            assert!(!thread.is_finished(), "the witness noticed");
            let rounds = self.shared.rounds.load(Ordering::Relaxed);
            (rounds >= before + 2).then_some(())
        });
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let worked = self.thread.take().expect("it works").join();
        if !thread::panicking() {
            worked.expect("the witness noticed nothing");
        }
    }
}
