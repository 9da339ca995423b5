//! A client that does everything to keys of its own, and the ledger of what it was answered.
//!
//! When the server is gone in the middle of it, the trail must hold a line for each answer in the order of the answers, and at most
//! one more: that of the request under way, whose effect must then be there too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::answer::{Answer, Response};
use super::dice::Dice;
use super::event::Event;
use super::message::{
    BatchItem, Request, activate, add_attribute, create, destroy, get, get_attributes,
    key_template, revoke,
};
use super::node::{Content, op};
use super::server::Server;
use super::tls::{Connection, Credentials, TlsVersion};

const PRE_ACTIVE: u32 = 1;
const ACTIVE: u32 = 2;
const DEACTIVATED: u32 = 3;
const COMPROMISED: u32 = 4;
const DESTROYED: u32 = 5;
const DESTROYED_COMPROMISED: u32 = 6;

/// What is known of a key from the answers.
#[derive(Debug, Clone)]
struct Key {
    uid: String,
    state: u32,
    tags: BTreeSet<String>,
    material: Option<Vec<u8>>,
    /// Since when it was last compared with the server.
    is_changed: bool,
}

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Create,
    /// Create, Activate and Get in one message.
    CreateInBatch,
    Get,
    Attributes,
    Activate,
    Tag(String),
    Revoke(u32),
    Destroy,
}

/// The keys of one client, and what happened to them since the last settlement.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    keys: Vec<Key>,
    answered: Vec<String>,
    /// What was asked and not answered: of which key.
    doubt: Option<(Deed, Option<usize>)>,
    tags: usize,
}

/// How to reach the server while it runs.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    address: SocketAddr,
    ca: PathBuf,
    credentials: Credentials,
}

impl Door {
    pub(crate) fn of(server: &Server) -> Self {
        Self {
            address: server.address(),
            ca: server.path().join("certs/ca.pem"),
            credentials: server.client("demo"),
        }
    }

    fn open(&self) -> std::io::Result<Connection> {
        Connection::open(
            self.address,
            &self.ca,
            Some(&self.credentials),
            TlsVersion::Any,
        )
    }
}

impl Key {
    fn new(uid: String) -> Self {
        Self {
            uid,
            state: PRE_ACTIVE,
            tags: BTreeSet::new(),
            material: None,
            is_changed: true,
        }
    }

    fn is_destroyed(&self) -> bool {
        self.state >= DESTROYED
    }

    /// Whether the standard allows it in this state.
    fn allows(&self, deed: &Deed) -> bool {
        match deed {
            Deed::Activate => self.state == PRE_ACTIVE,
            Deed::Revoke(1) => self.state == ACTIVE,
            Deed::Revoke(_) => self.state <= DEACTIVATED,
            Deed::Destroy => self.state != ACTIVE,
            _ => true,
        }
    }

    /// What the deed makes of the key.
    fn take(&mut self, deed: &Deed) {
        match deed {
            Deed::Activate | Deed::CreateInBatch => self.state = ACTIVE,
            Deed::Tag(name) => drop(self.tags.insert(name.clone())),
            Deed::Revoke(1) => self.state = DEACTIVATED,
            Deed::Revoke(_) => self.state = COMPROMISED,
            Deed::Destroy if self.state == COMPROMISED => self.state = DESTROYED_COMPROMISED,
            Deed::Destroy => self.state = DESTROYED,
            Deed::Create | Deed::Get | Deed::Attributes => return,
        }
        self.is_changed = true;
    }

    /// The trail's lines of the deed.
    fn lines(&self, deed: &Deed) -> Vec<String> {
        let uid = &self.uid;
        let code = if self.allows(deed) { 200 } else { 409 };
        match deed {
            Deed::Create => vec![format!("kmip-key.create 201 {uid}")],
            Deed::CreateInBatch => vec![
                format!("kmip-key.create 201 {uid}"),
                format!("kmip-key.activate 200 {uid}"),
                format!("kmip-key.read 200 {uid}"),
            ],
            Deed::Get => vec![format!("kmip-key.read 200 {uid}")],
            Deed::Attributes => vec![format!("kmip-key-attributes.retrieve 200 {uid}")],
            Deed::Activate => vec![format!("kmip-key.activate {code} {uid}")],
            Deed::Tag(_) => vec![format!("kmip-key-attributes.add 200 {uid}")],
            Deed::Revoke(_) => vec![format!("kmip-key.revoke {code} {uid}")],
            Deed::Destroy => vec![format!("kmip-key.destroy {code} {uid}")],
        }
    }

    fn learn(&mut self, answer: &Answer) {
        let material = answer.key_material();
        let known = self.material.get_or_insert_with(|| material.clone());
        assert_eq!(*known, material, "the material of {}", self.uid);
    }
}

impl Deed {
    fn request(&self, uid: &str) -> Request {
        let item = match self {
            Self::CreateInBatch => return batch(),
            Self::Create => create(key_template()),
            Self::Get => get(uid),
            Self::Attributes => get_attributes(uid, &["State"]),
            Self::Activate => activate(uid),
            Self::Tag(name) => add_attribute(uid, name, Content::Text("value".to_owned())),
            Self::Revoke(code) => revoke(uid, *code),
            Self::Destroy => destroy(uid),
        };
        Request::new((1, 4), &[item])
    }
}

/// The second and third item name the key of the first by the ID placeholder.
fn batch() -> Request {
    let items = [
        create(key_template()).with_id(&[1]),
        BatchItem::new(op::ACTIVATE, Vec::new()).with_id(&[2]),
        BatchItem::new(op::GET, Vec::new()).with_id(&[3]),
    ];
    Request::new((1, 4), &items)
}

impl Ledger {
    /// Asks one thing after the other until the server is gone, or it is over.
    fn work(&mut self, mut connection: Connection, dice: &mut Dice, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            let (deed, key) = self.choose(dice);
            if self.ask(&mut connection, deed, key).is_err() {
                return;
            }
        }
    }

    /// The keys whose material a client was told.
    pub(crate) fn materials(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let keys = self.keys.iter();
        keys.filter_map(|key| Some((key.uid.as_str(), key.material.as_deref()?)))
    }

    fn choose(&mut self, dice: &mut Dice) -> (Deed, Option<usize>) {
        let live: Vec<_> = (0..self.keys.len())
            .filter(|index| !self.keys[*index].is_destroyed())
            .collect();
        let deed = match dice.below(100) {
            _ if live.is_empty() => Deed::CreateInBatch,
            0..10 => Deed::Create,
            10..18 => Deed::CreateInBatch,
            18..28 => Deed::Attributes,
            28..40 => {
                self.tags += 1;
                Deed::Tag(format!("x-Tag-{}", self.tags))
            }
            40..50 => Deed::Activate,
            50..56 => Deed::Revoke(1),
            56..60 => Deed::Revoke(2),
            60..66 => Deed::Destroy,
            _ => Deed::Get,
        };
        let key = match deed {
            Deed::Create | Deed::CreateInBatch => None,
            _ => Some(live[dice.below(live.len())]),
        };
        (deed, key)
    }

    /// Asks and notes the answer; an error means that there was none.
    fn ask(
        &mut self,
        connection: &mut Connection,
        deed: Deed,
        key: Option<usize>,
    ) -> std::io::Result<()> {
        let uid = key.map_or("", |key| &self.keys[key].uid);
        let request = deed.request(uid).encode();
        self.doubt = Some((deed.clone(), key));
        let answer = connection.try_send(&request)?;
        self.doubt = None;
        let answers = Response::decode(&answer).items;
        let key = key.unwrap_or_else(|| {
            let made = answers[0].clone().success().uid();
            self.keys.push(Key::new(made));
            self.keys.len() - 1
        });
        let key = &mut self.keys[key];
        self.answered.extend(key.lines(&deed));
        let allowed = key.allows(&deed);
        for answer in &answers {
            assert_eq!(
                answer.status == 0,
                allowed,
                "{deed:?} of {key:?}: {answer:?}"
            );
        }
        if matches!(deed, Deed::Get | Deed::CreateInBatch) {
            key.learn(&answers[answers.len() - 1]);
        }
        if allowed {
            key.take(&deed);
        }
        Ok(())
    }

    /// Compares with the trail's lines about its keys, in order, and learns from them what became of the request under way.
    fn settle(&mut self, lines: &[String]) {
        let answered = std::mem::take(&mut self.answered);
        let (known, more) = lines.split_at(answered.len().min(lines.len()));
        assert_eq!(known, answered, "every answer has its event, in order");
        let Some((deed, Some(key))) = self.doubt.take_if(|(_, key)| key.is_some()) else {
            assert!(more.is_empty(), "nobody asked for {more:?}");
            return;
        };
        let key = &mut self.keys[key];
        key.is_changed = true;
        if !more.is_empty() {
            assert_eq!(
                more,
                key.lines(&deed),
                "what was under way is recorded as a whole"
            );
            if key.allows(&deed) {
                key.take(&deed);
            }
        }
    }

    /// Takes over a key that was made for a request under way, if this ledger has such a one.
    fn adopt(&mut self, uid: &str, lines: &[String]) -> bool {
        let Some((deed, None)) = &self.doubt else {
            return false;
        };
        let mut key = Key::new(uid.to_owned());
        if key.lines(deed) != lines {
            return false;
        }
        key.take(deed);
        self.keys.push(key);
        self.doubt = None;
        true
    }

    /// Compares every key that changed, and some that did not, with what the server says.
    fn compare(&mut self, door: &Door, dice: &mut Dice) {
        // What is said of a destroyed key now is settled the next time; then it can be forgotten.
        self.keys
            .retain(|key| key.is_changed || !key.is_destroyed());
        self.doubt = None;
        let mut connection = door.open().expect("the server is there again");
        for index in 0..self.keys.len() {
            if std::mem::take(&mut self.keys[index].is_changed) || dice.below(20) == 0 {
                self.compare_key(&mut connection, index);
            }
        }
    }

    fn compare_key(&mut self, connection: &mut Connection, index: usize) {
        let key = &mut self.keys[index];
        let all = connection.ask(get_attributes(&key.uid, &[])).success();
        self.answered.extend(key.lines(&Deed::Attributes));
        assert_eq!(
            all.value("State"),
            Some(Content::Enumeration(key.state)),
            "{key:?}"
        );
        let tags = all.attributes().into_iter().map(|(name, ..)| name);
        let tags: BTreeSet<_> = tags.filter(|name| name.starts_with("x-Tag-")).collect();
        assert_eq!(tags, key.tags, "{}", key.uid);
        if key.is_destroyed() {
            return;
        }
        let answer = connection.ask(get(&key.uid)).success();
        key.learn(&answer);
        self.answered.extend(key.lines(&Deed::Get));
    }
}

/// Ends a load when it is dropped, also by a test that fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets every ledger work on a connection of its own while `meanwhile` runs, which may end the server.
pub(crate) fn under_load(
    ledgers: &mut [Ledger],
    door: &Door,
    dice: &mut Dice,
    meanwhile: impl FnOnce(&mut Dice),
) {
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let _ending = Ending(is_over);
        for ledger in ledgers {
            let mut own = Dice::new(dice.next());
            let connection = door.open().expect("the server lets a client in");
            scope.spawn(move || ledger.work(connection, &mut own, is_over));
        }
        meanwhile(dice);
    });
}

/// Compares the ledgers with the events since the last settlement, then with the keys as the server has them.
pub(crate) fn settle(ledgers: &mut [Ledger], events: &[Event], door: &Door, dice: &mut Dice) {
    let mut owners = HashMap::new();
    for (owner, ledger) in ledgers.iter().enumerate() {
        owners.extend(ledger.keys.iter().map(|key| (key.uid.clone(), owner)));
    }
    let mut lines = vec![Vec::new(); ledgers.len()];
    let mut orphans = BTreeMap::<String, Vec<String>>::new();
    for event in events.iter().filter(|event| event.is_of_kmip()) {
        let uid = event.key().unwrap_or_else(|| panic!("a key: {event:?}"));
        match owners.get(uid) {
            Some(owner) => lines[*owner].push(event.line()),
            None => orphans
                .entry(uid.to_owned())
                .or_default()
                .push(event.line()),
        }
    }
    for (ledger, lines) in ledgers.iter_mut().zip(&lines) {
        ledger.settle(lines);
    }
    for (uid, lines) in &orphans {
        let adopted = ledgers.iter_mut().any(|ledger| ledger.adopt(uid, lines));
        assert!(adopted, "nobody asked for {lines:?}, or not as a whole");
    }
    thread::scope(|scope| {
        for ledger in ledgers {
            let mut own = Dice::new(dice.next());
            scope.spawn(move || ledger.compare(door, &mut own));
        }
    });
}

/// How many keys the ledgers have.
pub(crate) fn keys(ledgers: &[Ledger]) -> usize {
    ledgers.iter().map(|ledger| ledger.keys.len()).sum()
}
