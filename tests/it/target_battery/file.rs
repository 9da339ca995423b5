//! Files: what is received is what the file holds.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use keyledger::routing::Undelivered;
use keyledger::routing::targets::file::{FileEndpoint, Sync};
use rustix::fs::FlockOperation;
use tempfile::TempDir;

use super::records::events;
use super::{Received, ReceivingEnd, Site, battery};
use crate::harness::{fresh_directory, in_own_mounts, mount_tmpfs};

/// A file in a directory that can go away, or be locked.
pub(crate) struct Lines {
    directory: TempDir,
    lock: Option<File>,
}

impl Lines {
    fn folder(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn path(&self) -> PathBuf {
        self.folder().join("events.jsonl")
    }

    fn away(&self) -> PathBuf {
        self.directory.path().join("away")
    }
}

impl ReceivingEnd for Lines {
    type Endpoint = FileEndpoint;

    fn start() -> Option<Self> {
        let end = Self {
            directory: fresh_directory(),
            lock: None,
        };
        fs::create_dir(end.folder()).expect("a folder");
        Some(end)
    }

    fn endpoint(&self) -> FileEndpoint {
        FileEndpoint {
            path: self.path().display().to_string(),
            rotate_bytes: None,
            rotate_daily: false,
            sync: Sync::EachBatch,
        }
    }

    fn received(&mut self) -> Vec<Received> {
        let text = fs::read_to_string(self.path()).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "whole lines");
        text.lines()
            .map(|line| Received::of_json(line.as_bytes()))
            .collect()
    }

    fn stop(&mut self) {
        fs::rename(self.folder(), self.away()).expect("the folder goes");
    }

    fn start_again(&mut self) {
        self.lock = None;
        if self.away().exists() {
            fs::rename(self.away(), self.folder()).expect("the folder is back");
        }
    }

    fn fall_silent(&mut self) -> bool {
        let mut options = File::options();
        let file = options.create(true).append(true).open(self.path());
        let file = file.expect("the file");
        rustix::fs::flock(&file, FlockOperation::LockExclusive).expect("a lock");
        self.lock = Some(file);
        true
    }

    fn wrong(&self) -> Vec<(&'static str, FileEndpoint)> {
        let right = self.endpoint();
        let relative = FileEndpoint {
            path: "events.jsonl".to_owned(),
            ..right
        };
        let small = FileEndpoint {
            rotate_bytes: Some(1),
            ..right
        };
        vec![("path", relative), ("rotate_bytes", small)]
    }
}

battery!(Lines);

#[test]
fn a_full_disk_is_tried_again_and_leaves_no_part_of_a_batch() {
    if !in_own_mounts() {
        return;
    }
    let mut site = Site::<Lines>::start().expect("it starts");
    mount_tmpfs(&site.end.folder(), 1 << 20);
    let (before, batch) = (events(20), events(200));
    site.deliver(&before).expect("delivered");
    let held = fs::read(site.end.path()).expect("the file");
    let filler = site.end.folder().join("filler");
    // Room is left for a part of the batch.
    let left = (1 << 20) - held.len() - 64 * 1024;
    File::create(&filler)
        .and_then(|mut file| file.write_all(&vec![1; left]))
        .expect("the disk is filled");
    for _ in 0..2 {
        match site.deliver(&batch) {
            Err(Undelivered::Retry(reason)) => assert!(reason.contains("make room"), "{reason}"),
            other => panic!("it is to come again: {other:?}"),
        }
        assert_eq!(fs::read(site.end.path()).expect("the file"), held);
    }
    fs::remove_file(filler).expect("room");
    site.deliver(&batch).expect("delivered");
    assert_eq!(site.end.received().len(), 220);
}
