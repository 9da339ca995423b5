//! The tables of the trail in Markdown: `docs/events.md` holds them as they are written here.
//!
//! A test compares the two, so that the page never says anything else than the code.

use std::fmt::Write as _;
use std::sync::Arc;

use super::action::{Action, Kind};
use super::data::{Data, Field};
use super::event::{Event, Outcome, Target};
use super::failure::Failure;
use super::json;
use super::reason::ReasonCode;
use super::severity::Severity;
use crate::crypto::Fingerprint;
use crate::domain::{EventId, Initiator, InitiatorKind, ObjectId, RequestId, Scope};

/// Every action of one set: `kmip`, `management` or `extended`.
#[must_use]
pub fn actions(kind: Kind) -> String {
    let mut table = String::from(
        "| action | meaning | severity | dataEvent | global | target typeURI |\n\
         |---|---|---|---|---|---|\n",
    );
    let of_this_set = |action: &&Action| action.kind() == kind;
    for action in Action::ALL.iter().filter(of_this_set) {
        let yes_no = |flag: bool| if flag { "yes" } else { "no" };
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} | `{}` |",
            action.name(),
            action.description(),
            action.severity().as_str(),
            yes_no(action.data_event()),
            yes_no(action.global()),
            action.type_uri(),
        )
        .expect("a String takes every character");
    }
    table
}

/// Every cause of a failure, with the severity that an event has at least because of it.
#[must_use]
pub fn causes() -> String {
    let mut table = String::from(
        "| reasonCode | reasonType | reasonForFailure | severity at least |\n|---|---|---|---|\n",
    );
    let mut causes = Failure::ALL.to_vec();
    causes.sort_by_key(|cause| cause.reason().code());
    for cause in causes {
        let reason = cause.reason();
        // An action whose own severity is the lowest shows that of the cause.
        let severity = Severity::for_event(Action::KeyCreate, Outcome::Failure, reason);
        writeln!(
            table,
            "| {} | {} | {} | {} |",
            reason.code(),
            reason.phrase(),
            cause.sentence(),
            severity.as_str(),
        )
        .expect("a String takes every character");
    }
    table
}

/// Every kind of initiator, by what its id looks like.
#[must_use]
pub fn initiators() -> String {
    let mut table = String::from("| id | who | typeURI | credential.type |\n|---|---|---|---|\n");
    for kind in InitiatorKind::ALL.iter().copied() {
        let (id, who) = match kind {
            InitiatorKind::Certificate => ("`CertificateID-<fingerprint>`", "a KMIP client"),
            InitiatorKind::LocalUser => (
                "`LocalUser-<uid>`",
                "a user of the server's machine, by the command line",
            ),
            InitiatorKind::User => ("as it was recorded", "a person, in a management event"),
            InitiatorKind::ServiceId => ("as it was recorded", "a service, in a management event"),
            InitiatorKind::Server => ("`Server-<origin>`", "this server itself"),
            InitiatorKind::ApiKey => ("`ApiKey-<id>`", "an API key of the administration API"),
            InitiatorKind::Administrator => (
                "`CertificateID-<fingerprint>`",
                "an administrator, by a client certificate of the administration API",
            ),
        };
        let (type_uri, credential) = json::kind_of_party(kind);
        let credential = credential.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
        writeln!(
            table,
            "| {id} | {who} | `service/security/{type_uri}` | {credential} |"
        )
        .expect("a String takes every character");
    }
    table
}

/// Every member of `requestData` and `responseData` that this program writes.
#[must_use]
pub fn members() -> String {
    let mut table = String::from("| member | meaning |\n|---|---|\n");
    for field in Field::ALL {
        writeln!(table, "| `{}` | {} |", field.name(), field.meaning())
            .expect("a String takes every character");
    }
    table
}

/// An event, as one block of JSON: as it is sealed, and in strict CADF.
#[must_use]
pub fn examples() -> (String, String) {
    let (mut sealed, mut cadf) = (Vec::new(), Vec::new());
    let event = example();
    event.write_json(&mut sealed);
    event.write_cadf_json("node-1", &mut cadf);
    let block = |json: &[u8]| format!("```json\n{}\n```\n", String::from_utf8_lossy(json));
    (block(&sealed), block(&cadf))
}

/// A Get of a key that is there.
fn example() -> Event {
    let key = ObjectId::from_bytes(0x01a2_07cb_105f_7000_8800_0000_0000_0001_u128.to_be_bytes());
    Event {
        id: EventId::from_bytes(0x01a2_0847_02d7_7000_8800_0000_0000_0002_u128.to_be_bytes()),
        time_ms: 1_795_435_201_239,
        action: Action::KeyRead,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::certificate(
            Fingerprint::from_bytes([0x5e; 32]),
            "vcenter-1",
        )),
        scope: Arc::new(Scope {
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
            account: Scope::DEFAULT_ACCOUNT.to_owned(),
            location: "eu-de".to_owned(),
            instance: "01a20320-a6d7-7000-8800-000000000003".to_owned(),
        }),
        target: Target::Key(key),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new()
            .text(Field::Operation, "Get")
            .text(Field::ProtocolVersion, "1.4")
            .number(Field::BatchItem, 0)
            .id(Field::UniqueIdentifier, key),
        response: Data::new()
            .text(Field::ResultStatus, "Success")
            .text(Field::State, "Active")
            .number(Field::ObjectVersion, 2),
        correlation: RequestId::from_bytes(
            0x01a2_0847_02d7_7000_8800_0000_0000_0004_u128.to_be_bytes(),
        ),
    }
}
