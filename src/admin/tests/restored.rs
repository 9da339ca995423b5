//! What is taken from clients again after a restore.

use super::super::message::ClientPermit;
use super::super::restored::{Act, Taken};
use super::*;
use crate::crypto::Fingerprint;
use crate::domain::{ClientId, Permissions};

impl World {
    /// A client with so many certificates and fewer permissions than all.
    async fn narrowed(&self, label: &str, certificates: usize) -> (ClientId, Vec<Fingerprint>) {
        for number in 0..certificates {
            let pem = own_certificate(label).certificate_pem;
            let addition = ClientAdd {
                renew: number > 0,
                ..addition(label, &pem)
            };
            self.add(addition).await.unwrap();
        }
        let permit = ClientPermit {
            label: label.into(),
            operations: Some(vec!["get".into()]),
            ..ClientPermit::default()
        };
        self.run(Request::ClientPermit(permit)).await.unwrap();
        let clients = self.admin.store().clients();
        let client = clients.labelled(label).unwrap();
        let held = client.certificates.iter().map(|held| held.fingerprint);
        (client.id, held.collect())
    }

    async fn takes(&self, act: Act) -> bool {
        let taken = Taken {
            event: "e".into(),
            act,
        };
        self.admin.take_away(&user(), &taken).await.unwrap()
    }

    /// How many certificates a client has; none where there is no such client.
    fn certificates(&self, label: &str) -> Option<usize> {
        let clients = self.admin.store().clients();
        Some(clients.labelled(label)?.certificates.len())
    }
}

#[tokio::test]
async fn a_client_that_stayed_loses_certificates_and_keeps_its_permissions() {
    let world = world().await;
    let (id, prints) = world.narrowed("vc", 1).await;
    let act = Act::RemoveCertificates(id, prints.clone());
    assert!(world.takes(act.clone()).await);
    assert_eq!(world.certificates("vc"), Some(0));
    let clients = world.admin.store().clients();
    let permissions = &clients.labelled("vc").unwrap().permissions;
    assert_ne!(*permissions, Permissions::default());
    let event = world.last().await;
    assert_eq!(event["action"], Action::ClientRemove.name());
    let print = prints[0].to_string();
    assert_eq!(event["requestData"]["fingerprint"][0], print);
    assert!(!world.takes(act).await, "it is gone already");
}

#[tokio::test]
async fn one_certificate_goes_alone_and_any_other_number_with_the_client() {
    let world = world().await;
    let other = Fingerprint::from_bytes([9; 32]);
    let remove = |id, prints: &[Fingerprint]| Act::Remove(id, prints.to_vec(), Vec::new());
    let (id, prints) = world.narrowed("one", 2).await;
    assert!(world.takes(remove(id, &prints[..1])).await);
    assert_eq!(world.certificates("one"), Some(1));
    assert!(!world.takes(remove(id, &[other])).await);
    assert!(world.takes(remove(id, &prints[1..])).await);
    assert_eq!(world.certificates("one"), None);
    // All that it had then: none, or others than the backup has.
    let (id, _) = world.narrowed("none", 1).await;
    assert!(world.takes(remove(id, &[])).await);
    let (id, prints) = world.narrowed("more", 2).await;
    assert!(world.takes(remove(id, &[prints[0], other])).await);
    assert_eq!(
        ["none", "more"].map(|label| world.certificates(label)),
        [None; 2]
    );
}
