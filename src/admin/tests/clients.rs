//! Clients through the router.

use super::*;

#[tokio::test]
async fn a_client_is_added_disabled_enabled_and_removed_each_with_its_event() {
    let world = world().await;
    let made = own_certificate("vcenter");
    let fingerprint = made.certificate.fingerprint();
    let added = world
        .add(addition("vc1", &made.certificate_pem))
        .await
        .unwrap();
    assert_eq!(
        (added.status.as_str(), added.instance.as_str()),
        ("enabled", "default")
    );
    assert_eq!(added.certificates[0].fingerprint, fingerprint.to_string());
    assert_eq!(added.certificates[0].trust, "pinned");
    assert!(
        world
            .admin
            .store
            .clients()
            .admit(&fingerprint, NOW, 0)
            .is_ok()
    );

    world.set_enabled("vc1", false).await.unwrap();
    assert!(
        world
            .admin
            .store
            .clients()
            .admit(&fingerprint, NOW, 0)
            .is_err()
    );
    // Once more changes nothing and records nothing.
    world.set_enabled("vc1", false).await.unwrap();
    world.set_enabled("vc1", true).await.unwrap();
    assert!(
        world
            .admin
            .store
            .clients()
            .admit(&fingerprint, NOW, 0)
            .is_ok()
    );
    world.remove("vc1", None).await.unwrap();
    assert!(world.admin.store.clients().holder(&fingerprint).is_none());
    assert_eq!(
        world.run(Request::ClientList).await.unwrap(),
        Response::Clients(Vec::new())
    );

    let trail = world.trail(1).await;
    let verbs = ["add", "disable", "enable", "remove"];
    assert_eq!(trail.len(), verbs.len());
    for (event, verb) in trail.iter().zip(verbs) {
        assert_eq!(
            event["action"],
            format!("vmware-solutions.kmip-client.{verb}")
        );
        assert_eq!(event["requestData"]["label"], "vc1");
        assert_eq!(event["target"]["name"], added.id);
        assert!(
            event["logSourceCRN"]
                .as_str()
                .unwrap()
                .contains(":eu-de:a/acc:")
        );
    }
    assert_eq!(
        trail[0]["requestData"]["fingerprint"],
        fingerprint.to_string()
    );
    assert_eq!(trail[0]["requestData"]["subject"], "vcenter");
    assert_eq!(trail[0]["severity"], "critical");
}

#[tokio::test]
async fn an_issued_certificate_must_be_of_our_own_authority() {
    let world = world().await;
    let issued = world
        .authority
        .issue_client("demo", KeyKind::EcdsaP256, NOW, 30)
        .unwrap();
    let request = ClientAdd {
        issued: true,
        ..addition("demo", &issued.certificate_pem)
    };
    let client = world.add(request).await.unwrap();
    assert_eq!(client.certificates[0].trust, "issued");
    assert_eq!(
        world.trail(1).await[0]["action"],
        "vmware-solutions.kmip-client.issue"
    );

    let foreign = own_certificate("foreign");
    let request = ClientAdd {
        issued: true,
        ..addition("foreign", &foreign.certificate_pem)
    };
    let error = world.add(request).await.unwrap_err();
    assert!(
        error.message.starts_with("certificate: not issued here"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_enrolled_is_refused_by_name_and_leaves_no_event() {
    let world = world().await;
    let (first, second) = (own_certificate("first"), own_certificate("second"));
    world
        .add(addition("vc1", &first.certificate_pem))
        .await
        .unwrap();
    let pem = |issued: &Issued| issued.certificate_pem.clone();
    let chain = pem(&first) + &pem(&second);
    let key = String::from_utf8(second.key_pem.expose().to_vec()).unwrap();
    let cases = [
        (
            addition("../x", &pem(&second)),
            ErrorKind::Invalid,
            "label: a label is 1 to 64",
        ),
        (
            addition("vc1", &pem(&second)),
            ErrorKind::Conflict,
            "label: `vc1` is taken",
        ),
        (
            addition("vc2", &pem(&first)),
            ErrorKind::Conflict,
            "already enrolled for client `vc1`",
        ),
        (
            addition("vc2", &chain),
            ErrorKind::Invalid,
            "certificate: this contains 2 certificates",
        ),
        (
            addition("vc2", &key),
            ErrorKind::Invalid,
            "certificate: this contains a private key",
        ),
        (
            addition("vc2", ""),
            ErrorKind::Invalid,
            "certificate: the file is empty",
        ),
        (
            ClientAdd {
                renew: true,
                ..addition("vc2", &pem(&second))
            },
            ErrorKind::NotFound,
            "label: there is no client `vc2`",
        ),
        (
            ClientAdd {
                instance: Some("x".into()),
                ..addition("vc2", &pem(&second))
            },
            ErrorKind::NotFound,
            "instance: there is no instance `x`; the instances are: default",
        ),
    ];
    for (request, kind, text) in cases {
        let error = world.add(request).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(text), "{error}");
        assert!(!error.message.contains('\n'), "{error}");
    }
    assert_eq!(world.trail(0).await.len(), 2);
}

#[tokio::test]
async fn an_expired_certificate_is_not_enrolled() {
    let world = world().await;
    let made = own_certificate("late");
    world.clock.advance_ms(31 * 86_400_000);
    let error = world
        .add(addition("vc", &made.certificate_pem))
        .await
        .unwrap_err();
    assert!(
        error.message.starts_with("certificate: it expired on 20"),
        "{error}"
    );
}

#[tokio::test]
async fn a_renewal_adds_a_certificate_and_the_old_one_can_be_removed() {
    let world = world().await;
    let (old, new) = (own_certificate("old"), own_certificate("new"));
    world
        .add(addition("vc1", &old.certificate_pem))
        .await
        .unwrap();
    let request = ClientAdd {
        renew: true,
        ..addition("vc1", &new.certificate_pem)
    };
    assert_eq!(world.add(request).await.unwrap().certificates.len(), 2);
    let old = old.certificate.fingerprint();
    let left = world.remove("vc1", Some(old.to_string())).await.unwrap();
    assert_eq!(left.certificates.len(), 1);
    assert!(world.admin.store.clients().admit(&old, NOW, 0).is_err());
    let last = new.certificate.fingerprint();
    assert!(world.admin.store.clients().admit(&last, NOW, 0).is_ok());
    let error = world
        .remove("vc1", Some(last.to_string()))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("remove the client instead"),
        "{error}"
    );
    let error = world.remove("vc9", None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn all_that_goes_with_a_client_is_recorded() {
    let world = world().await;
    let first = own_certificate("one");
    world
        .add(addition("vc1", &first.certificate_pem))
        .await
        .unwrap();
    // Joined in one text, these would be more than an event keeps of a text.
    let mut expected = vec![first.certificate.fingerprint().to_string()];
    for _ in 0..19 {
        let made = own_certificate("more");
        let renewal = ClientAdd {
            renew: true,
            ..addition("vc1", &made.certificate_pem)
        };
        world.add(renewal).await.unwrap();
        expected.push(made.certificate.fingerprint().to_string());
    }
    let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
    world.trust("vc1", &ca, true).await.unwrap();
    let from = world.trail(0).await.len();
    world.remove("vc1", None).await.unwrap();
    let trail = world.trail(u64::try_from(from).unwrap()).await;
    let data = &trail[0]["requestData"];
    let texts = |value: &serde_json::Value| -> std::collections::BTreeSet<String> {
        let items = value.as_array().unwrap().iter();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts(&data["fingerprint"]), expected.into_iter().collect());
    let authorities = texts(&data["authority"]);
    assert_eq!(
        authorities,
        [ca.certificate().fingerprint().to_string()].into()
    );
}
