//! What can be asked of the router and what it answers, as typed data: the lines of the control socket.
//!
//! Values only. Names are kebab-case for variants and camelCase for fields, as in events. A field that is added must have a default, so
//! that a command line and a server of neighbouring releases understand each other.

pub mod routing;
mod seal;

use serde::{Deserialize, Serialize};

use routing::{RouteRequest, RoutingResponse, TargetRequest};
pub use seal::{
    BegunEpoch, Epoch, NewEpoch, Seal, SealedEvents, SealedFrom, TreeHashes, TreeNodes, Unreadable,
};

use crate::audit::EventFilter;
use crate::crypto::PasswordHash;
use crate::domain::routing::RoutingSettings;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Enrols a certificate.
    ClientAdd(ClientAdd),
    /// Every client with its certificates.
    ClientList,
    /// Enables or disables a client.
    ClientStatus(ClientStatusChange),
    /// Removes a client, or one certificate of it.
    ClientRemove(ClientRemove),
    /// Trusts a CA of others for a client.
    ClientTrust(ClientTrust),
    /// Every certificate that waits for approval.
    ClientPending,
    /// Enrols a certificate that waits for approval.
    ClientApprove(ClientApprove),
    /// Takes a certificate off the list of those that wait.
    ClientDismiss {
        /// Its fingerprint.
        fingerprint: String,
    },
    /// Makes an instance.
    InstanceAdd {
        /// Its name.
        name: String,
    },
    /// Sets or clears what an instance asks its clients for beside their certificates.
    InstanceCredential(InstanceCredential),
    /// Every instance.
    InstanceList,
    /// A page of keys.
    KeyList(KeyList),
    /// One key.
    KeyShow {
        /// Its Unique Identifier.
        id: String,
    },
    /// A page of the trail, perhaps waiting for one.
    Events(EventsFrom),
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
    /// What runs here.
    Status,
}

/// Enrols a certificate: for a new client, or one more for a client that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientAdd {
    /// The client's label.
    pub label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a renewal.
    pub instance: Option<String>,
    /// One certificate in PEM form.
    pub certificate: String,
    /// Whether our own CA issued it; it is then checked against that CA now and at every connection.
    pub issued: bool,
    /// Whether the client exists and gets one more certificate.
    pub renew: bool,
}

/// Enables or disables a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientStatusChange {
    /// The client's label.
    pub label: String,
    /// Whether it may connect from now on.
    pub enabled: bool,
}

/// Removes a client, or one certificate of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRemove {
    /// The client's label.
    pub label: String,
    /// The fingerprint of the one certificate to remove; none: the whole client.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The fingerprint of the one trusted CA to remove, with what it enrolled.
    #[serde(default)]
    pub ca: Option<String>,
}

/// Trusts a CA of others for a client: what it signs for one exact subject is enrolled at its first use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTrust {
    /// The client's label.
    pub label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a client that exists.
    pub instance: Option<String>,
    /// The CA's certificate in PEM form.
    pub certificate: String,
    /// The whole subject of the certificates meant, such as `CN=vcenter-1,O=Example`.
    pub subject: String,
    /// Whether the client exists.
    pub renew: bool,
}

/// Enrols a certificate that waits for approval, as pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientApprove {
    /// Its fingerprint; capitals and colons are allowed.
    pub fingerprint: String,
    /// The client's label.
    pub label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a client that exists.
    pub instance: Option<String>,
    /// Whether the client exists and gets one more certificate.
    pub renew: bool,
}

/// Sets or clears the user name and password of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceCredential {
    /// The instance's name.
    pub instance: String,
    /// What it asks for from now on; none: nothing.
    pub credential: Option<NewCredential>,
}

/// A user name and the hash of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCredential {
    /// The user name; may be empty.
    pub username: String,
    /// The hash of the password: the password itself stays with whoever asks.
    pub password: PasswordHash,
}

impl std::fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewCredential(..)")
    }
}

/// Which keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyList {
    /// The instance's name; none: the only one, or `default`.
    pub instance: Option<String>,
    /// Only keys whose Name or `x-Name` contains this.
    pub name: Option<String>,
    /// Only keys whose `x-Identifier` is this.
    pub identifier: Option<String>,
    /// Only keys whose `x-Component` contains this.
    pub component: Option<String>,
    /// Only keys in this state, such as `Active`.
    pub state: Option<String>,
    /// Only keys after this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many; bounded by the router.
    pub limit: usize,
}

/// Which part of the trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventsFrom {
    /// The first sequence wanted.
    pub from: u64,
    /// At most so many; bounded by the router.
    pub limit: usize,
    /// Which events.
    pub filter: EventFilter,
    /// How long to wait for one when there is none, in milliseconds; bounded by the router.
    pub wait_ms: u64,
}

/// A management event that another system performed, to be recorded. As a document of JSON it is what `events record --from` takes.
///
/// Unknown fields are refused: a part of an event that is not understood must not be lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventRecord {
    /// A management action, with or without `vmware-solutions.`.
    pub action: String,
    /// `success`, `failure` or `pending`.
    pub outcome: String,
    /// What it was done to.
    pub target: RecordedTarget,
    /// The code of its cause; a failure needs one.
    #[serde(default)]
    pub reason_code: Option<u16>,
    /// Who did it; none: who records it.
    #[serde(default)]
    pub initiator: Option<RecordedInitiator>,
    /// What was asked: an object.
    #[serde(default)]
    pub request_data: Option<serde_json::Value>,
    /// What was answered: an object.
    #[serde(default)]
    pub response_data: Option<serde_json::Value>,
    /// The correlationId of the pending event that this one ends.
    #[serde(default)]
    pub correlation_id: Option<String>,
}

/// What a recorded event's action was done to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedTarget {
    /// Its identifier, the last segment of its CRN.
    pub id: String,
    /// What people call it; none: its identifier.
    #[serde(default)]
    pub name: Option<String>,
}

/// Who performed a recorded event's action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedInitiator {
    /// `user` or `service-id`.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// What people call it; none: its identifier.
    #[serde(default)]
    pub name: Option<String>,
}

impl Request {
    /// Whether it changes and records nothing. A request that is not known here to do so counts as a change.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        if let Self::Target(request) = self {
            return request.only_reads();
        }
        matches!(
            self,
            Self::ClientList
                | Self::ClientPending
                | Self::InstanceList
                | Self::KeyList(_)
                | Self::KeyShow { .. }
                | Self::Events(_)
                | Self::Checkpoint
                | Self::Seal
                | Self::SealedEvents(_)
                | Self::TreeNodes(_)
                | Self::Route(RouteRequest::List | RouteRequest::Show(_))
                | Self::RoutingSettings(None)
                | Self::Status
        )
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
    /// Certificates that wait for approval, or the one that was dismissed.
    Pending(Vec<PendingCertificate>),
    /// An instance that was made.
    Instance(Instance),
    /// Every instance, by name.
    Instances(Vec<Instance>),
    /// One key.
    Key(Box<Key>),
    /// A page of keys.
    Keys(Keys),
    /// A page of the trail.
    Events(Events),
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
    /// Of targets, routes and routing settings.
    Routing(RoutingResponse),
    /// What runs here.
    Status(Status),
}

/// An event that was recorded for another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// The event's id.
    pub id: String,
    /// What the event that ends pending work must name.
    pub correlation_id: String,
    /// Its place in the trail.
    pub sequence: u64,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its events come from.
    pub location: String,
    /// Whether events are generated there; where they are not, they stay in the trail.
    #[serde(default = "generated")]
    pub generates_events: bool,
    /// The account its events belong to.
    pub account: String,
    /// Its CRN: `logSourceCRN` of its events.
    pub crn: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// How many clients it has.
    pub clients: usize,
    /// Whether it asks its clients for a user name and a password.
    #[serde(default)]
    pub credential: bool,
}

/// What a server of an earlier release, which does not say, is taken to do.
const fn generated() -> bool {
    true
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Its identifier.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Its instance's name.
    pub instance: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// When it was added, RFC 3339.
    pub created: String,
    /// Its certificates.
    pub certificates: Vec<EnrolledCertificate>,
    /// The CAs of others that are trusted for it.
    #[serde(default)]
    pub authorities: Vec<TrustedAuthority>,
}

/// A CA of others that is trusted for a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustedAuthority {
    /// SHA-256 over its certificate's DER.
    pub fingerprint: String,
    /// Its subject.
    pub subject: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// What a certificate's subject must be.
    pub must_be: String,
    /// How many certificates it has enrolled.
    pub enrolled: usize,
}

/// A certificate of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrolledCertificate {
    /// SHA-256 over its DER, as in `CertificateID-<fingerprint>`.
    pub fingerprint: String,
    /// Its subject.
    pub subject: String,
    /// `pinned`, `issued` or `anchored`.
    pub trust: String,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Whether that end has passed.
    pub expired: bool,
    /// Whole days until then; negative once it has passed.
    #[serde(default)]
    pub days_left: i64,
}

/// A certificate that proved possession of its key, belongs to no client, and waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingCertificate {
    /// SHA-256 over its DER.
    pub fingerprint: String,
    /// Its subject, the common name if it has one; cut if it is very long.
    pub subject: String,
    /// Its subject as [`ClientTrust::subject`] wants it; none if it is very long, or has a part that is no text or cannot be seen.
    #[serde(default)]
    pub whole_subject: Option<String>,
    /// Its issuer, likewise cut.
    pub issuer: String,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Whether that end has passed.
    pub expired: bool,
    /// When it came first, RFC 3339.
    pub first_seen: String,
    /// When it came last, RFC 3339.
    pub last_seen: String,
    /// How often it came.
    pub count: u64,
    /// The address it came from last.
    pub address: String,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// Those that match, by identifier.
    pub keys: Vec<Key>,
    /// Where to go on; none at the end. A page may be empty and still have a next one.
    pub next: Option<String>,
}

/// A key, without its material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Key {
    /// Its Unique Identifier.
    pub id: String,
    /// Its instance's name.
    pub instance: String,
    /// Its state now.
    pub state: String,
    /// What it is, such as `SymmetricKey`.
    pub object_type: String,
    /// The algorithm its material is for.
    pub algorithm: Option<String>,
    /// Its length in bits.
    pub length: Option<i32>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it became Active.
    pub activated: Option<String>,
    /// When it became Deactivated.
    pub deactivated: Option<String>,
    /// When it was destroyed.
    pub destroyed: Option<String>,
    /// When its material was last served, to the hour.
    pub last_read: Option<String>,
    /// Its Names.
    pub names: Vec<String>,
    /// `x-Name`: the VM or host, as vCenter writes it.
    pub x_name: Option<String>,
    /// `x-Identifier`: the UUID of the VM or host.
    pub x_identifier: Option<String>,
    /// `x-Component`: what it is for, such as `Virtual Machine`.
    pub x_component: Option<String>,
    /// Every other attribute, as name and text.
    pub attributes: Vec<(String, String)>,
}

/// A page of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    /// Those that match, oldest first.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: u64,
    /// The first sequence that is not given yet; `next` reaches it at the end.
    pub head: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the trail.
    pub sequence: u64,
    /// It as one line for people.
    pub line: String,
    /// It as JSON: the very bytes that are hashed and delivered.
    pub json: String,
    /// The hash of its leaf in the trail's tree, in hexadecimal.
    pub leaf_hash: String,
}

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The release.
    pub version: String,
    /// The process.
    pub process: u32,
    /// Where KMIP is served; none: no server runs.
    pub listening: Option<String>,
    /// The instances' names.
    pub instances: Vec<String>,
    /// How many clients there are.
    pub clients: usize,
    /// How many events the trail has.
    pub events: u64,
}
