//! A server that was started locked is given the passphrase of its master key.
//!
//! Nothing of it is half done: everything is opened first, then recorded, and then it is in force at once. The slow hash of one passphrase
//! at a time is computed, on a thread that may wait; whoever gave a wrong one is looked at later each time, and nobody else with them.

mod attempts;

use std::sync::Arc;
use std::time::Instant;

pub(super) use attempts::Attempts;

use super::access::{asked, refusals::Refused};
use super::master_key::Custodian;
use super::message::{Unlock, Unlocked};
use super::{Admin, AdminError, Deed, Response};
use crate::audit::{Action, Data, Failure, Field};
use crate::crypto::Secret;
use crate::domain::Initiator;
use crate::ops::{Keyring, KeyringError, Sealer};
use crate::providers::{Custody, MasterKey, ProviderError};

pub(super) async fn run(
    admin: &Admin,
    initiator: Initiator,
    request: Unlock,
) -> Result<Response, AdminError> {
    let custodian = admin.custodian.as_ref();
    let custodian = custodian.map_err(|reason| AdminError::unavailable(reason.clone()))?;
    let mut attempts = admin.unlocking.lock().await;
    let was_locked = admin.is_locked();
    if was_locked {
        if let Some(seconds) = attempts.wait(&initiator.id, Instant::now()) {
            return Err(not_looked_at(admin, initiator, seconds).await);
        }
        match open(custodian, request).await {
            Ok(key) => take_up(admin, &initiator, custodian, key).await?,
            Err(ProviderError::WrongPassphrase { .. }) => {
                let seconds = attempts.wrong(&initiator.id, Instant::now());
                return Err(wrong(admin, &initiator, seconds).await);
            }
            Err(error) => return Err(failed(admin, &initiator, error.into()).await),
        }
        *attempts = Attempts::default();
    }
    Ok(Response::Unlocked(Unlocked { was_locked }))
}

async fn open(custodian: &Custodian, request: Unlock) -> Result<Arc<dyn MasterKey>, ProviderError> {
    let place = custodian.place.clone();
    let secret = Secret::new(request.passphrase.expose().as_bytes().to_vec());
    let open = move || place.open(Some(&secret));
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or(Err(ProviderError::Locked))
}

/// Everything that waited for the master key, opened and then put in force.
async fn take_up(
    admin: &Admin,
    initiator: &Initiator,
    custodian: &Custodian,
    key: Arc<dyn MasterKey>,
) -> Result<(), AdminError> {
    let _turn = admin.changes.lock().await;
    if key.check_value() != admin.store.master_key_check() {
        let text = "the passphrase opens a master key that is not the database's: put the right data/master.key back from its backup";
        return Err(failed(admin, initiator, AdminError::unavailable(text)).await);
    }
    let recovery = admin.store.master_key().recovery;
    let recovery = recovery.map(|key| key.recipient);
    let opened = Custody::new(Arc::clone(&key), recovery);
    let keyring = match Keyring::open(&admin.store, &opened).await {
        Ok(keyring) => keyring,
        Err(error) => return Err(failed(admin, initiator, error.into()).await),
    };
    let signer = Sealer::open(&admin.store, &opened, &*admin.random).await;
    let signer = signer.map(Arc::new).map_err(|error| error.to_string());
    if let Err(error) = &signer {
        tracing::error!(error, "The trail is not signed by checkpoints.");
    }
    admin.commit(deed(admin, initiator)?, Vec::new()).await?;
    custodian.custody.unlock(key, recovery);
    admin.signer.send_replace(Some(signer));
    if let Ok(founder) = &admin.founder
        && let Some(held) = &founder.keyring
    {
        held.unlock(keyring);
    }
    tracing::info!(
        initiator = &*initiator.id,
        "The server is unlocked and serves keys."
    );
    Ok(())
}

/// Too many wrong ones came from who asks: this one is not looked at.
async fn not_looked_at(admin: &Admin, initiator: Initiator, seconds: u64) -> AdminError {
    let refused = Refused {
        initiator: Some(initiator),
        failure: Failure::CredentialNotChecked,
        operation: Some("Unlock".to_owned()),
    };
    admin.refuse(refused, asked::correlation()).await;
    let text =
        format!("wrong passphrases were given before: wait {seconds} seconds, then try again");
    AdminError::too_many(text, seconds)
}

async fn wrong(admin: &Admin, initiator: &Initiator, seconds: u64) -> AdminError {
    let error = AdminError::forbidden(format!(
        "passphrase: it does not open the master key; the next one is looked at in {seconds} seconds"
    ));
    record(admin, initiator, Failure::CredentialWrong, &error).await;
    AdminError {
        code: Some("wrong_passphrase".to_owned()),
        ..error
    }
}

async fn failed(admin: &Admin, initiator: &Initiator, error: AdminError) -> AdminError {
    record(admin, initiator, Failure::ProviderUnavailable, &error).await;
    error
}

async fn record(admin: &Admin, initiator: &Initiator, failure: Failure, error: &AdminError) {
    tracing::warn!(initiator = &*initiator.id, %error, "The server was not unlocked.");
    match deed(admin, initiator) {
        Ok(deed) => admin.record_failure(deed, failure).await,
        Err(error) => {
            tracing::error!(%error, "That the server was not unlocked could not be recorded.")
        }
    }
}

fn deed(admin: &Admin, initiator: &Initiator) -> Result<Deed, AdminError> {
    let custodian = admin.custodian.as_ref();
    let provider = custodian.map(|custodian| custodian.custody.name());
    Ok(Deed {
        action: Action::MasterKeyUnlock,
        initiator: initiator.clone(),
        target: hex::encode(admin.store.master_key_check()),
        scope: admin.global_scope()?,
        request: Data::new().text(Field::Provider, provider.unwrap_or_default()),
    })
}

impl From<KeyringError> for AdminError {
    fn from(error: KeyringError) -> Self {
        Self::unavailable(error.to_string())
    }
}
