//! What filters accept and want, and the line people read.

use std::sync::Arc;

use super::{CD, KEY_TEXT, NOON_MS, encoded, failed};
use crate::audit::filter::{self, ActionPattern};
use crate::audit::{Action, Event, EventFilter, Failure, Outcome, record, render};
use crate::domain::Initiator;

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
