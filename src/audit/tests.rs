//! The event format as a whole: exact bytes, bounds, what is stored, what is found.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::filter::{self, ActionPattern};
use super::record::{self, RecordError, Resolve};
use super::{
    Action, Data, Event, EventFilter, Failure, Field, Kind, Outcome, ReasonCode, Severity, Target,
    action, render,
};
use crate::crypto::Fingerprint;
use crate::domain::{EventId, Initiator, InitiatorKind, ObjectId, RequestId, Scope};

/// 2026-11-23T12:00:01.239 UTC.
const NOON_MS: i64 = 1_795_435_201_239;
const KEY_TEXT: &str = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";

struct One {
    initiator: Arc<Initiator>,
    scope: Arc<Scope>,
}

impl Resolve for One {
    fn initiator(&self, id: u32) -> Option<Arc<Initiator>> {
        (id == 7).then(|| Arc::clone(&self.initiator))
    }
    fn scope(&self, id: u32) -> Option<Arc<Scope>> {
        (id == 300).then(|| Arc::clone(&self.scope))
    }
}

fn resolver(event: &Event) -> One {
    One {
        initiator: Arc::clone(&event.initiator),
        scope: Arc::clone(&event.scope),
    }
}

fn key() -> ObjectId {
    ObjectId::from_bytes([0xaa; 16])
}

fn event(action: Action) -> Event {
    let scope = Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: "acc".to_owned(),
        location: "eu-de".to_owned(),
        instance: "inst".to_owned(),
    };
    Event {
        id: EventId::from_bytes([0x01; 16]),
        time_ms: NOON_MS,
        action,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::certificate(
            Fingerprint::from_bytes([0xcd; 32]),
            "vc-01",
        )),
        scope: Arc::new(if action.global() {
            scope.global()
        } else {
            scope
        }),
        target: Target::Key(key()),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: RequestId::from_bytes([0x02; 16]),
    }
}

fn failed(action: Action, failure: Failure) -> Event {
    Event {
        outcome: Outcome::Failure,
        reason: failure.reason(),
        failure: Some(failure),
        ..event(action)
    }
}

fn json(event: &Event) -> String {
    let mut out = Vec::new();
    event.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    record::encode(event, 7, 300, &mut out);
    out
}

fn decoded(event: &Event) -> Event {
    record::decode(&encoded(event), &resolver(event)).unwrap()
}

fn get() -> Event {
    let request = Data::new()
        .text(Field::Operation, "Get")
        .text(Field::ProtocolVersion, "1.2")
        .number(Field::BatchItem, 1)
        .text(Field::UniqueIdentifier, KEY_TEXT);
    let response = Data::new()
        .text(Field::ResultStatus, "Success")
        .text(Field::State, "Active")
        .number(Field::ObjectVersion, 3)
        .text(Field::UniqueIdentifier, KEY_TEXT);
    Event {
        request,
        response,
        ..event(Action::KeyRead)
    }
}

const CD: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const EVENT_ID: &str = "01010101-0101-0101-0101-010101010101";
const CORRELATION: &str = "02020202-0202-0202-0202-020202020202";

fn initiator_json() -> String {
    format!(
        r#""initiator":{{"id":"CertificateID-{CD}","name":"vc-01","typeURI":"service/security/client/certificateid","credential":{{"type":"certificate"}}}}"#
    )
}

#[test]
fn a_created_key_has_exactly_this_json() {
    let created = Event {
        reason: ReasonCode::Created,
        request: Data::new()
            .text(Field::Operation, "Create")
            .number(Field::CryptographicLength, 256)
            .list(Field::AttributeNames, ["x-\"1\"", "Name"])
            .flag(Field::Trust, true),
        response: Data::new().text(Field::UniqueIdentifier, KEY_TEXT),
        ..event(Action::KeyCreate)
    };
    let expected = format!(
        r#"{{"id":"{EVENT_ID}","eventTime":"2026-11-23T12:00:01.23+0000","action":"vmware-solutions.kmip-key.create","outcome":"success","message":"KMIP for VMware: create kmip-key {KEY_TEXT}","severity":"normal","dataEvent":false,{},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-key:{KEY_TEXT}","name":"{KEY_TEXT}","typeURI":"vmware-solutions/kmip-key"}},"observer":{{"name":"ActivityTracker"}},"reason":{{"reasonCode":201,"reasonType":"Created"}},"requestData":{{"operation":"Create","cryptographicLength":256,"attributeNames":["x-\"1\"","Name"],"trust":true}},"responseData":{{"uniqueIdentifier":"{KEY_TEXT}"}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst::","saveServiceCopy":true,"correlationId":"{CORRELATION}"}}"#,
        initiator_json()
    )
    .replace("x-\"1\"", "x-\\\"1\\\"");
    assert_eq!(json(&created), expected);
}

#[test]
fn a_read_of_an_unknown_key_has_exactly_this_json() {
    let refused = Event {
        target: Target::named_key("no such:key"),
        request: Data::new().text(Field::UniqueIdentifier, "no such:key"),
        ..failed(Action::KeyRead, Failure::ObjectNotFound)
    };
    let expected = format!(
        r#"{{"id":"{EVENT_ID}","eventTime":"2026-11-23T12:00:01.23+0000","action":"vmware-solutions.kmip-key.read","outcome":"failure","message":"KMIP for VMware: read kmip-key no_such_key -failure","severity":"warning","dataEvent":true,{},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-key:no_such_key","name":"no_such_key","typeURI":"vmware-solutions/kmip-key"}},"observer":{{"name":"ActivityTracker"}},"reason":{{"reasonCode":404,"reasonType":"Not Found","reasonForFailure":"the key does not exist"}},"requestData":{{"uniqueIdentifier":"no such:key"}},"responseData":{{}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst::","saveServiceCopy":true,"correlationId":"{CORRELATION}"}}"#,
        initiator_json()
    );
    assert_eq!(json(&refused), expected);
}

#[test]
fn a_refused_client_is_a_global_event_with_exactly_this_json() {
    let refused = Event {
        target: Target::Instance,
        ..failed(Action::ClientRefuse, Failure::CertificateUnknown)
    };
    let expected = format!(
        r#"{{"id":"{EVENT_ID}","eventTime":"2026-11-23T12:00:01.23+0000","action":"vmware-solutions.kmip-client.refuse","outcome":"failure","message":"KMIP for VMware: refuse kmip-client -failure","severity":"critical","dataEvent":false,{},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions::a/acc:::","typeURI":"vmware-solutions/kmip-client"}},"observer":{{"name":"ActivityTracker"}},"reason":{{"reasonCode":401,"reasonType":"Unauthorized","reasonForFailure":"the certificate belongs to no client"}},"requestData":{{}},"responseData":{{}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions::a/acc:::","saveServiceCopy":true,"correlationId":"{CORRELATION}"}}"#,
        initiator_json()
    );
    assert_eq!(json(&refused), expected);
}

#[test]
fn every_kind_of_initiator_has_its_type_and_none_has_a_host() {
    for (kind, type_uri, credential) in [
        (
            InitiatorKind::Certificate,
            "service/security/client/certificateid",
            Some("certificate"),
        ),
        (
            InitiatorKind::LocalUser,
            "service/security/account/user",
            Some("local"),
        ),
        (
            InitiatorKind::User,
            "service/security/account/user",
            Some("apikey"),
        ),
        (
            InitiatorKind::ServiceId,
            "service/security/account/serviceid",
            Some("apikey"),
        ),
        (InitiatorKind::Server, "service/security/server", None),
    ] {
        let initiator = Initiator {
            id: "i\n".to_owned(),
            name: "n".to_owned(),
            kind,
        };
        let event = Event {
            initiator: Arc::new(initiator),
            ..event(Action::ClientAdd)
        };
        let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
        let written = &parsed["initiator"];
        assert_eq!(written["id"], "i\n");
        assert_eq!(written["typeURI"], type_uri);
        assert_eq!(written["credential"]["type"].as_str(), credential);
        assert!(written.get("host").is_none());
        assert_eq!(written.get("credential").is_none(), credential.is_none());
    }
}

#[test]
fn a_resource_is_named_by_the_actions_object_type() {
    let event = Event {
        target: Target::Resource("c1\"".to_owned()),
        ..event(Action::ClientDisable)
    };
    let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
    let crn = "crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-client:c1\"";
    assert_eq!(parsed["target"]["id"], crn);
    assert_eq!(
        parsed["message"],
        "KMIP for VMware: disable kmip-client c1\""
    );
    assert_eq!(event.message(), "KMIP for VMware: disable kmip-client c1\"");
}

#[test]
fn times_are_those_of_the_calendar() {
    for (time_ms, text) in [
        (0, "1970-01-01T00:00:00.00+0000"),
        (-1, "1969-12-31T23:59:59.99+0000"),
        (951_782_400_000, "2000-02-29T00:00:00.00+0000"),
        (4_107_542_399_999, "2100-02-28T23:59:59.99+0000"),
        (i64::MAX, "9999-12-31T23:59:59.99+0000"),
        (i64::MIN, "0001-01-01T00:00:00.00+0000"),
    ] {
        let event = Event {
            time_ms,
            ..event(Action::KeyRead)
        };
        assert!(json(&event).contains(text), "{text}: {}", json(&event));
    }
}

/// One row an action: severity of a success, of a plain failure, of an unauthorised one.
#[test]
fn severity_is_the_higher_of_action_and_cause() {
    use Severity::{Critical, Normal, Warning};
    for (action, own) in [
        (Action::KeyCreate, Normal),
        (Action::KeyRead, Normal),
        (Action::AttributesRetrieve, Normal),
        (Action::KeyLocate, Normal),
        (Action::KeyActivate, Warning),
        (Action::KeyRevoke, Warning),
        (Action::AttributesAdd, Warning),
        (Action::AttributesModify, Warning),
        (Action::VcsUpdate, Warning),
        (Action::KeyDestroy, Critical),
        (Action::ServiceDelete, Critical),
        (Action::InstanceSecureDataWipe, Critical),
        (Action::AccountApikeyUpdate, Critical),
    ] {
        for reason in ReasonCode::ALL.iter().copied() {
            let of_cause = if [401, 403, 503, 507].contains(&reason.code()) {
                Critical
            } else {
                Warning
            };
            let severity = |outcome| Severity::for_event(action, outcome, reason);
            assert_eq!(severity(Outcome::Success), own, "{action:?} {reason:?}");
            assert_eq!(severity(Outcome::Pending), own, "{action:?} {reason:?}");
            assert_eq!(
                severity(Outcome::Failure),
                own.max(of_cause),
                "{action:?} {reason:?}"
            );
        }
    }
}

#[test]
fn names_and_codes_of_every_table_are_unique_and_lead_back() {
    let mut names = HashSet::new();
    let mut codes = HashSet::new();
    for action in Action::ALL.iter().copied() {
        assert!(
            names.insert(action.name()) && codes.insert(action.code()),
            "{action:?}"
        );
        assert_eq!(Action::from_name(action.name()), Some(action));
        assert_eq!(Action::from_code(action.code()), Some(action));
        assert!(
            action.kind() != Kind::Management || action.global(),
            "{action:?}"
        );
    }
    assert_eq!(Action::from_code(0), None);
    for field in Field::ALL.iter().copied() {
        assert!(names.insert(field.name()), "{field:?}");
        assert_eq!(Field::from_code(field.code()), Some(field));
    }
    for failure in Failure::ALL.iter().copied() {
        assert!(
            names.insert(failure.sentence()) && failure.code() != 0,
            "{failure:?}"
        );
        assert_eq!(Failure::from_code(failure.code()), Some(failure));
    }
    for reason in ReasonCode::ALL.iter().copied() {
        assert_eq!(ReasonCode::from_code(reason.code()), Some(reason));
    }
}

#[test]
fn every_action_of_the_services_documentation_is_in_the_table() {
    let of = |kind| {
        Action::ALL
            .iter()
            .filter(|action| action.kind() == kind)
            .count()
    };
    assert_eq!((of(Kind::Kmip), of(Kind::Management)), (6, 20));
    let shared = option_env!("KEYLEDGER_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let Ok(page) = std::fs::read_to_string(shared.join("seed/at-events.md")) else {
        println!("skipped: the service's documentation is not here");
        return;
    };
    let named: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with(action::SERVICE))
        .collect();
    assert_eq!(named.len(), 26);
    for name in named {
        let kind = Action::from_name(name).map(Action::kind);
        assert!(
            matches!(kind, Some(Kind::Kmip | Kind::Management)),
            "{name}: {kind:?}"
        );
    }
}

#[test]
fn an_event_stays_small_whatever_it_is_made_of() {
    let names = || (0..10_000).map(|n| format!("x-attribute-\u{1}-{n:0200}"));
    let data = || {
        Data::new()
            .number(Field::Count, 10_000)
            .list(Field::AttributeNames, names())
            .text(Field::Label, "\u{1}".repeat(100_000))
    };
    let large = Event {
        request: data(),
        response: data(),
        ..event(Action::AttributesRetrieve)
    };
    assert!(
        json(&large).len() <= Event::BYTES_MAX,
        "{}",
        json(&large).len()
    );
    let parsed: serde_json::Value = serde_json::from_str(&json(&large)).unwrap();
    assert_eq!(parsed["requestData"]["count"], 10_000);
    let listed = parsed["requestData"]["attributeNames"].as_array().unwrap();
    assert_eq!(listed.last().unwrap(), "…");
    assert_eq!(json(&decoded(&large)), json(&large));

    let mut full = Data::new();
    for _ in 0..1000 {
        full = full.text(Field::Label, "\u{1}".repeat(2000));
    }
    let full = Event {
        request: full.clone(),
        response: full,
        ..event(Action::KeyRead)
    };
    assert!(
        json(&full).len() <= Event::BYTES_MAX,
        "{}",
        json(&full).len()
    );
}

#[test]
fn a_list_that_fits_is_whole() {
    let names: Vec<String> = (0..200).map(|n| format!("x-{n}")).collect();
    let request = Data::new().list(Field::AttributeNames, &names);
    let event = Event {
        request,
        ..event(Action::AttributesRetrieve)
    };
    let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
    assert_eq!(
        parsed["requestData"]["attributeNames"]
            .as_array()
            .unwrap()
            .len(),
        200
    );
}

#[test]
fn the_record_of_a_read_is_small() {
    let record = encoded(&get());
    assert!(record.len() <= 200, "{} bytes", record.len());
    assert_eq!(decoded(&get()), get());
}

#[test]
fn the_head_of_a_record_is_that_of_the_event() {
    let head = record::peek(&encoded(&get())).unwrap();
    assert_eq!(
        (head.action, head.outcome),
        (Action::KeyRead, Outcome::Success)
    );
    assert_eq!(
        (head.time_ms, head.initiator, head.scope),
        (NOON_MS, 7, 300)
    );
    assert_eq!(head.object, Some(key()));
}

#[test]
fn a_record_from_elsewhere_is_refused() {
    let resolve = resolver(&get());
    let mut record = encoded(&get());
    assert_eq!(record::decode(&[], &resolve), Err(RecordError::Damaged));
    for length in 0..60 {
        assert!(
            record::decode(&record[..length], &resolve).is_err(),
            "{length}"
        );
    }
    record[0] = 9;
    assert_eq!(
        record::decode(&record, &resolve),
        Err(RecordError::Version(9))
    );
    let mut other = Vec::new();
    record::encode(&get(), 8, 300, &mut other);
    assert_eq!(
        record::decode(&other, &resolve),
        Err(RecordError::Initiator(8))
    );
    other.clear();
    record::encode(&get(), 7, 301, &mut other);
    assert_eq!(
        record::decode(&other, &resolve),
        Err(RecordError::Scope(301))
    );
}

/// The stored form is pinned: a change breaks every trail that exists.
#[test]
fn the_stored_form_does_not_change_between_releases() {
    let small = Event {
        request: Data::new()
            .text(Field::Operation, "Get")
            .id(Field::UniqueIdentifier, key()),
        response: Data::new().number(Field::ObjectVersion, -2),
        ..failed(Action::KeyRead, Failure::WrongState)
    };
    let time = hex::encode(NOON_MS.to_le_bytes());
    let (aa, one, two) = ("aa".repeat(16), "01".repeat(16), "02".repeat(16));
    let expected = format!(
        "01020001990102{time}07ac0201{aa}{one}{two}080100034765740406120103"
    );
    assert_eq!(hex::encode(encoded(&small)), expected);
}

#[test]
fn the_leaf_is_the_hash_of_the_json() {
    let mut scratch = b"left over".to_vec();
    let leaf = get().leaf_hash_into(&mut scratch);
    assert_eq!(scratch, json(&get()).into_bytes());
    assert_eq!(leaf, crate::crypto::digest::leaf_hash(&scratch));
}

#[test]
fn a_line_for_people_cannot_be_broken() {
    let initiator = Initiator::local_user(0, "ro\u{1b}[2J\not");
    let refused = failed(Action::KeyRead, Failure::WrongState);
    let refused = Event {
        initiator: Arc::new(initiator),
        ..refused
    };
    assert_eq!(
        render::line(42, &refused),
        format!(
            "42 2026-11-23T12:00:01.23+0000 failure warning  kmip-key.read {KEY_TEXT} \
             ro?[2J?ot (409: the key's state does not allow it)"
        )
    );
}

#[test]
fn actions_are_found_by_name_short_name_and_prefix() {
    let pattern = |text: &str| text.parse::<ActionPattern>();
    let exact = Ok(ActionPattern::Exact(Action::KeyRead));
    assert_eq!(pattern("vmware-solutions.kmip-key.read"), exact);
    assert_eq!(pattern("kmip-key.read"), exact);
    let keys = pattern("kmip-key.*").unwrap();
    assert!(keys.matches(Action::KeyRead) && !keys.matches(Action::AttributesRetrieve));
    assert!(pattern("*").unwrap().matches(Action::VcsCreate));
    assert!(pattern("vmware-*").unwrap().matches(Action::VcsCreate));
    for wrong in ["", "kmip-key.reed", "nothing*", "kmip-key"] {
        assert!(pattern(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn times_are_read_in_three_ways() {
    let read = |text: &str| filter::time_ms(text, NOON_MS);
    assert_eq!(read("15m"), Ok(NOON_MS - 900_000));
    assert_eq!(read("2h"), Ok(NOON_MS - 7_200_000));
    assert_eq!(read("7d"), Ok(NOON_MS - 604_800_000));
    assert_eq!(read("2026-11-23T12:00:01.239Z"), Ok(NOON_MS));
    assert_eq!(read("2026-11-23T13:00:01.239+01:00"), Ok(NOON_MS));
    assert_eq!(read("2026-11-23"), Ok(1_795_392_000_000));
    for wrong in [
        "",
        "m",
        "-5m",
        "yesterday",
        "2026-13-01",
        "2026-11-23T12:00",
        "99999999999999999d",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_filter_wants_what_meets_all_its_conditions() {
    let refused = failed(Action::KeyRead, Failure::WrongState);
    let head = record::peek(&encoded(&refused)).unwrap();
    let check = |filter: EventFilter, wanted: bool| {
        assert_eq!(filter.matches(&refused), wanted, "{filter:?}");
        assert!(!wanted || filter.may_match(&head), "{filter:?}");
        let copied = serde_json::from_str(&serde_json::to_string(&filter).unwrap()).unwrap();
        assert_eq!(filter, copied);
    };
    check(EventFilter::default(), true);
    for (text, wanted) in [
        ("kmip-key.read", true),
        ("kmip-*", true),
        ("kmip-key.create", false),
    ] {
        check(
            EventFilter {
                action: text.parse().ok(),
                ..EventFilter::default()
            },
            wanted,
        );
    }
    for (outcome, wanted) in [(Outcome::Failure, true), (Outcome::Success, false)] {
        check(
            EventFilter {
                outcome: Some(outcome),
                ..EventFilter::default()
            },
            wanted,
        );
    }
    let id = format!("CertificateID-{CD}");
    for (client, wanted) in [
        ("vc-01", true),
        (&id, true),
        (CD, true),
        (&CD[..8], true),
        (&CD[..7], false),
        ("vc-0", false),
        ("dcdcdcdc", false),
    ] {
        check(
            EventFilter {
                client: Some(client.to_owned()),
                ..EventFilter::default()
            },
            wanted,
        );
    }
    for (key, wanted) in [(KEY_TEXT, true), ("other", false), ("", false)] {
        check(
            EventFilter {
                key: Some(key.to_owned()),
                ..EventFilter::default()
            },
            wanted,
        );
    }
    for (since, until, wanted) in [
        (NOON_MS, NOON_MS + 1, true),
        (NOON_MS + 1, NOON_MS + 2, false),
        (NOON_MS - 1, NOON_MS, false),
    ] {
        let (since_ms, until_ms) = (Some(since), Some(until));
        check(
            EventFilter {
                since_ms,
                until_ms,
                ..EventFilter::default()
            },
            wanted,
        );
    }
}

#[test]
fn the_documentation_lists_the_table_of_actions() {
    const BEGIN: &str = "<!-- actions:begin -->\n";
    const END: &str = "<!-- actions:end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    let table = action::table_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(listed, table, "run this test with UPDATE_DOCS=1");
}

fn any_data() -> impl Strategy<Value = Data> {
    let text = prop_oneof![
        ".{0,40}",
        Just(KEY_TEXT.to_owned()),
        Just("a\"\\\n".to_owned())
    ];
    let value = (
        prop::sample::select(Field::ALL),
        0..4,
        text,
        any::<i64>(),
        prop::collection::vec(".{0,8}", 0..300),
    );
    prop::collection::vec(value, 0..6).prop_map(|values| {
        values.into_iter().fold(
            Data::new(),
            |data, (field, kind, text, number, list)| match kind {
                0 => data.text(field, text),
                1 => data.number(field, number),
                2 => data.flag(field, number > 0),
                _ => data.list(field, list),
            },
        )
    })
}

fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Instance),
        Just(Target::Key(key())),
        any::<[u8; 16]>().prop_map(|bytes| Target::Key(ObjectId::from_bytes(bytes))),
        ".{0,80}".prop_map(Target::Resource),
        ".{0,80}".prop_map(Target::UnknownKey),
        ".{0,80}".prop_map(|text| Target::named_key(&text)),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    (
        prop::sample::select(Action::ALL),
        prop::sample::select(Outcome::ALL),
        prop::sample::select(ReasonCode::ALL),
        prop::option::of(prop::sample::select(Failure::ALL)),
        any_target(),
        any_data(),
        any_data(),
        any::<i64>(),
    )
        .prop_map(
            |(action, outcome, reason, failure, target, request, response, time_ms)| Event {
                outcome,
                reason,
                failure,
                target,
                request,
                response,
                time_ms,
                ..event(action)
            },
        )
}

proptest! {
    #[test]
    fn what_is_stored_gives_the_same_json_again(event in any_event()) {
        let again = decoded(&event);
        prop_assert_eq!(json(&again), json(&event));
        prop_assert!(json(&event).len() <= Event::BYTES_MAX);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json(&event)).is_ok());
        prop_assert_eq!(again, event);
    }

    #[test]
    fn a_damaged_record_never_panics(event in any_event(), at in any::<usize>(), to in any::<u8>()) {
        let mut record = encoded(&event);
        let at = at % record.len();
        record[at] = to;
        for bytes in [&record[..], &record[..at]] {
            if let Ok(event) = record::decode(bytes, &resolver(&event)) {
                json(&event);
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let resolve = resolver(&get());
        if let Ok(event) = record::decode(&bytes, &resolve) {
            json(&event);
            prop_assert!(record::peek(&bytes).is_ok());
        }
    }
}
