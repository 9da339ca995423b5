//! Certificates that wait for approval, through the router.

use std::sync::Mutex;

use super::message::{ClientApprove, PendingCertificate};
use super::*;
use crate::domain::Pending;

/// A world whose router runs in a server, with these certificates waiting.
async fn waiting(made: &[&Issued]) -> (World, Arc<Mutex<Pending>>) {
    let pending = Arc::new(Mutex::new(Pending::default()));
    for made in made {
        let address = "192.0.2.7".parse().unwrap();
        let certificate = made.certificate.clone();
        pending.lock().unwrap().note(certificate, address, NOW);
    }
    let World {
        admin,
        clock,
        authority,
        instance,
        directory,
    } = world().await;
    let admin = Arc::into_inner(admin).expect("the only one");
    let admin = Arc::new(admin.with_pending(Arc::clone(&pending)));
    let world = World {
        admin,
        clock,
        authority,
        instance,
        directory,
    };
    (world, pending)
}

fn approval(fingerprint: impl ToString, label: &str) -> ClientApprove {
    ClientApprove {
        fingerprint: fingerprint.to_string(),
        label: label.into(),
        ..ClientApprove::default()
    }
}

impl World {
    async fn pending(&self) -> Vec<PendingCertificate> {
        match self.run(Request::ClientPending).await.unwrap() {
            Response::Pending(waiting) => waiting,
            other => panic!("not a list: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_approved_is_the_certificate_that_waits() {
    let made = own_certificate("vcenter");
    let (world, _) = waiting(&[&made]).await;
    let [held] = &world.pending().await[..] else {
        panic!("one waits")
    };
    let fingerprint = made.certificate.fingerprint();
    assert_eq!(held.fingerprint, fingerprint.to_string());
    assert_eq!((held.count, &*held.address), (1, "192.0.2.7"));
    let from = world.trail(0).await.len();
    // As OpenSSL writes it.
    let written: Vec<_> = held
        .fingerprint
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    let request = approval(written.join(":"), "vc1");
    let added = world.run(Request::ClientApprove(request)).await.unwrap();
    assert_eq!(
        client(added).certificates[0].fingerprint,
        held.fingerprint,
        "the very certificate"
    );
    assert!(
        world
            .admin
            .store
            .clients()
            .admit(&fingerprint, NOW, 0)
            .is_ok()
    );
    assert_eq!(world.pending().await, []);
    let trail = world.trail(u64::try_from(from).unwrap()).await;
    let [event] = &trail[..] else {
        panic!("one event: {trail:?}")
    };
    assert_eq!(event["action"], "vmware-solutions.kmip-client.approve");
    assert_eq!(event["severity"], "critical");
    assert_eq!(event["requestData"]["fingerprint"], held.fingerprint);
    assert!(!event.to_string().contains("192.0.2.7"), "{event}");
}

#[tokio::test]
async fn a_client_that_exists_gets_it_only_when_asked() {
    let (one, two) = (own_certificate("one"), own_certificate("two"));
    let (world, _) = waiting(&[&one, &two]).await;
    let (one, two) = (one.certificate.fingerprint(), two.certificate.fingerprint());
    let approve = |request| world.run(Request::ClientApprove(request));
    approve(approval(one, "vc1")).await.unwrap();
    let error = approve(approval(two, "vc1")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(world.pending().await.len(), 1, "it waits on");
    let renewal = ClientApprove {
        renew: true,
        ..approval(two, "vc1")
    };
    let both = client(approve(renewal).await.unwrap());
    assert_eq!(both.certificates.len(), 2);
}

#[tokio::test]
async fn what_was_enrolled_from_a_file_or_dismissed_waits_no_more() {
    let (one, two) = (own_certificate("one"), own_certificate("two"));
    let (world, pending) = waiting(&[&one, &two]).await;
    world
        .add(addition("vc1", &one.certificate_pem))
        .await
        .unwrap();
    let left = world.pending().await;
    assert_eq!(left.len(), 1);
    let fingerprint = left[0].fingerprint.clone();
    let dismiss = || Request::ClientDismiss {
        fingerprint: fingerprint.clone(),
    };
    let from = world.trail(0).await.len();
    world.run(dismiss()).await.unwrap();
    let event = world.last().await;
    assert_eq!(event["action"], "vmware-solutions.kmip-client.dismiss");
    assert!(pending.lock().unwrap().list().is_empty());
    assert_eq!(world.trail(0).await.len(), from + 1, "that alone");
    let error = world.run(dismiss()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let request = Request::ClientApprove(approval(&fingerprint, "vc2"));
    let error = world.run(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let request = Request::ClientApprove(approval("12:34", "vc2"));
    assert_eq!(
        world.run(request).await.unwrap_err().kind,
        ErrorKind::Invalid
    );
}

#[tokio::test]
async fn without_a_server_nothing_waits_and_the_error_says_why() {
    let world = world().await;
    let error = world.run(Request::ClientPending).await.unwrap_err();
    assert!(error.message.starts_with("no server runs here"), "{error}");
}

#[tokio::test]
async fn a_long_or_deceiving_name_is_bounded_and_the_whole_one_is_given_or_none() {
    let plain = own_certificate("vcenter");
    let deceiving = own_certificate("vc\u{202e}x");
    let long = crate::crypto::twins::self_signed_of(&"x".repeat(5000));
    let (world, pending) = waiting(&[&plain, &deceiving]).await;
    let address = "192.0.2.7".parse().unwrap();
    let print = long.fingerprint().to_string();
    pending.lock().unwrap().note(long, address, NOW);
    let list = world.pending().await;
    let held = |print: &str| list.iter().find(|held| held.fingerprint == print).unwrap();
    let whole = |made: &Issued| {
        let held = held(&made.certificate.fingerprint().to_string());
        held.whole_subject.clone()
    };
    assert_eq!(whole(&plain).as_deref(), Some("CN=vcenter"));
    assert_eq!(whole(&deceiving), None);
    let long = held(&print);
    assert_eq!(long.subject.chars().count(), 1025);
    assert_eq!(long.whole_subject, None);
}
