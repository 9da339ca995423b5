//! What can be asked of the router and what it answers, as typed data: the lines of the control socket.
//!
//! Values only. Names are kebab-case for variants and camelCase for fields, as in events. A field that is added must have a default, so
//! that a command line and a server of neighbouring releases understand each other.

mod access;
pub mod adapter;
mod administrator;
mod backup;
mod certificate;
mod client;
pub(super) mod destruction;
mod event;
mod instance;
mod key;
mod master_key;
mod node;
pub mod routing;
mod seal;
mod standing;

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use access::{ClientPermit, InstanceRemove, InstanceRules};
use adapter::{AdapterRequest, AdapterResponse, NewAdapter};
pub use administrator::{Administrator, AdministratorAdd, ApiKey, ApiKeyAdd};
pub use backup::{BackupBegin, BackupKey, BackupPart, BackupRequest, BackupResponse, WholeBackup};
pub use certificate::{
    CertificateCrl, CertificateReload, Certificates, OwnAuthority, OwnCertificate, OwnRevocation,
    OwnRevocations,
};
pub use client::{
    Client, ClientAdd, ClientApprove, ClientCrl, ClientRemove, ClientStatusChange, ClientTrust,
    EnrolledCertificate, PendingCertificate, Revocations, TrustedAuthority,
};
pub use destruction::{Destruction, DestructionList, Destructions, KeyDestroy, KeyRevoke};
pub use event::{
    Event, EventRecord, EventShow, Events, EventsFrom, Recorded, RecordedInitiator, RecordedTarget,
};
pub use instance::{Instance, InstanceCredential, NewCredential};
pub use key::{Key, KeyList, KeyStale, Keys};
pub use master_key::{
    MasterKey, MasterKeyRequest, NewRecovery, Recovery, Rotation, Unlock, Unlocked,
};
pub use node::{Node, NodePrepare};
use routing::{RouteRequest, RoutingResponse, TargetRequest};
pub use seal::{
    BegunEpoch, Epoch, NewEpoch, Seal, SealedEvents, SealedFrom, TreeHashes, TreeNodes, Unreadable,
};

pub use standing::{ClientInspect, Holder, Standing, Vouching};

use crate::domain::Role;
use crate::domain::routing::RoutingSettings;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Enrols a certificate.
    ClientAdd(ClientAdd),
    /// Every client with its certificates.
    ClientList,
    /// One client.
    ClientShow {
        /// Its label.
        label: String,
    },
    /// How a certificate stands, before anybody enrols it.
    ClientInspect(ClientInspect),
    /// Changes what a client may do.
    ClientPermit(ClientPermit),
    /// Enables or disables a client.
    ClientStatus(ClientStatusChange),
    /// Removes a client, or one certificate of it.
    ClientRemove(ClientRemove),
    /// Trusts a CA of others for a client.
    ClientTrust(ClientTrust),
    /// Takes up what a CA of others has revoked.
    ClientCrl(ClientCrl),
    /// Every certificate that waits for approval.
    ClientPending,
    /// Enrols a certificate that waits for approval.
    ClientApprove(ClientApprove),
    /// Takes a certificate off the list of those that wait.
    ClientDismiss {
        /// Its fingerprint.
        fingerprint: String,
    },
    /// The certificates of the server's own.
    CertificateList,
    /// Takes up the certificates of the server's own as they lie in the files.
    CertificateReload(CertificateReload),
    /// What is to stand in the revocation list of the server's own CA.
    CertificateCrl(CertificateCrl),
    /// Makes an instance.
    InstanceAdd {
        /// Its name.
        name: String,
        /// What a Key Protect script gives it, if one makes it.
        #[serde(default)]
        adapter: Option<NewAdapter>,
    },
    /// Sets or clears what an instance asks its clients for beside their certificates.
    InstanceCredential(InstanceCredential),
    /// Removes an instance.
    InstanceRemove(InstanceRemove),
    /// Changes what an instance forbids its clients.
    InstanceRules(InstanceRules),
    /// Every instance.
    InstanceList,
    /// Instances in the form of Key Protect's KMIP adapters.
    Adapter(AdapterRequest),
    /// A page of keys.
    KeyList(KeyList),
    /// One key.
    KeyShow {
        /// Its Unique Identifier.
        id: String,
    },
    /// A page of the keys that nobody has read for long.
    KeyStale(KeyStale),
    /// Revokes a key.
    KeyRevoke(KeyRevoke),
    /// Destroys a key, or asks for it.
    KeyDestroy(KeyDestroy),
    /// Approves a destruction that another administrator asked for.
    KeyApprove {
        /// The key.
        id: String,
    },
    /// Refuses one.
    KeyRefuse {
        /// The key.
        id: String,
    },
    /// Undoes a scheduled destruction.
    KeyRestore {
        /// The key.
        id: String,
    },
    /// A page of the destructions under way.
    KeyScheduled(DestructionList),
    /// A page of the trail, perhaps waiting for one.
    Events(EventsFrom),
    /// One event, by its id.
    EventShow(EventShow),
    /// Records a management event that another system performed.
    EventRecord(Box<EventRecord>),
    /// A checkpoint of every event there is: made, where the last one seals fewer.
    Checkpoint,
    /// What is kept of the trail's seal.
    Seal,
    /// A page of the trail as it is verified.
    SealedEvents(SealedFrom),
    /// Begins a new epoch of the trail.
    NewEpoch(NewEpoch),
    /// Hashes of the trail's tree, for a proof.
    TreeNodes(TreeNodes),
    /// Targets that events are delivered to.
    Target(Box<TargetRequest>),
    /// Routes: which events go to which targets.
    Route(RouteRequest),
    /// The routing settings, or what takes their place as a whole.
    RoutingSettings(Option<RoutingSettings>),
    /// Backups, and the key they are sealed to.
    Backup(BackupRequest),
    /// The master key.
    MasterKey(MasterKeyRequest),
    /// Gives a server that was started locked its passphrase.
    Unlock(Unlock),
    /// Makes an API key.
    ApiKeyAdd(ApiKeyAdd),
    /// Every API key.
    ApiKeyList,
    /// Removes an API key.
    ApiKeyRemove {
        /// Its name or identifier.
        name: String,
    },
    /// Allows a certificate to administer the server.
    AdministratorAdd(AdministratorAdd),
    /// Every administrator.
    AdministratorList,
    /// Removes an administrator.
    AdministratorRemove {
        /// The administrator's label.
        label: String,
    },
    /// Gives a node that is to join a number and a name.
    NodePrepare(NodePrepare),
    /// Every node that shares the database.
    NodeList,
    /// What runs here.
    Status,
    /// What it counts.
    Metrics,
}

impl Request {
    /// The name of its kind, such as `ClientAdd`.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = Name(String::new());
        match write!(name, "{self:?}") {
            // It ends in an error where the name does.
            Ok(()) | Err(fmt::Error) => name.0,
        }
    }

    /// The least role that may ask for it. Every request is named here, so that one that is added must say.
    #[must_use]
    pub const fn required_role(&self) -> Role {
        match self {
            Self::ClientList
            | Self::ClientShow { .. }
            | Self::ClientInspect(_)
            | Self::ClientPending
            | Self::CertificateList
            | Self::InstanceList
            | Self::Adapter(_)
            | Self::KeyList(_)
            | Self::KeyShow { .. }
            | Self::KeyStale(_)
            | Self::KeyScheduled(_)
            | Self::Events(_)
            | Self::EventShow(_)
            | Self::Checkpoint
            | Self::Seal
            | Self::SealedEvents(_)
            | Self::TreeNodes(_)
            | Self::NodeList
            | Self::Status
            | Self::Metrics => Role::Reader,
            Self::ClientAdd(_)
            | Self::ClientStatus(_)
            | Self::ClientRemove(_)
            | Self::ClientTrust(_)
            | Self::ClientCrl(_)
            | Self::ClientApprove(_)
            | Self::ClientDismiss { .. }
            | Self::InstanceAdd { .. }
            | Self::InstanceCredential(_)
            | Self::EventRecord(_) => Role::Operator,
            // What a client may do can be widened by them.
            Self::ClientPermit(_)
            | Self::InstanceRules(_)
            | Self::InstanceRemove(_)
            | Self::NewEpoch(_)
            | Self::Backup(_)
            | Self::CertificateReload(_)
            | Self::CertificateCrl(_)
            | Self::MasterKey(_)
            | Self::NodePrepare(_)
            | Self::Unlock(_)
            | Self::KeyRevoke(_)
            | Self::KeyDestroy(_)
            | Self::KeyApprove { .. }
            | Self::KeyRefuse { .. }
            | Self::KeyRestore { .. }
            | Self::ApiKeyAdd(_)
            | Self::ApiKeyList
            | Self::ApiKeyRemove { .. }
            | Self::AdministratorAdd(_)
            | Self::AdministratorList
            | Self::AdministratorRemove { .. } => Role::Administrator,
            Self::Target(request) => request.required_role(),
            Self::Route(request) => request.required_role(),
            Self::RoutingSettings(None) => Role::Reader,
            Self::RoutingSettings(Some(_)) => Role::Operator,
        }
    }

    /// Whether it changes and records nothing. Every request is named here, so that one that is added must say.
    #[must_use]
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::ClientList
            | Self::ClientShow { .. }
            | Self::ClientInspect(_)
            | Self::ClientPending
            | Self::CertificateList
            | Self::InstanceList
            | Self::Adapter(_)
            | Self::KeyList(_)
            | Self::KeyShow { .. }
            | Self::KeyStale(_)
            | Self::KeyScheduled(_)
            | Self::Events(_)
            | Self::EventShow(_)
            | Self::Checkpoint
            | Self::Seal
            | Self::SealedEvents(_)
            | Self::TreeNodes(_)
            | Self::ApiKeyList
            | Self::AdministratorList
            | Self::NodeList
            | Self::Status
            | Self::Metrics => true,
            Self::ClientAdd(_)
            | Self::ClientPermit(_)
            | Self::InstanceRules(_)
            | Self::InstanceRemove(_)
            | Self::KeyRevoke(_)
            | Self::KeyDestroy(_)
            | Self::KeyApprove { .. }
            | Self::KeyRefuse { .. }
            | Self::KeyRestore { .. }
            | Self::ClientStatus(_)
            | Self::ClientRemove(_)
            | Self::ClientTrust(_)
            | Self::ClientCrl(_)
            | Self::ClientApprove(_)
            | Self::ClientDismiss { .. }
            | Self::CertificateReload(_)
            | Self::Unlock(_)
            | Self::CertificateCrl(_)
            | Self::InstanceAdd { .. }
            | Self::InstanceCredential(_)
            | Self::EventRecord(_)
            | Self::ApiKeyAdd(_)
            | Self::ApiKeyRemove { .. }
            | Self::AdministratorAdd(_)
            | Self::AdministratorRemove { .. }
            | Self::NodePrepare(_)
            | Self::NewEpoch(_) => false,
            Self::Backup(request) => request.only_reads(),
            Self::Target(request) => request.only_reads(),
            Self::Route(request) => request.only_reads(),
            Self::RoutingSettings(change) => change.is_none(),
            Self::MasterKey(request) => request.only_reads(),
        }
    }
}

/// Takes the first word of what is written to it, and no more.
struct Name(String);

impl fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric());
        self.0.push_str(&text[..end.unwrap_or(text.len())]);
        match end {
            Some(_) => Err(fmt::Error),
            None => Ok(()),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// A client after a change, or as it was when it was removed.
    Client(Client),
    /// Every client, by label.
    Clients(Vec<Client>),
    /// How a certificate stands.
    Standing(Box<Standing>),
    /// Certificates that wait for approval, or the one that was dismissed.
    Pending(Vec<PendingCertificate>),
    /// The certificates of the server's own.
    Certificates(Certificates),
    /// What is to stand in the revocation list of the server's own CA.
    OwnRevocations(OwnRevocations),
    /// An instance that was made.
    Instance(Instance),
    /// Every instance, by name.
    Instances(Vec<Instance>),
    /// Of instances in the form of Key Protect's KMIP adapters.
    Adapter(AdapterResponse),
    /// One key.
    Key(Box<Key>),
    /// A page of keys.
    Keys(Keys),
    /// A destruction after a step.
    Destruction(Box<Destruction>),
    /// A page of the destructions under way.
    Destructions(Destructions),
    /// A page of the trail.
    Events(Events),
    /// One event.
    Event(Box<Event>),
    /// An event that was recorded.
    Recorded(Recorded),
    /// What is kept of the trail's seal.
    Seal(Seal),
    /// A page of the trail as it is verified.
    SealedEvents(SealedEvents),
    /// An epoch of the trail that began.
    Epoch(BegunEpoch),
    /// Hashes of the trail's tree.
    TreeHashes(TreeHashes),
    /// What is said of the master key.
    MasterKey(Box<MasterKey>),
    /// That the server is not locked.
    Unlocked(Unlocked),
    /// An API key after a change, or as it was when it was removed.
    ApiKey(ApiKey),
    /// Every API key, by name.
    ApiKeys(Vec<ApiKey>),
    /// An administrator after a change, or as it was when it was removed.
    Administrator(Administrator),
    /// Every administrator, by label.
    Administrators(Vec<Administrator>),
    /// Of targets, routes and routing settings.
    Routing(RoutingResponse),
    /// Of backups.
    Backup(BackupResponse),
    /// A node after it was prepared.
    Node(Node),
    /// Every node, by number.
    Nodes(Vec<Node>),
    /// What runs here.
    Status(Status),
    /// What it counts, in the text form that Prometheus reads.
    Metrics(String),
}

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The release.
    pub version: String,
    /// The process.
    pub process: u32,
    /// Where KMIP is served; none: no server runs.
    pub listening: Option<String>,
    /// Where the administration API is served; none: nowhere.
    #[serde(default)]
    pub administration: Option<String>,
    /// Whether the server waits for the passphrase of its master key and serves no keys.
    #[serde(default)]
    pub locked: bool,
    /// The instances' names.
    pub instances: Vec<String>,
    /// How many clients there are.
    pub clients: usize,
    /// How many events the trail has.
    pub events: u64,
}
