//! What CAs of others have revoked: kept by the CA's key, so that a list counts for every client and every certificate of that CA.
//!
//! A list says of a serial number that it counts no more, and so takes away what the CA itself vouched for: certificates that were enrolled for
//! it, and strangers. What was pinned stays: somebody here has looked at that very certificate. A list that has lapsed still counts, and is
//! warned of: what it revokes stays revoked, and virtual machines must start while somebody fetches the next one. Whoever would rather refuse all
//! whom that CA vouches for asks whether it has lapsed.

use crate::crypto::certificate::revocation::RevocationList;
use crate::crypto::{Certificate, Fingerprint, Serial};
use crate::domain::{Anchor, Clients, EnrolledCertificate, Trust};

/// The most lists of all CAs.
pub const REVOCATIONS_MAX: usize = 64;

/// The list of a CA.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// SHA-256 over the CA's `SubjectPublicKeyInfo`.
    pub ca_key: [u8; 32],
    /// What it revokes.
    pub list: RevocationList,
    /// How many days before its end it was last warned of; see [`crate::domain::expiry`].
    pub warned: Option<u32>,
}

impl Revocation {
    /// Whether it is of the CA with this certificate.
    #[must_use]
    pub fn is_of(&self, ca: &Certificate) -> bool {
        self.ca_key == ca.digests().key
    }
}

impl Clients {
    /// The snapshot with the lists of its CAs, which are set before.
    #[must_use]
    pub fn with_revocations(self, revocations: Vec<Revocation>) -> Self {
        let vouched = vouched(&self, &revocations);
        let revoked = vouched.iter().filter(|(_, is_revoked, _)| *is_revoked);
        let revoked = revoked.map(|(leaf, ..)| *leaf).collect();
        let list_ends = vouched.iter().map(|(leaf, _, end)| (*leaf, *end));
        let list_ends = list_ends.collect();
        self.with_revoked(revocations, revoked, list_ends)
    }

    /// The list of this CA, if there is one.
    #[must_use]
    pub fn revocation(&self, ca: &Certificate) -> Option<&Revocation> {
        self.revocations().iter().find(|held| held.is_of(ca))
    }

    /// Whether a CA has revoked the certificate that it enrolled, by a serial number that need not be kept.
    #[must_use]
    pub fn is_leaf_revoked(&self, leaf: &Fingerprint, serial: &Serial) -> bool {
        let mut anchors = self.anchors().iter();
        anchors.any(|anchor| anchor.leaves.contains(leaf) && self.is_revoked_by(anchor, serial))
    }

    /// Whether the list of an anchor's CA has lapsed at `now`, seconds since 1970. No list has not.
    #[must_use]
    pub fn list_of_has_lapsed(&self, anchor: &Anchor, now: i64) -> bool {
        let held = self.revocation(&anchor.certificate);
        held.is_some_and(|held| held.list.next_update < now)
    }

    /// Whether the CA of an anchor has revoked the certificate with this serial number.
    #[must_use]
    pub fn is_revoked_by(&self, anchor: &Anchor, serial: &Serial) -> bool {
        let held = self.revocation(&anchor.certificate);
        held.is_some_and(|held| held.list.revokes(serial))
    }
}

/// The certificates that anchors have enrolled and whose CA's list is held, each with whether that revokes it, and when it lapses.
fn vouched(clients: &Clients, revocations: &[Revocation]) -> Vec<(Fingerprint, bool, i64)> {
    let mut vouched = Vec::new();
    for anchor in clients.anchors() {
        let list = revocations
            .iter()
            .find(|held| held.is_of(&anchor.certificate));
        let (Some(held), Some(client)) = (list, clients.client(anchor.client)) else {
            continue;
        };
        let is_of_it = |certificate: &&EnrolledCertificate| {
            certificate.trust == Trust::Anchored && anchor.leaves.contains(&certificate.fingerprint)
        };
        let leaves = client.certificates.iter().filter(is_of_it);
        vouched.extend(leaves.map(|leaf| {
            let is_revoked = leaf.serial.is_some_and(|serial| held.list.revokes(&serial));
            (leaf.fingerprint, is_revoked, held.list.next_update)
        }));
    }
    vouched
}
