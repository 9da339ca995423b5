//! The first instance: what a new database needs before it can serve.
//!
//! An instance and its data key come in one changeset with the event `service.create`, so that no instance exists without a key. Nothing
//! here makes files.

use std::sync::Arc;

use super::{Admin, AdminError};
use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::crypto::Random;
use crate::domain::client::check_label;
use crate::domain::{Clock, EventId, Initiator, Instance, InstanceId, RequestId, Scope};
use crate::ops::Keyring;
use crate::providers::MasterKey;
use crate::store::changeset::Write;
use crate::store::{AdapterProfile, Store};

/// The name of the first instance unless another is given.
pub const INSTANCE: &str = "default";
/// The epoch of an instance's first data key.
const FIRST_EPOCH: u32 = 1;

/// What an instance is made with.
pub struct Founding<'a> {
    /// Its name.
    pub name: &'a str,
    /// Account, location and CRN prefix; its own id is filled in.
    pub scope: Scope,
    /// What it is made with as an adapter, if it is.
    pub profile: Option<AdapterProfile>,
    /// Who makes it.
    pub initiator: Initiator,
    /// Wraps its data key.
    pub master: &'a dyn MasterKey,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Random bytes.
    pub random: &'a dyn Random,
}

/// Makes an instance with its data key, and records it.
///
/// # Errors
/// The name cannot be used, or the store, the provider or the random source failed.
pub async fn found(store: &Store, founding: Founding<'_>) -> Result<InstanceId, AdminError> {
    let Founding {
        name,
        mut scope,
        profile,
        initiator,
        master,
        clock,
        random,
    } = founding;
    check_label(name).map_err(|error| AdminError::invalid(format!("instance: {error}")))?;
    let now_ms = clock.now_ms();
    let id = InstanceId::new(now_ms, bytes(random)?);
    scope.instance = id.to_string();
    let wrapped = Keyring::new_data_key(id, FIRST_EPOCH, master, random)
        .map_err(|error| AdminError::unavailable(error.to_string()))?;
    let event = Event {
        id: EventId::new(now_ms, bytes(random)?),
        time_ms: now_ms,
        action: Action::ServiceCreate,
        outcome: Outcome::Success,
        initiator: Arc::new(initiator),
        scope: Arc::new(scope.global()),
        target: Target::Resource(id.to_string()),
        reason: ReasonCode::Created,
        failure: None,
        request: Data::new().text(Field::Instance, name),
        response: Data::new(),
        correlation: match super::access::asked::correlation() {
            Some(correlation) => correlation,
            None => RequestId::new(now_ms, bytes(random)?),
        },
    };
    let instance = Instance {
        id,
        name: name.to_owned(),
        scope: Arc::new(scope),
        credential: None,
        rules: crate::domain::Rules::default(),
        created: clock.now(),
    };
    let mut changeset = Admin::changeset(event);
    changeset.write(Write::Instance(instance));
    changeset.write(Write::DataKey(id, FIRST_EPOCH, wrapped));
    if let Some(profile) = profile {
        changeset.write(Write::Adapter(id, profile));
    }
    store.apply(changeset).await?;
    Ok(id)
}

fn bytes(random: &dyn Random) -> Result<[u8; 10], AdminError> {
    let mut bytes = [0; 10];
    random
        .fill(&mut bytes)
        .map_err(|error| AdminError::unavailable(error.to_string()))?;
    Ok(bytes)
}
