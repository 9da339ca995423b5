//! An export as it is read: its events, each against its own hash, and all of them against the checkpoint at its end.

use crate::audit::export::{ExportLine, LEAVES_PER_LINE, hashes};
use crate::audit::tree::Hash;
use crate::audit::verification::lost;
use crate::audit::{Break, Checkpoint, CheckpointLine, Verification, Verified};
use crate::crypto::digest::leaf_hash;

/// An export under way.
pub(super) struct Export {
    line: ExportLine,
    left: Vec<Hash>,
    right: Vec<Hash>,
    verification: Verification,
    /// The leaf hashes of the events that no line of hashes was read of yet.
    leaves: Vec<Hash>,
    /// The sequence of the first of them.
    compared: u64,
    /// What was found wrong since the last line of hashes.
    broken: Option<Break>,
}

impl Export {
    /// The export that a line begins; none where that cannot be.
    pub(super) fn begin(line: ExportLine, expected: &[(String, Checkpoint)]) -> Option<Self> {
        let end = line.first.checked_add(line.events)?;
        let (left, right) = (hashes(&line.left)?, hashes(&line.right)?);
        let verification = part(&line, &left, expected)?;
        let begins = line.epochs.first()?;
        // Where the first epoch begins is no word of the export's: a checkpoint of it could be passed by.
        let is_whole = (begins.epoch, begins.first) == (1, 0) && end <= line.size;
        is_whole.then(|| Self {
            compared: line.first,
            broken: lost_of(&line, expected),
            line,
            left,
            right,
            verification,
            leaves: Vec::new(),
        })
    }

    /// The sequence of the event that comes next.
    pub(super) const fn next(&self) -> u64 {
        self.verification.next()
    }

    /// What was found wrong, and not told yet.
    pub(super) fn broken(&mut self) -> Option<Break> {
        self.broken.take()
    }

    /// Takes an event. What is wrong up to it is told once the next line of hashes has shown which event it is.
    pub(super) fn event(&mut self, json: &[u8]) -> Result<(), Break> {
        if self.broken.is_none() {
            self.broken = self.verify(json).err();
        }
        self.leaves.push(leaf_hash(json));
        if self.leaves.len() <= LEAVES_PER_LINE {
            return Ok(());
        }
        let what = format!(
            "the hashes of the events from {} on are missing",
            self.compared
        );
        Err(self
            .broken
            .take()
            .unwrap_or_else(|| Break::at(self.compared, what)))
    }

    fn verify(&mut self, json: &[u8]) -> Result<(), Break> {
        let (next, events) = (self.verification.next(), self.line.events);
        if next - self.line.first == events {
            let what = format!("there are more than the {events} events of the export");
            return Err(Break::at(next, what));
        }
        self.verification.line(json)
    }

    /// Compares the events since the last line of hashes with those of this one.
    pub(super) fn compare(&mut self, sealed: &[Hash]) -> Result<(), Break> {
        let pairs = self.leaves.iter().zip(sealed);
        let same = pairs.take_while(|(leaf, sealed)| leaf == sealed).count();
        let wrong = self.compared + u64::try_from(same).unwrap_or(u64::MAX);
        if same < self.leaves.len() {
            let what = format!("event {wrong} is not what was sealed: its hash is another");
            return Err(Break::at(wrong, what));
        }
        if same < sealed.len() {
            return Err(Break::at(wrong, format!("event {wrong} is missing")));
        }
        self.compared = wrong;
        self.leaves.clear();
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Ends it with its checkpoint, which stands at `source`. Gives what was verified, and the verification from its first event on anew: of
    /// what a target received that began with this event.
    ///
    /// # Errors
    /// The checkpoint is another, or does not agree.
    pub(super) fn end(
        self,
        source: &str,
        (last, checkpoint): (&CheckpointLine, &Checkpoint),
        expected: &[(String, Checkpoint)],
    ) -> Result<(Verified, Option<Verification>), Break> {
        let Self {
            line,
            left,
            right,
            mut verification,
            leaves,
            compared,
            broken,
        } = self;
        if let Some(broken) = broken {
            return Err(broken);
        }
        let next = verification.next();
        if next - line.first < line.events {
            let (first, events) = (line.first, line.events);
            let what =
                format!("event {next} is missing: the export has {events} events from {first} on");
            return Err(Break::at(next, what));
        }
        if !leaves.is_empty() {
            let what = format!("the hashes of the events from {compared} on are missing");
            return Err(Break::at(compared, what));
        }
        let named = (&line.origin, line.epoch, line.size) == (&last.origin, last.epoch, last.size);
        if !named {
            let what = format!("{source} is not the checkpoint that the export begins with");
            return Err(Break {
                sequence: None,
                what,
            });
        }
        let verified = if line.first == 0 && next == checkpoint.size {
            verification.checkpoint(source, checkpoint)?;
            verification.end()?
        } else {
            verification.end_of_part(source, checkpoint, &right)?
        };
        Ok((verified, part(&line, &left, expected)))
    }
}

/// What a given checkpoint seals of an epoch beyond where the export says that the next one begins.
fn lost_of(line: &ExportLine, expected: &[(String, Checkpoint)]) -> Option<Break> {
    let marks = line.epochs.iter().map(|mark| (mark.epoch, mark.first));
    let marks: Vec<_> = marks.collect();
    let mut expected = expected.iter();
    expected.find_map(|(source, checkpoint)| lost(&marks, source, checkpoint))
}

/// A verification from the first event of an export on.
fn part(
    line: &ExportLine,
    left: &[Hash],
    expected: &[(String, Checkpoint)],
) -> Option<Verification> {
    let marks = line.epochs.iter().map(|mark| (mark.epoch, mark.first));
    let marks: Vec<_> = marks.collect();
    Verification::of_part(line.first, left, &marks, expected.iter().cloned())
}
