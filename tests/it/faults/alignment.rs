//! What one client asked, beside the events of it in the trail.

use super::history::{Call, Deed, Outcome};
use crate::harness::Event;

/// What the trail says of a call of which nobody knew whether it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// It was answered.
    Known,
    /// It was done, to this key.
    Done(String),
    /// It was not.
    Not,
}

const fn action(deed: Deed) -> &'static str {
    match deed {
        Deed::Create => "kmip-key.create",
        Deed::Get => "kmip-key.read",
        Deed::State => "kmip-key-attributes.retrieve",
        Deed::Activate => "kmip-key.activate",
        Deed::Revoke(_) => "kmip-key.revoke",
        Deed::Destroy => "kmip-key.destroy",
    }
}

/// Whether it is the event of a call, as far as the client knows what came of it.
fn is_event_of(event: &Event, call: &Call) -> bool {
    let is_same = event.action() == action(call.deed)
        && call
            .key
            .as_deref()
            .is_none_or(|key| event.key() == Some(key));
    let is_success = event.outcome() == "success";
    is_same
        && match call.outcome {
            Outcome::Done(_) => is_success,
            Outcome::Refused => !is_success,
            Outcome::Unknown(_) => true,
        }
}

/// Finds the event of every call of one client: each call that was answered has one, in the order of the calls; one that was not may have one;
/// and there is no other event.
///
/// # Errors
/// The first call or event for which that is not so, with those before it.
pub(super) fn settle(calls: &[&Call], events: &[&Event]) -> Result<Vec<Settled>, String> {
    settled(calls, events, (0, 0)).map_err(|(call, event)| {
        let asked = calls[..calls.len().min(call + 1)].iter().rev().take(8).rev();
        let asked: Vec<_> = asked.map(|call| format!("{call:?}")).collect();
        let found = events[..events.len().min(event + 1)].iter().rev().take(8).rev();
        let found: Vec<_> = found.map(|event| event.line()).collect();
        format!(
            "call {call} of {} and event {event} of {} do not fit together, the last of these:\n{}\n{}",
            calls.len(),
            events.len(),
            asked.join("\n"),
            found.join("\n")
        )
    })
}

/// The same from a call and an event on. An error says how far it went.
fn settled(
    calls: &[&Call],
    events: &[&Event],
    (from, mut at): (usize, usize),
) -> Result<Vec<Settled>, (usize, usize)> {
    let mut settled_so_far = Vec::with_capacity(calls.len() - from);
    let mut furthest = (0, 0);
    for (number, call) in calls.iter().enumerate().skip(from) {
        let event = events.get(at).filter(|event| is_event_of(event, call));
        if !matches!(call.outcome, Outcome::Unknown(_)) {
            if event.is_none() {
                return Err(furthest.max((number, at)));
            }
            settled_so_far.push(Settled::Known);
            at += 1;
            continue;
        }
        // Both can be: it has an event, or the event is that of a later call. The rest tells.
        if let Some(event) = event {
            match settled(calls, events, (number + 1, at + 1)) {
                Ok(rest) => {
                    settled_so_far.push(match event.key() {
                        Some(key) if event.outcome() == "success" => Settled::Done(key.to_owned()),
                        _ => Settled::Not,
                    });
                    settled_so_far.extend(rest);
                    return Ok(settled_so_far);
                }
                Err(error) => furthest = furthest.max(error),
            }
        }
        settled_so_far.push(Settled::Not);
    }
    if at < events.len() {
        return Err(furthest.max((calls.len(), at)));
    }
    Ok(settled_so_far)
}

#[test]
fn what_was_not_answered_is_settled_by_the_trail() {
    let call = |deed, outcome: Outcome| Call {
        client: String::new(),
        node: 0,
        deed,
        key: Some("k".to_owned()),
        begun: std::time::Duration::ZERO,
        ended: std::time::Duration::ZERO,
        outcome,
    };
    let event = |action: &str, outcome: &str| {
        Event(
            serde_json::json!({ "action": format!("vmware-solutions.{action}"), "outcome": outcome,
            "target": { "id": "crn:x:kmip-key:k" }, "reason": { "reasonCode": 0 } }),
        )
    };
    let unknown = || Outcome::Unknown(String::new());
    let calls = [
        call(Deed::Get, Outcome::Done(None)),
        call(Deed::Activate, unknown()),
        call(Deed::Activate, Outcome::Refused),
    ];
    let calls: Vec<_> = calls.iter().collect();
    let (read, done) = (
        event("kmip-key.read", "success"),
        event("kmip-key.activate", "success"),
    );
    let refused = event("kmip-key.activate", "failure");
    let is_done = Settled::Done("k".to_owned());
    assert_eq!(
        settle(&calls, &[&read, &done, &refused]),
        Ok(vec![Settled::Known, is_done, Settled::Known])
    );
    assert_eq!(
        settle(&calls, &[&read, &refused]),
        Ok(vec![Settled::Known, Settled::Not, Settled::Known])
    );
    assert!(
        settle(&calls, &[&read, &done]).is_err(),
        "an answer without its event"
    );
    assert!(
        settle(&calls, &[&read, &read, &refused]).is_err(),
        "an event nobody asked for"
    );
}
