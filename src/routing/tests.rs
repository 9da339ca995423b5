//! Hooks that are quick, slow, failing and stopped, over a real store.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tempfile::TempDir;

use super::*;
use crate::audit::{Action, Data, Event, Outcome, ReasonCode, Target};
use crate::domain::{EventId, Initiator, RequestId, Scope};
use crate::store::{Changeset, InitMeta, Sequence, Store, StoreConfig, StoredEvent, Write};

/// A new store with so many events.
pub(super) async fn store_with(events: usize) -> (TempDir, Store) {
    store_as(&StoreConfig::default(), events).await
}

/// The same by these settings.
pub(super) async fn store_as(config: &StoreConfig, events: usize) -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let meta = InitMeta {
        origin_name: "node-1".to_owned(),
        master_key_check: [9; 16],
        created: 0,
    };
    let config = StoreConfig {
        reserve_bytes: 0,
        ..config.clone()
    };
    let store = Store::create(&directory.path().join("db"), &config, &meta).unwrap();
    if events > 0 {
        record(&store, events).await;
    }
    (directory, store)
}

/// Records so many events in one changeset.
pub(super) async fn record(store: &Store, count: usize) {
    let mut changeset = Changeset::new(event());
    (1..count).for_each(|_| changeset.record(event()));
    store.apply(changeset).await.unwrap();
}

pub(super) fn event() -> Event {
    Event {
        id: EventId::from_bytes([1; 16]),
        time_ms: 0,
        action: Action::KeyRead,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server("node-1")),
        scope: Arc::new(Scope {
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
            account: Scope::DEFAULT_ACCOUNT.to_owned(),
            location: Scope::DEFAULT_LOCATION.to_owned(),
            instance: "i".to_owned(),
        }),
        target: Target::Instance,
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: RequestId::from_bytes([2; 16]),
    }
}

/// A hook that passes on what it takes.
fn passing_on(sender: Sender<u64>) -> impl AuditHook {
    move |event: &StoredEvent| -> Result<(), HookError> { Ok(sender.send(event.sequence.0)?) }
}

/// A hook that says at which event it is and waits for leave to take it.
fn waiting(at: Sender<u64>, leave: Receiver<()>) -> impl AuditHook {
    move |event: &StoredEvent| -> Result<(), HookError> {
        at.send(event.sequence.0)?;
        // Leave is given once for each, or for all by letting go of the sender.
        let (Ok(()) | Err(_)) = leave.recv();
        Ok(())
    }
}

async fn taken_up_to(attachment: &Attachment, next: u64) {
    let mut progress = attachment.progress();
    let there = progress.wait_for(|progress| progress.next == Sequence(next));
    there.await.unwrap();
}

#[tokio::test]
async fn every_event_comes_once_and_in_order() {
    let (_directory, store) = store_with(1000).await;
    let (sender, received) = channel();
    let attachment = attach(&store, Sequence(7), passing_on(sender)).unwrap();
    for count in [1, 300, 2] {
        record(&store, count).await;
    }
    taken_up_to(&attachment, 1303).await;
    assert_eq!(attachment.stop().await, Sequence(1303));
    assert!(received.iter().eq(7..1303));
}

#[tokio::test]
async fn a_hook_that_waits_delays_nobody() {
    let (_directory, store) = store_with(1).await;
    let ((at, begun), (leave, left)) = (channel(), channel());
    let attachment = attach(&store, Sequence(0), waiting(at, left)).unwrap();
    let begun = tokio::task::spawn_blocking(move || (begun.recv().unwrap(), begun));
    let (first, begun) = begun.await.unwrap();
    assert_eq!(first, 0);
    // It waits at the first event, and this test has the only other thread: requests are committed all the same.
    for _ in 0..20 {
        record(&store, 50).await;
    }
    assert_eq!(attachment.progress().borrow().next, Sequence(0));
    drop(leave);
    taken_up_to(&attachment, 1001).await;
    assert_eq!(attachment.stop().await, Sequence(1001));
    assert!(begun.iter().eq(1..1001));
}

#[tokio::test]
async fn what_was_not_taken_comes_again_before_anything_else() {
    let (_directory, store) = store_with(5).await;
    let (sender, received) = channel();
    let mut tries = 0;
    let hook = move |event: &StoredEvent| -> Result<(), HookError> {
        sender.send(event.sequence.0)?;
        if event.sequence == Sequence(2) {
            tries += 1;
            assert_ne!(tries, 2, "the second try");
            if tries == 1 {
                return Err("the disk is full".into());
            }
        }
        Ok(())
    };
    let attachment = attach(&store, Sequence(0), hook).unwrap();
    taken_up_to(&attachment, 5).await;
    let progress = attachment.progress().borrow().clone();
    assert_eq!(progress.failures, 0);
    let last = progress.last_failure.unwrap();
    assert!(
        last.contains("panicked") && last.contains("the second try"),
        "{last}"
    );
    assert_eq!(attachment.stop().await, Sequence(5));
    assert_eq!(received.iter().collect::<Vec<_>>(), [0, 1, 2, 2, 2, 3, 4]);
}

#[tokio::test]
async fn a_stop_waits_for_the_event_in_hand_and_the_next_attachment_goes_on_there() {
    let (_directory, store) = store_with(10).await;
    let ((at, begun), (leave, left)) = (channel(), channel());
    let attachment = attach(&store, Sequence(0), waiting(at, left)).unwrap();
    (0..3).for_each(|_| leave.send(()).unwrap());
    taken_up_to(&attachment, 3).await;
    let stopping = tokio::spawn(attachment.stop());
    // The stop is asked for by the time the hook may go on.
    tokio::task::yield_now().await;
    drop(leave);
    let next = stopping.await.unwrap();
    let before: Vec<_> = begun.iter().collect();
    assert!(
        before.iter().copied().eq(0..next.0),
        "{before:?}, then {next}"
    );
    let (sender, received) = channel();
    let attachment = attach(&store, next, passing_on(sender)).unwrap();
    taken_up_to(&attachment, 10).await;
    assert_eq!(attachment.stop().await, Sequence(10));
    assert!(received.iter().eq(next.0..10));
}

#[tokio::test]
async fn a_hook_that_keeps_failing_can_be_stopped_and_one_that_is_dropped_ends() {
    let (_directory, store) = store_with(1).await;
    let refusing = |_: &StoredEvent| -> Result<(), HookError> { Err("no".into()) };
    let attachment = attach(&store, Sequence(0), refusing).unwrap();
    let mut progress = attachment.progress();
    let failed = progress.wait_for(|progress| progress.failures > 1).await;
    assert_eq!(failed.unwrap().last_failure.as_deref(), Some("no"));
    assert_eq!(attachment.stop().await, Sequence(0));
    let (sender, received) = channel();
    drop(attach(&store, Sequence(1), passing_on(sender)).unwrap());
    // Its thread ends, and with it the hook.
    let rest = tokio::task::spawn_blocking(move || received.iter().count());
    assert_eq!(rest.await.unwrap(), 0);
}

#[tokio::test]
async fn a_sequence_that_retention_removed_is_refused() {
    let (_directory, store) = store_with(600).await;
    let mut changeset = Changeset::new(event());
    changeset.write(Write::Removal(Sequence(512), 0, Vec::new()));
    store.apply(changeset).await.unwrap();
    let refused = Follower::new(&store, Sequence(511)).unwrap_err();
    let words = "event 511 was removed by retention: follow from 512 on";
    assert_eq!(refused.to_string(), words);
    let mut follower = Follower::new(&store, Sequence(512)).unwrap();
    let page = follower.page(1).await.unwrap();
    assert_eq!(page[0].sequence, Sequence(512));
}

#[tokio::test]
async fn a_sequence_beyond_the_end_is_refused() {
    let (_directory, store) = store_with(3).await;
    let (sender, _received) = channel();
    let error = attach(&store, Sequence(4), passing_on(sender)).unwrap_err();
    assert!(
        error.to_string().contains("follow from 3 at most"),
        "{error}"
    );
}

#[tokio::test]
async fn a_gap_is_reported_and_not_skipped() {
    let (directory, store) = store_with(6).await;
    let db = rusqlite::Connection::open(directory.path().join("db")).unwrap();
    db.execute("DELETE FROM event WHERE sequence = 3", [])
        .unwrap();
    let (sender, received) = channel();
    let attachment = attach(&store, Sequence(0), passing_on(sender)).unwrap();
    let mut progress = attachment.progress();
    let failed = progress.wait_for(|progress| progress.failures > 0);
    let failure = failed.await.unwrap().last_failure.clone().unwrap();
    assert!(failure.contains("event 3 is not in the trail"), "{failure}");
    assert_eq!(attachment.stop().await, Sequence(3));
    assert!(received.iter().eq(0..3));
}
