//! The tables of the trail in Markdown: `docs/events.md` holds them as they are written here.
//!
//! A test compares the two, so that the page never says anything else than the code.

use std::fmt::Write as _;

use super::action::{Action, Kind};
use super::event::Outcome;
use super::failure::Failure;
use super::severity::Severity;

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
