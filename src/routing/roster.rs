//! The targets of the store as the supervisor needs them: endpoints with their secrets, and which events each is to get.

use std::sync::Arc;

use tokio::sync::watch;

use super::target::{EndpointError, Surroundings};
use super::targets::{AnyEndpoint, AnyTarget};
use super::{Assignment, Roster};
use crate::audit::Kind;
use crate::crypto::{Random, Secret, SecretText};
use crate::domain::TargetId;
use crate::domain::routing::Target;
use crate::providers::{MasterKey, ProviderError};
use crate::store::{Place, Store, StoreError, TargetSecrets};

/// Why an endpoint of the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointTrouble {
    /// What is stored does not fit its type.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key does not wrap or open a secret.
    #[error("{field}: the secret cannot be used: {source}")]
    Provider {
        /// Its field.
        field: String,
        /// What the provider said.
        source: ProviderError,
    },
    /// A secret is missing.
    #[error("{0}: the secret is missing: give it again")]
    Missing(String),
    /// The stored text is none.
    #[error("the endpoint is damaged: restore a backup, or remove the target")]
    Damaged,
}

/// Wraps the secrets of an endpoint for the store.
///
/// # Errors
/// The master key does not.
pub fn wrapped_secrets(
    target: TargetId,
    endpoint: &mut AnyEndpoint,
    master: &dyn MasterKey,
    random: &dyn Random,
) -> Result<TargetSecrets, EndpointTrouble> {
    let wrapped = endpoint.secrets().into_iter().map(|(field, secret)| {
        let field = field.into_owned();
        let plain = Secret::new(secret.expose().as_bytes().to_vec());
        match master.wrap(&plain, &associated(target, &field), random) {
            Ok(wrapped) => Ok((field, wrapped)),
            Err(source) => Err(EndpointTrouble::Provider { field, source }),
        }
    });
    wrapped.collect()
}

/// The endpoint of a target with its secrets.
///
/// # Errors
/// It cannot be read, or a secret not be opened.
pub async fn endpoint(
    store: &Store,
    target: &Target,
    master: &dyn MasterKey,
) -> Result<AnyEndpoint, EndpointTrouble> {
    match opened(store, target, master).await {
        // The master key may have been replaced since the secret was read.
        Err(EndpointTrouble::Provider { .. }) => opened(store, target, master).await,
        endpoint => endpoint,
    }
}

async fn opened(
    store: &Store,
    target: &Target,
    master: &dyn MasterKey,
) -> Result<AnyEndpoint, EndpointTrouble> {
    let json = serde_json::from_str(&target.endpoint).map_err(|_| EndpointTrouble::Damaged)?;
    let mut endpoint = AnyEndpoint::read(&target.target_type, &json)?;
    let kept = store.target_secrets(target.id).await?;
    for (field, secret) in endpoint.secrets() {
        let wrapped = kept
            .iter()
            .find(|(name, _)| *name == *field)
            .map(|(_, wrapped)| wrapped);
        let wrapped = wrapped.ok_or_else(|| EndpointTrouble::Missing(field.to_string()))?;
        let plain = master.unwrap(wrapped, &associated(target.id, &field));
        let plain = plain.map_err(|source| EndpointTrouble::Provider {
            field: field.to_string(),
            source,
        })?;
        let text =
            String::from_utf8(plain.expose().to_vec()).map_err(|_| EndpointTrouble::Damaged)?;
        *secret = SecretText::new(text);
    }
    Ok(endpoint)
}

fn associated(target: TargetId, field: &str) -> Vec<u8> {
    Place::TargetSecret(target, field.to_owned()).associated()
}

/// The targets of a store.
pub struct StoreRoster {
    /// The store.
    pub store: Store,
    /// Opens the secrets.
    pub master: Arc<dyn MasterKey>,
    /// What targets get from the server.
    pub surroundings: Surroundings,
    /// The location of the server itself.
    pub home: Arc<str>,
}

impl Roster for StoreRoster {
    type Deliver = AnyTarget;

    fn changed(&self) -> watch::Receiver<u64> {
        self.store.routing_changed()
    }

    fn targets(&self) -> Vec<(TargetId, u64)> {
        let routing = self.store.routing();
        routing
            .targets
            .iter()
            .map(|target| (target.id, target.version))
            .collect()
    }

    async fn assignment(&self, id: TargetId) -> Result<Assignment<AnyTarget>, String> {
        let routing = self.store.routing();
        let target = routing.targets.iter().find(|target| target.id == id);
        let target = target.ok_or("the target was removed")?;
        let endpoint = endpoint(&self.store, target, &*self.master).await;
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let deliver = endpoint
            .open(&self.surroundings)
            .map_err(|error| error.to_string())?;
        // The routes of the moment decide, so that a change holds from the next batch on.
        let (store, home) = (self.store.clone(), Arc::clone(&self.home));
        let (checkpoints_of, at_home) = (store.clone(), Arc::clone(&home));
        Ok(Assignment {
            target: id,
            name: target.name.clone(),
            deliver,
            limits: endpoint.limits(),
            linger: endpoint.linger(),
            rendering: target.rendering,
            wants: Arc::new(move |event| {
                let is_extended = event.action.kind() == Kind::Extended;
                let routing = store.routing();
                let targets = routing.targets_of(&event.scope, is_extended, &home);
                targets.contains(&id)
            }),
            wants_checkpoints: Arc::new(move || {
                checkpoints_of.routing().gets_checkpoints(id, &at_home)
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::SystemRandom;
    use crate::providers::file::FileMasterKey;

    #[test]
    fn a_secret_opens_only_for_its_target_and_member() {
        let directory = tempfile::tempdir().unwrap();
        let master =
            FileMasterKey::create(&directory.path().join("master.key"), &SystemRandom).unwrap();
        let fields = json!({"program": "/bin/cat", "secret_environment": {"A": "one", "B": "two"}});
        let mut endpoint = AnyEndpoint::read("command", &fields).unwrap();
        assert!(!endpoint.to_json().to_string().contains("one"));
        let (own, other) = (TargetId::from_bytes([1; 16]), TargetId::from_bytes([2; 16]));
        let wrapped = wrapped_secrets(own, &mut endpoint, &master, &SystemRandom).unwrap();
        let fields: Vec<_> = wrapped.iter().map(|(field, _)| &**field).collect();
        assert_eq!(fields, ["secret_environment.A", "secret_environment.B"]);
        let (field, first) = &wrapped[0];
        let open = |target, field| master.unwrap(first, &associated(target, field));
        assert_eq!(open(own, field).unwrap().expose(), b"one");
        assert!(open(other, field).is_err());
        assert!(open(own, "secret_environment.B").is_err());
    }
}
