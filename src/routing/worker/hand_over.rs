//! One step of a delivery: the next events, a checkpoint, or what was parked and is due again.

use std::sync::Arc;
use std::time::Duration;

use super::{PARKED_MAX, Round, Trouble, Worker, one_line};
use crate::audit::EventFilter;
use crate::audit::checkpoint::CheckpointLine;
use crate::domain::routing::Rendering;
use crate::routing::batch::{Batch, Content, Record};
use crate::routing::target::{BatchLimits, Deliver, Undelivered};
use crate::store::{Cursor, Delivered, Epochs, Origin, Parked, Sequence, StoredEvent};

/// After so many events that were not meant for the target the cursor is kept all the same, and after fewer where it has caught up: retention
/// waits for it.
const PASSED_MAX: u64 = 10_000;
const PASSED_AT_REST: u64 = 256;

/// Why a batch was not taken.
enum Failed {
    /// It comes again.
    Again(Trouble),
    /// It never will be taken, for this reason: its records.
    Refused(String, Vec<Record>),
}

impl<D: Deliver> Worker<D> {
    /// Delivers the events that follow the cursor, as many as fit into a batch, once there are so many or the first of them is old enough.
    pub(super) async fn deliver_events(&mut self) -> Result<Round, Trouble> {
        let (next, head) = (self.cursor.next, *self.head.borrow());
        let all = EventFilter::default();
        let page = self.store.events(next, self.page(), &all).await?;
        let events = in_one_epoch(page.events, next, &self.store.epochs());
        let Some(first) = events.first() else {
            return Err(Trouble::again(format!(
                "event {next} is not in the trail: run `keyledger events verify`, then say where to go on"
            )));
        };
        self.standing
            .send_modify(|standing| standing.waiting_since_ms = Some(first.event.time_ms));
        let (records, end) = self.selected(&events);
        if let Some(first) = records.first() {
            // What does not fit was there already.
            let is_full = end < head;
            if let Some(wait) = self.lingers(first).filter(|_| !is_full) {
                return Ok(Round::Lingers(wait));
            }
            self.hand_over(records, end).await?;
            return Ok(Round::Done);
        }
        self.cursor.next = end;
        // As after a delivery: a cursor left in the epoch before would not fit the trail past where the next one begins.
        self.cursor.epoch = self.store.origin().epoch;
        self.note_progress();
        let passed = self
            .kept
            .map_or(u64::MAX, |kept| end.0.saturating_sub(kept.next.0));
        let most = match self.is_behind() {
            true => PASSED_MAX,
            false => PASSED_AT_REST,
        };
        if passed >= most {
            self.keep(self.cursor, Vec::new()).await?;
        }
        Ok(Round::Done)
    }

    /// How long a batch that begins with this record waits for more, if it does. Where the clock was set back that is no longer than ever.
    fn lingers(&self, first: &Record) -> Option<Duration> {
        let time_ms = first.event()?.time_ms;
        let age = self.means.clock.now_ms().saturating_sub(time_ms).max(0);
        let age = Duration::from_millis(age.unsigned_abs());
        let left = self.assignment.linger.checked_sub(age)?;
        (!left.is_zero()).then_some(left)
    }

    /// The records of the events that are meant for the target, within a batch's limits, and the sequence after the last event looked at.
    fn selected(&self, events: &[StoredEvent]) -> (Vec<Record>, Sequence) {
        let BatchLimits {
            records: most,
            bytes: bytes_max,
        } = self.assignment.limits;
        let origin = self.store.origin().name;
        let (mut records, mut bytes, mut end) = (Vec::new(), 0_usize, self.cursor.next);
        for stored in events {
            if (self.assignment.wants)(&stored.event) {
                let record = record(stored, self.assignment.rendering, &origin);
                bytes = bytes.saturating_add(record.json.len());
                if !records.is_empty() && (records.len() >= most || bytes > bytes_max) {
                    break;
                }
                records.push(record);
            }
            end = stored.sequence.plus(1);
        }
        (records, end)
    }

    /// Delivers records, in parts where the target refuses one of them for good, and moves the cursor past each part.
    async fn hand_over(&mut self, mut records: Vec<Record>, end: Sequence) -> Result<(), Trouble> {
        let origin = self.store.origin_at(self.cursor.next);
        let mut size = records.len();
        while !records.is_empty() {
            let rest = records.split_off(size.min(records.len()));
            let past = rest.first().and_then(sequence).unwrap_or(end);
            let to = Cursor {
                next: past,
                epoch: self.store.origin().epoch,
                ..self.cursor
            };
            match self.deliver(&origin, records).await {
                Ok(_) => {
                    self.keep(to, Vec::new()).await?;
                    size = size.saturating_mul(2);
                    records = rest;
                }
                Err(Failed::Again(trouble)) => return Err(trouble),
                Err(Failed::Refused(reason, refused)) if refused.len() == 1 => {
                    let parked = refused
                        .first()
                        .and_then(sequence)
                        .map(|sequence| self.parked(sequence, reason));
                    self.has_room_to_park().await?;
                    self.keep(to, parked.into_iter().collect()).await?;
                    records = rest;
                }
                Err(Failed::Refused(_, mut refused)) => {
                    size = refused.len() / 2;
                    refused.extend(rest);
                    records = refused;
                }
            }
        }
        Ok(())
    }

    /// Delivers a batch, and gives its records back.
    async fn deliver(
        &mut self,
        origin: &Origin,
        records: Vec<Record>,
    ) -> Result<Vec<Record>, Failed> {
        let batch = Batch {
            origin: origin.clone(),
            records,
        };
        match self.assignment.deliver.deliver(&batch).await {
            Ok(()) => {
                let now_ms = self.means.clock.now_ms();
                self.standing
                    .send_modify(|standing| standing.delivered_ms = Some(now_ms));
                Ok(batch.records)
            }
            Err(Undelivered::Retry(reason)) => Err(Failed::Again(Trouble::again(reason))),
            Err(Undelivered::RetryAfter(reason, asked)) => {
                Err(Failed::Again(Trouble::Again(reason, asked)))
            }
            Err(Undelivered::Park(reason)) => Err(Failed::Refused(reason, batch.records)),
        }
    }

    fn parked(&self, sequence: Sequence, reason: String) -> Parked {
        let name = &self.assignment.name;
        tracing::warn!(target = name, %sequence, reason, "A target refused an event for good; it is parked.");
        let parked_ms = self.means.clock.now_ms();
        Parked {
            sequence,
            reason: one_line(&reason),
            parked_ms,
            is_due: false,
        }
    }

    /// A target that refuses everything is more likely wrong than all events are.
    async fn has_room_to_park(&self) -> Result<(), Trouble> {
        let parked = self.store.parked_count(self.assignment.target).await?;
        if parked < PARKED_MAX {
            return Ok(());
        }
        Err(Trouble::again(format!(
            "{parked} events are parked: retry or drop them"
        )))
    }

    /// Delivers what was parked and is due again, alone.
    pub(super) async fn deliver_parked(&mut self, parked: Parked) -> Result<(), Trouble> {
        let at = parked.sequence;
        let page = self.store.events(at, 1, &EventFilter::default()).await?;
        let found = page.events.into_iter().find(|stored| stored.sequence == at);
        let Some(stored) = found else {
            let gone = Parked {
                reason: "it is not in the trail any more".to_owned(),
                is_due: false,
                ..parked
            };
            return self.note(Delivered::Refused(gone)).await;
        };
        let origin = self.store.origin_at(at);
        let record = record(&stored, self.assignment.rendering, &origin.name);
        let became = match self.deliver(&origin, vec![record]).await {
            Ok(_) => Delivered::Late(at),
            Err(Failed::Again(trouble)) => return Err(trouble),
            Err(Failed::Refused(reason, _)) => Delivered::Refused(self.parked(at, reason)),
        };
        self.note(became).await
    }

    /// Delivers the newest checkpoint, which seals only events that the target was given. False where there is no such checkpoint, or none is meant
    /// for the target.
    pub(super) async fn deliver_checkpoint(&mut self) -> Result<bool, Trouble> {
        if !(self.assignment.wants_checkpoints)() {
            return Ok(false);
        }
        let note = self.store.checkpoint().await?;
        let line = note.as_deref().and_then(CheckpointLine::of_note);
        let Cursor {
            next, checkpoint, ..
        } = self.cursor;
        // One that was made meanwhile may seal events that are still to be delivered; an epoch may have none yet.
        let Some(line) = line.filter(|line| line.size > checkpoint && line.size <= next.0) else {
            return Ok(false);
        };
        let record = Record {
            content: Content::Checkpoint(line.size),
            json: line.to_json(),
        };
        match self.deliver(&self.store.origin(), vec![record]).await {
            Err(Failed::Again(trouble)) => return Err(trouble),
            Err(Failed::Refused(reason, _)) => {
                let name = &self.assignment.name;
                tracing::warn!(
                    target = name,
                    reason,
                    "A target refused a checkpoint; the next one seals as much."
                );
            }
            Ok(_) => {}
        }
        self.looked = line.size;
        let to = Cursor {
            checkpoint: line.size,
            ..self.cursor
        };
        self.keep(to, Vec::new()).await?;
        Ok(true)
    }
}

/// Events up to the first that does not follow the one before, or is of another epoch than the first.
fn in_one_epoch(mut events: Vec<StoredEvent>, next: Sequence, epochs: &Epochs) -> Vec<StoredEvent> {
    let epoch = epochs.of(next);
    let expected = (next.0..).zip(&events);
    let whole = expected
        .take_while(|(sequence, event)| {
            event.sequence.0 == *sequence && epochs.of(event.sequence) == epoch
        })
        .count();
    events.truncate(whole);
    events
}

fn record(stored: &StoredEvent, rendering: Rendering, origin: &str) -> Record {
    let mut json = Vec::with_capacity(1536);
    match rendering {
        Rendering::Sealed => stored.event.write_json(&mut json),
        Rendering::Cadf => stored.event.write_cadf_json(origin, &mut json),
    }
    Record {
        content: Content::Event(stored.sequence, Arc::clone(&stored.event)),
        json,
    }
}

fn sequence(record: &Record) -> Option<Sequence> {
    match record.content {
        Content::Event(sequence, _) => Some(sequence),
        Content::Checkpoint(_) | Content::Test(_) => None,
    }
}
