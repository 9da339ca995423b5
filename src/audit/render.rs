//! One event as one line for people.
//!
//! It is for reading at a terminal, not for machines: JSON is. Texts that come from elsewhere cannot
//! move the cursor or break the line: control characters are shown as `?`.

use super::event::{Event, Outcome, Target};
use super::failure::Failure;
use super::json;

/// Sequence, time, outcome, severity, action without its service, target, client's label and, for a
/// failure, the code and the cause.
#[must_use]
pub fn line(sequence: u64, event: &Event) -> String {
    let mut time = Vec::with_capacity(28);
    json::time(&mut time, event.time_ms);
    let time = String::from_utf8_lossy(&time);
    let target = match &event.target {
        Target::Key(id) => json::id_text(id),
        Target::Instance | Target::Resource(_) | Target::UnknownKey(_) | Target::Named { .. } => {
            event.target_name().unwrap_or_else(|| "-".to_owned())
        }
    };
    let mut line = format!(
        "{sequence} {time} {:<7} {:<8} {} {target} {}",
        event.outcome.as_str(),
        event.severity().as_str(),
        event.action.short_name(),
        event.initiator.name,
    );
    if event.outcome == Outcome::Failure {
        let cause = event
            .failure
            .map_or_else(|| event.reason.phrase(), Failure::sentence);
        line.push_str(&format!(" ({}: {cause})", event.reason.code()));
    }
    line.replace(|c: char| c.is_control(), "?")
}
