//! Messages to an instance that asks for a user name and a password.

use super::*;
use crate::crypto::{Cost, PasswordHash};
use crate::domain::Credential;
use crate::kmip::enums::QueryFunction;
use crate::kmip::message::{Credential as Offered, DeviceCredential, Password};

/// A credential whose hash costs little.
fn credential(username: &str, password: &str) -> Arc<Credential> {
    let cost = Cost::new(64, 1, 1).unwrap();
    let password = PasswordHash::make(password.as_bytes(), cost, &SystemRandom).unwrap();
    let username = username.to_owned();
    Arc::new(Credential { username, password })
}

fn login(username: &str, password: &str) -> Offered {
    Offered::UsernameAndPassword {
        username: username.to_owned(),
        password: Some(Password::new(password.to_owned())),
    }
}

fn attributes(uid: &str, names: &[&str]) -> RequestPayload {
    RequestPayload::GetAttributes(payload::get_attributes::Request {
        unique_identifier: Some(uid.to_owned()),
        names: names
            .iter()
            .map(|name| AttributeName::from_text(name))
            .collect(),
    })
}

fn add(uid: &str, attribute: Attribute) -> RequestPayload {
    RequestPayload::AddAttribute(payload::add_attribute::Request {
        unique_identifier: Some(uid.to_owned()),
        attribute,
    })
}

/// One of every operation there is, about one key.
fn everything(uid: &str) -> Vec<RequestPayload> {
    let about = || Some(uid.to_owned());
    vec![
        RequestPayload::DiscoverVersions(payload::discover_versions::Request::default()),
        RequestPayload::Query(payload::query::Request {
            functions: vec![QueryFunction::QueryOperations],
        }),
        attributes(uid, &["x-Vendor"]),
        attributes(uid, &["x-Vendor", "x-Product"]),
        add(uid, custom("x-Vendor", "Acme")),
        attributes(uid, &[]),
        attributes(uid, &["State"]),
        attributes(uid, &["x-Vendor", "State"]),
        attributes(uid, &["y-Server"]),
        add(uid, custom("y-Vendor", "Acme")),
        add(uid, name("a name")),
        RequestPayload::GetAttributeList(payload::get_attribute_list::Request {
            unique_identifier: about(),
        }),
        RequestPayload::ModifyAttribute(payload::modify_attribute::Request {
            unique_identifier: about(),
            attribute: custom("x-Vendor", "Other"),
        }),
        RequestPayload::DeleteAttribute(payload::delete_attribute::Request {
            unique_identifier: about(),
            name: AttributeName::from_text("x-Vendor"),
            index: None,
        }),
        create(Vec::new()),
        get(about()),
        locate(Vec::new()),
        activate(about()),
        revoke(about(), RevocationReasonCode::Unspecified),
        destroy(about()),
    ]
}

/// How many of [`everything`], from the first, are what vCenter sends without a password.
const WITHOUT: usize = 5;

impl Fixture {
    /// A fixture whose instance `ours` asks for `vc` and `secret-word`.
    async fn asking() -> Self {
        let fixture = Self::new().await;
        fixture.ask_for(Some(credential("vc", "secret-word"))).await;
        fixture
    }

    async fn ask_for(&self, credential: Option<Arc<Credential>>) {
        let event = Event {
            id: EventId::new(NOW_MS, [9; 10]),
            time_ms: NOW_MS,
            action: Action::InstanceCredentialSet,
            outcome: Outcome::Success,
            initiator: Arc::new(Initiator::local_user(0, "root")),
            scope: Arc::clone(&self.ours.scope),
            target: Target::Instance,
            reason: ReasonCode::Ok,
            failure: None,
            request: Data::new(),
            response: Data::new(),
            correlation: RequestId::new(NOW_MS, [9; 10]),
        };
        let mut changeset = Changeset::new(event);
        changeset.write(match credential {
            Some(credential) => Write::Credential(self.ours.instance, credential),
            None => Write::CredentialCleared(self.ours.instance),
        });
        self.service.store().apply(changeset).await.unwrap();
    }

    /// The Result Reason of each item of one message, sent with these credentials and Continue.
    async fn reasons(
        &self,
        offered: Vec<Offered>,
        payloads: Vec<RequestPayload>,
    ) -> Vec<Option<ResultReason>> {
        let mut header = RequestHeader::new(ProtocolVersion::V1_4);
        header.continuation = Some(BatchErrorContinuationOption::Continue);
        header.authentication = offered;
        let answered = self.exchange(&self.ours, &header, payloads).await.0;
        answered.iter().map(|answered| answered.reason).collect()
    }

    /// The Result Reason of one Discover Versions with a credential.
    async fn discover(&self, offered: Offered) -> Option<ResultReason> {
        let payload = payload::discover_versions::Request::default();
        let payloads = vec![RequestPayload::DiscoverVersions(payload)];
        self.reasons(vec![offered], payloads).await[0]
    }

    async fn last_failure(&self) -> String {
        let events = self.events().await;
        let failure = events.last().and_then(|event| event.failure);
        failure.expect("a failure").sentence().to_owned()
    }
}

const REFUSED: Option<ResultReason> = Some(ResultReason::AuthenticationNotSuccessful);

#[tokio::test]
async fn without_a_credential_only_what_vcenter_sends_without_it_is_carried_out() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(Vec::new()).await;
    fixture.ask_for(Some(credential("vc", "secret-word"))).await;
    let reasons = fixture.reasons(Vec::new(), everything(&uid)).await;
    for (index, reason) in reasons.iter().enumerate() {
        let expected = if index < WITHOUT { None } else { REFUSED };
        assert_eq!(*reason, expected, "item {index}");
    }
    let events = fixture.events().await;
    let missing: Vec<_> = events
        .iter()
        .filter(|event| event.failure.is_some())
        .collect();
    assert_eq!(missing.len(), everything(&uid).len() - WITHOUT);
    for event in &missing {
        assert_eq!(event.reason, ReasonCode::Unauthorized);
        assert_eq!(
            event.failure.unwrap().sentence(),
            "the credential is missing"
        );
    }
    // The key that a refused item names is in its event.
    let id = uid.parse().unwrap();
    let named = missing
        .iter()
        .filter(|event| event.target == Target::Key(id));
    assert_eq!(
        named.count(),
        missing.len() - 2,
        "all but Create and Locate"
    );
}

#[tokio::test]
async fn a_wrong_credential_fails_every_item_and_touches_nothing() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![custom("x-Vendor", "Acme")]).await;
    fixture.ask_for(Some(credential("vc", "secret-word"))).await;
    let id = uid.parse().unwrap();
    let versions = async || {
        let object = fixture.service.store().object_fresh(id).await.unwrap();
        let object = object.unwrap();
        (
            object.state_version,
            object.attributes_version,
            object.last_read,
        )
    };
    let before = versions().await;
    for wrong in [
        login("vc", "secret-wort"),
        login("vd", "secret-word"),
        login("", "secret-word"),
        login("vc", ""),
        login("vc", &"w".repeat(2000)),
        Offered::UsernameAndPassword {
            username: "vc".to_owned(),
            password: None,
        },
        Offered::Device(DeviceCredential::default()),
    ] {
        let reasons = fixture.reasons(vec![wrong], everything(&uid)).await;
        assert!(
            reasons.iter().all(|reason| *reason == REFUSED),
            "{reasons:?}"
        );
        assert_eq!(fixture.last_failure().await, "the credential is wrong");
    }
    assert_eq!(versions().await, before);
    let text = format!("{:?}", fixture.events().await);
    assert!(!text.contains("secret-wor"), "{text}");
}

#[tokio::test]
async fn the_right_credential_opens_everything() {
    let fixture = Fixture::asking().await;
    let right = || vec![login("vc", "secret-word")];
    let reasons = fixture.reasons(right(), vec![create(Vec::new())]).await;
    assert_eq!(reasons, [None]);
    let events = fixture.events().await;
    let Target::Key(id) = events.last().unwrap().target else {
        panic!("a key was made");
    };
    let reasons = fixture.reasons(right(), everything(&id.to_string())).await;
    assert!(!reasons.contains(&REFUSED), "{reasons:?}");
}

#[tokio::test]
async fn of_several_credentials_all_must_be_right() {
    let fixture = Fixture::asking().await;
    let ask = async |offered| fixture.reasons(offered, vec![create(Vec::new())]).await[0];
    let right = || login("vc", "secret-word");
    let device = || Offered::Device(DeviceCredential::default());
    assert_eq!(ask(vec![right(), right()]).await, None);
    assert_eq!(ask(vec![right(), login("vc", "other")]).await, REFUSED);
    assert_eq!(ask(vec![login("vc", "other"), right()]).await, REFUSED);
    assert_eq!(ask(vec![right(), device()]).await, REFUSED);
}

#[tokio::test]
async fn an_instance_that_asks_for_none_ignores_what_is_sent() {
    let fixture = Fixture::asking().await;
    let payloads = vec![create(Vec::new())];
    let mut header = RequestHeader::new(V);
    header.authentication = vec![login("any", "thing")];
    let answered = fixture.exchange(&fixture.theirs, &header, payloads).await.0;
    assert!(answered[0].is_success());
}

#[tokio::test]
async fn a_change_is_in_force_at_once_and_undoes_what_was_remembered() {
    let fixture = Fixture::asking().await;
    let ask = async |password| fixture.discover(login("vc", password)).await;
    assert_eq!(ask("secret-word").await, None);
    assert_eq!(ask("next-word").await, REFUSED);
    fixture.ask_for(Some(credential("vc", "next-word"))).await;
    assert_eq!(ask("secret-word").await, REFUSED);
    assert_eq!(ask("next-word").await, None);
    // The same user name and password, set anew, are looked at anew; and so it is when there is none in between.
    fixture.ask_for(None).await;
    assert_eq!(ask("anything").await, None);
    fixture.ask_for(Some(credential("vc", "secret-word"))).await;
    assert_eq!(ask("next-word").await, REFUSED);
    assert_eq!(ask("secret-word").await, None);
}

#[tokio::test]
async fn an_empty_user_name_is_one_too() {
    let fixture = Fixture::new().await;
    fixture.ask_for(Some(credential("", "secret-word"))).await;
    assert_eq!(fixture.discover(login("", "secret-word")).await, None);
    assert_eq!(fixture.discover(login("vc", "secret-word")).await, REFUSED);
}

#[tokio::test]
async fn too_many_wrong_ones_are_refused_unseen_and_the_right_one_waits_its_turn() {
    let fixture = Fixture::asking().await;
    let wrong = async |number: u32| fixture.discover(login("vc", &number.to_string())).await;
    let allowed = fixture.service.config().wrong_credentials_per_minute;
    for number in 0..allowed {
        assert_eq!(wrong(number).await, REFUSED);
        assert_eq!(fixture.last_failure().await, "the credential is wrong");
    }
    // What is known costs nothing and is still said to be wrong.
    assert_eq!(wrong(0).await, REFUSED);
    assert_eq!(fixture.last_failure().await, "the credential is wrong");
    let unseen = "too many wrong credentials; this one was not checked";
    assert_eq!(wrong(allowed).await, REFUSED);
    assert_eq!(fixture.last_failure().await, unseen);
    assert_eq!(fixture.discover(login("vc", "secret-word")).await, REFUSED);
    assert_eq!(fixture.last_failure().await, unseen);
    // Some of the allowance has grown back.
    fixture.clock.advance_ms(60_000 / i64::from(allowed) + 1);
    assert_eq!(fixture.discover(login("vc", "secret-word")).await, None);
    // What is known to be right stays so, whatever else the client sends.
    for number in 100..100 + 2 * allowed {
        assert_eq!(wrong(number).await, REFUSED);
    }
    assert_eq!(fixture.last_failure().await, unseen);
    assert_eq!(fixture.discover(login("vc", "secret-word")).await, None);
}

#[tokio::test]
async fn one_clients_wrong_ones_do_not_use_up_anothers_allowance() {
    let fixture = Fixture::asking().await;
    let clients = fixture.service.store().clients();
    let held = clients.labelled("client-1").unwrap();
    let second = Client {
        id: ClientId::new(NOW_MS, [7; 10]),
        label: "second".to_owned(),
        certificates: vec![EnrolledCertificate {
            fingerprint: Fingerprint::of(&[7]),
            ..held.certificates[0].clone()
        }],
        ..Client::clone(held)
    };
    let mut changeset = Changeset::new(fixture.events().await.remove(0));
    changeset.write(Write::Client(second));
    fixture.service.store().apply(changeset).await.unwrap();
    for number in 0..20 {
        let wrong = login("vc", &number.to_string());
        assert_eq!(fixture.discover(wrong).await, REFUSED);
    }
    assert_eq!(fixture.discover(login("vc", "secret-word")).await, REFUSED);
    let clients = fixture.service.store().clients();
    let second = clients
        .admit(&Fingerprint::of(&[7]), NOW_MS / 1000, 0)
        .unwrap()
        .identity;
    let mut header = RequestHeader::new(V);
    header.authentication = vec![login("vc", "secret-word")];
    let answered = fixture
        .exchange(&second, &header, vec![create(Vec::new())])
        .await;
    assert!(answered.0[0].is_success());
    // What one client has proved is known for the instance.
    assert_eq!(fixture.discover(login("vc", "secret-word")).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_all_answered_rightly() {
    let fixture = Arc::new(Fixture::asking().await);
    let ask = |number: u32| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move {
            let is_right = number.is_multiple_of(2);
            let password = if is_right { "secret-word" } else { "other" };
            let reason = fixture.discover(login("vc", password)).await;
            assert_eq!(reason.is_none(), is_right, "{number}");
        })
    };
    let asked: Vec<_> = (0..64).map(ask).collect();
    for asked in asked {
        asked.await.unwrap();
    }
    // One wrong password counts once, however often it comes.
    assert_eq!(fixture.discover(login("vc", "yet another")).await, REFUSED);
    assert_eq!(fixture.last_failure().await, "the credential is wrong");
}
