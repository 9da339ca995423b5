//! A file that is torn, full, moved away, cut to nothing, locked and too old.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::*;
use crate::crypto::SystemRandom;
use crate::domain::ManualClock;
use crate::routing::targets::sample::changed;
use crate::routing::{Content, Record};
use crate::store::Origin;

/// 2026-11-23T12:00:01.239 UTC.
const NOON_MS: i64 = 1_795_435_201_239;
const DAY_MS: i64 = 86_400_000;

/// A target in a directory of its own, on a clock that is moved by hand.
struct Site {
    directory: TempDir,
    clock: Arc<ManualClock>,
    endpoint: FileEndpoint,
    target: FileTarget,
}

impl Site {
    fn new(change: impl FnOnce(&mut FileEndpoint)) -> Self {
        let directory = TempDir::new().unwrap();
        let mut endpoint = endpoint(&directory.path().join("events.jsonl").display().to_string());
        change(&mut endpoint);
        let clock = Arc::new(ManualClock::new(NOON_MS));
        let target = opened(&endpoint, &clock);
        Self {
            directory,
            clock,
            endpoint,
            target,
        }
    }

    /// A target on the same file, as after a restart.
    fn start_again(&mut self) {
        self.target = opened(&self.endpoint, &self.clock);
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("events.jsonl")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    async fn deliver(&mut self, lines: &[&str]) -> Result<(), Undelivered> {
        self.target.deliver(&batch(lines)).await
    }

    /// The names of the directory, sorted, and what the files hold.
    fn files(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let file = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        let mut files: Vec<_> = entries.map(|entry| file(entry.unwrap().path())).collect();
        files.sort();
        files
    }
}

fn endpoint(path: &str) -> FileEndpoint {
    FileEndpoint {
        path: path.to_owned(),
        rotate_bytes: None,
        rotate_daily: false,
        sync: Sync::EachBatch,
    }
}

fn opened(endpoint: &FileEndpoint, clock: &Arc<ManualClock>) -> FileTarget {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let surroundings = Surroundings {
        origin: origin(),
        clock,
        random: Arc::new(SystemRandom),
        reserved: Arc::new([]),
    };
    endpoint.open(&surroundings).unwrap()
}

fn origin() -> Origin {
    Origin {
        name: "node-1".to_owned(),
        epoch: 1,
    }
}

fn batch(lines: &[&str]) -> Batch {
    let record = |line: &&str| Record {
        content: Content::Test(0),
        json: line.as_bytes().to_vec(),
    };
    Batch {
        origin: origin(),
        records: lines.iter().map(record).collect(),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[track_caller]
fn retries(outcome: Result<(), Undelivered>, words: &str) {
    match outcome {
        Err(Undelivered::Retry(reason)) => assert!(reason.contains(words), "{reason}"),
        other => panic!("it is to come again: {other:?}"),
    }
}

#[tokio::test]
async fn a_torn_line_is_cut_off_before_the_next_is_appended() {
    let mut site = Site::new(|_| {});
    let line = String::from_utf8(changed(5, |_| {}).json).unwrap();
    site.deliver(&["a", &line]).await.unwrap();
    let mut file = File::options().append(true).open(site.path()).unwrap();
    file.write_all(&line.as_bytes()[..200]).unwrap();
    site.start_again();
    site.deliver(&[&line]).await.unwrap();
    assert_eq!(site.text(), format!("a\n{line}\n{line}\n"));
    fs::write(site.path(), &line[..200]).unwrap();
    site.deliver(&["d"]).await.unwrap();
    assert_eq!(site.text(), "d\n");
}

#[tokio::test]
async fn what_others_wrote_is_never_cut() {
    let mut site = Site::new(|_| {});
    let strange = vec![1; 3 << 20];
    for foreign in [
        &strange[..],
        b"root:x:0:0\nno end of line",
        b"1,2\n{\"id\":7",
    ] {
        fs::write(site.path(), foreign).unwrap();
        retries(site.deliver(&["a"]).await, "move the file away");
        assert_eq!(fs::read(site.path()).unwrap(), foreign);
    }
}

#[tokio::test]
async fn the_servers_own_directories_are_not_written_to_by_whatever_way() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let (own, link) = (root.join("data"), root.join("link"));
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::symlink(&own, &link).unwrap();
    let surroundings = Surroundings {
        origin: origin(),
        clock: Arc::new(ManualClock::new(NOON_MS)),
        random: Arc::new(SystemRandom),
        reserved: Arc::new([own.clone()]),
    };
    let at = |path: PathBuf| endpoint(&path.display().to_string());
    let Err(error) = at(own.join("events.jsonl")).open(&surroundings) else {
        panic!("it is the server's own");
    };
    assert_eq!(error.field, "path");
    let mut target = at(link.join("events.jsonl")).open(&surroundings).unwrap();
    retries(
        target.deliver(&batch(&["a"])).await,
        "keeps what is its own",
    );
    assert_eq!(fs::read_dir(&own).unwrap().count(), 0);
    let mut target = at(root.join("data.jsonl")).open(&surroundings).unwrap();
    target.deliver(&batch(&["a"])).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_full_is_put_aside_and_none_is_written_over() {
    let long = "x".repeat(40_000);
    let mut site = Site::new(|endpoint| endpoint.rotate_bytes = Some(ROTATE_BYTES_MIN));
    // The clock stands still, then goes back: names sort all the same.
    for line in ["1", "2", "3"] {
        site.deliver(&[&long, line]).await.unwrap();
    }
    site.clock.advance_ms(-DAY_MS);
    site.start_again();
    site.deliver(&[&long, "4"]).await.unwrap();
    let files = site.files();
    let names: Vec<_> = files.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[0], "events.jsonl");
    assert_eq!(names[1], "events.jsonl.20261123T120001.239Z");
    let held = |index: usize| files[index].1.clone();
    for (index, line) in [(1, "1"), (2, "2"), (3, "3"), (0, "4")] {
        assert_eq!(held(index), format!("{long}\n{line}\n"), "{names:?}");
    }
    // What is larger than a file may be is one file of its own.
    site.deliver(&[&long, &long]).await.unwrap();
    assert_eq!(site.text().len(), 80_002);
    assert_eq!(site.files().len(), 5);
}

#[tokio::test]
async fn each_day_begins_a_file_also_after_a_restart() {
    let mut site = Site::new(|endpoint| endpoint.rotate_daily = true);
    site.deliver(&["monday"]).await.unwrap();
    site.clock.advance_ms(DAY_MS / 2 - 2000);
    site.deliver(&["monday night"]).await.unwrap();
    site.clock.advance_ms(2000);
    site.deliver(&["tuesday"]).await.unwrap();
    let written = UNIX_EPOCH + Duration::from_millis(u64::try_from(NOON_MS + DAY_MS).unwrap());
    File::options()
        .write(true)
        .open(site.path())
        .unwrap()
        .set_modified(written)
        .unwrap();
    site.start_again();
    site.deliver(&["tuesday night"]).await.unwrap();
    site.clock.advance_ms(DAY_MS);
    site.deliver(&["wednesday"]).await.unwrap();
    let files = site.files();
    let text = |at: usize| (&*files[at].0, &*files[at].1);
    assert_eq!(text(0), ("events.jsonl", "wednesday\n"));
    assert_eq!(
        text(1),
        (
            "events.jsonl.20261123T235959.239Z",
            "monday\nmonday night\n"
        )
    );
    assert_eq!(
        text(2),
        (
            "events.jsonl.20261124T000001.239Z",
            "tuesday\ntuesday night\n"
        )
    );
    assert_eq!(files.len(), 3);
}

#[tokio::test]
async fn a_file_that_others_moved_or_cut_is_followed() {
    let mut site = Site::new(|_| {});
    site.deliver(&["a"]).await.unwrap();
    let aside = site.directory.path().join("aside");
    fs::rename(site.path(), &aside).unwrap();
    site.deliver(&["b"]).await.unwrap();
    assert_eq!(fs::read_to_string(aside).unwrap(), "a\n");
    assert_eq!(site.text(), "b\n");
    File::create(site.path()).unwrap();
    site.deliver(&["c"]).await.unwrap();
    assert_eq!(site.text(), "c\n");
}

#[tokio::test]
async fn a_new_file_is_private_and_the_next_takes_over_the_mode_it_was_given() {
    let mut site = Site::new(|endpoint| endpoint.rotate_bytes = Some(ROTATE_BYTES_MIN));
    let long = "x".repeat(50_000);
    site.deliver(&[&long]).await.unwrap();
    assert_eq!(mode(&site.path()), 0o600);
    fs::set_permissions(site.path(), fs::Permissions::from_mode(0o640)).unwrap();
    site.deliver(&[&long]).await.unwrap();
    assert_eq!(site.files().len(), 2);
    assert_eq!(mode(&site.path()), 0o640);
}

#[tokio::test]
async fn what_is_no_file_or_has_no_directory_is_told() {
    let mut site = Site::new(|_| {});
    let pipe = site.path();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    retries(site.deliver(&["a"]).await, "is not a file");
    fs::remove_file(&pipe).unwrap();
    std::os::unix::fs::symlink("/dev/null", &pipe).unwrap();
    retries(site.deliver(&["a"]).await, "symbolic link");
    fs::remove_file(&pipe).unwrap();
    fs::create_dir(&pipe).unwrap();
    retries(site.deliver(&["a"]).await, "events.jsonl");
    fs::remove_dir(&pipe).unwrap();
    let elsewhere = endpoint("/nonexistent/events.jsonl");
    let mut target = opened(&elsewhere, &site.clock);
    retries(
        target.deliver(&batch(&["a"])).await,
        "the directory of /nonexistent/events.jsonl is not there",
    );
    site.deliver(&["a"]).await.unwrap();
    assert_eq!(site.text(), "a\n");
}

#[tokio::test]
async fn two_targets_of_one_file_do_not_tear_each_other() {
    let mut site = Site::new(|endpoint| endpoint.rotate_bytes = Some(ROTATE_BYTES_MIN));
    let mut other = opened(&site.endpoint, &site.clock);
    let line = |name: &str| name.repeat(3000);
    let (ours, theirs) = (line("a"), line("b"));
    let (one, two) = (batch(&[&ours, &ours]), batch(&[&theirs, &theirs]));
    for _ in 0..40 {
        let (first, second) = tokio::join!(site.target.deliver(&one), other.deliver(&two));
        first.unwrap();
        second.unwrap();
    }
    let files = site.files();
    let lines: Vec<_> = files.iter().flat_map(|(_, text)| text.lines()).collect();
    assert_eq!(lines.len(), 160);
    assert!(files.len() > 5);
    for pair in lines.chunks(2) {
        assert!(pair == [&*ours, &*ours] || pair == [&*theirs, &*theirs]);
    }
}

#[test]
fn wrong_settings_are_named() {
    let problem = |endpoint: FileEndpoint| endpoint.check().unwrap_err().to_string();
    for path in [
        "",
        "events.jsonl",
        "/",
        "/var/log/",
        "/var/../etc/x",
        "/a\0b",
    ] {
        let problem = problem(endpoint(path));
        assert!(problem.starts_with("path: "), "{path:?}: {problem}");
    }
    assert!(problem(endpoint(&format!("/{}", "x".repeat(201)))).contains("200 bytes"));
    let small = FileEndpoint {
        rotate_bytes: Some(1000),
        ..endpoint("/var/log/events.jsonl")
    };
    assert!(problem(small).starts_with("rotate_bytes: "));
    let read: FileEndpoint = serde_json::from_str("{\"path\":\"/x\",\"sync\":\"never\"}").unwrap();
    assert_eq!(read.sync, Sync::Never);
    let unknown = serde_json::from_str::<FileEndpoint>("{\"path\":\"/x\",\"sink\":1}").unwrap_err();
    assert!(unknown.to_string().contains("sink"), "{unknown}");
}

#[test]
fn what_is_left_out_has_a_default_that_is_shown() {
    let read: FileEndpoint = serde_json::from_str("{\"path\":\"/x\"}").unwrap();
    assert_eq!(read, endpoint("/x"));
    let shown = serde_json::to_string(&read).unwrap();
    assert_eq!(
        shown,
        "{\"path\":\"/x\",\"rotate_daily\":false,\"sync\":\"each_batch\"}"
    );
}
