//! Backups: the database at one moment and what is kept beside it, handed over in sealed parts.
//!
//! A backup is begun, and its parts are asked for one after the other; there is one at a time. The copy of the database is made first, at the
//! speed of the disk; who takes the parts away slowly, or not at all, holds up nobody. Nothing leaves before the event of the backup is
//! durable. What is handed over is sealed to a public key: who makes backups cannot read them.

pub mod archive;
mod under_way;

use std::io::{self, Read as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::message::{
    BackupBegin, BackupKey, BackupPart, BackupRequest, BackupResponse, Response, WholeBackup,
};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Failure, Field, Outcome};
use crate::crypto::{Recipient, Secret};
use crate::domain::Initiator;
use crate::domain::clock::rfc3339;
use crate::store::changeset::Write;
use crate::store::{Snapshot, StoreError};
use archive::{Entry, List, Sealed};
pub(super) use under_way::Backups;
use under_way::{Sending, UnderWay};

/// The name of the database in a backup.
pub const DATABASE: &str = "data/keyledger.db";
/// The name in a backup of what is kept beside the database.
pub const CHECKPOINT: &str = "data/checkpoint";

/// A file that goes with the database into a backup.
pub struct FileBeside {
    /// Its name below the directory of the server.
    pub name: String,
    /// What is in it.
    pub content: Secret,
}

/// Reads the settings, the certificates and their keys, on a thread that may wait.
pub type ReadFiles = Arc<dyn Fn() -> Result<Vec<FileBeside>, String> + Send + Sync>;
/// Reads the file of the master key with a check value; asked with whether it must be there also where it is the key itself.
pub type ReadMasterKey =
    Arc<dyn Fn(bool, [u8; 16]) -> Result<Option<FileBeside>, String> + Send + Sync>;

/// Reads what goes with the database.
#[derive(Clone)]
pub struct FilesBeside {
    /// All but the master key.
    pub files: ReadFiles,
    /// The master key, while none is being replaced.
    pub master_key: ReadMasterKey,
}

/// Carries out what is asked.
pub(super) async fn run(
    admin: &Admin,
    initiator: Initiator,
    request: BackupRequest,
) -> Result<Response, AdminError> {
    let answer = match request {
        BackupRequest::Key => BackupResponse::Key(admin.store.backup_key().await?.map(shown)),
        BackupRequest::SetKey { public } => set_key(admin, initiator, &public).await?,
        BackupRequest::Begin(wanted) => begin(admin, initiator, wanted).await?,
        BackupRequest::Next { id } => BackupResponse::Part(next(admin, &id).await?),
        BackupRequest::End { id } => {
            admin.backups.end(&id).await;
            BackupResponse::Ended
        }
    };
    Ok(Response::Backup(answer))
}

fn shown(public: [u8; 32]) -> BackupKey {
    BackupKey {
        id: hex::encode(Recipient::from_bytes(public).id()),
        public: hex::encode(public),
    }
}

/// Sets the key that backups are sealed to.
async fn set_key(
    admin: &Admin,
    initiator: Initiator,
    public: &str,
) -> Result<BackupResponse, AdminError> {
    let problem = || {
        AdminError::invalid(
            "public: it is not the public half of a backup key, 64 hexadecimal digits",
        )
    };
    let key: [u8; 32] = hex::decode(public)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(problem)?;
    // A key that nothing can be sealed to is found out now and not at the first backup.
    Recipient::from_bytes(key)
        .sealer(b"")
        .map_err(|_| problem())?;
    let _turn = admin.changes.lock().await;
    let made = shown(key);
    let deed = deed(
        admin,
        Action::BackupKeySet,
        initiator,
        Data::new().text(Field::Recipient, &made.id),
        &made.id,
    )?;
    admin.commit(deed, vec![Write::BackupKey(key)]).await?;
    Ok(BackupResponse::Key(Some(made)))
}

/// Begins a backup: what it holds is what was answered up to here, and perhaps more.
async fn begin(
    admin: &Admin,
    initiator: Initiator,
    wanted: BackupBegin,
) -> Result<BackupResponse, AdminError> {
    let recipient = recipient(admin, wanted.to_recovery).await?;
    admin.global_scope()?;
    let mut place = admin.backups.free_place().await?;
    // The trail is sealed up to here where it can be; where it is damaged, a backup is wanted all the more.
    if let Ok(sealer) = admin.sealer()
        && let Err(error) = sealer.checkpoint(&admin.store).await
    {
        tracing::warn!(%error, "A backup is made of a trail that could not be sealed by a checkpoint.");
    }
    let beside = admin.files_beside.as_ref();
    beside.map_err(AdminError::unavailable)?;
    let id = hex::encode(admin.random_bytes()?);
    let under_way = UnderWay::begin(&id, initiator, (recipient, wanted), &admin.store);
    *place = Some(under_way);
    drop(place);
    admin.backups.end_when_idle(id.clone());
    Ok(BackupResponse::Begun { id })
}

/// The key that a backup is sealed to.
async fn recipient(admin: &Admin, to_recovery: bool) -> Result<Recipient, AdminError> {
    if to_recovery {
        let recovery = admin.store.master_key().recovery;
        let advice = "there are no recovery shares: make them with `keyledger master-key recovery`, or make a backup key";
        let recovery = recovery.ok_or_else(|| AdminError::conflict(advice))?;
        return Ok(recovery.recipient);
    }
    let advice =
        "there is no key that backups are sealed to: make one with `keyledger backup-key new FILE`";
    let key = admin.store.backup_key().await?;
    key.map(Recipient::from_bytes)
        .ok_or_else(|| AdminError::conflict(advice))
}

/// The next part of a backup.
async fn next(admin: &Admin, id: &str) -> Result<BackupPart, AdminError> {
    let mut place = admin.backups.place(id).await?;
    let under_way = place.take().filter(|under_way| under_way.id == id);
    let mut under_way = under_way.ok_or_else(under_way::unknown)?;
    let mut sending = match under_way.copied(admin).await {
        // It is tried again: the place keeps it.
        None => {
            *place = Some(under_way);
            return Ok(BackupPart::default());
        }
        Some(Ok(sending)) => sending,
        Some(Err(error)) => return Err(failed(admin, &under_way, error).await),
    };
    if !sending.is_recorded {
        record(admin, &under_way, &sending).await?;
        sending.is_recorded = true;
    }
    let read = tokio::task::spawn_blocking(move || {
        let read = sending.sealed.next();
        (sending, read)
    });
    let (mut sending, read) = read
        .await
        .map_err(|error| AdminError::unavailable(error.to_string()))?;
    let (bytes, is_last) = read.map_err(|error| {
        tracing::error!(%error, "A backup was cut off: what it holds could not be read.");
        AdminError::unavailable(format!("the backup was cut off: {error}"))
    })?;
    sending.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let data = BASE64.encode(&bytes);
    if !is_last {
        under_way.go_on(sending);
        *place = Some(under_way);
        return Ok(BackupPart { data, whole: None });
    }
    let whole = WholeBackup {
        bytes: sending.bytes,
        events: sending.list.events,
        recipient: hex::encode(under_way.recipient.id()),
        master_key: sending.master_key,
    };
    tracing::info!(
        bytes = whole.bytes,
        events = whole.events,
        recipient = whole.recipient,
        "A backup was made."
    );
    Ok(BackupPart {
        data,
        whole: Some(whole),
    })
}

/// What goes with a snapshot. It is read after the copy: certificates are those that the copy knows of or newer ones, which know of the former
/// CAs. The master key is the one that the copy names, whichever is in use now.
async fn files_beside(
    admin: &Admin,
    snapshot: &Snapshot,
    with_master_key: bool,
) -> Result<(Vec<FileBeside>, Option<FileBeside>), String> {
    let FilesBeside { files, master_key } = admin.files_beside.clone()?;
    let waited = |error: tokio::task::JoinError| error.to_string();
    // Before the turn: who replaces certificates holds their lock, and waits for a turn to have them taken up.
    let files = tokio::task::spawn_blocking(move || files()).await;
    let files = files.map_err(waited)??;
    let check = snapshot.master_key_check;
    let _turn = admin.changes.lock().await;
    let master_key = tokio::task::spawn_blocking(move || master_key(with_master_key, check)).await;
    Ok((files, master_key.map_err(waited)??))
}

/// What is sent of a snapshot and the files beside it.
fn sending(
    recipient: &Recipient,
    snapshot: Snapshot,
    (files, key): (Vec<FileBeside>, Option<FileBeside>),
    created: String,
) -> io::Result<Sending> {
    let master_key = key.is_some();
    let checkpoint = snapshot.beside.map(|note| FileBeside {
        name: CHECKPOINT.to_owned(),
        content: Secret::new(note.into_bytes()),
    });
    let before = checkpoint.into_iter().chain(key);
    let files: Vec<_> = before.chain(files).collect();
    let entry = |name: &str, bytes: u64| Entry {
        name: name.to_owned(),
        bytes,
    };
    let length = |file: &FileBeside| u64::try_from(file.content.len()).unwrap_or(u64::MAX);
    let database = entry(DATABASE, snapshot.bytes);
    let others = files.iter().map(|file| entry(&file.name, length(file)));
    let mut list = List::new(created, std::iter::once(database).chain(others).collect());
    list.epoch = snapshot.epochs.of(snapshot.head);
    list.origin.clone_from(&snapshot.epochs.name);
    (list.events, list.schema) = (snapshot.head.0, snapshot.schema);
    let rest = files.into_iter().fold(
        Box::new(io::empty()) as Box<dyn io::Read + Send + Sync>,
        |before, file| Box::new(before.chain(Bytes(file.content, 0))),
    );
    let sealed = Sealed::begin(recipient, &list, snapshot.file.chain(rest))?;
    Ok(Sending {
        sealed,
        list,
        master_key,
        bytes: 0,
        is_recorded: false,
    })
}

/// Reads a secret, and how much of it was read.
struct Bytes(Secret, usize);

impl io::Read for Bytes {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.0.expose().get(self.1..).unwrap_or_default();
        let read = rest.read(to)?;
        self.1 += read;
        Ok(read)
    }
}

/// Records a backup before anything of it leaves.
async fn record(admin: &Admin, under_way: &UnderWay, sending: &Sending) -> Result<(), AdminError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let recipient = hex::encode(under_way.recipient.id());
    let files: u64 = sending.list.files.iter().map(|file| file.bytes).sum();
    let data = Data::new()
        .text(Field::Recipient, &recipient)
        .number(Field::Bytes, number(files))
        .number(Field::LastSequence, number(sending.list.events) - 1)
        .flag(Field::MasterKeyIncluded, sending.master_key);
    let initiator = under_way.initiator.clone();
    let deed = deed(admin, Action::BackupCreate, initiator, data, &recipient)?;
    admin.commit(deed, Vec::new()).await
}

/// Records a backup that could not be made, and says why.
async fn failed(admin: &Admin, under_way: &UnderWay, error: StoreError) -> AdminError {
    tracing::error!(%error, "A backup could not be made.");
    let failure = match error {
        StoreError::Full => Failure::StorageFull,
        _ => Failure::StoreUnavailable,
    };
    let recorded = async {
        let recipient = hex::encode(under_way.recipient.id());
        let data = Data::new().text(Field::Recipient, &recipient);
        let initiator = under_way.initiator.clone();
        let deed = deed(admin, Action::BackupCreate, initiator, data, &recipient)?;
        let mut event = admin.event(deed)?;
        event.outcome = Outcome::Failure;
        event.failure = Some(failure);
        event.reason = failure.reason();
        admin.store.apply(Admin::changeset(event)).await?;
        Ok::<_, AdminError>(())
    };
    if let Err(error) = recorded.await {
        tracing::error!(%error, "That a backup could not be made could not be recorded.");
    }
    match error {
        StoreError::Full => AdminError::unavailable(
            "there is no room for a copy of the database beside it, which a backup needs while it is made: make room",
        ),
        error => AdminError::unavailable(format!("no backup could be made: {error}")),
    }
}

fn deed(
    admin: &Admin,
    action: Action,
    initiator: Initiator,
    request: Data,
    target: &str,
) -> Result<Deed, AdminError> {
    Ok(Deed {
        action,
        initiator,
        target: target.to_owned(),
        scope: admin.global_scope()?,
        request,
    })
}

/// When it is now, as a backup says it.
fn now(admin: &Admin) -> String {
    rfc3339(admin.now())
}
