//! The store: a few verbs over SQLite. SQL lives below this module and nowhere else.
//!
//! Load an object by id, locate objects, the snapshot of clients, **apply** changesets, read the
//! trail from a sequence. All writes go through one thread (`writer`) that commits many changesets
//! with one sync; an [`Store::apply`] that returned `Ok` is durable. It decides nothing about KMIP
//! and holds no key in clear.

mod administrators;
mod beside;
mod cache;
mod changed;
pub mod changeset;
mod config;
pub mod delivery;
mod destruction;
mod engine;
mod epochs;
mod error;
mod following;
mod gather;
mod interned;
mod master_key;
mod measures;
mod moving;
mod nodes;
mod opening;
mod own;
mod postgres;
pub mod provenance;
pub mod query;
mod readers;
mod reserve;
pub mod retention;
mod routing;
mod seal;
mod snapshot;
mod sql;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
mod whereabouts;
mod writer;

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};

pub use beside::Beside;
pub use changeset::{Changeset, Precondition, Write};
pub use config::StoreConfig;
pub use delivery::{Cursor, Delivered, From, Parked, ParkedRange};
pub use epochs::{Epoch, Epochs};
pub use error::{ApplyError, StoreError, Thing};
pub use master_key::{MasterKeyRecord, Place, RecoveryKey, Rewrap, Rewrapped};
pub use measures::Measures;
pub use moving::{Compared, Comparison, Migration, Progress, Unfinished, set_aside};
pub use nodes::Node;
pub use provenance::{AdapterProfile, InstanceProvenance, ObjectProvenance};
pub use query::{
    Applied, By, EventPage, HeadPage, InitMeta, Inspection, LastSealed, LocateQuery, Look, Origin,
    SealedPage, Sequence, StoredEvent, TrailKey,
};
pub use reserve::Room;
pub use retention::{Behind, BlockTime, Gap, Removal};
pub use routing::TargetSecrets;
pub use seal::Seal;
pub use snapshot::Snapshot;
pub use writer::OnFatal;

use crate::audit::filter::EventFilter;
use crate::audit::record;
use crate::crypto::Wrapped;
use crate::domain::routing::Routing;
use crate::domain::{Administrators, Clients, InstanceId, Object, ObjectId};
use beside::BesideFile;
use cache::Cache;
use engine::Connection;
use following::Following;
use gather::Gather;
use interned::Interned;
use readers::Readers;

use whereabouts::Whereabouts;
use writer::{Command, Reply, Submission};

/// What the objects of one look take in memory after which it ends: others wait for it.
const LOOK_BYTES: usize = 1024 * 1024;

/// An open store; clones are the same store. It is closed with the last of them, or by
/// [`Store::close`].
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// What the handles and the writer both hold.
#[derive(Debug)]
struct Shared {
    cache: Cache,
    clients: ArcSwap<Clients>,
    clients_version: watch::Sender<u64>,
    administrators: ArcSwap<Administrators>,
    head: watch::Sender<Sequence>,
    epochs: ArcSwap<Epochs>,
    interned: Interned,
    gather: Gather,
    measures: Measures,
    room: watch::Sender<Room>,
    routing: ArcSwap<Routing>,
    routing_version: watch::Sender<u64>,
    delivery_version: watch::Sender<u64>,
    sealed: watch::Sender<u64>,
    kept_from: AtomicU64,
    master_key: ArcSwap<MasterKeyRecord>,
    kept: changed::Kept,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    whereabouts: Whereabouts,
    beside: BesideFile,
    readers: Readers,
    writer: Handle,
    following: Option<Following>,
}

/// The writer's queue and thread.
#[derive(Debug)]
struct Handle {
    commands: Option<mpsc::Sender<Command>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// The object of this identifier, from memory if it is there. A precondition must guard what is
    /// decided from it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn object(&self, id: ObjectId) -> Result<Option<Arc<Object>>, StoreError> {
        match self.cached(id) {
            Some(object) => Ok(Some(object)),
            None => self.object_fresh(id).await,
        }
    }

    /// The object of this identifier if it is in memory.
    #[must_use]
    pub fn cached(&self, id: ObjectId) -> Option<Arc<Object>> {
        self.inner.shared.cache.object(id)
    }

    /// The object of this identifier from the database: what to read after
    /// [`ApplyError::Conflict`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn object_fresh(&self, id: ObjectId) -> Result<Option<Arc<Object>>, StoreError> {
        let object = self
            .inner
            .readers
            .read(move |db| sql::object::load(db, id))
            .await?;
        if object.is_none() {
            self.inner.shared.cache.remove(id);
        }
        Ok(object.map(|object| self.inner.shared.cache.offer(Arc::new(object))))
    }

    /// A page of what a query looks for. Does not decide who may see it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn locate(&self, query: LocateQuery) -> Result<HeadPage, StoreError> {
        let few = matches!(query.by, By::Id(_) | By::Name { live: true, .. });
        let page = move |db: &Connection| sql::locate::heads(db, &query);
        if few {
            self.inner.readers.read(page).await
        } else {
            self.inner.readers.search(page).await
        }
    }

    /// Looks through objects from the database, one after the other, for those that match; at least one, and no more once those passed
    /// took a mebibyte. None is kept in memory: what a search passes over is not worth a place there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn look_through(
        &self,
        ids: Vec<ObjectId>,
        matches: impl Fn(&Object) -> bool + Send + 'static,
    ) -> Result<Look, StoreError> {
        let look_through = move |db: &Connection| {
            let (mut look, mut bytes) = (Look::default(), 0_usize);
            for id in ids {
                if let Some(object) = sql::object::load(db, id)? {
                    bytes = bytes.saturating_add(cache::footprint(&object));
                    look.matching.extend(matches(&object).then_some(id));
                }
                look.passed += 1;
                if bytes >= LOOK_BYTES {
                    break;
                }
            }
            Ok(look)
        };
        self.inner.readers.search(look_through).await
    }

    /// A page of the objects of an instance, in the order of their identifiers: at most `limit` after `last`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn objects_after(
        &self,
        instance: InstanceId,
        last: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError> {
        let page = move |db: &Connection| sql::locate::objects(db, instance, last, limit);
        self.inner.readers.search(page).await
    }

    /// The object that has this Name in the instance and is not destroyed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn name_holder(
        &self,
        instance: InstanceId,
        name: &str,
    ) -> Result<Option<ObjectId>, StoreError> {
        // None is kept with it, and not every database takes the question.
        if name.contains('\0') {
            return Ok(None);
        }
        let name = name.to_owned();
        self.inner
            .readers
            .read(move |db| sql::locate::name_holder(db, instance, &name))
            .await
    }

    /// Every wrapped data key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn data_keys(&self) -> Result<Vec<(InstanceId, u32, Wrapped)>, StoreError> {
        self.inner.readers.read(sql::client::data_keys).await
    }

    /// The clients and instances as last committed.
    #[must_use]
    pub fn clients(&self) -> Arc<Clients> {
        self.inner.shared.clients.load_full()
    }

    /// Moves when [`Store::clients`] changes.
    #[must_use]
    pub fn clients_changed(&self) -> watch::Receiver<u64> {
        self.inner.shared.clients_version.subscribe()
    }

    /// Commits a changeset with its events. Once it is queued it is committed even if the caller
    /// stops waiting.
    ///
    /// # Errors
    /// [`ApplyError`]: nothing of it was written.
    pub async fn apply(&self, changeset: Changeset) -> Result<Applied, ApplyError> {
        let commands = self
            .inner
            .writer
            .commands
            .as_ref()
            .ok_or(ApplyError::Closed)?;
        let (submission, answer) = self.submission(changeset);
        let sent = commands.send(Command::Apply(submission)).await;
        sent.map_err(|_| ApplyError::Closed)?;
        self.inner.shared.gather.added();
        answer.await.map_err(|_| ApplyError::Closed)?.outcome
    }

    /// [`Store::apply`] for a thread that runs no async code; it must not be called from one that
    /// does.
    ///
    /// # Errors
    /// Those of [`Store::apply`].
    pub fn apply_blocking(&self, changeset: Changeset) -> Result<Applied, ApplyError> {
        let commands = self
            .inner
            .writer
            .commands
            .as_ref()
            .ok_or(ApplyError::Closed)?;
        let (submission, answer) = self.submission(changeset);
        commands
            .blocking_send(Command::Apply(submission))
            .map_err(|_| ApplyError::Closed)?;
        self.inner.shared.gather.make_due();
        answer
            .blocking_recv()
            .map_err(|_| ApplyError::Closed)?
            .outcome
    }

    /// A page of the trail from a sequence on: at most `limit` events that match, after reading a
    /// bounded number. As a step of a search: who reads the trail takes no thread from requests.
    ///
    /// # Errors
    /// When the database cannot be read or a record is damaged.
    pub async fn events(
        &self,
        from: Sequence,
        limit: usize,
        filter: &EventFilter,
    ) -> Result<EventPage, StoreError> {
        let (head, filter, shared) = (self.head(), filter.clone(), Arc::clone(&self.inner.shared));
        let page = move |db: &Connection| {
            sql::event::page(db, from, head, limit, &filter, &shared.interned)
        };
        self.inner.readers.search(page).await
    }

    /// The sequence the next event gets.
    #[must_use]
    pub fn head(&self) -> Sequence {
        *self.inner.shared.head.borrow()
    }

    /// Moves when events are committed.
    #[must_use]
    pub fn head_changed(&self) -> watch::Receiver<Sequence> {
        self.inner.shared.head.subscribe()
    }

    /// Moves when the disk becomes full and when there is room again.
    #[must_use]
    pub fn room_changed(&self) -> watch::Receiver<Room> {
        self.inner.shared.room.subscribe()
    }

    /// Transactions committed since the store was opened: fewer than changesets when the writer is
    /// busy.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.measures().changesets.read().total()
    }

    /// What committing came to since the store was opened.
    #[must_use]
    pub fn measures(&self) -> &Measures {
        &self.inner.shared.measures
    }

    /// Whether changes are still taken: it was not closed, and its writer is there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let commands = self.inner.writer.commands.as_ref();
        commands.is_some_and(|commands| !commands.is_closed())
    }

    /// Commits what is queued, empties the write-ahead log and closes the database, for all clones
    /// of this store.
    pub async fn close(self) {
        let (reply, done) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        let stop = move || {
            if let Some(following) = &inner.following {
                following.stop();
            }
            inner.readers.stop();
        };
        if tokio::task::spawn_blocking(stop).await.is_err() {
            tracing::error!("The threads that read the store could not be ended.");
        }
        let Some(commands) = &self.inner.writer.commands else {
            return;
        };
        // Either fails only when the writer has ended already.
        if commands.send(Command::Close(reply)).await.is_ok() {
            self.inner.shared.gather.make_due();
            if done.await.is_err() {
                tracing::debug!("The store was closed before.");
            }
        }
    }

    /// Computes what needs no transaction, here rather than in the one thread that writes.
    fn submission(&self, changeset: Changeset) -> (Submission, oneshot::Receiver<Reply>) {
        thread_local! {
            /// The JSON of the event that is hashed.
            static JSON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let prepare = |event: &crate::audit::Event| {
            let leaf = JSON.with_borrow_mut(|json| event.leaf_hash_into(json));
            let record = self
                .inner
                .shared
                .interned
                .numbers(event)
                .map(|(initiator, scope)| {
                    let mut record = Vec::with_capacity(384);
                    record::encode(event, initiator, scope, &mut record);
                    record
                });
            (leaf, record)
        };
        let prepared = changeset.events().iter().map(prepare).collect();
        let (reply, answer) = oneshot::channel();
        (
            Submission {
                changeset,
                prepared,
                reply,
            },
            answer,
        )
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands = None;
        self.shared.gather.make_due();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("The thread that writes the store panicked.");
        }
    }
}
