//! Targets that are dead for a day, slow, flapping, refusing and full, on a clock of their own, over a real store.

use std::pin::Pin;
use std::sync::Mutex;

use super::*;
use crate::audit::Action;
use crate::crypto::SystemRandom;
use crate::domain::ManualClock;
use crate::routing::batch::{Batch, Content, Record};
use crate::routing::target::Undelivered;
use crate::routing::tests::{record as append, store_with};
use crate::store::{Changeset, From, ParkedRange, Seal, Write};

const DAY_MS: i64 = 86_400_000;

/// Each wait is over at once, and the clock is by so much later.
struct Quick(Arc<ManualClock>);

impl Timer for Quick {
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.advance_ms(i64::try_from(wait.as_millis()).unwrap());
        Box::pin(tokio::task::yield_now())
    }
}

type Answer = Box<dyn FnMut(&[u64]) -> Result<(), Undelivered> + Send>;

/// A target that answers by a rule and keeps what it took: sequences, and sizes of checkpoints after 1000.
#[derive(Clone)]
struct Manual {
    taken: Arc<Mutex<Vec<u64>>>,
    /// As which JSON.
    written: Arc<Mutex<Vec<Vec<u8>>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Deliver for Manual {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        let number = |record: &Record| match record.content {
            Content::Event(Sequence(sequence), _) => sequence,
            Content::Checkpoint(size) => 1000 + size,
            Content::Test(_) => panic!("no worker sends a test record"),
        };
        let numbers: Vec<_> = batch.records.iter().map(number).collect();
        (self.answer.lock().unwrap())(&numbers)?;
        self.taken.lock().unwrap().extend(numbers);
        let written = batch.records.iter().map(|record| record.json.clone());
        self.written.lock().unwrap().extend(written);
        Ok(())
    }
}

/// A store, a target of it and the worker between them.
struct Site {
    _directory: tempfile::TempDir,
    store: Store,
    clock: Arc<ManualClock>,
    target: Manual,
    wants: Wants,
    wants_checkpoints: bool,
    linger: Duration,
    rendering: Rendering,
    running: Option<Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    standing: watch::Receiver<Standing>,
    task: tokio::task::JoinHandle<()>,
}

const TARGET: TargetId = TargetId::from_bytes([7; 16]);

impl Site {
    /// So many events, and a target that is to get them from the first.
    async fn new(
        events: usize,
        answer: impl FnMut(&[u64]) -> Result<(), Undelivered> + Send + 'static,
    ) -> Self {
        let (directory, store) = store_with(events).await;
        let cursor = Cursor {
            epoch: 1,
            next: Sequence(0),
            checkpoint: 0,
        };
        let begins = Delivered::Advanced {
            from: None,
            to: cursor,
            parked: Vec::new(),
        };
        store.keep_delivered(TARGET, begins).await.unwrap();
        let target = Manual {
            taken: Arc::default(),
            written: Arc::default(),
            answer: Arc::new(Mutex::new(Box::new(answer))),
        };
        let mut site = Self {
            _directory: directory,
            store,
            clock: Arc::new(ManualClock::new(0)),
            target,
            wants: Arc::new(|_: &Event| true),
            wants_checkpoints: true,
            linger: Duration::ZERO,
            rendering: Rendering::Sealed,
            running: None,
        };
        site.start().await;
        site
    }

    async fn start(&mut self) {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let means = Means {
            clock,
            random: Arc::new(SystemRandom),
            timer: Arc::new(Quick(Arc::clone(&self.clock))),
        };
        let limits = BatchLimits {
            records: 8,
            bytes: 1 << 20,
        };
        let wants_checkpoints = self.wants_checkpoints;
        let assignment = Assignment {
            target: TARGET,
            name: "siem".to_owned(),
            deliver: self.target.clone(),
            limits,
            linger: self.linger,
            rendering: self.rendering,
            wants: Arc::clone(&self.wants),
            wants_checkpoints: Arc::new(move || wants_checkpoints),
        };
        let worker = Worker::new(&self.store, means, assignment).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        self.running = Some(Running {
            stop,
            standing: worker.standing(),
            task: tokio::spawn(worker.run(stopping)),
        });
    }

    async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop.send_replace(true);
        running.task.await.unwrap();
    }

    fn answer(&self, answer: impl FnMut(&[u64]) -> Result<(), Undelivered> + Send + 'static) {
        *self.target.answer.lock().unwrap() = Box::new(answer);
    }

    async fn standing(&self, what: impl FnMut(&Standing) -> bool) -> Standing {
        let mut standing = self.running.as_ref().unwrap().standing.clone();
        standing.wait_for(what).await.unwrap().clone()
    }

    async fn reaches(&self, next: u64) {
        let there = |standing: &Standing| standing.next == Sequence(next) && standing.failures == 0;
        self.standing(there).await;
    }

    fn taken(&self) -> Vec<u64> {
        self.target.taken.lock().unwrap().clone()
    }

    async fn kept(&self) -> Option<Sequence> {
        let cursor = self.store.cursor(TARGET).await.unwrap();
        cursor.map(|cursor| cursor.next)
    }
}

fn retry() -> Result<(), Undelivered> {
    Err(Undelivered::Retry("it is down".to_owned()))
}

fn park() -> Result<(), Undelivered> {
    Err(Undelivered::Park("it does not like it".to_owned()))
}

fn is_in_order(taken: &[u64]) -> bool {
    taken.iter().copied().eq(0..taken.len() as u64)
}

#[tokio::test]
async fn every_event_arrives_once_in_order_and_the_cursor_is_kept() {
    let mut site = Site::new(20, |_| Ok(())).await;
    append(&site.store, 1000).await;
    site.reaches(1020).await;
    site.stop().await;
    assert_eq!(site.taken().len(), 1020);
    assert!(is_in_order(&site.taken()));
    assert_eq!(site.kept().await, Some(Sequence(1020)));
    site.start().await;
    append(&site.store, 3).await;
    site.reaches(1023).await;
    assert!(is_in_order(&site.taken()), "nothing comes twice");
}

#[tokio::test]
async fn a_target_that_is_dead_for_a_day_gets_everything_in_order_when_it_is_back() {
    let mut site = Site::new(5, |_| retry()).await;
    let tries = Arc::new(Mutex::new(0_u32));
    let (clock, counted) = (Arc::clone(&site.clock), Arc::clone(&tries));
    site.answer(move |_| {
        *counted.lock().unwrap() += 1;
        if clock.now_ms() < DAY_MS {
            retry()
        } else {
            Ok(())
        }
    });
    // Requests are committed all the same, however long the target is dead.
    for _ in 0..20 {
        append(&site.store, 50).await;
    }
    site.reaches(1005).await;
    assert!(is_in_order(&site.taken()));
    assert_eq!(site.taken().len(), 1005);
    // A day at some twenty seconds a wait.
    let tries = *tries.lock().unwrap();
    assert!((2800..6500).contains(&tries), "{tries} tries in a day");
    let standing = site.standing(|_| true).await;
    let (_, reason) = standing.last_failure.unwrap();
    assert_eq!(reason, "it is down");
    site.stop().await;
}

#[tokio::test]
async fn what_waits_is_shown_as_lag() {
    let site = Site::new(5, |_| retry()).await;
    let standing = site.standing(|standing| standing.failures > 3).await;
    assert!(!standing.is_well());
    let lag = standing.lag(site.store.head(), 90_500);
    assert_eq!((lag.events, lag.seconds), (5, 90));
    site.answer(|_| Ok(()));
    site.reaches(5).await;
    let standing = site
        .standing(|standing| standing.waiting_since_ms.is_none())
        .await;
    let lag = standing.lag(site.store.head(), 90_500);
    assert_eq!((lag.events, lag.seconds), (0, 0));
    assert!(standing.is_well());
}

#[tokio::test]
async fn a_flapping_target_loses_nothing() {
    let mut calls = 0;
    let mut site = Site::new(300, move |_| {
        calls += 1;
        if calls % 3 == 0 { Ok(()) } else { retry() }
    })
    .await;
    site.reaches(300).await;
    assert!(is_in_order(&site.taken()));
    assert_eq!(site.taken().len(), 300);
    site.stop().await;
}

#[tokio::test]
async fn only_what_is_refused_is_parked_and_it_can_be_retried_and_dropped() {
    let bad = [3, 17, 18];
    let refusing = move |numbers: &[u64]| {
        if numbers.iter().any(|number| bad.contains(number)) {
            park()
        } else {
            Ok(())
        }
    };
    let mut site = Site::new(40, refusing).await;
    site.reaches(40).await;
    let good: Vec<_> = (0..40).filter(|number| !bad.contains(number)).collect();
    assert_eq!(site.taken(), good);
    let parked = site.store.parked(TARGET, Sequence(0), 10).await.unwrap();
    let sequences: Vec<_> = parked.iter().map(|parked| parked.sequence.0).collect();
    assert_eq!(sequences, bad);
    assert_eq!(parked[0].reason, "it does not like it");
    // The target would take one of them now.
    site.answer(|numbers| if numbers == [17] { Ok(()) } else { park() });
    let due = Delivered::Due(ParkedRange::One(Sequence(17)));
    site.store.keep_delivered(TARGET, due).await.unwrap();
    until(&site, |count| count == 2).await;
    assert_eq!(site.taken().last(), Some(&17));
    // Refused again, the others are still parked, and no more due.
    let due = Delivered::Due(ParkedRange::All);
    site.store.keep_delivered(TARGET, due).await.unwrap();
    while site.store.due(TARGET).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    until(&site, |count| count == 2).await;
    let mut changeset = Changeset::new(crate::routing::tests::event());
    let sequences = [3, 18].map(Sequence).to_vec();
    changeset.write(Write::ParkedDropped(TARGET, sequences));
    site.store.apply(changeset).await.unwrap();
    assert_eq!(site.store.parked_count(TARGET).await.unwrap(), 0);
    site.stop().await;
}

async fn until(site: &Site, condition: impl Fn(u64) -> bool) {
    while !condition(site.store.parked_count(TARGET).await.unwrap()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn events_are_written_as_the_target_asks_also_what_was_parked() {
    let mut site = Site::new(0, |numbers| match numbers.contains(&1) {
        true => park(),
        false => Ok(()),
    })
    .await;
    site.stop().await;
    site.rendering = Rendering::Cadf;
    append(&site.store, 3).await;
    site.start().await;
    site.reaches(3).await;
    site.answer(|_| Ok(()));
    let due = Delivered::Due(ParkedRange::All);
    site.store.keep_delivered(TARGET, due).await.unwrap();
    until(&site, |count| count == 0).await;
    assert_eq!(site.taken(), [0, 2, 1]);
    let mut expected = Vec::new();
    for sequence in [0, 2, 1] {
        let filter = crate::audit::EventFilter::default();
        let page = site.store.events(Sequence(sequence), 1, &filter).await;
        let mut json = Vec::new();
        page.unwrap().events[0]
            .event
            .write_cadf_json(&site.store.origin().name, &mut json);
        expected.push(json);
    }
    assert_eq!(*site.target.written.lock().unwrap(), expected);
    site.stop().await;
}

#[tokio::test]
async fn only_what_is_meant_for_the_target_arrives() {
    let mut site = Site::new(0, |_| Ok(())).await;
    site.stop().await;
    let mut number = 0;
    let counted = Mutex::new(move || {
        number += 1;
        number % 2 == 0
    });
    site.wants = Arc::new(move |_| (counted.lock().unwrap())());
    append(&site.store, 10).await;
    site.start().await;
    site.reaches(10).await;
    site.stop().await;
    assert_eq!(site.taken(), [1, 3, 5, 7, 9]);
    assert_eq!(
        site.kept().await,
        Some(Sequence(10)),
        "a stop keeps what was passed"
    );
}

/// A checkpoint of this size, signed.
fn note(size: u64) -> String {
    let seed = crate::crypto::Secret::new(vec![7; 32]);
    let key = crate::crypto::SigningKey::from_seed(&seed).unwrap();
    let checkpoint = crate::audit::Checkpoint {
        log: crate::audit::checkpoint::log_name("node-1", 1),
        size,
        root: [1; 32],
    };
    checkpoint.sign(&key)
}

#[tokio::test]
async fn a_target_that_is_to_get_no_checkpoints_gets_none() {
    let mut site = Site::new(10, |_| Ok(())).await;
    site.stop().await;
    site.wants_checkpoints = false;
    site.start().await;
    let seal = Seal::Checkpoint(10, note(10));
    site.store.keep(seal).await.unwrap();
    site.reaches(10).await;
    // A checkpoint comes before the events after it.
    append(&site.store, 3).await;
    site.reaches(13).await;
    assert_eq!(site.taken(), (0..13).collect::<Vec<_>>());
    // It was not taken for delivered.
    site.stop().await;
    site.wants_checkpoints = true;
    site.start().await;
    until_taken(&site, 14).await;
    assert_eq!(site.taken().last(), Some(&1010));
}

#[tokio::test]
async fn checkpoints_come_after_what_they_seal() {
    let mut site = Site::new(10, |_| retry()).await;
    site.store
        .keep(Seal::Checkpoint(10, note(10)))
        .await
        .unwrap();
    append(&site.store, 5).await;
    site.answer(|_| Ok(()));
    site.reaches(15).await;
    until_taken(&site, 16).await;
    let taken = site.taken();
    let (at, events) = (
        taken.iter().position(|number| *number == 1010),
        &taken[..10],
    );
    assert!(
        at.is_some_and(|at| at >= 10) && is_in_order(events),
        "{taken:?}"
    );
    // One that comes when there is nothing else to deliver wakes the worker.
    site.store
        .keep(Seal::Checkpoint(15, note(15)))
        .await
        .unwrap();
    until_taken(&site, 17).await;
    assert_eq!(site.taken().last(), Some(&1015));
    site.stop().await;
    site.start().await;
    append(&site.store, 1).await;
    site.reaches(16).await;
    assert_eq!(site.taken().len(), 18, "a checkpoint comes once");
}

async fn until_taken(site: &Site, count: usize) {
    while site.taken().len() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_is_held_until_somebody_moves_it() {
    let mut site = Site::new(10, |_| Ok(())).await;
    site.reaches(10).await;
    site.stop().await;
    let mut changeset = Changeset::new(crate::routing::tests::event());
    changeset.write(Write::Cursor(TARGET, From::Event(Sequence(99))));
    site.store.apply(changeset).await.unwrap();
    site.start().await;
    let standing = site.standing(|standing| standing.held.is_some()).await;
    let held = standing.held.unwrap();
    assert!(
        held.contains("event 99 is beyond the end of the trail (11)"),
        "{held}"
    );
    append(&site.store, 5).await;
    assert_eq!(site.taken().len(), 10);
    let mut changeset = Changeset::new(crate::routing::tests::event());
    changeset.write(Write::Cursor(TARGET, From::Event(Sequence(4))));
    site.store.apply(changeset).await.unwrap();
    site.reaches(17).await;
    assert!(site.taken().ends_with(&(4..17).collect::<Vec<_>>()));
    assert_eq!(site.standing(|_| true).await.held, None);
}

#[tokio::test]
async fn a_target_that_begins_here_gets_what_comes_after() {
    let mut site = Site::new(10, |_| Ok(())).await;
    site.reaches(10).await;
    let mut changeset = Changeset::new(crate::routing::tests::event());
    changeset.write(Write::Cursor(TARGET, From::Here));
    site.store.apply(changeset).await.unwrap();
    site.reaches(11).await;
    assert_eq!(
        site.taken().last(),
        Some(&10),
        "the event of that change is the first"
    );
    site.store
        .keep_delivered(TARGET, Delivered::Forgotten)
        .await
        .unwrap();
    assert_eq!(site.store.targets_kept().await.unwrap(), []);
    site.stop().await;
}

#[tokio::test]
async fn a_target_that_wants_nothing_of_what_an_epoch_begins_with_goes_on_in_it() {
    let mut site = Site::new(10, |_| Ok(())).await;
    site.reaches(10).await;
    site.stop().await;
    site.wants = Arc::new(|event: &Event| event.action != Action::TrailBeginEpoch);
    site.start().await;
    let begins = Event {
        action: Action::TrailBeginEpoch,
        ..crate::routing::tests::event()
    };
    let mut changeset = Changeset::new(begins);
    changeset.write(Write::Epoch(2, 7));
    site.store.apply(changeset).await.unwrap();
    site.reaches(11).await;
    append(&site.store, 3).await;
    site.reaches(14).await;
    assert_eq!(site.taken()[10..], [11, 12, 13]);
    site.stop().await;
}

#[tokio::test]
async fn the_cursor_of_a_target_that_wants_nothing_is_kept_near_where_it_is() {
    let mut site = Site::new(1, |_| Ok(())).await;
    site.reaches(1).await;
    site.stop().await;
    site.wants = Arc::new(|_: &Event| false);
    site.start().await;
    append(&site.store, 255).await;
    site.reaches(256).await;
    let kept = async |site: &Site| site.store.cursor(TARGET).await.unwrap().unwrap().next;
    assert_eq!(kept(&site).await, Sequence(1), "not with each event");
    append(&site.store, 1).await;
    site.reaches(257).await;
    // It is kept after it is shown.
    while kept(&site).await < Sequence(257) {
        tokio::task::yield_now().await;
    }
    assert!(site.taken().len() == 1);
    site.stop().await;
}

#[test]
fn a_cursor_of_another_epoch_goes_on_where_both_have_the_same_events() {
    let epoch = |number, first| crate::store::Epoch {
        number,
        first: Sequence(first),
    };
    let epochs = Epochs {
        name: "node-1".to_owned(),
        all: vec![epoch(1, 0), epoch(2, 50)],
    };
    let misfits = |epoch, next| {
        let cursor = Cursor {
            epoch,
            next: Sequence(next),
            checkpoint: 0,
        };
        misfit(cursor, &epochs, Sequence(60)).is_some()
    };
    assert!(!misfits(1, 50) && !misfits(2, 55) && !misfits(2, 60));
    assert!(misfits(1, 51) && misfits(2, 61) && misfits(3, 10));
}

#[tokio::test]
async fn a_target_that_asks_to_be_left_alone_is_for_no_longer_than_a_bound() {
    let site = Site::new(5, |_| retry()).await;
    let (clock, times) = (Arc::clone(&site.clock), Arc::new(Mutex::new(Vec::new())));
    let tried = Arc::clone(&times);
    let asked = [120, 1_000_000, 0];
    site.answer(move |_| {
        let mut times = tried.lock().unwrap();
        times.push(clock.now_ms());
        let wait = asked.get(times.len() - 1).copied();
        let wait = wait.map(Duration::from_secs);
        wait.map_or(Ok(()), |wait| {
            Err(Undelivered::RetryAfter("busy".to_owned(), wait))
        })
    });
    site.reaches(5).await;
    let times = times.lock().unwrap();
    let waited: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waited[..2], [120_000, 300_000]);
    assert!((50..=30_000).contains(&waited[2]), "{waited:?}");
}

#[tokio::test]
async fn events_wait_for_more_until_a_batch_is_full_or_the_first_is_old() {
    let mut site = Site::new(3, |_| Ok(())).await;
    site.reaches(3).await;
    site.stop().await;
    let batches = Arc::new(Mutex::new(Vec::new()));
    let (kept, clock) = (Arc::clone(&batches), Arc::clone(&site.clock));
    site.answer(move |numbers| {
        let mut batches = kept.lock().unwrap();
        batches.push((clock.now_ms(), numbers.len()));
        Ok(())
    });
    // The events of these tests happen at 0.
    site.clock.advance_ms(-site.clock.now_ms());
    site.linger = Duration::from_secs(60);
    append(&site.store, 5).await;
    site.start().await;
    site.reaches(8).await;
    site.stop().await;
    assert_eq!(std::mem::take(&mut *batches.lock().unwrap()), [(60_000, 5)]);
    // Of 130 all but two fill batches of eight, for which nobody waits.
    site.clock.advance_ms(-site.clock.now_ms());
    append(&site.store, 130).await;
    site.start().await;
    site.reaches(138).await;
    site.stop().await;
    let batches = batches.lock().unwrap().clone();
    let (last, full) = batches.split_last().unwrap();
    assert_eq!(full, [(0, 8); 16]);
    assert_eq!(*last, (60_000, 2));
}
