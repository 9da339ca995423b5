//! What is on the disk: as programs see it now, and as it is after a power cut.
//!
//! A file's bytes are durable after a sync of the file, names after a sync of their directory, as POSIX has it and no more. Of what was
//! changed since, a cut leaves nothing, or some of it: any of the writes, any sectors of each; of a directory's changes the first few.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use fuser::FileType;

use crate::harness::Dice;

pub(super) const ROOT: u64 = 1;
const SECTOR: usize = 512;

/// Names of a directory and the numbers of what they name.
pub(super) type Names = BTreeMap<OsString, u64>;

/// What a cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    Some,
}

/// A change of a file that was not synced.
#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A file, directory or socket.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: FileType,
    pub(super) mode: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) names: Names,
    synced_bytes: Vec<u8>,
    changes: Vec<Change>,
    /// The names as last synced, and after each change since.
    past_names: Vec<Names>,
}

/// Every node by its number.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    nodes: BTreeMap<u64, Node>,
    next: u64,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }

    /// Some sectors of it, or all, or none.
    fn torn(&self, dice: &mut Dice) -> Vec<Self> {
        match self {
            _ if dice.below(2) == 0 => Vec::new(),
            Self::Write(offset, data) if dice.below(2) == 0 => {
                let sectors = data.chunks(SECTOR).enumerate();
                let kept = sectors.filter(|_| dice.below(2) == 0);
                kept.map(|(index, sector)| Self::Write(offset + index * SECTOR, sector.to_vec()))
                    .collect()
            }
            whole => vec![whole.clone()],
        }
    }
}

impl Node {
    fn new(kind: FileType, mode: u32) -> Self {
        Self {
            kind,
            mode,
            bytes: Vec::new(),
            names: Names::new(),
            synced_bytes: Vec::new(),
            changes: Vec::new(),
            past_names: vec![Names::new()],
        }
    }

    pub(super) fn write(&mut self, offset: usize, data: &[u8]) {
        self.change(Change::Write(offset, data.to_vec()));
    }

    pub(super) fn set_length(&mut self, length: usize) {
        self.change(Change::Length(length));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.changes.push(change);
    }

    pub(super) fn name(&mut self, name: &OsStr, number: u64) {
        self.names.insert(name.to_owned(), number);
        self.past_names.push(self.names.clone());
    }

    pub(super) fn unname(&mut self, name: &OsStr) {
        self.names.remove(name);
        self.past_names.push(self.names.clone());
    }

    /// Gives what has the name `from` the name `to`, in one step.
    pub(super) fn rename(&mut self, from: &OsStr, to: &OsStr) {
        if let Some(number) = self.names.remove(from) {
            self.name(to, number);
        }
    }

    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.synced_bytes);
        }
        self.past_names = vec![self.names.clone()];
    }

    fn cut(&mut self, left: Left, dice: &mut Dice) {
        if left == Left::Some {
            let kept = self.changes.iter().flat_map(|change| change.torn(dice));
            for change in kept.collect::<Vec<_>>() {
                change.apply(&mut self.synced_bytes);
            }
        }
        let steps = match left {
            Left::Nothing => 1,
            Left::Some => self.past_names.len(),
        };
        self.names = self.past_names[dice.below(steps)].clone();
        self.changes.clear();
        self.bytes = self.synced_bytes.clone();
        self.past_names = vec![self.names.clone()];
    }
}

impl Contents {
    pub(super) fn new() -> Self {
        let root = Node::new(FileType::Directory, 0o700);
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
        }
    }

    pub(super) fn node(&mut self, number: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&number)
    }

    pub(super) fn number(&self, parent: u64, name: &OsStr) -> Option<u64> {
        self.nodes.get(&parent)?.names.get(name).copied()
    }

    /// Makes a node and gives it a name.
    pub(super) fn make(
        &mut self,
        parent: u64,
        name: &OsStr,
        kind: FileType,
        mode: u32,
    ) -> Option<u64> {
        let number = self.next;
        let directory = self.nodes.get_mut(&parent)?;
        directory.name(name, number);
        self.nodes.insert(number, Node::new(kind, mode));
        self.next += 1;
        Some(number)
    }

    /// Bytes of all files.
    pub(super) fn length(&self) -> usize {
        self.nodes.values().map(|node| node.bytes.len()).sum()
    }

    pub(super) fn sync_all(&mut self) {
        self.nodes.values_mut().for_each(Node::sync);
    }

    /// The power is cut.
    pub(super) fn cut(&mut self, left: Left, dice: &mut Dice) {
        for node in self.nodes.values_mut() {
            node.cut(left, dice);
        }
    }
}
