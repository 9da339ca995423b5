//! `events verify --export FILE`: an export, or what a target received, with nothing but the files and the command line.
//!
//! Files are read line by line. An export names what it holds and is checked against that, each event by its own hash; what was delivered
//! may repeat events, and is as good as the checkpoints in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};

use super::{VerifyArgs, held, said};
use crate::audit::export::{ExportLine, LEAVES_PER_LINE, LINE_BYTES_MAX, Line, hashes};
use crate::audit::tree::Hash;
use crate::audit::{
    Break, Checkpoint, CheckpointLine, NoteError, Verification, Verified, VerifierKey,
};
use crate::cli::WrongUse;
use crate::cli::report::{Report, remark};
use crate::crypto::digest::leaf_hash;

const UNSIGNED: &str = "Without --public-key it shows that the events are those that the checkpoints seal, and not who signed these: anybody \
    can have made both.";
const ALONE: &str = "Without --checkpoint it shows that whoever has the server's keys signed these events, and not that they are those that \
    there were earlier.";

/// Verifies the files, one after the other as if they were one.
///
/// # Errors
/// A [`Break`]: the events are not what was sealed. [`WrongUse`]: a file is no export.
pub(super) fn verify(args: &VerifyArgs, report: &Report) -> anyhow::Result<()> {
    let key = held::key(args.public_key.as_deref())?;
    let open = |path: &std::path::PathBuf| {
        let source = path.display().to_string();
        let opened = held::open(&source, &held::note(path)?, key.as_ref())?;
        anyhow::Ok((source, opened))
    };
    let expected = args
        .checkpoints
        .iter()
        .map(open)
        .collect::<Result<Vec<_>, _>>()?;
    let mut reading = Reading {
        key: key.as_ref(),
        expected,
        state: State::Nothing,
    };
    for path in &args.exports {
        read_file(path, &mut reading)?;
    }
    let verified = reading.end(args)?;
    said::say(&verified, args, report)?;
    match (&key, args.checkpoints.is_empty()) {
        (None, _) => remark(UNSIGNED),
        (Some(_), true) => remark(ALONE),
        (Some(_), false) => {}
    }
    Ok(())
}

fn read_file(path: &Path, reading: &mut Reading<'_>) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let (mut file, mut line, mut number) = (BufReader::new(file), Vec::new(), 0_u64);
    let bound = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    loop {
        line.clear();
        let read = (&mut file).take(bound).read_until(b'\n', &mut line);
        if read.with_context(|| format!("cannot read {name}"))? == 0 {
            return Ok(());
        }
        number += 1;
        let place = Place {
            name: &name,
            number,
        };
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            return Err(reading.not_a_line(&place, "is cut off or too long"));
        }
        reading.take(&place, &line)?;
    }
}

/// Where a line stands.
struct Place<'a> {
    name: &'a str,
    number: u64,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of {}", self.number, self.name)
    }
}

/// What has been read so far.
struct Reading<'a> {
    key: Option<&'a VerifierKey>,
    /// The checkpoints of `--checkpoint`, until there is something to compare with them.
    expected: Vec<(String, Checkpoint)>,
    state: State,
}

enum State {
    /// No line yet.
    Nothing,
    /// An export.
    Export(Box<Export>),
    /// What a target received.
    Delivered {
        verification: Box<Verification>,
        checkpoints: usize,
    },
    /// The end of an export.
    Ended(Box<Verified>),
}

/// An export under way.
struct Export {
    line: ExportLine,
    right: Vec<Hash>,
    verification: Verification,
    /// The leaf hashes of the events that no line of hashes was read of yet.
    leaves: Vec<Hash>,
    /// The sequence of the first of them.
    compared: u64,
    /// What was found wrong since the last line of hashes.
    broken: Option<Break>,
}

impl Reading<'_> {
    fn take(&mut self, place: &Place<'_>, line: &[u8]) -> anyhow::Result<()> {
        let Some(read) = Line::read(line) else {
            return Err(self.not_a_line(place, "is no event and nothing that goes with events"));
        };
        match (read, &mut self.state) {
            (Line::Export(begins), State::Nothing) => self.begin(place, begins)?,
            (Line::Event | Line::Checkpoint(_) | Line::Test, State::Nothing) => {
                let verification = Verification::new(std::mem::take(&mut self.expected));
                let verification = Box::new(verification.as_delivered());
                self.state = State::Delivered {
                    verification,
                    checkpoints: 0,
                };
                return self.take(place, line);
            }
            (Line::Event, State::Export(export)) => export.event(line)?,
            (Line::Leaves(leaves), State::Export(export)) => export.compare(&leaves)?,
            (Line::Checkpoint(last), State::Export(_)) => self.end_export(place, &last)?,
            (Line::Event, State::Delivered { verification, .. }) => {
                verification.line(line)?;
            }
            (
                Line::Checkpoint(met),
                State::Delivered {
                    verification,
                    checkpoints,
                },
            ) => {
                let opened = opened(place, &met, self.key)?;
                verification.checkpoint(&place.to_string(), &opened)?;
                *checkpoints += 1;
            }
            (Line::Test, State::Delivered { .. }) => {}
            (Line::Export(_) | Line::Leaves(_) | Line::Test, _)
            | (Line::Event | Line::Checkpoint(_), State::Ended(_)) => {
                return Err(self.not_a_line(place, "does not belong there"));
            }
        }
        Ok(())
    }

    fn begin(&mut self, place: &Place<'_>, line: ExportLine) -> anyhow::Result<()> {
        let expected = std::mem::take(&mut self.expected);
        let marks: Vec<_> = line
            .epochs
            .iter()
            .map(|mark| (mark.epoch, mark.first))
            .collect();
        let end = line
            .first
            .checked_add(line.events)
            .filter(|end| *end <= line.size);
        let hashes = hashes(&line.left)
            .zip(hashes(&line.right))
            .filter(|_| end.is_some());
        let begun = hashes.and_then(|(left, right)| {
            let verification = Verification::of_part(line.first, &left, &marks, expected)?;
            Some((verification, right))
        });
        let Some((verification, right)) = begun else {
            bail!(Break::at(
                line.first,
                format!("{place} begins no export that can be")
            ));
        };
        self.state = State::Export(Box::new(Export::new(line, right, verification)));
        Ok(())
    }

    fn end_export(&mut self, place: &Place<'_>, last: &CheckpointLine) -> anyhow::Result<()> {
        let checkpoint = opened(place, last, self.key)?;
        let State::Export(export) = std::mem::replace(&mut self.state, State::Nothing) else {
            return Ok(());
        };
        let verified = export.end(place, last, &checkpoint)?;
        self.state = State::Ended(Box::new(verified));
        Ok(())
    }

    fn end(self, args: &VerifyArgs) -> anyhow::Result<Verified> {
        let names: Vec<_> = args
            .exports
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let names = names.join(", ");
        match self.state {
            State::Nothing => Err(WrongUse(format!("{names}: there is nothing in it")).into()),
            State::Export(export) => {
                let next = export.verification.next();
                let what =
                    format!("{names} ends at event {next} without its checkpoint: it was cut off");
                Err(Break::at(next, what).into())
            }
            State::Delivered { checkpoints: 0, .. } if args.checkpoints.is_empty() => bail!(
                "{names} holds no checkpoint, and nothing can be verified without one: give one with --checkpoint"
            ),
            State::Delivered { verification, .. } => Ok(verification.end()?),
            State::Ended(verified) => Ok(*verified),
        }
    }

    /// A line that cannot be: in the first place, the file is something else.
    fn not_a_line(&self, place: &Place<'_>, what: &str) -> anyhow::Error {
        let next = match &self.state {
            State::Nothing => {
                return WrongUse(format!("{} is no export: {place} {what}", place.name)).into();
            }
            State::Export(export) => Some(export.verification.next()),
            State::Delivered { verification, .. } => Some(verification.next()),
            State::Ended(verified) => Some(verified.end),
        };
        let what = format!("{place} {what}");
        Break {
            sequence: next,
            what,
        }
        .into()
    }
}

fn opened(
    place: &Place<'_>,
    line: &CheckpointLine,
    key: Option<&VerifierKey>,
) -> Result<Checkpoint, Break> {
    let opened = match key {
        Some(key) => Checkpoint::open_of_origin(&line.note, key),
        None => Checkpoint::unverified(&line.note).ok_or(NoteError::Malformed),
    };
    opened.map_err(|error| Break {
        sequence: None,
        what: format!("{place} proves nothing: {error}"),
    })
}

impl Export {
    fn new(line: ExportLine, right: Vec<Hash>, verification: Verification) -> Self {
        Self {
            compared: line.first,
            line,
            right,
            verification,
            leaves: Vec::new(),
            broken: None,
        }
    }

    /// Takes an event. What is wrong up to it is told once the next line of hashes has shown which event it is.
    fn event(&mut self, json: &[u8]) -> Result<(), Break> {
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
    fn compare(&mut self, sealed: &[Hash]) -> Result<(), Break> {
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

    fn end(
        self,
        place: &Place<'_>,
        last: &CheckpointLine,
        checkpoint: &Checkpoint,
    ) -> Result<Verified, Break> {
        let Self {
            line,
            right,
            verification,
            leaves,
            broken,
            ..
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
        let named = (&line.origin, line.epoch, line.size) == (&last.origin, last.epoch, last.size);
        if !named || !leaves.is_empty() {
            let what = format!("{place} is not the checkpoint that the export begins with");
            return Err(Break {
                sequence: None,
                what,
            });
        }
        let is_whole = line.first == 0 && next == checkpoint.size;
        let source = place.to_string();
        if is_whole {
            let mut verification = verification;
            verification.checkpoint(&source, checkpoint)?;
            return verification.end();
        }
        verification.end_of_part(&source, checkpoint, &right)
    }
}
