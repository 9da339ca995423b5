//! The ledger over a clock that the tests hold.

use std::sync::LazyLock;

use super::*;
use crate::crypto::{Certificate, KeyKind, self_signed_client};
use crate::domain::NotAdmitted;

const NOW: i64 = 1_800_000_000;
const WINDOW: i64 = 300;
const UNKNOWN: Decision = Decision::Refused(NotAdmitted::Unknown);
const DISABLED: Decision = Decision::Refused(NotAdmitted::Disabled);

static MADE: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let made = |number| {
        let name = format!("made up {number}");
        self_signed_client(&name, KeyKind::EcdsaP256, NOW, 30)
    };
    (0..40)
        .map(|number| made(number).unwrap().certificate)
        .collect()
});

fn ledger(most: usize, events_per_day: i64) -> Ledger {
    Ledger::new(Bounds {
        window_seconds: WINDOW,
        most,
        events_per_day,
    })
}

fn sighting(number: usize, decision: Decision) -> Sighting {
    Sighting {
        certificate: MADE[number].clone(),
        decision,
        address: "192.0.2.1".parse().unwrap(),
    }
}

/// How many sightings of certificates recorded one by one, and of others, these entries stand for.
fn counts(entries: impl IntoIterator<Item = Entry>) -> (u64, u64) {
    let add = |(one, others): (u64, u64), entry| match entry {
        Entry::Certificate(seen) => (one + seen.count, others),
        Entry::Others { count } => (one, others + count),
    };
    entries.into_iter().fold((0, 0), add)
}

#[test]
fn the_first_is_recorded_at_once_and_the_rest_when_the_window_ends() {
    let mut ledger = ledger(10, 1000);
    let one = sighting(0, UNKNOWN);
    assert_eq!(counts(ledger.note(&one, NOW)), (1, 0));
    for second in 1..=5 {
        assert_eq!(ledger.note(&one, NOW + second), None);
    }
    assert_eq!(ledger.next_end(NOW + 5), Some(WINDOW - 5));
    assert_eq!(ledger.close(NOW + WINDOW - 1), []);
    assert_eq!(counts(ledger.close(NOW + WINDOW)), (5, 0));
    // The next window has begun, and nothing comes in it.
    assert_eq!(ledger.close(NOW + 2 * WINDOW), []);
    assert_eq!(ledger.next_end(NOW + 2 * WINDOW), None);
    assert_eq!(counts(ledger.note(&one, NOW + 2 * WINDOW)), (1, 0));
}

#[test]
fn another_decision_about_the_same_certificate_is_another_record() {
    let mut ledger = ledger(10, 1000);
    assert!(ledger.note(&sighting(0, UNKNOWN), NOW).is_some());
    assert!(ledger.note(&sighting(0, DISABLED), NOW).is_some());
}

#[test]
fn what_is_counted_is_recorded_at_the_end() {
    let mut ledger = ledger(2, 1000);
    let noted = (0..3).flat_map(|_| (0..4).map(|number| sighting(number, UNKNOWN)));
    let at_once: Vec<_> = noted.filter_map(|s| ledger.note(&s, NOW)).collect();
    assert_eq!(counts(at_once), (2, 0));
    assert_eq!(counts(ledger.finish()), (4, 6));
    assert_eq!(ledger.finish(), []);
}

#[test]
fn a_days_flood_of_made_up_certificates_keeps_to_the_budget_and_loses_no_count() {
    let mut ledger = ledger(16, 80);
    let (mut sent, mut entries) = (0, Vec::new());
    for minute in 0..24 * 60 {
        let now = NOW + minute * 60;
        entries.extend(ledger.close(now));
        for number in 0..MADE.len() {
            entries.extend(ledger.note(&sighting(number, UNKNOWN), now));
            sent += 1;
        }
        assert!(ledger.windows.len() <= 16);
    }
    let summaries = |entry: &&Entry| matches!(entry, Entry::Others { .. });
    assert!(entries.iter().filter(summaries).count() <= 24 * 12);
    let one_by_one = entries.len() - entries.iter().filter(summaries).count();
    assert!((80..=91).contains(&one_by_one), "{one_by_one}");
    entries.extend(ledger.finish());
    let (one, others) = counts(entries);
    assert_eq!(one + others, sent);
}

#[test]
fn a_flood_does_not_hide_what_happens_to_enrolled_certificates() {
    let mut ledger = ledger(4, 8);
    for number in 0..20 {
        ledger.note(&sighting(number, UNKNOWN), NOW);
    }
    let known = sighting(30, DISABLED);
    assert_eq!(counts(ledger.note(&known, NOW)), (1, 0));
    assert_eq!(ledger.note(&known, NOW + 1), None);
    assert_eq!(counts(ledger.close(NOW + WINDOW)), (1, 19));
}

#[test]
fn what_could_not_be_written_counts_in_the_next_summary() {
    let mut ledger = ledger(4, 1000);
    let entry = ledger.note(&sighting(0, UNKNOWN), NOW).unwrap();
    ledger.give_back(&entry, NOW);
    assert_eq!(counts(ledger.close(NOW + WINDOW)), (0, 1));
}

#[test]
fn a_clock_that_is_set_back_keeps_no_window_open() {
    let mut ledger = ledger(4, 1000);
    ledger.note(&sighting(0, UNKNOWN), NOW);
    ledger.note(&sighting(0, UNKNOWN), NOW);
    assert_eq!(counts(ledger.close(NOW - 10 * WINDOW)), (1, 0));
}
