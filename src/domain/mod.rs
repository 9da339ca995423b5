//! What Keyledger decides: states, attributes, who may act. Pure: same input, same output; no clock is read, no random
//! byte drawn, nothing is stored or sent here.

pub mod access;
pub mod administrator;
pub mod anchor;
pub mod attributes;
pub mod believed;
pub mod client;
pub mod clock;
pub mod creation;
pub mod credential;
pub mod destruction;
pub mod expiry;
pub mod id;
pub mod lifecycle;
pub mod locate;
pub mod location;
pub mod makers;
pub mod measure;
pub mod object;
pub mod own;
pub mod pending;
pub mod rate;
pub mod retention;
pub mod revocation;
pub mod routing;
pub mod scope;
pub mod warning;

pub use access::{Access, Denied, Operations, Permissions, Rules, Window};
pub use administrator::{
    Administrator, Administrators, ApiKey, Caller, Login, LoginRefused, Quantities, Rights, Role,
};
pub use anchor::Anchor;
pub use client::{
    Admission, Client, ClientStatus, Clients, EnrolledCertificate, Identity, Instance, NotAdmitted,
    Trust,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use credential::Credential;
pub use destruction::{Destruction, DestructionPolicy};
pub use id::{
    ApiKeyId, CertificateId, ClientId, EventId, InstanceId, ObjectId, RequestId, RouteId, TargetId,
};
pub use makers::{Makers, TooManyMakers};
pub use object::{Dates, Name, Object, RevocationReason};
pub use own::OwnCertificates;
pub use pending::{Pending, PendingCertificate};
pub use revocation::Revocation;
pub use scope::{Initiator, InitiatorKind, Scope};
pub use warning::Warning;
