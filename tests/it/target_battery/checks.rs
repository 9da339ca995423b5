//! What is asked of every target.

use std::collections::HashSet;
use std::fmt::Debug;
use std::time::Duration;

use keyledger::routing::{Batch, Deliver as _, Endpoint as _, Undelivered};

use super::records::{batch, checkpoint, event, events, largest, test};
use super::{Received, ReceivingEnd, Site};
use crate::harness::until;

/// How long a target may take with a receiving end that never answers: the sum of its time limits, and time for a busy machine.
pub(super) const GIVEN_UP: Duration = Duration::from_secs(90);

/// The records of these batches as they have to arrive.
fn expected(batches: &[&Batch]) -> Vec<Received> {
    let records = batches.iter().flat_map(|batch| &batch.records);
    let received = records.map(|record| Received {
        kind: record.kind().to_owned(),
        id: record.id(),
        json: record.json.clone(),
    });
    received.collect()
}

/// What was received without repeats, as receivers drop them: by the id.
fn once(received: Vec<Received>) -> Vec<Received> {
    let mut seen = HashSet::new();
    let first = received.into_iter();
    first
        .filter(|record| seen.insert(record.id.clone()))
        .collect()
}

/// Waits until all of `batches` has arrived, and nothing else. A receiving end may show what it has taken a moment later.
#[track_caller]
pub(super) fn arrives<E: ReceivingEnd>(site: &mut Site<E>, batches: &[&Batch]) {
    let mut expected = expected(batches);
    let mut received = until("the records to arrive", || {
        let received = once(site.end.received());
        (received.len() >= expected.len()).then_some(received)
    });
    if E::KINDS_APART {
        for records in [&mut expected, &mut received] {
            records.sort_by(|one, other| one.kind.cmp(&other.kind));
        }
    }
    assert_same(&received, &expected);
}

#[track_caller]
fn assert_same(received: &[Received], expected: &[Received]) {
    let kinds_and_ids = |records: &[Received]| -> Vec<_> {
        let record = |record: &Received| format!("{} {}", record.kind, record.id);
        records.iter().map(record).collect()
    };
    assert_eq!(kinds_and_ids(received), kinds_and_ids(expected));
    for (received, expected) in received.iter().zip(expected) {
        let text = |record: &Received| String::from_utf8_lossy(&record.json).into_owned();
        assert_eq!(text(received), text(expected));
    }
}

/// Delivers until it is taken: what was down may need a moment.
#[track_caller]
pub(super) fn deliver_at_last<E: ReceivingEnd>(site: &mut Site<E>, batch: &Batch) {
    until("the batch to be taken", || match site.deliver(batch) {
        Ok(()) => Some(()),
        Err(Undelivered::Retry(_) | Undelivered::RetryAfter(..)) => None,
        Err(Undelivered::Park(reason)) => panic!("it is not to be parked: {reason}"),
    });
}

#[track_caller]
fn retry(outcome: Result<(), Undelivered>) -> String {
    match outcome {
        Err(Undelivered::Retry(reason)) => {
            assert_eq!(reason.lines().count(), 1, "one line: {reason:?}");
            reason
        }
        other => panic!("it is to come again: {other:?}"),
    }
}

pub(crate) fn a_batch_arrives_whole_in_order_and_unchanged<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let batches = [events(3), events(1), events(40)];
    for batch in &batches {
        site.deliver(batch).expect("delivered");
    }
    arrives(&mut site, &batches.each_ref());
    let received = site.end.received();
    assert_eq!(received.len(), 44, "nothing comes twice unless it has to");
}

pub(crate) fn a_repeated_batch_is_told_by_its_ids<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let (first, second) = (events(3), events(2));
    for batch in [&first, &first, &second] {
        site.deliver(batch).expect("delivered");
    }
    arrives(&mut site, &[&first, &second]);
}

pub(crate) fn events_checkpoints_and_tests_are_told_apart<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let ahead = batch(vec![test(1_795_435_201_239)]);
    let mut mixed = events(2);
    mixed.records.extend([checkpoint(42), checkpoint(43)]);
    mixed.records.extend(events(1).records);
    for batch in [&ahead, &mixed] {
        site.deliver(batch).expect("delivered");
    }
    arrives(&mut site, &[&ahead, &mixed]);
}

pub(crate) fn as_much_as_a_batch_may_hold_arrives_at_once<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let limits = site.end.endpoint().limits();
    let mut full = batch(Vec::new());
    let mut bytes = 0;
    while full.records.len() < limits.records {
        let record = event(keyledger::audit::Data::new());
        bytes += record.json.len();
        if bytes > limits.bytes {
            break;
        }
        full.records.push(record);
    }
    site.deliver(&full).expect("delivered");
    arrives(&mut site, &[&full]);
}

pub(crate) fn the_largest_event_arrives<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let large = batch(vec![largest(), largest()]);
    site.deliver(&large).expect("delivered");
    arrives(&mut site, &[&large]);
}

pub(crate) fn a_target_that_is_down_is_tried_again_and_works_when_it_is_back<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let (before, after) = (events(2), events(3));
    site.deliver(&before).expect("delivered");
    arrives(&mut site, &[&before]);
    site.end.stop();
    for _ in 0..2 {
        retry(site.deliver(&after));
    }
    site.end.start_again();
    deliver_at_last(&mut site, &after);
    arrives(&mut site, &[&before, &after]);
}

pub(crate) fn a_target_that_never_answers_is_given_up_in_time<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    if !site.end.fall_silent() {
        return;
    }
    let silent = events(2);
    let given_up = tokio::time::timeout;
    let outcome = site
        .runtime
        .block_on(async { given_up(GIVEN_UP, site.target.deliver(&silent)).await });
    retry(outcome.expect("it returns within its own time limits"));
    site.end.start_again();
    deliver_at_last(&mut site, &silent);
    arrives(&mut site, &[&silent]);
}

pub(crate) fn a_delivery_that_is_broken_off_can_be_repeated<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    if !site.end.fall_silent() {
        return;
    }
    let broken_off = events(2);
    let moment = Duration::from_millis(50);
    let outcome = site
        .runtime
        .block_on(async { tokio::time::timeout(moment, site.target.deliver(&broken_off)).await });
    assert!(
        !matches!(outcome, Ok(Ok(()))),
        "nothing is taken in silence"
    );
    site.end.start_again();
    deliver_at_last(&mut site, &broken_off);
    arrives(&mut site, &[&broken_off]);
}

pub(crate) fn what_is_refused_for_good_is_parked<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    if !site.end.refuse() {
        return;
    }
    match site.deliver(&events(1)) {
        Err(Undelivered::Park(reason)) => assert_eq!(reason.lines().count(), 1, "{reason:?}"),
        other => panic!("it is to be parked: {other:?}"),
    }
    site.end.start_again();
    let next = events(1);
    deliver_at_last(&mut site, &next);
    arrives(&mut site, &[&next]);
}

pub(crate) fn who_is_locked_out_comes_again<E: ReceivingEnd>() {
    let Some(site) = Site::<E>::start() else {
        return;
    };
    let Some(endpoint) = site.end.locked_out() else {
        return;
    };
    let reason = retry(site.deliver_by(&endpoint, &events(1)));
    shows_no_secret(&site.end, &reason);
}

pub(crate) fn wrong_settings_are_refused_with_their_field<E: ReceivingEnd>() {
    let Some(site) = Site::<E>::start() else {
        return;
    };
    let right = site.end.endpoint();
    right.check().expect("what works is right");
    let wrong = site.end.wrong();
    assert!(!wrong.is_empty(), "some settings are wrong");
    for (field, endpoint) in wrong {
        let error = endpoint.check().expect_err(field);
        assert_eq!(error.field, field, "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        shows_no_secret(&site.end, &error);
    }
    let mut unknown = serde_json::to_value(&right).expect("JSON");
    unknown["no_such_field"] = serde_json::json!(1);
    let error = serde_json::from_value::<E::Endpoint>(unknown).expect_err("an unknown field");
    assert!(error.to_string().contains("no_such_field"), "{error}");
}

pub(crate) fn no_secret_is_shown<E: ReceivingEnd>() {
    let Some(mut site) = Site::<E>::start() else {
        return;
    };
    let mut endpoint = site.end.endpoint();
    shows_no_secret(&site.end, &endpoint);
    let json = serde_json::to_string(&endpoint).expect("JSON");
    shows_no_secret(&site.end, &json);
    let apart = endpoint.secrets();
    for secret in site.end.secrets() {
        let held = apart.iter().any(|(_, held)| held.expose() == secret);
        assert!(held, "every secret is stored apart");
    }
    for (field, secret) in apart {
        assert!(!field.is_empty() && !secret.is_empty(), "{field} is given");
    }
    site.end.stop();
    let reason = retry(site.deliver(&events(1)));
    shows_no_secret(&site.end, &reason);
    site.end.start_again();
    if site.end.refuse() {
        let refused = site.deliver(&events(1)).expect_err("refused");
        shows_no_secret(&site.end, &refused);
    }
}

#[track_caller]
fn shows_no_secret<E: ReceivingEnd>(end: &E, shown: &dyn Debug) {
    let text = format!("{shown:?}");
    for secret in end.secrets() {
        assert!(!text.contains(&secret), "a secret is shown: {text}");
    }
}
