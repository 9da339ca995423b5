//! The backup that is under way, if one is: first it is copied, then it is handed over. Nobody who went away in the middle of it keeps the
//! place, or the room on the disk, for longer than a minute.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::archive::{List, Sealed};
use super::{AdminError, files_beside, now, sending};
use crate::admin::Admin;
use crate::admin::message::BackupBegin;
use crate::crypto::Recipient;
use crate::domain::Initiator;
use crate::store::{Snapshot, Store, StoreError};

/// How long a backup is kept that nobody asks for.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How long one who asks waits for the copy before being told to ask again.
const COPY_WAIT: Duration = Duration::from_secs(20);

/// A backup on its way.
pub(super) struct UnderWay {
    pub(super) id: String,
    pub(super) initiator: Initiator,
    pub(super) recipient: Recipient,
    with_master_key: bool,
    /// When it was asked for last.
    asked: Instant,
    stage: Stage,
    /// The copy is made as long as this is held.
    _wanted: Arc<()>,
}

enum Stage {
    Copying(JoinHandle<Result<Snapshot, StoreError>>),
    Sending(Box<Sending>),
    /// It is being read just now.
    Taken,
}

/// A backup that is handed over.
pub(super) struct Sending {
    pub(super) sealed: Sealed,
    pub(super) list: List,
    pub(super) master_key: bool,
    /// Bytes that were handed over.
    pub(super) bytes: u64,
    pub(super) is_recorded: bool,
}

impl UnderWay {
    /// Begins to copy.
    pub(super) fn begin(
        id: &str,
        initiator: Initiator,
        (recipient, wanted_of_it): (Recipient, BackupBegin),
        store: &Store,
    ) -> Self {
        let wanted = Arc::new(());
        let (store, token) = (store.clone(), Arc::downgrade(&wanted));
        let copying = tokio::spawn(async move { store.snapshot(token).await });
        Self {
            id: id.to_owned(),
            initiator,
            recipient,
            with_master_key: wanted_of_it.with_master_key,
            asked: Instant::now(),
            stage: Stage::Copying(copying),
            _wanted: wanted,
        }
    }

    /// What is handed over, once it is copied; none where that takes longer.
    pub(super) async fn copied(&mut self, admin: &Admin) -> Option<Result<Sending, StoreError>> {
        self.asked = Instant::now();
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Sending(sending) => Some(Ok(*sending)),
            Stage::Copying(mut copying) => {
                let Ok(copied) = timeout(COPY_WAIT, &mut copying).await else {
                    self.stage = Stage::Copying(copying);
                    return None;
                };
                Some(match copied {
                    Ok(Ok(snapshot)) => self.sending(admin, snapshot).await,
                    Ok(Err(error)) => Err(error),
                    Err(error) => Err(StoreError::File(error.to_string())),
                })
            }
            Stage::Taken => Some(Err(StoreError::Closed)),
        }
    }

    async fn sending(&self, admin: &Admin, snapshot: Snapshot) -> Result<Sending, StoreError> {
        let beside = files_beside(admin, &snapshot, self.with_master_key).await;
        let beside = beside.map_err(StoreError::File)?;
        let begun = sending(&self.recipient, snapshot, beside, now(admin));
        begun.map_err(|error| StoreError::File(error.to_string()))
    }

    /// Keeps what is still to be handed over.
    pub(super) fn go_on(&mut self, sending: Sending) {
        self.asked = Instant::now();
        self.stage = Stage::Sending(Box::new(sending));
    }
}

/// The place of the one backup that may be under way.
#[derive(Default)]
pub(in crate::admin) struct Backups {
    place: Arc<Mutex<Option<UnderWay>>>,
}

type Place<'a> = MutexGuard<'a, Option<UnderWay>>;

impl Backups {
    /// The place, where nobody has it.
    pub(super) async fn free_place(&self) -> Result<Place<'_>, AdminError> {
        let place = self.place.lock().await;
        if place.is_some() {
            return Err(AdminError::conflict(
                "another backup is under way: wait for it; one that was cut off is given up after a minute",
            ));
        }
        Ok(place)
    }

    /// The place of this backup.
    pub(super) async fn place(&self, id: &str) -> Result<Place<'_>, AdminError> {
        let place = self.place.lock().await;
        match place.as_ref() {
            Some(under_way) if under_way.id == id => Ok(place),
            Some(_) | None => Err(unknown()),
        }
    }

    /// Gives a backup up.
    pub(super) async fn end(&self, id: &str) {
        if let Ok(mut place) = self.place(id).await {
            *place = None;
        }
    }

    /// Sees to it that a backup is given up that nobody asks for.
    pub(super) fn end_when_idle(&self, id: String) {
        let place = Arc::downgrade(&self.place);
        tokio::spawn(async move {
            let mut at = Instant::now() + IDLE_MAX;
            loop {
                sleep_until(at).await;
                let Some(place) = place.upgrade() else { return };
                let mut place = place.lock().await;
                match place.as_ref().filter(|under_way| under_way.id == id) {
                    None => return,
                    Some(under_way) => at = under_way.asked + IDLE_MAX,
                }
                if at <= Instant::now() {
                    *place = None;
                    tracing::warn!("A backup was given up: nobody asked for the rest of it.");
                    return;
                }
            }
        });
    }
}

pub(super) fn unknown() -> AdminError {
    AdminError::not_found("the backup is not under way any more: make another")
}
