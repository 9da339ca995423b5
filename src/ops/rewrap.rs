//! Every value that the master key wraps, wrapped anew: by another master key, or with copies for another recovery key.
//!
//! Requests go on meanwhile: they use the data keys, which stay what they are. What comes out is one change of the database, all or nothing;
//! whoever applies it keeps others from wrapping meanwhile, and the store refuses it where that failed.

use std::sync::Arc;

use crate::crypto::{Random, Secret, Wrapped};
use crate::providers::{Custody, MasterKey as _, ProviderError};
use crate::store::{MasterKeyRecord, Place, Rewrap, Rewrapped, Store, StoreError};

/// How what is stored is opened, for the place that the bytes name.
pub type Opens = Box<dyn Fn(&Wrapped, &[u8]) -> Result<Secret, ProviderError> + Send>;

/// The values cannot be wrapped anew; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// They cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One cannot be opened or wrapped.
    #[error("the {what} cannot be wrapped anew: {source}")]
    Value {
        /// Which one.
        what: String,
        /// What the provider said.
        source: ProviderError,
    },
    /// What was wrapped does not open as what it was.
    #[error("the {0} was wrapped and does not open again: the new master key is not reliable")]
    Unreliable(String),
    /// It was cut off.
    #[error("wrapping the values anew was cut off")]
    CutOff,
}

/// Opens every value and wraps it anew, on a thread that may wait for a token or a program. Each is opened again to see that it can be.
///
/// # Errors
/// The first value that cannot be opened or wrapped.
pub async fn rewrap(
    store: &Store,
    after: MasterKeyRecord,
    opens: Opens,
    wraps: Custody,
    random: Arc<dyn Random>,
) -> Result<Rewrap, RewrapError> {
    let before = MasterKeyRecord::clone(&store.master_key());
    let stored = store.wrapped_values().await?;
    let work = move || {
        let one = |(place, before)| again(place, before, &opens, &wraps, &*random);
        stored.into_iter().map(one).collect()
    };
    let values = tokio::task::spawn_blocking(work).await;
    let values: Result<Vec<_>, _> = values.map_err(|_| RewrapError::CutOff)?;
    Ok(Rewrap {
        before,
        after,
        values: values?,
    })
}

fn again(
    place: Place,
    before: Wrapped,
    opens: &Opens,
    wraps: &Custody,
    random: &dyn Random,
) -> Result<Rewrapped, RewrapError> {
    let associated = place.associated();
    let failed = |source| RewrapError::Value {
        what: named(&place),
        source,
    };
    let plain = opens(&before, &associated).map_err(failed)?;
    let after = wraps.wrap(&plain, &associated, random).map_err(failed)?;
    let opened = wraps.unwrap(&after, &associated).map_err(failed)?;
    if !opened.constant_time_eq(&plain) {
        return Err(RewrapError::Unreliable(named(&place)));
    }
    Ok(Rewrapped {
        place,
        before,
        after,
    })
}

fn named(place: &Place) -> String {
    match place {
        Place::DataKey(instance, epoch) => format!("data key {epoch} of instance {instance}"),
        Place::SigningKey(origin) => format!("key that signs the trail of {origin}"),
        Place::TargetSecret(target, field) => format!("secret {field} of target {target}"),
    }
}
