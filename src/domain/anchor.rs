//! CAs of others: each is trusted for one client, and only for leaves with one exact subject.
//!
//! A CA such as a vCenter's signs for many: hosts, services, users. So an anchor never admits all that its CA signed. A leaf that
//! fits is enrolled at its first use, up to a bound; one that fits anchors of several clients belongs to nobody; one that was removed
//! does not come back by itself, and neither does another certificate of its key. What was removed is told by its key and not by
//! its fingerprint: an anchor's signature does not fix the whole encoding, and a CA may sign a key that was stolen once more.

use crate::crypto::certificate::issued::check_issued;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::{Client, ClientId, ClientStatus, Clients, EnrolledCertificate, NotAdmitted};

/// The most leaves one anchor has enrolled at once.
pub const LEAVES_MAX: usize = 16;
/// The most certificates that were removed and are remembered of one client.
pub const REMOVED_MAX: usize = 1024;
/// The most anchors of all clients: each is looked at when a stranger comes.
pub const ANCHORS_MAX: usize = 32;

/// A CA that is trusted for a client.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// The client it is trusted for.
    pub client: ClientId,
    /// The CA's certificate.
    pub certificate: Certificate,
    /// What a leaf's subject must be.
    pub subject: Subject,
    /// When it was added, seconds since 1970.
    pub added: i64,
    /// How many days before its end it was last warned of; see [`crate::domain::expiry`].
    pub warned: Option<u32>,
    /// The leaves it has enrolled.
    pub leaves: Vec<Fingerprint>,
}

/// A certificate that was removed from its client, whatever it was trusted for. No anchor of the client lets it in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// SHA-256 over its `SubjectPublicKeyInfo`; none where it was enrolled before that was kept.
    pub key: Option<[u8; 32]>,
}

impl Removed {
    /// Whether a certificate is the removed one, or another one of its key.
    #[must_use]
    pub fn is_this(&self, leaf: &Certificate) -> bool {
        self.fingerprint == leaf.fingerprint() || self.key == Some(leaf.digests().key)
    }
}

impl Anchor {
    fn admits(&self, leaf: &Certificate, subject: &Subject, now: i64) -> bool {
        // The subject first: it costs nothing.
        *subject == self.subject && check_issued(leaf.der(), self.certificate.der(), now).is_ok()
    }
}

impl Clients {
    /// The client and the anchor that a leaf which nobody enrolled belongs to, at `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`NotAdmitted`] with the rule that refuses it.
    pub fn sponsor(&self, leaf: &Certificate, now: i64) -> Result<(&Client, &Anchor), NotAdmitted> {
        let subject = Subject::of(leaf.der()).ok_or(NotAdmitted::Unknown)?;
        let fitting = self.anchors().iter();
        let fitting: Vec<_> = fitting
            .filter(|anchor| anchor.admits(leaf, &subject, now))
            .collect();
        // A CA that was renewed under its key is trusted twice for a while.
        let last = fitting
            .iter()
            .max_by_key(|anchor| anchor.certificate.not_after());
        let anchor = *last.ok_or(NotAdmitted::Unknown)?;
        if fitting.iter().any(|other| other.client != anchor.client) {
            return Err(NotAdmitted::Ambiguous);
        }
        let client = self.client(anchor.client).ok_or(NotAdmitted::Unknown)?;
        if self
            .removed(client.id)
            .iter()
            .any(|removed| removed.is_this(leaf))
        {
            return Err(NotAdmitted::Removed);
        }
        let serial = leaf.serial_number();
        if serial.is_some_and(|serial| self.is_revoked_by(anchor, &serial)) {
            return Err(NotAdmitted::Revoked);
        }
        if client.status == ClientStatus::Disabled {
            return Err(NotAdmitted::Suspended);
        }
        let signed = |held: &EnrolledCertificate| held.digests.map(|digests| digests.signed);
        if client
            .certificates
            .iter()
            .any(|held| signed(held) == Some(leaf.digests().signed))
        {
            return Err(NotAdmitted::Twice);
        }
        if anchor.leaves.len() >= LEAVES_MAX {
            return Err(NotAdmitted::TooMany);
        }
        Ok((client, anchor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::crypto::twins::{other_signature, reissued, renewed};
    use crate::crypto::{Authority, KeyKind};
    use crate::domain::{Instance, InstanceId, Scope, Trust};

    const NOW: i64 = 1_800_000_000;

    fn anchor(number: u8, ca: &Authority) -> Anchor {
        Anchor {
            client: ClientId::new(0, [number; 10]),
            certificate: ca.certificate().clone(),
            subject: Subject::from_text("CN=vc").unwrap(),
            added: NOW,
            warned: None,
            leaves: Vec::new(),
        }
    }

    fn clients(anchors: Vec<Anchor>) -> Clients {
        clients_with(anchors, Vec::new())
    }

    /// Two clients; the first has these certificates.
    fn clients_with(anchors: Vec<Anchor>, certificates: Vec<EnrolledCertificate>) -> Clients {
        let scope = Scope {
            crn_prefix: String::new(),
            account: String::new(),
            location: String::new(),
            instance: String::new(),
        };
        let instance = Instance {
            id: InstanceId::new(0, [1; 10]),
            name: "default".to_owned(),
            scope: Arc::new(scope),
            created: 0,
            credential: None,
            rules: crate::domain::Rules::default(),
        };
        let client = |number: u8| Client {
            id: ClientId::new(0, [number; 10]),
            label: format!("client-{number}"),
            instance: instance.id,
            status: ClientStatus::Enabled,
            permissions: crate::domain::Permissions::default(),
            certificates: Vec::new(),
            created: 0,
        };
        let mut first = client(1);
        first.certificates = certificates;
        let both = vec![first, client(2)];
        Clients::new(vec![instance], both).with_anchors(anchors)
    }

    #[test]
    fn a_leaf_belongs_to_the_one_anchor_it_fits() {
        let made = || Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let (ours, twin) = (made(), made());
        let leaf = ours.issue_client("vc", KeyKind::EcdsaP256, NOW, 10);
        let leaf = leaf.unwrap().certificate;
        let refusal = |anchors| clients(anchors).sponsor(&leaf, NOW).err();
        assert_eq!(refusal(vec![anchor(1, &ours), anchor(2, &twin)]), None);
        assert_eq!(refusal(vec![anchor(2, &twin)]), Some(NotAdmitted::Unknown));
        let both = vec![anchor(1, &ours), anchor(2, &ours)];
        assert_eq!(refusal(both), Some(NotAdmitted::Ambiguous));
        let mut full = anchor(1, &ours);
        full.leaves = vec![Fingerprint::of(b"another"); LEAVES_MAX];
        assert_eq!(refusal(vec![full]), Some(NotAdmitted::TooMany));
    }

    #[test]
    fn a_ca_renewed_under_its_key_is_trusted_beside_itself() {
        let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let renewed = renewed(&ca);
        let leaf = ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let sponsor = |anchors| {
            let clients = clients(anchors);
            let found = clients.sponsor(&leaf.certificate, NOW);
            found.map(|(_, anchor)| anchor.certificate.fingerprint())
        };
        let last = Ok(renewed.certificate().fingerprint());
        assert_eq!(sponsor(vec![anchor(1, &ca), anchor(1, &renewed)]), last);
        assert_eq!(sponsor(vec![anchor(1, &renewed), anchor(1, &ca)]), last);
        let others = sponsor(vec![anchor(1, &ca), anchor(2, &renewed)]);
        assert_eq!(others, Err(NotAdmitted::Ambiguous));
    }

    #[test]
    fn no_certificate_of_a_key_that_was_removed_comes_back() {
        let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let made = ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let refusal = |removed: Removed, leaf: &Certificate| {
            let removed = HashMap::from([(ClientId::new(0, [1; 10]), vec![removed])]);
            let clients = clients(vec![anchor(1, &ca)]).with_removed(removed);
            clients.sponsor(leaf, NOW).err()
        };
        let leaf = &made.certificate;
        let known = Removed {
            fingerprint: leaf.fingerprint(),
            key: Some(leaf.digests().key),
        };
        let (reissued, twin) = (reissued(&ca, &made, NOW, 10), other_signature(leaf));
        for certificate in [leaf, &twin, &reissued] {
            let refused = refusal(known, certificate);
            assert_eq!(refused, Some(NotAdmitted::Removed), "{certificate:?}");
        }
        let old = Removed { key: None, ..known };
        assert_eq!(refusal(old, leaf), Some(NotAdmitted::Removed));
        let other = ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
        assert_eq!(refusal(known, &other.certificate), None);
    }

    #[test]
    fn a_certificate_is_not_enrolled_twice_and_its_successor_is() {
        let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
        let made = ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
        let held = EnrolledCertificate::new(&made.certificate, Trust::Pinned, NOW);
        let clients = clients_with(vec![anchor(1, &ca)], vec![held]);
        let refusal = |leaf: &Certificate| clients.sponsor(leaf, NOW).err();
        let twin = other_signature(&made.certificate);
        assert_eq!(refusal(&twin), Some(NotAdmitted::Twice));
        assert_eq!(refusal(&reissued(&ca, &made, NOW, 10)), None);
    }
}
