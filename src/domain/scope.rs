//! Who acts, and where: the two halves of an event that stay the same from request to request.
//!
//! Both are immutable values. The store keeps each distinct one once and events refer to it, so a client that is renamed
//! or an instance that moves never changes an event of the past.

use super::ApiKeyId;
use crate::crypto::Fingerprint;

/// What kind of party an initiator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InitiatorKind {
    /// A KMIP client, by its certificate.
    Certificate,
    /// A user of the machine that holds the data directory, over the control socket or the command line.
    LocalUser,
    /// A person, by an API key or an administrator certificate.
    User,
    /// A service, by an API key.
    ServiceId,
    /// This server itself.
    Server,
    /// An API key of the administration API.
    ApiKey,
    /// An administrator, by a client certificate of the administration API.
    Administrator,
}

impl InitiatorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Certificate,
        Self::LocalUser,
        Self::User,
        Self::ServiceId,
        Self::Server,
        Self::ApiKey,
        Self::Administrator,
    ];
}

/// The party that caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Initiator {
    /// `CertificateID-<fingerprint>` for a KMIP client.
    pub id: String,
    /// The client's label, or the id where it has none.
    pub name: String,
    /// What kind of party it is.
    pub kind: InitiatorKind,
}

impl Initiator {
    /// A KMIP client, by the certificate it presented. An empty label leaves the id as its name.
    #[must_use]
    pub fn certificate(fingerprint: Fingerprint, label: &str) -> Self {
        let id = fingerprint.initiator_id();
        let name = if label.is_empty() {
            id.clone()
        } else {
            label.to_owned()
        };
        Self {
            id,
            name,
            kind: InitiatorKind::Certificate,
        }
    }

    /// The fingerprint of the certificate, for a KMIP client.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let digits = self.id.strip_prefix(Fingerprint::INITIATOR_PREFIX)?;
        let is_certificate = self.kind == InitiatorKind::Certificate;
        digits.parse().ok().filter(|_| is_certificate)
    }

    /// A user of this machine.
    #[must_use]
    pub fn local_user(uid: u32, name: &str) -> Self {
        let id = format!("LocalUser-{uid}");
        let name = if name.is_empty() {
            id.clone()
        } else {
            name.to_owned()
        };
        Self {
            id,
            name,
            kind: InitiatorKind::LocalUser,
        }
    }

    /// An API key of the administration API.
    #[must_use]
    pub fn api_key(id: ApiKeyId, name: &str) -> Self {
        Self {
            id: format!("ApiKey-{id}"),
            name: name.to_owned(),
            kind: InitiatorKind::ApiKey,
        }
    }

    /// An administrator, by the client certificate it presented.
    #[must_use]
    pub fn administrator(fingerprint: Fingerprint, label: &str) -> Self {
        Self {
            kind: InitiatorKind::Administrator,
            ..Self::certificate(fingerprint, label)
        }
    }

    /// This server itself.
    #[must_use]
    pub fn server(origin: &str) -> Self {
        Self {
            id: format!("Server-{origin}"),
            name: origin.to_owned(),
            kind: InitiatorKind::Server,
        }
    }
}

/// Where an event belongs: the segments of its CRNs.
///
/// A CRN reads `<prefix>:vmware-solutions:<location>:a/<account>:<instance>:<type>:<resource>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The part before the service name; `crn:v1:bluemix:public` unless configured.
    pub crn_prefix: String,
    /// The account; 32 zeros unless configured.
    pub account: String,
    /// The location; it drives routing. Empty: a global event.
    pub location: String,
    /// The instance's identifier; empty for what concerns the server as a whole.
    pub instance: String,
}

impl Scope {
    /// The CRN prefix used unless another is configured.
    pub const DEFAULT_CRN_PREFIX: &'static str = "crn:v1:bluemix:public";
    /// The account used unless another is configured.
    pub const DEFAULT_ACCOUNT: &'static str = "00000000000000000000000000000000";
    /// The location used unless another is configured.
    pub const DEFAULT_LOCATION: &'static str = "local";

    /// The same account without location or instance: the scope of global events.
    #[must_use]
    pub fn global(&self) -> Self {
        Self {
            location: String::new(),
            instance: String::new(),
            ..self.clone()
        }
    }

    /// The CRN of the instance: `…:<instance>::`.
    #[must_use]
    pub fn crn(&self) -> String {
        self.resource_crn("", "")
    }

    /// The CRN of a resource of the instance: `…:<instance>:<type>:<resource>`.
    #[must_use]
    pub fn resource_crn(&self, resource_type: &str, resource: &str) -> String {
        let Self {
            crn_prefix,
            account,
            location,
            instance,
        } = self;
        format!(
            "{crn_prefix}:vmware-solutions:{location}:a/{account}:{instance}:{resource_type}:{resource}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crns_have_ten_segments() {
        let scope = Scope {
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
            account: "abc".to_owned(),
            location: "eu-de".to_owned(),
            instance: "i".to_owned(),
        };
        assert_eq!(
            scope.crn(),
            "crn:v1:bluemix:public:vmware-solutions:eu-de:a/abc:i::"
        );
        assert_eq!(
            scope.resource_crn("kmip-key", "k"),
            "crn:v1:bluemix:public:vmware-solutions:eu-de:a/abc:i:kmip-key:k"
        );
        assert_eq!(
            scope.global().crn(),
            "crn:v1:bluemix:public:vmware-solutions::a/abc:::"
        );
        assert_eq!(scope.crn().split(':').count(), 10);
    }
}
