//! Instances, clients, certificates and data keys.

use super::*;
use crate::crypto::{Cost, PasswordHash, Serial, SystemRandom, Withdrawal};
use crate::domain::{Credential, Operations, Permissions, Rules};
use crate::kmip::operation::Operation;

#[tokio::test]
async fn clients_read_back_as_written() {
    let mut place = Place::new().await;
    let mut changed = place.store().clients_changed();
    changed.mark_unchanged();
    place.apply([Write::Client(client(1))]).await.unwrap();
    assert!(changed.has_changed().unwrap());
    let clients = place.reopen().clients();
    assert_eq!(**clients.labelled("vc-1").unwrap(), client(1));
    assert_eq!(**clients.instance(instance_id(1)).unwrap(), instance(1));
}

#[tokio::test]
async fn permissions_and_rules_read_back_as_written() {
    let mut place = Place::new().await;
    let mut permitted = client(1);
    permitted.permissions = Permissions {
        operations: Some(Operations::from_names(["get", "destroy"]).unwrap()),
        windows: vec![
            "mon-fri 08:00-18:00 +01:00".parse().unwrap(),
            "sat 00:00-24:00".parse().unwrap(),
        ],
    };
    place
        .apply([Write::Client(permitted.clone())])
        .await
        .unwrap();
    let denied = Operations::NONE.with(Operation::Destroy);
    let rules = Rules { denied };
    let ruled = Write::InstanceRules(instance_id(1), rules);
    place.apply([ruled]).await.unwrap();
    let clients = place.reopen().clients();
    assert_eq!(**clients.labelled("vc-1").unwrap(), permitted);
    assert_eq!(clients.instance(instance_id(1)).unwrap().rules, rules);
    let print = Fingerprint::from_bytes([1; 32]);
    let access = clients.admit(&print, NOW, 0).unwrap().identity;
    assert!(access.access.includes(Operation::Get));
    assert!(!access.access.includes(Operation::Destroy));
    for permissions in [Permissions::default(), permitted.permissions] {
        let write = Write::ClientPermissions(client_id(1), permissions.clone());
        place.apply([write]).await.unwrap();
        let clients = place.reopen().clients();
        let client = clients.labelled("vc-1").unwrap();
        assert_eq!(client.permissions, permissions);
    }
    let nobody = Write::ClientPermissions(client_id(9), Permissions::default());
    let missing = place.apply([nobody]).await;
    assert_eq!(missing, Err(ApplyError::Missing(Thing::Client)));
    let nowhere = Write::InstanceRules(instance_id(9), rules);
    let missing = place.apply([nowhere]).await;
    assert_eq!(missing, Err(ApplyError::Missing(Thing::Instance)));
}

#[tokio::test]
async fn certificates_come_and_go() {
    let place = Place::new().await;
    place.apply([Write::Client(client(1))]).await.unwrap();
    place
        .apply([Write::Certificate(client_id(1), certificate(50))])
        .await
        .unwrap();
    let fingerprint = Fingerprint::from_bytes([50; 32]);
    assert_eq!(
        place.store().clients().holder(&fingerprint).unwrap().label,
        "vc-1"
    );
    place
        .apply([Write::CertificateRemoved(client_id(1), fingerprint)])
        .await
        .unwrap();
    assert!(place.store().clients().holder(&fingerprint).is_none());
    let again = place
        .apply([Write::CertificateRemoved(client_id(1), fingerprint)])
        .await;
    assert_eq!(again, Err(ApplyError::Missing(Thing::Certificate)));
}

#[tokio::test]
async fn a_removed_client_takes_its_certificates_with_it() {
    let place = Place::new().await;
    place.apply([Write::Client(client(1))]).await.unwrap();
    place
        .apply([Write::ClientRemoved(client_id(1))])
        .await
        .unwrap();
    assert!(place.store().clients().clients().is_empty());
    place.apply([Write::Client(client(1))]).await.unwrap();
    let missing = place.apply([Write::ClientRemoved(client_id(2))]).await;
    assert_eq!(missing, Err(ApplyError::Missing(Thing::Client)));
}

#[tokio::test]
async fn what_is_unique_is_kept_so() {
    let place = Place::new().await;
    place.apply([Write::Client(client(1))]).await.unwrap();
    let clash = Client {
        certificates: vec![certificate(2), certificate(101)],
        ..client(2)
    };
    let refused = place.apply([Write::Client(clash)]).await;
    assert_eq!(refused, Err(ApplyError::Exists(Thing::Certificate)));
    assert!(place.store().clients().labelled("vc-2").is_none());
    let label = Client {
        label: "vc-1".to_owned(),
        ..client(2)
    };
    let refused = place.apply([Write::Client(label)]).await;
    assert_eq!(refused, Err(ApplyError::Exists(Thing::Client)));
    // Nothing of the refused ones is in the way.
    place.apply([Write::Client(client(2))]).await.unwrap();
    let refused = place.apply([Write::Instance(instance(1))]).await;
    assert_eq!(refused, Err(ApplyError::Exists(Thing::Instance)));
    let nowhere = Client {
        instance: instance_id(9),
        ..client(3)
    };
    let refused = place.apply([Write::Client(nowhere)]).await;
    assert_eq!(refused, Err(ApplyError::Missing(Thing::Instance)));
    let refused = place
        .apply([Write::Certificate(client_id(9), certificate(60))])
        .await;
    assert_eq!(refused, Err(ApplyError::Missing(Thing::Client)));
}

#[tokio::test]
async fn data_keys_read_back() {
    let place = Place::new().await;
    let key = |epoch| Write::DataKey(instance_id(1), epoch, Wrapped::from_bytes(vec![3; 61]));
    place.apply([key(1), key(2)]).await.unwrap();
    assert_eq!(
        place.apply([key(2)]).await,
        Err(ApplyError::Exists(Thing::DataKey))
    );
    let keys = place.store().data_keys().await.unwrap();
    let expected = |epoch| (instance_id(1), epoch, Wrapped::from_bytes(vec![3; 61]));
    assert_eq!(keys, [expected(1), expected(2)]);
}

/// A credential whose hash cost little.
fn credential(username: &str) -> Arc<Credential> {
    let cost = Cost::new(64, 1, 1).unwrap();
    let password = PasswordHash::make(b"word", cost, &SystemRandom).unwrap();
    let username = username.to_owned();
    Arc::new(Credential { username, password })
}

#[tokio::test]
async fn a_credential_is_set_replaced_and_cleared() {
    let mut place = Place::new().await;
    let set =
        |credential: &Arc<Credential>| Write::Credential(instance_id(1), Arc::clone(credential));
    let (first, second) = (credential("one"), credential("two"));
    for credential in [&first, &second] {
        place.apply([set(credential)]).await.unwrap();
        let clients = place.reopen().clients();
        assert_eq!(clients.credential(instance_id(1)), Some(credential));
    }
    let clear = || Write::CredentialCleared(instance_id(1));
    place.apply([clear()]).await.unwrap();
    assert_eq!(place.store().clients().credential(instance_id(1)), None);
    assert_eq!(
        place.apply([clear()]).await,
        Err(ApplyError::Missing(Thing::Credential))
    );
    let nowhere = Write::Credential(instance_id(9), first);
    assert_eq!(
        place.apply([nowhere]).await,
        Err(ApplyError::Missing(Thing::Instance))
    );
}

#[tokio::test]
async fn what_was_checked_against_another_credential_is_not_committed() {
    let place = Place::new().await;
    let commit = async |checked: Option<&Arc<Credential>>| {
        let mut changeset = changeset([]);
        let checked = checked.map(Arc::clone);
        changeset.require(Precondition::Credential(instance_id(1), checked));
        place.store().apply(changeset).await.map(|_| ())
    };
    let (old, new) = (credential("vc"), credential("vc"));
    assert_eq!(commit(None).await, Ok(()));
    for (set, stale) in [(&old, None), (&new, Some(&old))] {
        let write = Write::Credential(instance_id(1), Arc::clone(set));
        place.apply([write]).await.unwrap();
        assert_eq!(commit(stale).await, Err(ApplyError::Conflict));
        assert_eq!(commit(Some(set)).await, Ok(()));
    }
}

/// A certificate that our CA issued.
fn issued(number: u8) -> EnrolledCertificate {
    EnrolledCertificate {
        issuer: Some(Fingerprint::from_bytes([200; 32])),
        serial: Serial::of(&[number]),
        ..certificate(number)
    }
}

/// What stands in the list of our CA at a time: serial numbers and why.
async fn list_at(store: &Store, now: i64) -> Vec<(Serial, Withdrawal)> {
    let ca = Fingerprint::from_bytes([200; 32]);
    let list = store.withdrawn(ca, now).await.unwrap();
    list.iter().map(|held| (held.serial, held.why)).collect()
}

#[tokio::test]
async fn what_was_issued_and_counts_no_more_is_kept_for_the_list() {
    let mut place = Place::new().await;
    let with = |number: u8, certificates: &[u8]| Client {
        certificates: certificates.iter().map(|one| issued(*one)).collect(),
        ..client(number)
    };
    for client in [with(1, &[1, 2, 3]), with(2, &[4]), with(3, &[5])] {
        place.apply([Write::Client(client)]).await.unwrap();
    }
    let entry = |number: u8, why| (Serial::of(&[number]).unwrap(), why);
    let print = |number: u8| Fingerprint::from_bytes([number; 32]);
    assert_eq!(list_at(place.store(), NOW).await, []);
    place
        .apply([
            Write::CertificateRemoved(client_id(1), print(1)),
            Write::CertificateUntil(print(2), NOW + 2),
            Write::ClientRemoved(client_id(2)),
            Write::ClientStatus(client_id(3), ClientStatus::Disabled),
        ])
        .await
        .unwrap();
    let removed = |number| entry(number, Withdrawal::Removed);
    let disabled = entry(5, Withdrawal::Disabled);
    let store = place.reopen();
    assert_eq!(
        list_at(store, NOW).await,
        [removed(1), removed(4), disabled]
    );
    // The time beside its successor has ended; a disabled client's has lapsed by itself.
    let superseded = entry(2, Withdrawal::Superseded);
    let later = [removed(1), superseded, removed(4)];
    assert_eq!(list_at(store, NOW + 11).await, later);
    let other = Fingerprint::from_bytes([201; 32]);
    assert_eq!(store.withdrawn(other, NOW).await.unwrap(), []);
    // Enrolled again, and enabled again.
    place
        .apply([
            Write::Certificate(client_id(1), issued(1)),
            Write::Client(with(2, &[4])),
            Write::ClientStatus(client_id(3), ClientStatus::Enabled),
        ])
        .await
        .unwrap();
    assert_eq!(list_at(place.store(), NOW).await, []);
    // With the instance go all of its clients.
    let gone = Write::InstanceRemoved(instance_id(1), NOW);
    place.apply([gone]).await.unwrap();
    let all = [1, 2, 3, 4, 5].map(removed);
    assert_eq!(list_at(place.store(), NOW).await, all);
}
