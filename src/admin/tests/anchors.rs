//! CAs of others, through the router: which are taken, and what is remembered of what was removed.

use super::*;
use crate::admin::message::ClientTrust;
use crate::crypto::twins::{other_signature, reissued, renewed};
use crate::crypto::{Certificate, ListDates, Withdrawal, Withdrawn};
use crate::domain::NotAdmitted;

impl World {
    /// Trusts a CA for leaves called `vc`.
    pub(super) async fn trust(
        &self,
        label: &str,
        ca: &Authority,
        renew: bool,
    ) -> Result<Client, AdminError> {
        let request = ClientTrust {
            label: label.into(),
            instance: None,
            certificate: ca.certificate_pem(),
            subject: "CN=vc".into(),
            renew,
            list: None,
        };
        self.run(Request::ClientTrust(request)).await.map(client)
    }

    async fn untrust(&self, label: &str, ca: &Authority) {
        let request = ClientRemove {
            label: label.into(),
            ca: Some(ca.certificate().fingerprint().to_string()),
            ..ClientRemove::default()
        };
        self.run(Request::ClientRemove(request)).await.unwrap();
    }

    fn refusal(&self, leaf: &Certificate) -> Option<NotAdmitted> {
        self.admin.store.clients().sponsor(leaf, NOW).err()
    }
}

fn authority() -> Authority {
    Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap()
}

fn leaf(ca: &Authority) -> Issued {
    ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap()
}

#[tokio::test]
async fn what_was_pinned_and_removed_does_not_come_back_through_a_ca_and_stays_remembered() {
    let world = world().await;
    let ca = authority();
    let made = leaf(&ca);
    let pinned = world.add(addition("vc1", &made.certificate_pem)).await;
    pinned.unwrap();
    world.trust("vc1", &ca, true).await.unwrap();
    let print = made.certificate.fingerprint().to_string();
    world.remove("vc1", Some(print.clone())).await.unwrap();
    let twins = [
        made.certificate.clone(),
        other_signature(&made.certificate),
        reissued(&ca, &made, NOW, 10),
    ];
    let refused = || {
        for twin in &twins {
            assert_eq!(world.refusal(twin), Some(NotAdmitted::Removed), "{twin:?}");
        }
    };
    refused();
    // The CA goes and comes back, the memory stays.
    let other = leaf(&authority());
    let renewal = ClientAdd {
        renew: true,
        ..addition("vc1", &other.certificate_pem)
    };
    world.add(renewal).await.unwrap();
    world.untrust("vc1", &ca).await;
    world.trust("vc1", &ca, true).await.unwrap();
    refused();
    assert_eq!(world.refusal(&leaf(&ca).certificate), None);
    // Somebody decides otherwise.
    let again = ClientAdd {
        renew: true,
        ..addition("vc1", &made.certificate_pem)
    };
    world.add(again).await.unwrap();
    assert_eq!(world.refusal(&twins[1]), Some(NotAdmitted::Twice));
    assert_eq!(world.refusal(&twins[2]), None);
}

#[tokio::test]
async fn a_ca_renewed_under_its_key_is_another_one_of_its_client_only() {
    let world = world().await;
    let ca = authority();
    let renewed = renewed(&ca);
    world.trust("vc1", &ca, false).await.unwrap();
    let error = world.trust("vc2", &renewed, false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    let error = world.trust("vc1", &ca, true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    world.trust("vc1", &renewed, true).await.unwrap();
    assert_eq!(world.refusal(&leaf(&ca).certificate), None);
}

#[tokio::test]
async fn our_own_ca_is_not_trusted_as_one_of_others() {
    let world = world().await;
    for ca in [&world.authority, &renewed(&world.authority)] {
        let error = world.trust("vc1", ca, false).await.unwrap_err();
        assert!(error.to_string().contains("this server's own"), "{error:?}");
    }
}

#[tokio::test]
async fn a_ca_is_trusted_with_what_it_has_revoked_or_not_at_all() {
    let world = world().await;
    let (ca, other) = (authority(), authority());
    let (good, bad) = (leaf(&ca), leaf(&ca));
    let list = |ca: &Authority| {
        let withdrawn = Withdrawn {
            serial: bad.certificate.serial_number().unwrap(),
            since: NOW,
            why: Withdrawal::Removed,
        };
        let dates = ListDates {
            number: 1,
            this_update: NOW,
            next_update: NOW + 86_400,
        };
        ca.revocation_list(&[withdrawn], dates).unwrap()
    };
    let trust = |list: String| {
        let request = ClientTrust {
            label: "vc".into(),
            certificate: ca.certificate_pem(),
            subject: "CN=vc".into(),
            list: Some(list),
            ..ClientTrust::default()
        };
        world.run(Request::ClientTrust(request))
    };
    let refused = trust(list(&other)).await.unwrap_err();
    assert!(refused.to_string().contains("list: "), "{refused}");
    assert!(world.admin.store.clients().labelled("vc").is_none());
    let client = client(trust(list(&ca)).await.unwrap());
    let held = client.authorities[0].revocations.as_ref().unwrap();
    assert_eq!(held.revoked, 1);
    assert_eq!(world.refusal(&good.certificate), None);
    assert_eq!(world.refusal(&bad.certificate), Some(NotAdmitted::Revoked));
}
