//! What taking up other certificates records, refuses and removes.

use super::super::certificates::{Opening, Reading};
use super::super::message::{CertificateReload, Certificates, EnrolledCertificate};
use super::*;

/// Where a test puts what the files would hold.
type Files = Arc<Mutex<Result<OwnCertificates, String>>>;

struct Held {
    world: World,
    files: Files,
    taken: Arc<Mutex<usize>>,
    server: Certificate,
}

async fn held() -> Held {
    let mut world = world().await;
    let ca = world.authority.certificate().clone();
    let own = OwnCertificates {
        server: Some(server_of(&world.authority)),
        authorities: vec![ca],
    };
    let server = own.server.clone().unwrap();
    let files: Files = Arc::new(Mutex::new(Ok(own.clone())));
    let taken = Arc::new(Mutex::new(0));
    let (source, counted) = (Arc::clone(&files), Arc::clone(&taken));
    let read: Reading = Box::new(move |_| {
        let certificates = source.lock().unwrap().clone()?;
        let counted = Arc::clone(&counted);
        Ok(Found {
            certificates,
            take_up: Box::new(move || *counted.lock().unwrap() += 1),
        })
    });
    let authority: Opening = Arc::new(|| Err("its key is kept elsewhere".to_owned()));
    let admin = Arc::into_inner(world.admin).unwrap();
    world.admin = Arc::new(admin.with_own(own, Source { read, authority }));
    Held {
        world,
        files,
        taken,
        server,
    }
}

fn server_of(authority: &Authority) -> Certificate {
    let names = ["kms.example.org".to_owned()];
    let made = authority.issue_server(&names, KeyKind::EcdsaP256, NOW, 30);
    made.unwrap().certificate
}

impl Held {
    fn set(&self, own: OwnCertificates) {
        *self.files.lock().unwrap() = Ok(own);
    }

    async fn reload(&self, force: bool) -> Result<Certificates, AdminError> {
        let request = Request::CertificateReload(CertificateReload { force });
        match self.world.run(request).await? {
            Response::Certificates(certificates) => Ok(certificates),
            other => panic!("{other:?}"),
        }
    }

    async fn issued(&self, label: &str) -> String {
        let made = self
            .world
            .authority
            .issue_client(label, KeyKind::EcdsaP256, NOW, 30);
        let made = made.unwrap();
        let request = ClientAdd {
            issued: true,
            ..addition(label, &made.certificate_pem)
        };
        self.world.add(request).await.unwrap();
        made.certificate.fingerprint().to_string()
    }
}

#[tokio::test]
async fn another_server_certificate_is_recorded_before_it_is_taken_up() {
    let held = held().await;
    let before = held.world.admin.store().head();
    let same = held.reload(false).await.unwrap();
    let after = held.world.admin.store().head();
    assert_eq!(after, before, "nothing changed");
    assert!(same.authorities[0].server && same.authorities[0].issues);
    let other = server_of(&held.world.authority);
    let ca = held.world.authority.certificate().clone();
    held.set(OwnCertificates {
        server: Some(other.clone()),
        authorities: vec![ca.clone()],
    });
    let shown = held.reload(false).await.unwrap();
    let print = other.fingerprint().to_string();
    assert_eq!(shown.server.unwrap().fingerprint, print);
    let event = held.world.last().await;
    assert_eq!(
        event["action"],
        "vmware-solutions.server-certificate.replace"
    );
    assert_eq!(event["requestData"]["fingerprint"], print);
    assert_eq!(
        event["requestData"]["authority"],
        ca.fingerprint().to_string()
    );
    *held.files.lock().unwrap() = Err("server.key is not of server.pem".to_owned());
    let taken = *held.taken.lock().unwrap();
    let error = held.reload(false).await.unwrap_err();
    assert_eq!(error.message, "server.key is not of server.pem");
    assert_eq!(*held.taken.lock().unwrap(), taken, "the old one is kept");
}

#[tokio::test]
async fn a_ca_goes_when_no_client_needs_it_or_takes_their_certificates_along() {
    let held = held().await;
    let print = held.issued("demo").await;
    let old = held.world.authority.certificate().clone();
    let next = Authority::create("Next CA", NOW, 3650, KeyKind::EcdsaP256).unwrap();
    let server = Some(held.server.clone());
    let own = |authorities| OwnCertificates {
        server: server.clone(),
        authorities,
    };
    held.set(own(vec![next.certificate().clone(), old.clone()]));
    let shown = held.reload(false).await.unwrap();
    let event = held.world.last().await;
    assert_eq!(
        event["action"],
        "vmware-solutions.certificate-authority.rotate"
    );
    assert_eq!(shown.authorities[0].clients, [""; 0]);
    assert_eq!(shown.authorities[1].clients, ["demo"]);
    assert!(!shown.authorities[1].issues && shown.authorities[1].server);
    // The former one still vouches for what it issued.
    held.issued("late").await;
    held.set(own(vec![next.certificate().clone()]));
    let error = held.reload(false).await.unwrap_err();
    assert!(error.message.contains("renew-server"), "{error}");
    held.set(OwnCertificates {
        server: Some(server_of(&next)),
        authorities: vec![next.certificate().clone()],
    });
    let taken = *held.taken.lock().unwrap();
    let error = held.reload(false).await.unwrap_err();
    assert!(error.message.contains("demo, late"), "{error}");
    assert_eq!(*held.taken.lock().unwrap(), taken);
    held.reload(true).await.unwrap();
    let event = held.world.last().await;
    assert_eq!(
        event["action"],
        "vmware-solutions.certificate-authority.retire"
    );
    let data = &event["requestData"];
    assert_eq!(data["authority"], old.fingerprint().to_string());
    assert_eq!(data["label"].as_array().unwrap().len(), 2);
    assert!(data["fingerprint"].to_string().contains(&print));
    let clients = held.world.admin.store().clients();
    assert!(clients.labelled("demo").unwrap().certificates.is_empty());
}

#[tokio::test]
async fn what_the_next_ca_issues_keeps_no_other_ca() {
    let held = held().await;
    let next = Authority::create("Next CA", NOW, 3650, KeyKind::EcdsaP256).unwrap();
    let old = held.world.authority.certificate().clone();
    let server = Some(held.server.clone());
    held.set(OwnCertificates {
        server,
        authorities: vec![next.certificate().clone(), old],
    });
    held.reload(false).await.unwrap();
    let made = next.issue_client("new", KeyKind::EcdsaP256, NOW, 30);
    let request = ClientAdd {
        issued: true,
        ..addition("new", &made.unwrap().certificate_pem)
    };
    held.world.add(request).await.unwrap();
    held.set(OwnCertificates {
        server: Some(server_of(&next)),
        authorities: vec![next.certificate().clone()],
    });
    let shown = held.reload(false).await.unwrap();
    assert_eq!(shown.authorities[0].clients, ["new"]);
}

#[tokio::test]
async fn a_renewal_ends_the_former_certificate_when_it_is_told() {
    let world = world().await;
    let pem = own_certificate("vc").certificate_pem;
    world.add(addition("vc", &pem)).await.unwrap();
    let renewal = ClientAdd {
        renew: true,
        overlap_days: Some(7),
        ..addition("vc", &own_certificate("vc").certificate_pem)
    };
    let client = world.add(renewal).await.unwrap();
    let days: Vec<_> = client
        .certificates
        .iter()
        .map(|held| held.days_left)
        .collect();
    assert_eq!(days, [7, 30]);
    let event = world.last().await;
    assert_eq!(event["requestData"]["othersUntil"], "2027-01-22T08:00:00Z");
    let kept = world.admin.store().clients();
    let mut kept = kept.labelled("vc").unwrap().certificates.iter();
    assert!(kept.any(|held| held.not_after == NOW + 7 * 86_400));
    // A longer overlap than a certificate lasts prolongs nothing.
    let renewal = ClientAdd {
        renew: true,
        overlap_days: Some(90),
        ..addition("vc", &own_certificate("vc").certificate_pem)
    };
    let client = world.add(renewal).await.unwrap();
    let of_first = |held: &&EnrolledCertificate| held.days_left == 7;
    assert_eq!(client.certificates.iter().filter(of_first).count(), 1);
}

#[tokio::test]
async fn a_ca_stays_while_what_it_issued_is_let_in_for_the_time_of_grace() {
    let mut held = held().await;
    let admin = Arc::into_inner(held.world.admin).unwrap();
    held.world.admin = Arc::new(admin.with_grace(5));
    held.issued("demo").await;
    let old = held.world.authority.certificate().clone();
    let next = Authority::create("Next CA", NOW, 3650, KeyKind::EcdsaP256).unwrap();
    let own = |authorities| OwnCertificates {
        server: Some(server_of(&next)),
        authorities,
    };
    held.set(own(vec![next.certificate().clone(), old]));
    held.reload(false).await.unwrap();
    held.set(own(vec![next.certificate().clone()]));
    // It has lasted thirty days.
    held.world.clock.advance_ms(33 * 86_400_000);
    let error = held.reload(false).await.unwrap_err();
    assert!(error.message.contains("demo"), "{error}");
    held.world.clock.advance_ms(3 * 86_400_000);
    held.reload(false).await.unwrap();
}

#[tokio::test]
async fn a_certificate_whose_issuer_is_not_known_goes_once_with_all_cas_that_may_be_it() {
    let held = held().await;
    held.issued("demo").await;
    let world = &held.world;
    let first = world.authority.certificate().clone();
    let [second, next] = ["Second CA", "Next CA"]
        .map(|name| Authority::create(name, NOW, 3650, KeyKind::EcdsaP256).unwrap());
    // As one that was enrolled before it was kept who issued it.
    let made = second.issue_client("demo", KeyKind::EcdsaP256, NOW, 30);
    let certificate = made.unwrap().certificate;
    let enrolled = crate::domain::EnrolledCertificate {
        issuer: None,
        ..crate::domain::EnrolledCertificate::new(&certificate, crate::domain::Trust::Issued, NOW)
    };
    let clients = world.admin.store().clients();
    let demo = clients.labelled("demo").unwrap().id;
    let deed = Deed {
        action: Action::ClientIssue,
        initiator: user(),
        target: demo.to_string(),
        scope: Arc::clone(&world.admin.instance(None).unwrap().scope),
        request: Data::new(),
    };
    let write = Write::Certificate(demo, enrolled);
    world.admin.commit(deed, vec![write]).await.unwrap();
    let server = Some(server_of(&next));
    let own = |authorities| OwnCertificates {
        server: server.clone(),
        authorities,
    };
    let next_ca = next.certificate().clone();
    let second_ca = second.certificate().clone();
    held.set(own(vec![next_ca.clone(), first, second_ca]));
    held.reload(false).await.unwrap();
    held.set(own(vec![next_ca]));
    let error = held.reload(false).await.unwrap_err();
    assert!(error.message.contains("demo"), "{error}");
    let before = world.admin.store().head().0;
    held.reload(true).await.unwrap();
    // Each CA's event names it, and it is removed once.
    let print = certificate.fingerprint().to_string();
    let retired = world.trail(before).await;
    assert_eq!(retired.len(), 2);
    for event in &retired {
        let named = event["requestData"]["fingerprint"].as_array().unwrap();
        assert!(named.contains(&print.clone().into()), "{event}");
    }
    let clients = world.admin.store().clients();
    assert!(clients.labelled("demo").unwrap().certificates.is_empty());
}
