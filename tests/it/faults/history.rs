//! A load of several clients on the same keys, and the history of what each asked and was answered.
//!
//! A client that got no answer is never heard of again, and another takes its place: so what it asked last is the only thing of which nobody
//! knows whether it was done, and the trail tells.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::nodes::{Door, Node};
use crate::harness::{
    Answer, BatchItem, Connection, Content, Credentials, Dice, Request, Response, TlsVersion,
    activate, create, destroy, get, get_attributes, key_template, reason, revoke, until,
};

/// Keys that are asked for at a time.
const KEYS: usize = 6;
/// A key that was asked for so often gives way to another.
const CALLS_OF_A_KEY: usize = 60;
/// Connections to each node.
const CONNECTIONS: usize = 3;
/// How long a client waits that was told to come again, or not let in.
const PAUSE: Duration = Duration::from_millis(100);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    Create,
    Get,
    State,
    Activate,
    Revoke(u32),
    Destroy,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done, and a state was told where one was asked for.
    Done(Option<u32>),
    /// The state of the key does not allow it.
    Refused,
    /// The server said that it could not, or nothing.
    Unknown(String),
}

/// One call. Times are from the beginning of the history.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The initiator ID of the client.
    pub(super) client: String,
    pub(super) node: usize,
    pub(super) deed: Deed,
    /// Of which key; none where it was to be made and nobody knows.
    pub(super) key: Option<String>,
    pub(super) begun: Duration,
    pub(super) ended: Duration,
    pub(super) outcome: Outcome,
}

/// What was asked and answered, and the keys there are.
#[derive(Debug)]
pub(super) struct History {
    begun: Instant,
    calls: Mutex<Vec<Call>>,
    pool: Mutex<Vec<(String, usize)>>,
    materials: Mutex<HashMap<String, Vec<u8>>>,
    /// How many events each trail had before.
    pub(super) firsts: Vec<usize>,
    /// Answers of each node that say what was done or that the state does not allow it.
    answered: Vec<AtomicUsize>,
    is_over: AtomicBool,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deed {
    fn item(self, uid: &str) -> BatchItem {
        match self {
            Self::Create => create(key_template()),
            Self::Get => get(uid),
            Self::State => get_attributes(uid, &["State"]),
            Self::Activate => activate(uid),
            Self::Revoke(code) => revoke(uid, code),
            Self::Destroy => destroy(uid),
        }
    }

    fn choose(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..30 => Self::Get,
            30..50 => Self::State,
            50..70 => Self::Activate,
            70..82 => Self::Revoke(1),
            82..88 => Self::Revoke(2),
            _ => Self::Destroy,
        }
    }
}

impl History {
    /// Nothing yet, of these nodes.
    pub(super) fn new(nodes: &[Node]) -> Self {
        Self {
            firsts: nodes
                .iter()
                .map(|node| node.server.events().len())
                .collect(),
            begun: Instant::now(),
            calls: Mutex::default(),
            pool: Mutex::default(),
            materials: Mutex::default(),
            answered: nodes.iter().map(|_| AtomicUsize::new(0)).collect(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Every call, in the order in which they ended; those of one client in the order in which it made them.
    pub(super) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// Waits until a node has answered so many more.
    #[track_caller]
    pub(super) fn until_answered(&self, node: usize, more: usize) {
        let answered = || self.answered[node].load(Ordering::Relaxed);
        let wanted = answered() + more;
        let what = format!("node {node} to answer {more} more");
        until(&what, || (answered() >= wanted).then_some(()));
    }

    /// A key and what to ask of it.
    fn next(&self, dice: &mut Dice) -> (Deed, Option<String>) {
        let mut pool = lock(&self.pool);
        if pool.len() < KEYS {
            return (Deed::Create, None);
        }
        let at = dice.below(pool.len());
        pool[at].1 += 1;
        let key = if pool[at].1 >= CALLS_OF_A_KEY {
            pool.swap_remove(at).0
        } else {
            pool[at].0.clone()
        };
        (Deed::choose(dice), Some(key))
    }

    /// Asks, and records what came of it. False: there was no answer.
    pub(super) fn ask(
        &self,
        connection: &mut Connection,
        (client, node): (&str, usize),
        (deed, key): (Deed, Option<String>),
    ) -> bool {
        let item = deed.item(key.as_deref().unwrap_or_default());
        let request = Request::new((1, 4), &[item]).encode();
        let begun = self.begun.elapsed();
        let answer = connection.try_send(&request);
        let ended = self.begun.elapsed();
        let is_answered = answer.is_ok();
        let (outcome, key) = match answer {
            Ok(bytes) => self.understand(deed, key, &Response::decode(&bytes).only()),
            Err(error) => (Outcome::Unknown(error.to_string()), key),
        };
        if matches!(outcome, Outcome::Unknown(_)) {
            thread::sleep(PAUSE);
        } else {
            self.answered[node].fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.calls).push(Call {
            client: client.to_owned(),
            node,
            deed,
            key,
            begun,
            ended,
            outcome,
        });
        is_answered
    }

    fn understand(
        &self,
        deed: Deed,
        key: Option<String>,
        answer: &Answer,
    ) -> (Outcome, Option<String>) {
        if answer.status != 0 {
            let outcome = match answer.reason {
                Some(reason::GENERAL_FAILURE) => {
                    Outcome::Unknown(answer.message.clone().unwrap_or_default())
                }
                _ => Outcome::Refused,
            };
            assert!(answer.payload.is_empty(), "a failure tells nothing");
            return (outcome, key);
        }
        let uid = key.unwrap_or_else(|| {
            let made = answer.uid();
            lock(&self.pool).push((made.clone(), 0));
            made
        });
        let state = (deed == Deed::State).then(|| match answer.value("State") {
            Some(Content::Enumeration(state)) => state,
            other => panic!("a state: {other:?}"),
        });
        if deed == Deed::Get {
            let material = answer.key_material();
            let mut materials = lock(&self.materials);
            let known = materials
                .entry(uid.clone())
                .or_insert_with(|| material.clone());
            assert_eq!(*known, material, "the material of {uid}");
        }
        (Outcome::Done(state), Some(uid))
    }

    /// Asks one thing after the other through one connection after the other, until it is over or nobody is left to ask.
    fn work(&self, door: &Door, node: usize, clients: &[Credentials], dice: &mut Dice) {
        for credentials in clients {
            let client = format!("CertificateID-{}", credentials.fingerprint());
            let Some(mut connection) = self.let_in(door, credentials) else {
                return;
            };
            loop {
                if self.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let next = self.next(dice);
                if !self.ask(&mut connection, (&client, node), next) {
                    break;
                }
            }
        }
    }

    /// A connection, as soon as the node lets a client in; none: it is over.
    fn let_in(&self, door: &Door, credentials: &Credentials) -> Option<Connection> {
        while !self.is_over.load(Ordering::Relaxed) {
            let opened =
                Connection::open(door.address(), &door.ca, Some(credentials), TlsVersion::Any);
            match opened {
                Ok(connection) => return Some(connection),
                Err(_) => thread::sleep(PAUSE),
            }
        }
        None
    }
}

/// Ends a load when it is dropped, also by a test that fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets clients work on all nodes while `meanwhile` runs, and gives the history.
pub(super) fn under_load(
    nodes: &mut [Node],
    meanwhile: impl FnOnce(&mut [Node], &History),
) -> History {
    let history = History::new(nodes);
    let (mut dice, _) = Dice::and_rounds(1);
    let mut clients = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        for connection in 0..CONNECTIONS {
            clients.push((
                at,
                node.door(),
                node.clients(connection),
                Dice::new(dice.next()),
            ));
        }
    }
    thread::scope(|scope| {
        let _ending = Ending(&history.is_over);
        let history = &history;
        for (node, door, clients, mut dice) in clients {
            scope.spawn(move || history.work(&door, node, &clients, &mut dice));
        }
        meanwhile(nodes, history);
    });
    history
}

/// How many connections each node has.
pub(super) const fn connections() -> usize {
    CONNECTIONS
}
