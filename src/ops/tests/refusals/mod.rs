//! Every operation of the table with each of its fields missing, of a wrong type, repeated, unknown; in each state; of another instance.
//!
//! `rows` says for each operation which fields it has and what is not as usual; here the fields are damaged one after the other, and
//! each damage is a message of its own whose answer and event are compared. An operation without a row fails the test.

mod header;
mod rows;
mod tree;

use super::*;
use crate::kmip::attribute::Field as Item;
use crate::kmip::enums::State;
use crate::kmip::operation::Operation;
use rows::{Row, row};
use tree::{Damage, all, damaged};

/// What the client and the trail are told: the Result Reason, and the reasonCode of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It was carried out.
    Done,
    /// It was refused.
    Refused(ResultReason, u16),
}

const MALFORMED: Told = Told::Refused(ResultReason::InvalidMessage, 400);
const INVALID_FIELD: Told = Told::Refused(ResultReason::InvalidField, 400);
const NOT_FOUND: Told = Told::Refused(ResultReason::ItemNotFound, 404);
const DENIED: Told = Told::Refused(ResultReason::PermissionDenied, 409);

/// The states in the order of the columns of `Row::states`.
const STATES: [State; 6] = [
    State::PreActive,
    State::Active,
    State::Deactivated,
    State::Compromised,
    State::Destroyed,
    State::DestroyedCompromised,
];

fn implemented() -> impl Iterator<Item = (Operation, Row)> {
    let known = Operation::ALL.iter().filter(|one| one.is_implemented());
    known.map(|operation| {
        let row = row(*operation).unwrap_or_else(|| panic!("{operation} has no row here"));
        (*operation, row)
    })
}

/// A message of one item, in 1.4.
fn message(operation: Operation, payload: &[Item]) -> Vec<u8> {
    let version = ProtocolVersion::V1_4;
    let mut writer = ttlv::Writer::default();
    writer.structure(Tag::RequestMessage, |writer| {
        writer.structure(Tag::RequestHeader, |writer| {
            version.encode(writer);
            writer.integer(Tag::BatchCount, 1);
        });
        writer.structure(Tag::BatchItem, |writer| {
            writer.enumeration(Tag::Operation, operation.code());
            writer.structure(Tag::RequestPayload, |writer| {
                for item in payload {
                    item.value.encode(writer, item.tag);
                }
            });
        });
    });
    writer.into_bytes()
}

impl Fixture {
    /// A key in this state, with the attribute that the rows change.
    async fn key_in(&self, state: State) -> String {
        use RevocationReasonCode::{KeyCompromise, Superseded};
        let uid = self.create(vec![custom("x-kept", "value")]).await;
        let it = || Some(uid.clone());
        let steps = match state {
            State::PreActive => vec![],
            State::Active => vec![activate(it())],
            State::Deactivated => vec![activate(it()), revoke(it(), Superseded)],
            State::Compromised => vec![revoke(it(), KeyCompromise)],
            State::Destroyed => vec![destroy(it())],
            State::DestroyedCompromised => vec![revoke(it(), KeyCompromise), destroy(it())],
        };
        if !steps.is_empty() {
            let answered = self.send(V, None, steps).await;
            assert!(answered.iter().all(Answered::is_success), "{state:?}");
        }
        uid
    }
}

/// A fixture, how many of its events were looked at, and what was not as expected.
struct Table {
    fixture: Fixture,
    seen: u64,
    cells: usize,
    wrong: Vec<String>,
}

impl Table {
    async fn new() -> Self {
        Self {
            fixture: Fixture::new().await,
            seen: 0,
            cells: 0,
            wrong: Vec::new(),
        }
    }

    /// The events since this was asked last.
    async fn events(&mut self) -> Vec<Event> {
        let events = self.fixture.events_from(self.seen).await;
        self.seen += u64::try_from(events.len()).unwrap();
        events
    }

    /// Sends a message and compares the answer to its only item, and its event, which is returned.
    async fn compare(
        &mut self,
        identity: &Arc<Identity>,
        bytes: &[u8],
        cell: Cell<'_>,
    ) -> Option<Event> {
        self.events().await;
        let answer = self.fixture.service.answer(identity, bytes).await;
        let message = ResponseMessage::decode(&answer.bytes, &ttlv::Limits::default()).unwrap();
        let [item] = &message.items[..] else {
            panic!("one item: {cell:?}");
        };
        let mut events = self.events().await;
        let (event, more) = (events.pop(), events.len());
        let answered = match (item.status, item.reason) {
            (ResultStatus::Success, None) => Told::Done,
            (_, reason) => {
                let reason = reason.expect("a failure has a reason");
                Told::Refused(
                    reason,
                    event.as_ref().map_or(0, |event| event.reason.code()),
                )
            }
        };
        let recorded = event
            .as_ref()
            .map(|event| (event.action, event.outcome, event.reason.code()));
        let expected = match cell.told {
            Told::Refused(_, code) => Some((cell.action, Outcome::Failure, code)),
            Told::Done => cell
                .success
                .map(|code| (cell.action, Outcome::Success, code)),
        };
        let as_expected = answered == cell.told
            && recorded == expected
            && item.operation == cell.operation
            && more == 0
            && !answer.close;
        if !as_expected {
            self.wrong.push(format!(
                "{} of {:?}, to be {:?}: {answered:?}, {recorded:?}",
                cell.what, cell.operation, cell.told
            ));
        }
        self.cells += 1;
        event
    }

    #[track_caller]
    fn check(self, least: usize) {
        assert!(
            self.wrong.is_empty(),
            "not as the table says:\n{}",
            self.wrong.join("\n")
        );
        assert!(self.cells >= least, "only {} cells", self.cells);
    }
}

/// One message of the table and what comes of it.
#[derive(Debug)]
struct Cell<'a> {
    /// What is damaged, for whoever reads a failure.
    what: &'a str,
    /// The operation of the answer.
    operation: Option<Operation>,
    told: Told,
    action: Action,
    /// The reasonCode of a success; nothing where it leaves no event.
    success: Option<u16>,
}

impl Row {
    fn cell<'a>(&self, operation: Operation, what: &'a str, told: Told) -> Cell<'a> {
        Cell {
            what,
            operation: Some(operation),
            told,
            action: self.action,
            success: self.success,
        }
    }
}

#[tokio::test]
async fn every_field_of_every_operation_is_checked() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    for (operation, row) in implemented() {
        let whole = all(&(row.payload)(""));
        for (path, name) in &whole {
            for damage in Damage::ALL {
                let uid = table.fixture.key_in(row.state).await;
                let Some(payload) = damaged(&(row.payload)(&uid), path, damage) else {
                    continue;
                };
                let what = format!("{damage:?} {name}");
                let cell = row.cell(operation, &what, row.told(damage, name));
                table
                    .compare(&ours, &message(operation, &payload), cell)
                    .await;
            }
        }
        for named in row.named() {
            let known = whole.iter().any(|(_, name)| name == named);
            assert!(known, "{operation} has no {named}");
        }
    }
    table.check(150);
}

#[tokio::test]
async fn fields_for_what_is_not_supported_are_refused() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    for (operation, row) in implemented() {
        for (field, told) in &row.refused {
            let uid = table.fixture.key_in(row.state).await;
            let mut payload = (row.payload)(&uid);
            payload.push(field.clone());
            let what = format!("with {field:?}");
            let cell = row.cell(operation, &what, *told);
            table
                .compare(&ours, &message(operation, &payload), cell)
                .await;
            let last = payload.len() - 1;
            let payload = damaged(&payload, &[last], Damage::WrongType).unwrap();
            let cell = row.cell(operation, &what, MALFORMED);
            table
                .compare(&ours, &message(operation, &payload), cell)
                .await;
        }
    }
    table.check(4);
}

#[tokio::test]
async fn every_operation_is_refused_in_the_states_that_do_not_allow_it() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    for (operation, row) in implemented() {
        let Some(states) = row.states else { continue };
        for (state, told) in STATES.into_iter().zip(states) {
            let uid = table.fixture.key_in(state).await;
            let what = format!("{state:?}");
            let cell = row.cell(operation, &what, told);
            let bytes = message(operation, &(row.payload)(&uid));
            let event = table.compare(&ours, &bytes, cell).await.expect("an event");
            assert_eq!(
                event.target,
                Target::Key(uid.parse().unwrap()),
                "{operation}"
            );
        }
    }
    table.check(6 * 7);
}

#[tokio::test]
async fn no_operation_reaches_a_key_of_another_instance() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    let theirs = Arc::clone(&table.fixture.theirs);
    for (operation, row) in implemented().filter(|(_, row)| row.states.is_some()) {
        let uid = table.fixture.key_in(row.state).await;
        for (identity, uid, told) in [
            (&theirs, uid.as_str(), NOT_FOUND),
            (&ours, "00000000-0000-7000-8000-000000000000", NOT_FOUND),
            (&ours, "no identifier", NOT_FOUND),
            (&ours, "", NOT_FOUND),
            (&ours, uid.as_str(), Told::Done),
        ] {
            let cell = row.cell(operation, uid, told);
            let bytes = message(operation, &(row.payload)(uid));
            let event = table
                .compare(identity, &bytes, cell)
                .await
                .expect("an event");
            assert_eq!(event.scope, identity.scope, "in the trail of who asked");
        }
    }
    table.check(5 * 7);
}
