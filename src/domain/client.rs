//! Clients, their certificates, and the instances they belong to.
//!
//! A client is a party; its certificates come and go (renewal adds one, the client stays). [`Clients`] is the snapshot
//! that every handshake reads: it is replaced as a whole when something changes, never edited. Nothing here decides
//! whether a certificate is genuine: the listener does, then asks [`Clients::admit`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::crypto::{Certificate, Digests, Fingerprint, Serial};
use crate::domain::anchor::Removed;
use crate::domain::expiry::accepted_until;
use crate::domain::{
    Access, Anchor, ClientId, Credential, Initiator, InstanceId, Permissions, Revocation, Rules,
    Scope,
};

/// A boundary of keys: its clients may use all of its keys and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its identifier, the service instance segment of its CRN.
    pub id: InstanceId,
    /// Its name for people, unique in the store.
    pub name: String,
    /// Where its events come from: CRN prefix, account, location.
    pub scope: Arc<Scope>,
    /// The user name and password it asks its clients for; none: their certificates are enough.
    pub credential: Option<Arc<Credential>>,
    /// What none of its clients may do.
    pub rules: Rules,
    /// When it was made, seconds since 1970.
    pub created: i64,
}

/// Whether a client may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientStatus {
    /// Its certificates are accepted.
    Enabled,
    /// Every certificate of it is refused until it is enabled again.
    Disabled,
}

impl ClientStatus {
    /// The word shown to people and kept in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// The status a stored word names.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "enabled" => Some(Self::Enabled),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

/// Why a certificate is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Pinned: this very certificate, whoever signed it and whatever its extensions say.
    Pinned,
    /// Issued by our own CA: its signature is checked too.
    Issued,
    /// Enrolled at its first use, for a CA elsewhere that is trusted for its client.
    Anchored,
}

impl Trust {
    /// The word shown to people and kept in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Issued => "issued",
            Self::Anchored => "anchored",
        }
    }

    /// The trust a stored word names.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "pinned" => Some(Self::Pinned),
            "issued" => Some(Self::Issued),
            "anchored" => Some(Self::Anchored),
            _ => None,
        }
    }
}

/// A certificate enrolled for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledCertificate {
    /// SHA-256 of its DER; unique over all clients.
    pub fingerprint: Fingerprint,
    /// Why it is trusted.
    pub trust: Trust,
    /// First second of validity, since 1970.
    pub not_before: i64,
    /// Last second of validity, since 1970.
    pub not_after: i64,
    /// Its subject, for people.
    pub subject: String,
    /// When it was enrolled, seconds since 1970.
    pub added: i64,
    /// How many days before its end it was last warned of; see [`crate::domain::expiry`].
    pub warned: Option<u32>,
    /// What it is known by in any encoding; none where it was enrolled before that was kept.
    pub digests: Option<Digests>,
    /// The CA of ours that issued it; none where none did, or where it was enrolled before that was kept.
    pub issuer: Option<Fingerprint>,
    /// What its CA revokes it by; none where it was enrolled before that was kept.
    pub serial: Option<Serial>,
}

impl EnrolledCertificate {
    /// A certificate that is enrolled at `now`, seconds since 1970.
    #[must_use]
    pub fn new(certificate: &Certificate, trust: Trust, now: i64) -> Self {
        Self {
            fingerprint: certificate.fingerprint(),
            trust,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            subject: certificate.subject().to_owned(),
            added: now,
            warned: None,
            digests: Some(certificate.digests()),
            issuer: None,
            serial: certificate.serial_number(),
        }
    }
}

/// A party that connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its identifier.
    pub id: ClientId,
    /// Its name for people and in events; unique in the store.
    pub label: String,
    /// The instance whose keys it may use.
    pub instance: InstanceId,
    /// Whether it may connect.
    pub status: ClientStatus,
    /// What it may do.
    pub permissions: Permissions,
    /// Its certificates, one or more.
    pub certificates: Vec<EnrolledCertificate>,
    /// When it was added, seconds since 1970.
    pub created: i64,
}

/// What a label or an instance name must look like: it becomes a file name and a field of events.
///
/// # Errors
/// Says what is wrong: 1 to 64 letters, digits, `.`, `_` or `-`, the first a letter or digit.
pub fn check_label(label: &str) -> Result<(), LabelError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let starts_well = label.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && label.len() <= 64 && label.chars().all(allowed) {
        Ok(())
    } else {
        Err(LabelError)
    }
}

/// A label that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label is 1 to 64 letters, digits, '.', '_' or '-', and starts with a letter or digit")]
pub struct LabelError;

/// Who a connection speaks for, as the snapshot had it when its certificate was admitted. What may change since, [`Clients::held`] tells.
#[derive(Debug)]
pub struct Identity {
    /// The client.
    pub client: ClientId,
    /// The client's label.
    pub label: String,
    /// The instance whose keys it may use.
    pub instance: InstanceId,
    /// The certificate it presented.
    pub fingerprint: Fingerprint,
    /// The last second of the certificate's validity, since 1970.
    pub not_after: i64,
    /// How events name it: `CertificateID-<fingerprint>`.
    pub initiator: Arc<Initiator>,
    /// The scope of the instance's events.
    pub scope: Arc<Scope>,
    /// What the client may do, under the rules of its instance.
    pub access: Access,
    /// The user name and password that the instance asks for.
    pub credential: Option<Arc<Credential>>,
}

/// A certificate that is let in.
#[derive(Debug)]
pub struct Admission {
    /// Who presents it.
    pub identity: Arc<Identity>,
    /// Why it is trusted.
    pub trust: Trust,
    /// Whether it has expired and is let in for the time of grace.
    pub in_grace: bool,
}

/// Why a certificate whose possession was proved is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotAdmitted {
    /// No client has this certificate.
    #[error("the certificate belongs to no client")]
    Unknown,
    /// Its client is disabled.
    #[error("the client is disabled")]
    Disabled,
    /// Its validity has not begun.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// Its validity has ended.
    #[error("the certificate has expired")]
    Expired,
    /// It is enrolled as issued by our CA, and our CA did not sign it.
    #[error("the certificate is not signed by this server's CA")]
    NotIssued,
    /// It fits several CAs that are trusted for clients.
    #[error("the certificate fits several trusted CAs")]
    Ambiguous,
    /// A trusted CA had enrolled it, and it was removed.
    #[error("the certificate was removed from its client")]
    Removed,
    /// The revocation list of the trusted CA that vouches for it has lapsed, and a current one is demanded.
    #[error("the revocation list of the certificate's CA has lapsed")]
    ListLapsed,
    /// The trusted CA that vouched for it has revoked it.
    #[error("the certificate was revoked by its CA")]
    Revoked,
    /// The client that its trusted CA stands for is disabled.
    #[error("the client its trusted CA stands for is disabled")]
    Suspended,
    /// The trusted CA it fits has enrolled as many as it may.
    #[error("the trusted CA has enrolled as many certificates as it may")]
    TooMany,
    /// Its client has it already, in another encoding.
    #[error("the certificate is enrolled already, in another encoding")]
    Twice,
    /// A trusted CA vouches for it, and the store could not keep that it is enrolled.
    #[error("the certificate's enrolment could not be stored")]
    Unstored,
}

/// A snapshot of every client and instance.
#[derive(Debug, Default)]
pub struct Clients {
    instances: HashMap<InstanceId, Arc<Instance>>,
    clients: HashMap<ClientId, Arc<Client>>,
    identities: HashMap<Fingerprint, Arc<Identity>>,
    anchors: Vec<Anchor>,
    removed: HashMap<ClientId, Vec<Removed>>,
    revocations: Vec<Revocation>,
    /// The enrolled certificates that their CAs have revoked.
    revoked: HashSet<Fingerprint>,
    /// When the list of the CA lapses that vouches for an enrolled certificate, seconds since 1970.
    list_ends: HashMap<Fingerprint, i64>,
}

impl Clients {
    /// The snapshot of these instances and clients. A client whose instance is not among them is left out.
    #[must_use]
    pub fn new(instances: Vec<Instance>, clients: Vec<Client>) -> Self {
        let mut snapshot = Self::default();
        for instance in instances {
            snapshot.instances.insert(instance.id, Arc::new(instance));
        }
        for client in clients {
            snapshot.insert(client);
        }
        snapshot
    }

    fn insert(&mut self, client: Client) {
        let Some(instance) = self.instances.get(&client.instance) else {
            return;
        };
        let access = Access::new(&client.permissions, instance.rules);
        for certificate in &client.certificates {
            let identity = Identity {
                client: client.id,
                label: client.label.clone(),
                instance: client.instance,
                fingerprint: certificate.fingerprint,
                not_after: certificate.not_after,
                initiator: Arc::new(Initiator::certificate(
                    certificate.fingerprint,
                    &client.label,
                )),
                scope: Arc::clone(&instance.scope),
                access: access.clone(),
                credential: instance.credential.clone(),
            };
            self.identities
                .insert(certificate.fingerprint, Arc::new(identity));
        }
        self.clients.insert(client.id, Arc::new(client));
    }

    /// Who presents the certificate of this fingerprint, at `now` (seconds since 1970), and why it is trusted. One that has
    /// expired is let in for `grace_days` more.
    ///
    /// # Errors
    /// [`NotAdmitted`] with the first rule that refuses it.
    pub fn admit(
        &self,
        fingerprint: &Fingerprint,
        now: i64,
        grace_days: u32,
    ) -> Result<Admission, NotAdmitted> {
        let identity = self
            .identities
            .get(fingerprint)
            .ok_or(NotAdmitted::Unknown)?;
        let client = self
            .clients
            .get(&identity.client)
            .ok_or(NotAdmitted::Unknown)?;
        let certificate = client
            .certificates
            .iter()
            .find(|c| c.fingerprint == *fingerprint);
        let certificate = certificate.ok_or(NotAdmitted::Unknown)?;
        if self.revoked.contains(fingerprint) {
            return Err(NotAdmitted::Revoked);
        }
        match client.status {
            ClientStatus::Disabled => Err(NotAdmitted::Disabled),
            ClientStatus::Enabled if now < certificate.not_before => Err(NotAdmitted::NotYetValid),
            ClientStatus::Enabled if now > accepted_until(certificate.not_after, grace_days) => {
                Err(NotAdmitted::Expired)
            }
            ClientStatus::Enabled => Ok(Admission {
                identity: Arc::clone(identity),
                trust: certificate.trust,
                in_grace: now > certificate.not_after,
            }),
        }
    }

    /// Whether this identity may still act: its client is enabled and still has the certificate.
    #[must_use]
    pub fn may_act(&self, identity: &Identity) -> bool {
        let enabled = |client: &Arc<Client>| client.status == ClientStatus::Enabled;
        self.held(identity).is_some() && self.clients.get(&identity.client).is_some_and(enabled)
    }

    /// This identity as it is now, unless its client no longer has the certificate or the certificate's CA has revoked it.
    #[must_use]
    pub fn held(&self, identity: &Identity) -> Option<&Arc<Identity>> {
        let held = self.identities.get(&identity.fingerprint)?;
        if self.revoked.contains(&identity.fingerprint) {
            return None;
        }
        // The certificate may have passed to another client since.
        let same = held.client == identity.client && held.instance == identity.instance;
        same.then_some(held)
    }

    /// The client with this label.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<&Arc<Client>> {
        self.clients.values().find(|client| client.label == label)
    }

    /// The client that has this certificate, whatever its status.
    #[must_use]
    pub fn holder(&self, fingerprint: &Fingerprint) -> Option<&Arc<Client>> {
        self.identities
            .get(fingerprint)
            .and_then(|identity| self.clients.get(&identity.client))
    }

    /// The snapshot with the CAs of others that are trusted for its clients.
    #[must_use]
    pub fn with_anchors(self, anchors: Vec<Anchor>) -> Self {
        Self { anchors, ..self }
    }

    /// The snapshot with the certificates that were removed from its clients.
    #[must_use]
    pub fn with_removed(self, removed: HashMap<ClientId, Vec<Removed>>) -> Self {
        Self { removed, ..self }
    }

    /// The snapshot with the lists of CAs, and what they revoke of the certificates that are enrolled.
    pub(super) fn with_revoked(
        self,
        revocations: Vec<Revocation>,
        revoked: HashSet<Fingerprint>,
        list_ends: HashMap<Fingerprint, i64>,
    ) -> Self {
        Self {
            revocations,
            revoked,
            list_ends,
            ..self
        }
    }

    /// Whether the revocation list of the CA that vouches for an enrolled certificate has lapsed at `now`, seconds since 1970. No list has not.
    #[must_use]
    pub fn list_has_lapsed(&self, fingerprint: &Fingerprint, now: i64) -> bool {
        self.list_ends
            .get(fingerprint)
            .is_some_and(|end| *end < now)
    }

    /// The lists of what CAs of others have revoked.
    #[must_use]
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    /// The certificates that were removed from a client.
    #[must_use]
    pub fn removed(&self, client: ClientId) -> &[Removed] {
        self.removed.get(&client).map_or(&[], Vec::as_slice)
    }

    /// The CAs of others.
    #[must_use]
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The client of this identifier.
    #[must_use]
    pub fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id).map(|client| &**client)
    }

    /// All clients, by label.
    #[must_use]
    pub fn clients(&self) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> = self.clients.values().cloned().collect();
        clients.sort_by(|a, b| a.label.cmp(&b.label));
        clients
    }

    /// All instances, by name.
    #[must_use]
    pub fn instances(&self) -> Vec<Arc<Instance>> {
        let mut instances: Vec<_> = self.instances.values().cloned().collect();
        instances.sort_by(|a, b| a.name.cmp(&b.name));
        instances
    }

    /// The credential that an instance asks for now.
    #[must_use]
    pub fn credential(&self, instance: InstanceId) -> Option<&Arc<Credential>> {
        self.instances.get(&instance)?.credential.as_ref()
    }

    /// The instance of this identifier.
    #[must_use]
    pub fn instance(&self, id: InstanceId) -> Option<&Arc<Instance>> {
        self.instances.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;

    fn instance(number: u8) -> Instance {
        Instance {
            id: InstanceId::new(0, [number; 10]),
            name: format!("instance-{number}"),
            scope: Arc::new(Scope {
                crn_prefix: String::new(),
                account: String::new(),
                location: String::new(),
                instance: String::new(),
            }),
            credential: None,
            rules: Rules::default(),
            created: 0,
        }
    }

    /// Client `number` of instance `number`, with one certificate that is valid from 500 to 1500.
    fn client(number: u8, status: ClientStatus, fingerprint: Fingerprint) -> Client {
        Client {
            id: ClientId::new(0, [number; 10]),
            label: format!("client-{number}"),
            instance: InstanceId::new(0, [number; 10]),
            status,
            permissions: Permissions::default(),
            certificates: vec![EnrolledCertificate {
                fingerprint,
                trust: Trust::Pinned,
                not_before: 500,
                not_after: 1_500,
                subject: String::new(),
                added: 0,
                warned: None,
                digests: None,
                issuer: None,
                serial: None,
            }],
            created: 0,
        }
    }

    fn snapshot(clients: Vec<Client>) -> Clients {
        Clients::new(vec![instance(1), instance(2)], clients)
    }

    #[test]
    fn a_certificate_is_admitted_while_it_is_valid_and_its_client_enabled() {
        let print = Fingerprint::of(b"one");
        let clients = snapshot(vec![client(1, ClientStatus::Enabled, print)]);
        let refusal = |now| clients.admit(&print, now, 0).err();
        assert_eq!(refusal(NOW), None);
        assert_eq!(refusal(500), None);
        assert_eq!(refusal(1_500), None);
        assert_eq!(refusal(499), Some(NotAdmitted::NotYetValid));
        assert_eq!(refusal(1_501), Some(NotAdmitted::Expired));
        let within = |now, days| clients.admit(&print, now, days).map(|held| held.in_grace);
        assert_eq!(within(1_500, 2), Ok(false));
        assert_eq!(within(1_501, 2), Ok(true));
        assert_eq!(within(1_500 + 2 * 86_400, 2), Ok(true));
        assert_eq!(within(1_501 + 2 * 86_400, 2), Err(NotAdmitted::Expired));
        assert_eq!(within(499, 2), Err(NotAdmitted::NotYetValid));
        let stranger = Fingerprint::of(b"two");
        assert_eq!(
            clients.admit(&stranger, NOW, 0).err(),
            Some(NotAdmitted::Unknown)
        );
        let disabled = snapshot(vec![client(1, ClientStatus::Disabled, print)]);
        assert_eq!(
            disabled.admit(&print, NOW, 0).err(),
            Some(NotAdmitted::Disabled)
        );
    }

    #[test]
    fn a_certificate_that_passed_to_another_client_acts_for_the_old_one_no_more() {
        let print = Fingerprint::of(b"one");
        let enabled = ClientStatus::Enabled;
        let before = snapshot(vec![client(1, enabled, print)]);
        let identity = before.admit(&print, NOW, 0).unwrap().identity;
        assert!(before.may_act(&identity));
        let other = Fingerprint::of(b"two");
        let after = snapshot(vec![client(1, enabled, other), client(2, enabled, print)]);
        assert!(!after.may_act(&identity));
        assert!(!snapshot(vec![client(1, ClientStatus::Disabled, print)]).may_act(&identity));
        assert!(!snapshot(Vec::new()).may_act(&identity));
    }

    #[test]
    fn labels_are_file_names_without_surprises() {
        for good in ["a", "vcenter-1", "esx.example_2"] {
            assert_eq!(check_label(good), Ok(()));
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(check_label(bad), Err(LabelError), "{bad}");
        }
    }
}
