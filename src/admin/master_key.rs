//! The master key: shown, replaced, and sealed for recovery.
//!
//! Another key takes its place in one transaction: every value it wraps, its check value and the event. Before it the new key's file is
//! durable, and after it is put in its place; what is cut off in between is finished by the next start, which goes by what the database names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::{ErrorKind, LOCKED, UNSETTLED};
use super::message::{self, MasterKeyRequest, NewRecovery, Rotation};
use super::{Admin, AdminError, Deed, Response};
use crate::audit::{Action, Data, Failure, Field};
use crate::crypto::{Recipient, RecipientKey, Secret};
use crate::domain::Initiator;
use crate::domain::clock::rfc3339;
use crate::ops::rewrap::{Opens, RewrapError, rewrap};
use crate::providers::{Custody, KeyPlace, MasterKey, NextKey, Provider, ProviderError, custody};
use crate::store::changeset::Write;
use crate::store::{MasterKeyRecord, RecoveryKey};

/// How long it is waited for the database to say what became of a change, and how often it is asked.
const SETTLED: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(500);

/// The master key in use and where it is kept.
#[derive(Clone)]
pub struct Custodian {
    /// Wraps and unwraps, for everyone in this process.
    pub custody: Arc<Custody>,
    /// Where its file lies.
    pub place: KeyPlace,
}

pub(super) async fn run(
    admin: &Admin,
    initiator: Initiator,
    request: MasterKeyRequest,
) -> Result<Response, AdminError> {
    let who = initiator.clone();
    let (action, done) = match request {
        MasterKeyRequest::Show => {
            let shown = shown(admin, None).await?;
            return Ok(Response::MasterKey(Box::new(shown)));
        }
        MasterKeyRequest::Rotate(rotation) => (
            Action::MasterKeyRotate,
            rotate(admin, initiator, rotation).await.map(Some),
        ),
        MasterKeyRequest::Recovery(new) => (
            Action::MasterKeyRecoverySet,
            set_recovery(admin, initiator, new).await.map(|()| None),
        ),
    };
    if let Err(error) = &done {
        record_unless_unsettled(admin, who, action, error).await;
    }
    let shown = shown_after(admin, action, done?).await?;
    Ok(Response::MasterKey(Box::new(shown)))
}

/// What there is after a change, which is committed and recorded whatever becomes of this.
async fn shown_after(
    admin: &Admin,
    action: Action,
    retired: Option<PathBuf>,
) -> Result<message::MasterKey, AdminError> {
    shown(admin, retired).await.map_err(|error| {
        tracing::error!(action = action.name(), %error, "The master key was changed, and what there is now could not be read.");
        AdminError::unavailable(format!(
            "the change is made and recorded, and only what there is now could not be read: {error}; see `keyledger master-key show`, and do not give the \
             command again before that"
        ))
    })
}

/// What was asked of the master key and not done, with who asked. The event is about the key in use, which stays what it is.
async fn record_unless_unsettled(
    admin: &Admin,
    initiator: Initiator,
    action: Action,
    error: &AdminError,
) {
    if error.code() == UNSETTLED {
        tracing::error!(action = action.name(), %error, "Whether the master key was changed is not known: see `keyledger master-key show` once the database is there.");
        return;
    }
    let failure = match error.kind {
        ErrorKind::Invalid => Failure::InvalidField,
        ErrorKind::Forbidden => Failure::OutOfReach,
        ErrorKind::Conflict => Failure::WrongState,
        _ if error.code() == LOCKED => Failure::ServerLocked,
        _ => Failure::ProviderUnavailable,
    };
    tracing::warn!(initiator = &*initiator.id, action = action.name(), %error, "The master key was not changed.");
    let Ok(scope) = admin.global_scope() else {
        return;
    };
    let deed = Deed {
        action,
        initiator,
        target: hex::encode(admin.store.master_key_check()),
        scope,
        request: Data::new(),
    };
    admin.record_failure(deed, failure).await;
}

async fn shown(admin: &Admin, retired: Option<PathBuf>) -> Result<message::MasterKey, AdminError> {
    let record = admin.store.master_key();
    let custodian = admin.custodian.as_ref().ok();
    let recovery = record.recovery.map(|key| message::Recovery {
        key: hex::encode(key.recipient.id()),
        threshold: key.threshold,
        shares: key.shares,
        since: rfc3339(key.since),
    });
    Ok(message::MasterKey {
        provider: custodian.map(|custodian| custodian.custody.name().to_owned()),
        check_value: hex::encode(record.check),
        since: rfc3339(record.since),
        wraps: admin.store.wrapped_values().await?.len(),
        recovery,
        retired: retired.map(|path| path.display().to_string()),
    })
}

/// The master key in use, which is the database's.
fn custodian(admin: &Admin) -> Result<&Custodian, AdminError> {
    let custodian = admin.custodian.as_ref();
    let custodian = custodian.map_err(|reason| {
        AdminError::unavailable(format!("the master key cannot be used: {reason}"))
    })?;
    admin.unlocked()?;
    if custodian.custody.check_value() == admin.store.master_key_check() {
        return Ok(custodian);
    }
    let text = "the master key cannot be used: it is not the database's";
    Err(AdminError::unavailable(text))
}

/// Replaces it. Gives where the file of the one before is kept.
async fn rotate(
    admin: &Admin,
    initiator: Initiator,
    request: Rotation,
) -> Result<PathBuf, AdminError> {
    let _turn = admin.changes.lock().await;
    refuse_beside_others(admin).await?;
    let custodian = custodian(admin)?;
    let name = request.provider.as_deref();
    let provider = named(name.unwrap_or_else(|| custodian.custody.name()))?;
    let secret = request.secret.map(|secret| bytes_of(&secret));
    let before = admin.store.master_key();
    let next = prepare(admin, &custodian.place, provider, secret).await?;
    let held = Arc::clone(&custodian.custody);
    let change = Change {
        action: Action::MasterKeyRotate,
        initiator,
        after: MasterKeyRecord {
            check: next.key.check_value(),
            since: admin.now(),
            recovery: before.recovery,
        },
        opens: Box::new(move |wrapped, associated| held.unwrap(wrapped, associated)),
        wraps: Arc::clone(&next.key),
        request: Data::new().text(Field::Provider, provider.name()),
    };
    custodian.custody.expect(Arc::clone(&next.key));
    let done = change.carry_out(admin).await;
    let is_settled = |error: &AdminError| error.code() != UNSETTLED;
    // Where nobody knows which of the two is the database's, what either wrapped is opened, until a restart.
    if done.as_ref().err().is_none_or(is_settled) {
        custodian.custody.settle(done.is_ok());
    }
    done?;
    Ok(put(&custodian.place, next, before.check).await)
}

/// Other nodes would go on with a key that is the database's no more. What a change before came to is known then.
async fn refuse_beside_others(admin: &Admin) -> Result<(), AdminError> {
    if admin.store.is_shared() {
        admin.store.settle().await?;
    }
    let others = admin.store.others_at_work().await?;
    if others.is_empty() {
        return Ok(());
    }
    let others = others.join(", ");
    Err(AdminError::conflict(format!(
        "other nodes have the master key that is to be replaced ({others}): stop them, and give them the new one before they start, as docs/scaling.md \
         says"
    )))
}

async fn set_recovery(
    admin: &Admin,
    initiator: Initiator,
    request: NewRecovery,
) -> Result<(), AdminError> {
    let _turn = admin.changes.lock().await;
    let custodian = custodian(admin)?;
    let (threshold, shares) = (request.threshold, request.shares);
    let mut public = [0; 32];
    hex::decode_to_slice(&request.public_key, &mut public)
        .map_err(|_| AdminError::invalid("publicKey: write 64 hexadecimal digits"))?;
    if threshold < 2 || shares < threshold {
        let text = "threshold: write at least 2, and at most the number of shares";
        return Err(AdminError::invalid(text));
    }
    let recovery = RecoveryKey {
        recipient: Recipient::from_bytes(public),
        threshold,
        shares,
        since: admin.now(),
    };
    let held = Arc::clone(&custodian.custody);
    let wraps = custodian.custody.current();
    let change = Change {
        action: Action::MasterKeyRecoverySet,
        initiator,
        after: MasterKeyRecord {
            recovery: Some(recovery),
            ..MasterKeyRecord::clone(&admin.store.master_key())
        },
        opens: Box::new(move |wrapped, associated| held.unwrap(wrapped, associated)),
        wraps,
        request: Data::new()
            .text(Field::RecoveryKey, hex::encode(recovery.recipient.id()))
            .number(Field::Threshold, threshold.into())
            .number(Field::Shares, shares.into()),
    };
    change.carry_out(admin).await?;
    custodian.custody.set_recovery(Some(recovery.recipient));
    Ok(())
}

impl Admin {
    /// Has a new master key take the place of one that is lost: what it wrapped is opened by the recovery key. The private half comes from
    /// shares and never crosses a socket: this is called where no server runs.
    ///
    /// # Errors
    /// There is no recovery key, it is another one, the new master key cannot be made, or other nodes are at work; nothing was changed then. Or
    /// the change is made and could not be read back, or nobody knows whether it is made, which the error says.
    pub async fn recover(
        &self,
        initiator: Initiator,
        key: RecipientKey,
        place: &KeyPlace,
        new: (Provider, Option<Secret>),
    ) -> Result<message::MasterKey, AdminError> {
        let done = self.recovered(initiator.clone(), key, place, new).await;
        if let Err(error) = &done {
            record_unless_unsettled(self, initiator, Action::MasterKeyRecover, error).await;
        }
        shown_after(self, Action::MasterKeyRecover, Some(done?)).await
    }

    async fn recovered(
        &self,
        initiator: Initiator,
        key: RecipientKey,
        place: &KeyPlace,
        (provider, secret): (Provider, Option<Secret>),
    ) -> Result<PathBuf, AdminError> {
        let _turn = self.changes.lock().await;
        refuse_beside_others(self).await?;
        let before = self.store.master_key();
        let recovery = before.recovery.ok_or_else(|| {
            AdminError::invalid("nothing can be recovered: this site has no recovery shares")
        })?;
        if recovery.recipient != key.recipient() {
            return Err(AdminError::invalid(format!(
                "the shares are of the recovery key {}, and this site's is {}: bring its shares, or restore the database that they are of",
                hex::encode(key.recipient().id()),
                hex::encode(recovery.recipient.id()),
            )));
        }
        let next = prepare(self, place, provider, secret).await?;
        let change = Change {
            action: Action::MasterKeyRecover,
            initiator,
            after: MasterKeyRecord {
                check: next.key.check_value(),
                since: self.now(),
                recovery: Some(recovery),
            },
            opens: Box::new(move |wrapped, associated| custody::recover(wrapped, associated, &key)),
            wraps: Arc::clone(&next.key),
            request: Data::new().text(Field::Provider, provider.name()),
        };
        change.carry_out(self).await?;
        Ok(put(place, next, before.check).await)
    }
}

/// Every value in another form, with its event.
struct Change {
    action: Action,
    initiator: Initiator,
    after: MasterKeyRecord,
    opens: Opens,
    wraps: Arc<dyn MasterKey>,
    request: Data,
}

impl Change {
    async fn carry_out(self, admin: &Admin) -> Result<(), AdminError> {
        let scope = admin.global_scope()?;
        let recipient = self.after.recovery.map(|key| key.recipient);
        let target = hex::encode(self.after.check);
        let (after, wraps) = (self.after.clone(), Custody::new(self.wraps, recipient));
        let random = Arc::clone(&admin.random);
        let rewrapped = rewrap(&admin.store, self.after, self.opens, wraps, random).await?;
        let count = i64::try_from(rewrapped.values.len()).unwrap_or(i64::MAX);
        let deed = Deed {
            action: self.action,
            initiator: self.initiator,
            target,
            scope,
            request: self.request.number(Field::Count, count),
        };
        let done = admin
            .commit(deed, vec![Write::Rewrap(Box::new(rewrapped))])
            .await;
        match done {
            Err(error) if error.code() == UNSETTLED => settled(admin, &after, error).await,
            done => done,
        }
    }
}

/// Whether a change was made of which the database could not say so: as soon as that can be read.
async fn settled(
    admin: &Admin,
    after: &MasterKeyRecord,
    error: AdminError,
) -> Result<(), AdminError> {
    let until = tokio::time::Instant::now() + SETTLED;
    while tokio::time::Instant::now() < until {
        match admin.store.settle().await {
            Ok(()) if *admin.store.master_key() == *after => return Ok(()),
            Ok(()) => {
                let text = "the master key was not changed, for the connection to the database was lost: give the command again";
                return Err(AdminError::unavailable(text));
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
    Err(error)
}

fn named(provider: &str) -> Result<Provider, AdminError> {
    Provider::from_name(provider).ok_or_else(|| {
        let names: Vec<_> = Provider::ALL.iter().map(|one| one.name()).collect();
        AdminError::invalid(format!("provider: write one of {}", names.join(", ")))
    })
}

fn bytes_of(secret: &crate::crypto::SecretText) -> Secret {
    Secret::new(secret.expose().as_bytes().to_vec())
}

/// Makes the key that is to take over, on a thread that may wait. What an attempt before has left is set aside.
async fn prepare(
    admin: &Admin,
    place: &KeyPlace,
    provider: Provider,
    secret: Option<Secret>,
) -> Result<NextKey, AdminError> {
    let (place, random, check) = (
        place.clone(),
        Arc::clone(&admin.random),
        admin.store.master_key_check(),
    );
    let work = move || {
        place.settle(check)?;
        place.prepare(provider, secret.as_ref(), &*random)
    };
    let prepared = tokio::task::spawn_blocking(work).await;
    let cut_off = |_| AdminError::unavailable("making the master key was cut off");
    Ok(prepared.map_err(cut_off)??)
}

/// Puts the new key's file in its place, and says where the old one is kept.
async fn put(place: &KeyPlace, next: NextKey, retired: [u8; 16]) -> PathBuf {
    let kept = place.retired(retired);
    let place = place.clone();
    let put = tokio::task::spawn_blocking(move || place.put(&next, retired)).await;
    match put {
        Ok(Ok(())) => {}
        // The database names the new key: the next start finds its file by that.
        Ok(Err(error)) => {
            tracing::error!(%error, "The new master key is in use, and its file is put in place by the next start.")
        }
        Err(error) => {
            tracing::error!(%error, "The new master key is in use, and its file is put in place by the next start.")
        }
    }
    kept
}

impl From<ProviderError> for AdminError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::ShortPassphrase | ProviderError::NoSecret(_) => {
                Self::invalid(error.to_string())
            }
            ProviderError::Locked => Self::locked(),
            error => Self::unavailable(error.to_string()),
        }
    }
}

impl From<RewrapError> for AdminError {
    fn from(error: RewrapError) -> Self {
        Self::unavailable(error.to_string())
    }
}
