//! What one message changes, and the events that record it.
//!
//! A [`Changeset`] cannot be made without an event, and [`super::Store::apply`] is the only way to
//! write: so nothing is changed without a record. It carries its preconditions; the writer checks
//! them all before it writes anything of it.

use std::sync::Arc;

use super::Sequence;
use super::delivery::From;
use super::master_key::Rewrap;
use super::provenance::AdapterProfile;
use super::retention::{Behind, Gap};
use super::routing::TargetSecrets;
use crate::audit::Event;
use crate::crypto::{Fingerprint, Wrapped};
use crate::domain::routing::{Route, Routing, RoutingSettings, Target};
use crate::domain::{
    Administrator, Anchor, ApiKey, ApiKeyId, Client, ClientId, ClientStatus, Credential,
    Destruction, EnrolledCertificate, Identity, Instance, InstanceId, Object, ObjectId,
    OwnCertificates, Permissions, Revocation, Rights, RouteId, Rules, TargetId,
};

/// What must still hold when a changeset is committed.
#[derive(Debug, Clone)]
pub enum Precondition {
    /// The client is enabled and has the certificate it came with; what it may do is what was looked at.
    MayAct(Arc<Identity>),
    /// The instance asks for this credential, or for none: the one the request was checked against.
    Credential(InstanceId, Option<Arc<Credential>>),
    /// The object's state version is the one that was read.
    State(ObjectId, u64),
    /// The object's attributes version is the one that was read.
    Attributes(ObjectId, u64),
    /// The destruction of the object that is under way is this one, or none is.
    Destruction(ObjectId, Option<Box<Destruction>>),
    /// No key of the instance is other than destroyed.
    NoLiveObjects(InstanceId),
    /// The sequence of the changeset's first event.
    Next(Sequence),
    /// The targets that were not given everything before this event are these, each as it was read.
    Behind(Sequence, Vec<Behind>),
    /// Who asks still has the rights that the request was admitted with.
    MayAdminister(Rights),
    /// The routing is the one that was read.
    Routing(Arc<Routing>),
}

/// One change.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new object with its names and attributes.
    Insert(Arc<Object>),
    /// State, dates, revocation, material and the state version of an object, taken from here.
    State(Arc<Object>),
    /// Names, attributes, last change date and the attributes version of an object, taken from
    /// here.
    Attributes(Arc<Object>),
    /// The material was served at this time (seconds since 1970) to whom the changeset's first event names: clears Fresh, keeps both.
    /// Outside both versions.
    Read(ObjectId, i64),
    /// A destruction that an administrator asked for, new or a step further.
    Destruction(Box<Destruction>),
    /// The destruction of an object is under way no more.
    DestructionEnded(ObjectId),
    /// A new instance.
    Instance(Instance),
    /// What a Key Protect script gave the instance that it made.
    Adapter(InstanceId, AdapterProfile),
    /// The credential an instance asks for from now on.
    Credential(InstanceId, Arc<Credential>),
    /// An instance asks for no credential any more.
    CredentialCleared(InstanceId),
    /// A wrapped data key: instance, epoch, key.
    DataKey(InstanceId, u32, Wrapped),
    /// An instance removed at this time (seconds since 1970), with its clients, who may administer it alone, and its data keys: nothing opens
    /// its keys any more.
    InstanceRemoved(InstanceId, i64),
    /// A new client with its certificates.
    Client(Client),
    /// One more certificate of a client.
    Certificate(ClientId, EnrolledCertificate),
    /// The DER of a certificate that is enrolled.
    CertificateDer(Fingerprint, Box<[u8]>),
    /// A certificate less.
    CertificateRemoved(ClientId, Fingerprint),
    /// A CA of others is trusted for a client.
    Anchor(Anchor),
    /// A CA is trusted no more; what it enrolled goes with it.
    AnchorRemoved(ClientId, Fingerprint),
    /// What a CA of others has revoked, in the place of its former list.
    Revocation(Revocation),
    /// The list of the CA with this key goes.
    RevocationRemoved([u8; 32]),
    /// The list of the CA with this key was warned of so many days before its end.
    RevocationWarned([u8; 32], u32),
    /// A CA that is trusted for a client was warned of so many days before its end.
    AnchorWarned(ClientId, Fingerprint, u32),
    /// The certificates of the server's own that are in use from now on.
    OwnCertificates(Box<OwnCertificates>),
    /// A certificate of the server's own was warned of so many days before its end.
    OwnWarned(Fingerprint, u32),
    /// A certificate that a CA of others enrols: client, CA, certificate.
    Leaf(ClientId, Fingerprint, EnrolledCertificate),
    /// A certificate counts until then (seconds since 1970) and no longer, where it would.
    CertificateUntil(Fingerprint, i64),
    /// A certificate was warned of so many days before its end.
    CertificateWarned(Fingerprint, u32),
    /// A client enabled or disabled.
    ClientStatus(ClientId, ClientStatus),
    /// What a client may do from now on.
    ClientPermissions(ClientId, Permissions),
    /// What an instance forbids its clients from now on.
    InstanceRules(InstanceId, Rules),
    /// A client and its certificates removed.
    ClientRemoved(ClientId),
    /// A target, new or changed, with all of the secrets of its endpoint.
    Target(Box<Target>, TargetSecrets),
    /// A target less, with what is kept of its delivery.
    TargetRemoved(TargetId),
    /// A route, new or changed.
    Route(Route),
    /// A route less.
    RouteRemoved(RouteId),
    /// The routing settings.
    RoutingSettings(RoutingSettings),
    /// A new API key.
    ApiKey(ApiKey),
    /// An API key less.
    ApiKeyRemoved(ApiKeyId),
    /// A new administrator.
    Administrator(Administrator),
    /// An administrator less.
    AdministratorRemoved(Fingerprint),
    /// An administrator's certificate was warned of so many days before its end.
    AdministratorWarned(Fingerprint, u32),
    /// A target goes on from there.
    Cursor(TargetId, From),
    /// These events, which are parked for a target, are given up.
    ParkedDropped(TargetId, Vec<Sequence>),
    /// The public key that backups are sealed to from now on.
    BackupKey([u8; 32]),
    /// An epoch of this number begins with the changeset's first event, at this time (seconds since 1970).
    Epoch(u32, i64),
    /// The events before this one go once a checkpoint seals the changeset's first event, which says so, at this time (seconds since 1970).
    /// Targets that are before it go on there; the gaps are what they miss.
    Removal(Sequence, i64, Vec<Gap>),
    /// A node that joins later was given this number and this name, at this time (seconds since 1970).
    NodePrepared(u32, String, i64),
    /// Every value that the master key wraps, in another form.
    Rewrap(Box<Rewrap>),
}

/// Changes, their preconditions, and at least one event.
#[derive(Debug)]
pub struct Changeset {
    preconditions: Vec<Precondition>,
    writes: Vec<Write>,
    events: Vec<Event>,
}

impl Changeset {
    /// A changeset that records `event` and changes nothing yet.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self {
            preconditions: Vec::new(),
            writes: Vec::new(),
            events: vec![event],
        }
    }

    /// Records one more event.
    pub fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Adds a precondition.
    pub fn require(&mut self, precondition: Precondition) {
        self.preconditions.push(precondition);
    }

    /// Adds a change.
    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// What must hold.
    #[must_use]
    pub fn preconditions(&self) -> &[Precondition] {
        &self.preconditions
    }

    /// What changes, in order.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// What is recorded, in order; never empty.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}
