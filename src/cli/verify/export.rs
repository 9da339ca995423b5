//! `events verify --export FILE`: an export, or what a target received, with nothing but the files and the command line.
//!
//! Files are read line by line. An export names what it holds and is checked against that, each event by its own hash; what was delivered
//! may repeat events, and is as good as the checkpoints in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::exported::Export;
use super::{Met, VerifyArgs, held, said};
use crate::audit::export::{ExportLine, LINE_BYTES_MAX, Line};
use crate::audit::{
    Break, Checkpoint, CheckpointLine, Event, NoteError, Verification, Verified, VerifierKey,
};
use crate::cli::WrongUse;
use crate::cli::report::{Report, remark};

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
    let open = |path: &PathBuf| {
        let source = path.display().to_string();
        let opened = held::open(&source, &held::note(path)?, key.as_ref())?;
        anyhow::Ok((source, opened))
    };
    let expected = args
        .checkpoints
        .iter()
        .map(open)
        .collect::<Result<Vec<_>, _>>()?;
    let verified = verified(&args.exports, key.as_ref(), expected, None)?;
    said::say(&verified, args, report)?;
    match (&key, args.checkpoints.is_empty()) {
        (None, _) => remark(UNSIGNED),
        (Some(_), true) => remark(ALONE),
        (Some(_), false) => {}
    }
    Ok(())
}

/// Verifies files against `expected`, and tells what is met in them.
///
/// # Errors
/// As [`verify`].
pub(super) fn verified<'a>(
    paths: &[PathBuf],
    key: Option<&'a VerifierKey>,
    expected: Vec<(String, Checkpoint)>,
    observe: Option<&'a mut dyn FnMut(Met<'_>)>,
) -> anyhow::Result<Verified> {
    let mut reading = Reading {
        key,
        is_expected: !expected.is_empty(),
        expected,
        state: State::Nothing,
        observe,
    };
    for path in paths {
        read_file(path, &mut reading)?;
    }
    reading.end(paths)
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
    /// The checkpoints of `--checkpoint`.
    expected: Vec<(String, Checkpoint)>,
    /// Whether anything is expected.
    is_expected: bool,
    state: State,
    /// Is told what is met.
    observe: Option<&'a mut dyn FnMut(Met<'_>)>,
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
    /// The end of an export, and the verification from its first event on anew.
    Ended(Box<(Verified, Option<Verification>)>),
}

impl Reading<'_> {
    fn take(&mut self, place: &Place<'_>, line: &[u8]) -> anyhow::Result<()> {
        if Event::is_cadf_json(line) {
            let problem = format!(
                "{place} is an event in the CADF rendering, which is not what is sealed: verify what a target of the rendering sealed received, or an export"
            );
            return Err(WrongUse(problem).into());
        }
        let Some(read) = Line::read(line) else {
            return Err(self.not_a_line(place, "is no event and nothing that goes with events"));
        };
        match (read, &mut self.state) {
            (Line::Export(begins), State::Nothing) => self.begin(place, begins)?,
            (Line::Event | Line::Checkpoint(_) | Line::Test, State::Nothing) => {
                self.begin_delivered();
                return self.take(place, line);
            }
            // Another file: an export may say where what was delivered begins.
            (Line::Event | Line::Checkpoint(_) | Line::Test, State::Ended(_))
                if place.number == 1 =>
            {
                self.begin_delivered();
                return self.take(place, line);
            }
            (Line::Event, State::Export(export)) => {
                let sequence = export.next();
                export.event(line)?;
                tell(&mut self.observe, Met::Event(sequence, line));
            }
            (Line::Leaves(leaves), State::Export(export)) => export.compare(&leaves)?,
            (Line::Checkpoint(last), State::Export(_)) => self.end_export(place, &last)?,
            (Line::Event, State::Delivered { verification, .. }) => {
                let before = verification.next();
                verification.line(line)?;
                let next = verification.next();
                // One that comes again moves nothing.
                if next != before {
                    tell(&mut self.observe, Met::Event(next.saturating_sub(1), line));
                }
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
                tell(&mut self.observe, Met::Checkpoint(&met.note));
            }
            (Line::Test, State::Delivered { .. }) => {}
            (Line::Export(_) | Line::Leaves(_) | Line::Test, _)
            | (Line::Event | Line::Checkpoint(_), State::Ended(_)) => {
                return Err(self.not_a_line(place, "does not belong there"));
            }
        }
        Ok(())
    }

    fn begin(&mut self, place: &Place<'_>, line: ExportLine) -> Result<(), Break> {
        let first = line.first;
        let Some(export) = Export::begin(line, &self.expected) else {
            let what = format!("{place} begins no export that can be");
            return Err(Break::at(first, what));
        };
        self.state = State::Export(Box::new(export));
        Ok(())
    }

    fn end_export(&mut self, place: &Place<'_>, last: &CheckpointLine) -> Result<(), Break> {
        let checkpoint = opened(place, last, self.key)?;
        let State::Export(export) = std::mem::replace(&mut self.state, State::Nothing) else {
            return Ok(());
        };
        let source = place.to_string();
        let ended = export.end(&source, (last, &checkpoint), &self.expected)?;
        self.state = State::Ended(Box::new(ended));
        tell(&mut self.observe, Met::Checkpoint(&last.note));
        Ok(())
    }

    /// What a target received, from the first event of all on or from that of an export that was read before.
    fn begin_delivered(&mut self) {
        let begins = match &mut self.state {
            State::Ended(ended) => ended.1.take(),
            _ => None,
        };
        let verification = begins.unwrap_or_else(|| Verification::new(self.expected.clone()));
        self.state = State::Delivered {
            verification: Box::new(verification.as_delivered()),
            checkpoints: 0,
        };
    }

    fn end(self, paths: &[PathBuf]) -> anyhow::Result<Verified> {
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let names = names.join(", ");
        match self.state {
            State::Nothing => Err(WrongUse(format!("{names}: there is nothing in it")).into()),
            State::Export(mut export) => {
                if let Some(broken) = export.broken() {
                    return Err(broken.into());
                }
                let next = export.next();
                let what =
                    format!("{names} ends at event {next} without its checkpoint: it was cut off");
                Err(Break::at(next, what).into())
            }
            State::Delivered { checkpoints: 0, .. } if !self.is_expected => bail!(
                "{names} holds no checkpoint, and nothing can be verified without one: give one with --checkpoint"
            ),
            State::Delivered { verification, .. } => Ok(verification.end()?),
            State::Ended(ended) => Ok(ended.0),
        }
    }

    /// A line that cannot be: in the first place, the file is something else.
    fn not_a_line(&self, place: &Place<'_>, what: &str) -> anyhow::Error {
        let next = match &self.state {
            State::Nothing => {
                return WrongUse(format!("{} is no export: {place} {what}", place.name)).into();
            }
            State::Export(export) => Some(export.next()),
            State::Delivered { verification, .. } => Some(verification.next()),
            State::Ended(ended) => Some(ended.0.end),
        };
        let what = format!("{place} {what}");
        Break {
            sequence: next,
            what,
        }
        .into()
    }
}

fn tell(observe: &mut Option<&mut dyn FnMut(Met<'_>)>, met: Met<'_>) {
    if let Some(observe) = observe {
        observe(met);
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
