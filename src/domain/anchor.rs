//! CAs of others: each is trusted for one client, and only for leaves with one exact subject.
//!
//! A CA such as a vCenter's signs for many: hosts, services, users. So an anchor never admits all that its CA signed. A leaf that
//! fits is enrolled at its first use, up to a bound; one that fits several anchors belongs to nobody; one that was removed does not
//! come back by itself.

use crate::crypto::certificate::issued::check_issued;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::{Client, ClientId, ClientStatus, Clients, NotAdmitted};

/// The most leaves one anchor has enrolled at once.
pub const LEAVES_MAX: usize = 16;
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
    /// The leaves it has enrolled.
    pub leaves: Vec<Fingerprint>,
    /// Leaves that were removed and do not enrol themselves again.
    pub removed: Vec<Fingerprint>,
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
        let mut fitting = self
            .anchors()
            .iter()
            .filter(|anchor| anchor.admits(leaf, &subject, now));
        let anchor = fitting.next().ok_or(NotAdmitted::Unknown)?;
        if fitting.next().is_some() {
            return Err(NotAdmitted::Ambiguous);
        }
        if anchor.removed.contains(&leaf.fingerprint()) {
            return Err(NotAdmitted::Removed);
        }
        let client = self.client(anchor.client).ok_or(NotAdmitted::Unknown)?;
        if client.status == ClientStatus::Disabled {
            return Err(NotAdmitted::Suspended);
        }
        if anchor.leaves.len() >= LEAVES_MAX {
            return Err(NotAdmitted::TooMany);
        }
        Ok((client, anchor))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::{Authority, KeyKind};
    use crate::domain::{Instance, InstanceId, Scope};

    const NOW: i64 = 1_800_000_000;

    fn anchor(number: u8, ca: &Authority) -> Anchor {
        Anchor {
            client: ClientId::new(0, [number; 10]),
            certificate: ca.certificate().clone(),
            subject: Subject::from_text("CN=vc").unwrap(),
            added: NOW,
            leaves: Vec::new(),
            removed: Vec::new(),
        }
    }

    fn clients(anchors: Vec<Anchor>) -> Clients {
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
        };
        let client = |number: u8| Client {
            id: ClientId::new(0, [number; 10]),
            label: format!("client-{number}"),
            instance: instance.id,
            status: ClientStatus::Enabled,
            certificates: Vec::new(),
            created: 0,
        };
        let both = vec![client(1), client(2)];
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
        let mut removed = anchor(1, &ours);
        removed.removed.push(leaf.fingerprint());
        assert_eq!(refusal(vec![removed]), Some(NotAdmitted::Removed));
    }
}
