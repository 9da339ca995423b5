//! The administration of a server: one router, whoever asks and over whatever way.
//!
//! The command line reaches it through the control socket of a running server, or runs it itself over the store when none runs: same
//! router, same behaviour, same events. Every change is a changeset with its event; changes are taken one after the other. Who may ask
//! is decided before: [`socket`] checks the peer. No key material passes through here; of private keys the CA's alone, for
//! a revocation list that is signed.

mod access;
mod adapters;
mod administrators;
mod anchors;
pub mod api;
mod api_keys;
pub mod backup;
pub mod certificates;
pub mod clients;
pub mod credentials;
mod destruction;
mod epochs;
pub mod error;
pub mod events;
pub mod foundation;
mod gaps;
pub mod instances;
mod kept_secrets;
pub mod keys;
mod lines;
pub mod lock;
mod management;
mod master_key;
pub mod message;
pub mod metrics;
mod moved;
pub mod nodes;
mod parts;
pub mod peer;
mod pending;
mod permissions;
mod readiness;
mod removal;
pub mod restored;
mod revocations;
mod routes;
mod seal;
pub mod socket;
mod stale;
mod standing;
pub mod targets;
mod unlock;
mod withdrawn;
mod write_status;

pub use access::LOCAL_TARGETS;
use backup::{Backups, FilesBeside};
pub use certificates::{Found, Source};
pub use error::{AdminError, ErrorKind};
pub use instances::Founder;
pub use master_key::Custodian;
pub use message::{Request, Response};
use metrics::Counted;
use targets::Standings;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::audit::{Action, Data, Event, Failure, Outcome, ReasonCode, Target};
use crate::crypto::{Certificate, Random};
use crate::domain::routing::RoutingLimits;
use crate::domain::{
    Clock, DestructionPolicy, EventId, Initiator, Instance, OwnCertificates, Pending, Quantities,
    RequestId, Scope,
};
use crate::ops::spans::Spans;
use crate::ops::{Sealer, Signer};
use crate::store::Store;
use crate::store::changeset::{Changeset, Precondition, Write};

/// What the router works on.
pub struct Admin {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The certificates of the server's own; against those of its CA issued certificates are checked.
    own: certificates::Own,
    /// Where KMIP is served; none when the command line runs the router itself.
    listening: Option<String>,
    /// The certificates that wait for approval; none when the command line runs the router itself.
    pending: Option<Arc<Mutex<Pending>>>,
    /// Where global events belong, or why that is not known.
    global_scope: Result<Arc<Scope>, String>,
    /// What instances are made with, or why none can be made.
    founder: Result<Founder, String>,
    /// The master key in use, or why there is none.
    custodian: Result<Custodian, String>,
    /// Who signs the trail; none: the server is locked.
    signer: watch::Sender<Option<Signer>>,
    /// Wrong passphrases of a server that is locked. Held while one is looked at: that takes much memory on purpose.
    unlocking: tokio::sync::Mutex<unlock::Attempts>,
    /// How many targets, routes and rules there may be.
    routing_limits: RoutingLimits,
    /// How many days a client's certificate counts after its end.
    grace_days: u32,
    /// How many there may be of what is made here.
    quantities: Quantities,
    /// How keys are destroyed, or why that is not known.
    destruction: Result<DestructionPolicy, String>,
    /// Where no target may write.
    reserved: Arc<[PathBuf]>,
    /// How targets stand; none when the command line runs the router itself.
    standings: Option<Standings>,
    /// What is counted; none when the command line runs the router itself.
    counted: Option<Counted>,
    /// Where spans of requests go.
    spans: Spans,
    /// What became of the last test record of each target.
    tests: write_status::Tests,
    /// Reads what goes with the database into a backup, or why nobody can.
    files_beside: Result<FilesBeside, String>,
    /// The backup that is under way.
    backups: Backups,
    /// Where the administration API is served, once it is.
    administration: std::sync::OnceLock<std::net::SocketAddr>,
    /// Callers that were refused.
    refusals: access::refusals::Refusals,
    /// Held while a change is decided and committed, so that no two decide on the same snapshot.
    changes: tokio::sync::Mutex<()>,
}

impl Admin {
    /// A router over what it needs. `listening` says where KMIP is served, for [`Request::Status`].
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        authority: Option<Certificate>,
        listening: Option<String>,
    ) -> Self {
        let changes = tokio::sync::Mutex::new(());
        let own = OwnCertificates {
            server: None,
            authorities: authority.into_iter().collect(),
        };
        Self {
            store,
            clock,
            random,
            own: certificates::Own::new(own, None),
            listening,
            pending: None,
            global_scope: Err("this process has no settings".to_owned()),
            founder: Err("this process has no master key".to_owned()),
            custodian: Err("this process has no master key".to_owned()),
            signer: watch::Sender::new(Some(Err("this process has no master key".to_owned()))),
            unlocking: tokio::sync::Mutex::default(),
            standings: None,
            grace_days: 0,
            destruction: Err("this process has no settings".to_owned()),
            counted: None,
            spans: Spans::default(),
            files_beside: Err("this process has no directory".to_owned()),
            backups: Backups::default(),
            tests: write_status::Tests::default(),
            administration: std::sync::OnceLock::new(),
            refusals: access::refusals::Refusals::default(),
            reserved: Arc::new([]),
            routing_limits: RoutingLimits::default(),
            quantities: Quantities::default(),
            changes,
        }
    }

    /// Says where the administration API is served, for [`Request::Status`].
    pub fn served_at(&self, address: std::net::SocketAddr) {
        // It is served once.
        self.administration.get_or_init(|| address);
    }

    /// Records where the certificates of the server's own are others than it went by last; to be called when it starts.
    ///
    /// # Errors
    /// They cannot be read, or it cannot be recorded.
    pub async fn note_own_certificates(&self) -> Result<(), AdminError> {
        certificates::note_what_lies_there(self).await
    }

    /// The certificates of the server's own that are in use.
    #[must_use]
    pub fn own_certificates(&self) -> Arc<OwnCertificates> {
        self.own.held()
    }

    /// Who signs the trail; none: the server is locked.
    #[must_use]
    pub fn signer(&self) -> watch::Receiver<Option<Signer>> {
        self.signer.subscribe()
    }

    /// The store it works on.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Carries out one request of `initiator`. What it changed is durable, with its event, when this returns.
    ///
    /// # Errors
    /// What is wrong with the request, or why it could not be carried out; nothing was changed then.
    pub async fn run(
        &self,
        initiator: Initiator,
        request: Request,
    ) -> Result<Response, AdminError> {
        match request {
            Request::ClientAdd(request) => clients::add(self, initiator, request).await,
            Request::ClientList => Ok(clients::list(self)),
            Request::ClientShow { label } => clients::shown(self, &label),
            Request::ClientInspect(request) => standing::inspect(self, &request),
            Request::ClientPermit(request) => permissions::permit(self, initiator, request).await,
            Request::ClientStatus(request) => clients::set_status(self, initiator, request).await,
            Request::ClientRemove(request) => clients::remove(self, initiator, request).await,
            Request::ClientTrust(request) => anchors::trust(self, initiator, request).await,
            Request::ClientCrl(request) => revocations::load(self, initiator, request).await,
            Request::ClientPending => pending::list(self),
            Request::ClientApprove(request) => pending::approve(self, initiator, request).await,
            Request::ClientDismiss { fingerprint } => {
                pending::dismiss(self, initiator, &fingerprint).await
            }
            Request::CertificateList => Ok(certificates::list(self)),
            Request::CertificateReload(new) => certificates::reload(self, initiator, new).await,
            Request::CertificateCrl(request) => withdrawn::list(self, initiator, request).await,
            Request::InstanceAdd { name, adapter } => {
                instances::add(self, initiator, &name, adapter).await
            }
            Request::InstanceCredential(new) => credentials::change(self, initiator, new).await,
            Request::InstanceRemove(request) => removal::remove(self, initiator, request).await,
            Request::InstanceRules(request) => permissions::rules(self, initiator, request).await,
            Request::InstanceList => Ok(instances::list(self)),
            Request::Adapter(request) => adapters::run(self, request).await,
            Request::KeyList(request) => keys::list(self, request).await,
            Request::KeyShow { id } => keys::show(self, &id).await,
            Request::KeyStale(request) => stale::list(self, request).await,
            Request::KeyRevoke(request) => destruction::revoke(self, initiator, request).await,
            Request::KeyDestroy(request) => destruction::destroy(self, initiator, request).await,
            Request::KeyApprove { id } => destruction::approve(self, initiator, &id).await,
            Request::KeyRefuse { id } => destruction::refuse(self, initiator, &id).await,
            Request::KeyRestore { id } => destruction::restore(self, initiator, &id).await,
            Request::KeyScheduled(request) => destruction::list(self, request).await,
            Request::Events(request) => events::page(self, request).await,
            Request::EventShow(request) => events::show(self, request).await,
            Request::EventRecord(request) => management::record(self, initiator, *request).await,
            Request::Checkpoint => seal::checkpoint(self).await,
            Request::Seal => seal::seal(self).await,
            Request::SealedEvents(request) => seal::events(self, request).await,
            Request::NewEpoch(request) => epochs::begin(self, initiator, request).await,
            Request::TreeNodes(request) => seal::tree_hashes(self, request).await,
            Request::Target(request) => targets::run(self, initiator, *request).await,
            Request::Route(request) => routes::run(self, initiator, request).await,
            Request::RoutingSettings(new) => routes::settings(self, initiator, new).await,
            Request::Backup(request) => backup::run(self, initiator, request).await,
            Request::MasterKey(request) => master_key::run(self, initiator, request).await,
            Request::Unlock(request) => unlock::run(self, initiator, request).await,
            Request::ApiKeyAdd(request) => api_keys::add(self, initiator, request).await,
            Request::ApiKeyList => api_keys::list(self).await,
            Request::ApiKeyRemove { name } => api_keys::remove(self, initiator, &name).await,
            Request::AdministratorAdd(new) => administrators::add(self, initiator, new).await,
            Request::AdministratorList => Ok(administrators::list(self)),
            Request::AdministratorRemove { label } => {
                administrators::remove(self, initiator, &label).await
            }
            Request::NodePrepare(request) => nodes::prepare(self, initiator, request).await,
            Request::NodeList => nodes::list(self).await,
            Request::Status => Ok(self.status()),
            Request::Metrics => metrics::text(self).await,
        }
    }

    /// Has a new epoch of the trail begin where the database was put back; to be called before the first change.
    ///
    /// # Errors
    /// It could not begin.
    pub async fn go_on(&self) -> Result<(), AdminError> {
        epochs::go_on(self).await
    }

    fn status(&self) -> Response {
        let snapshot = self.store.clients();
        Response::Status(message::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            listening: self.listening.clone(),
            administration: self.administration.get().map(ToString::to_string),
            locked: self.is_locked(),
            instances: snapshot
                .instances()
                .iter()
                .map(|held| held.name.clone())
                .collect(),
            clients: snapshot.clients().len(),
            events: self.store.head().0,
        })
    }

    fn is_locked(&self) -> bool {
        let custodian = self.custodian.as_ref();
        custodian.is_ok_and(|custodian| custodian.custody.is_locked())
    }

    /// For what needs the master key: that the server is not locked.
    fn unlocked(&self) -> Result<(), AdminError> {
        if self.is_locked() {
            return Err(AdminError::locked());
        }
        Ok(())
    }

    /// Signs the trail.
    fn sealer(&self) -> Result<Arc<Sealer>, AdminError> {
        match &*self.signer.borrow() {
            None => Err(AdminError::locked()),
            Some(Ok(sealer)) => Ok(Arc::clone(sealer)),
            Some(Err(reason)) => Err(AdminError::unavailable(reason.clone())),
        }
    }

    fn global_scope(&self) -> Result<Arc<Scope>, AdminError> {
        let unknown = |reason: &String| {
            AdminError::unavailable(format!("the event's account is not known: {reason}"))
        };
        self.global_scope.as_ref().map(Arc::clone).map_err(unknown)
    }

    /// The account of the instances that are made here, where some can be made.
    fn account(&self) -> Option<&str> {
        let founder = self.founder.as_ref().ok()?;
        Some(&founder.scope.account)
    }

    fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The identifier of a new request.
    fn request_id(&self) -> Result<RequestId, AdminError> {
        Ok(RequestId::new(self.clock.now_ms(), self.random_bytes()?))
    }

    fn random_bytes(&self) -> Result<[u8; 10], AdminError> {
        let mut bytes = [0; 10];
        self.random
            .fill(&mut bytes)
            .map_err(|error| AdminError::unavailable(error.to_string()))?;
        Ok(bytes)
    }

    /// The instance of this name; without a name the only one there is, or `default`.
    fn instance(&self, name: Option<&str>) -> Result<Arc<Instance>, AdminError> {
        let snapshot = self.store.clients();
        let instances = snapshot.instances();
        let names = || {
            instances
                .iter()
                .map(|held| held.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let found = match (name, instances.as_slice()) {
            (None, [only]) => Some(only),
            (None, several) => several
                .iter()
                .find(|held| held.name == foundation::INSTANCE),
            (Some(name), all) => all.iter().find(|held| held.name == name),
        };
        found.map(Arc::clone).ok_or_else(|| match name {
            Some(name) => AdminError::not_found(format!(
                "instance: there is no instance `{name}`; the instances are: {}",
                names()
            )),
            None => AdminError::invalid(format!(
                "instance: several exist, name one with --instance: {}",
                names()
            )),
        })
    }

    /// A changeset with this event: it is committed only while who asked may still administer. Every one of this module begins here.
    fn changeset(event: Event) -> Changeset {
        let mut changeset = Changeset::new(event);
        changeset.require(Precondition::MayAdminister(access::asked::rights()));
        changeset
    }

    /// What the events of a new piece of work share: the identifier of the request, where it has one.
    fn correlation(&self) -> Result<RequestId, AdminError> {
        access::asked::correlation().map_or_else(|| self.request_id(), Ok)
    }

    /// Refuses one more of something, of which there are so many and may be so many; the setting is below `[admin]`.
    fn check_room(what: &str, count: usize, most: usize, setting: &str) -> Result<(), AdminError> {
        if count < most {
            return Ok(());
        }
        let text = format!(
            "there are {most}, as many as may be; remove one first, or raise `{setting}` in [admin]"
        );
        Err(clients::in_the_way(what, None, &text))
    }

    /// Commits one change with its event.
    async fn commit(&self, deed: Deed, writes: Vec<Write>) -> Result<(), AdminError> {
        let mut changeset = Self::changeset(self.event(deed)?);
        writes.into_iter().for_each(|write| changeset.write(write));
        self.store.apply(changeset).await?;
        Ok(())
    }

    /// Records that a deed failed; where that cannot be, the log says so.
    async fn record_failure(&self, deed: Deed, failure: Failure) {
        let action = deed.action.name();
        let recorded = match self.event(deed) {
            Ok(event) => {
                let failed = Event {
                    outcome: Outcome::Failure,
                    reason: failure.reason(),
                    failure: Some(failure),
                    ..event
                };
                let applied = self.store.apply(Changeset::new(failed)).await;
                applied.map(drop).map_err(AdminError::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, action, "That an administrative act failed could not be recorded.");
        }
    }

    fn event(&self, deed: Deed) -> Result<Event, AdminError> {
        let time_ms = self.clock.now_ms();
        let Deed {
            action,
            initiator,
            target,
            scope,
            request,
        } = deed;
        Ok(Event {
            id: EventId::new(time_ms, self.random_bytes()?),
            time_ms,
            action,
            outcome: Outcome::Success,
            initiator: Arc::new(initiator),
            scope,
            target: Target::Resource(target),
            reason: ReasonCode::Ok,
            failure: None,
            request,
            response: Data::new(),
            correlation: self.correlation()?,
        })
    }
}

/// Something done to a client or an instance, for the trail.
struct Deed {
    action: Action,
    initiator: Initiator,
    /// The identifier of what it was done to.
    target: String,
    scope: Arc<Scope>,
    request: Data,
}

#[cfg(test)]
mod tests;
