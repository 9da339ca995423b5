//! A mount namespace of one test: what it mounts nobody else sees, and it is gone when the test ends, however that ends.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::server::{fresh_directory, made_before};

const SKIPPED: &str = "skipped:";
/// Names the file in which `tests/run` collects what is skipped.
const LIST: &str = "KEYLEDGER_TEST_SKIPPED";
/// Set for a test that runs in a namespace of its own.
const INSIDE: &str = "KEYLEDGER_TEST_MOUNTS";

/// Runs the calling test again in a mount namespace of its own: true there, false where it was called. Where the machine permits
/// neither that to a user nor to root, it says that the test is skipped.
///
/// A test begins with `if !in_own_mounts() { return; }`.
#[track_caller]
pub(crate) fn in_own_mounts() -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let name = std::thread::current()
        .name()
        .expect("a test has a name")
        .to_owned();
    let Some(unshare) = ways().into_iter().find(|way| works(way)) else {
        skipped("this machine permits no mount namespace");
        return false;
    };
    // What the test mounts on are empty folders outside.
    let directory = fresh_directory();
    let output = Command::new("unshare")
        .arg(unshare)
        .arg(std::env::current_exe().expect("the test program"))
        .args([&name, "--exact", "--nocapture"])
        .env(INSIDE, made_before())
        .env("TMPDIR", directory.path())
        .output()
        .expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    print!("{text}");
    for line in error.lines().filter(|line| line.starts_with(SKIPPED)) {
        say(line);
    }
    assert!(
        output.status.success(),
        "in a namespace of its own:\n{text}\n{error}"
    );
    assert!(text.contains("1 passed"), "the test has run:\n{text}");
    false
}

/// Says that the calling test does not run here, and why, also where the output of tests that pass is not shown.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    let line = format!("{SKIPPED} {}: {why}", thread.name().unwrap_or_default());
    say(&line);
    if let Some(list) = std::env::var_os(LIST) {
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(list);
        // One write, for tests run at the same time.
        let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.expect("the list of what is skipped");
    }
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("a standard error");
}

/// The directory that the test outside has made for servers to start from.
pub(super) fn made_outside() -> Option<std::path::PathBuf> {
    std::env::var_os(INSIDE).map(Into::into)
}

/// As a user who is root in a namespace, or as root.
fn ways() -> [&'static str; 2] {
    ["-rm", "-m"]
}

fn works(way: &str) -> bool {
    let mut command = Command::new("unshare");
    command.args([way, "mount", "-t", "tmpfs", "none", "/tmp"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Mounts an empty file system in memory of so many bytes. Only inside [`in_own_mounts`].
pub(crate) fn mount_tmpfs(at: &Path, bytes: u64) {
    let size = format!("size={bytes},mode=700");
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &size, "none"])
        .arg(at)
        .status();
    assert!(status.expect("mount runs").success(), "a tmpfs is mounted");
}
