//! The operator's guide and the way from IBM's service, run: every command that they show works as it stands there.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Server, executable, in_directory, kept_port, outputs, until_or_not};

const GUIDES: [&str; 2] = [
    include_str!("../../docs/operations.md"),
    include_str!("../../docs/moving-from-ibm.md"),
];

/// Stands for the service manager: it knows one service, and the directory that it is called in.
const SYSTEMCTL: &str = r#"#!/usr/bin/env bash
set -euo pipefail
running() { [ -s "$RUN/pid" ] && readlink "/proc/$(cat "$RUN/pid")/exe" >/dev/null 2>&1; }
stop() {
    if running; then kill -TERM "$(cat "$RUN/pid")"; fi
    for _ in $(seq 1200); do running || return 0; sleep 0.05; done
    echo "the server does not stop" >&2
    return 1
}
start() {
    : >"$RUN/log"
    setsid keyledger serve >>"$RUN/log" 2>&1 &
    echo $! >"$RUN/pid"
    for _ in $(seq 1200); do
        if grep -q '^listening on ' "$RUN/log"; then return 0; fi
        running || break
        sleep 0.05
    done
    echo "the server does not start" >&2
    return 1
}
[ "$#" = 2 ] && [ "$2" = keyledger ] || { echo "systemctl $*: not known here" >&2; exit 1; }
case $1 in
    start | stop) "$1" ;;
    restart) stop && start ;;
    *) echo "systemctl $1: not known here" >&2; exit 1 ;;
esac
"#;

/// The sections of the guides that have commands, each with its title.
fn sections() -> Vec<(&'static str, String)> {
    let section = |text: &'static str| {
        let (title, body) = text.split_once('\n').expect("a title and what follows");
        (title, commands(body))
    };
    let split = |guide: &'static str| guide.split("\n## ").skip(1);
    let sections = GUIDES.into_iter().flat_map(split).map(section);
    sections.filter(|(_, script)| !script.is_empty()).collect()
}

/// What stands in the blocks of a section that are to be run.
fn commands(section: &str) -> String {
    let blocks = section.split("```sh\n").skip(1);
    let block = |text: &str| text.split("```").next().unwrap_or_default().to_owned();
    blocks.map(block).collect()
}

/// A folder with the program and the service manager's stand-in.
fn programs(folder: &Path) {
    fs::create_dir(folder).expect("a folder");
    symlink(executable(), folder.join("keyledger")).expect("a link");
    let systemctl = folder.join("systemctl");
    // By a process of its own: what this one has open for writing a process that another test starts has open too, and then it cannot be run.
    let mut install = Command::new("install")
        .args(["-m", "700", "/dev/stdin"])
        .arg(&systemctl)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut input = install.stdin.take().expect("piped");
    input.write_all(SYSTEMCTL.as_bytes()).expect("a program");
    drop(input);
    assert!(install.wait().expect("a process of ours").success());
}

/// Runs the commands of a section in a directory of their own; gives what they printed, and whether they all succeeded.
fn run(commands: &str) -> (bool, String) {
    let directory = Server::directory();
    let run = tempfile::tempdir().expect("a temporary directory");
    programs(&run.path().join("bin"));
    let port = kept_port();
    let script = format!(
        "set -euo pipefail\nexport PATH=\"$RUN/bin:$PATH\"\ntrap 'systemctl stop keyledger' EXIT\nsystemctl start keyledger\nset -x\n{}",
        commands.replace("5696", &port.to_string())
    );
    let output = run.path().join("output");
    let file = File::create(&output).expect("a file");
    let stream = || Stdio::from(file.try_clone().expect("a second handle"));
    let mut child = in_directory(Command::new("bash"), directory.path())
        .args(["-c", &script])
        .env("RUN", run.path())
        .env("KEYLEDGER_LISTEN", format!("127.0.0.1:{port}"))
        .stdout(stream())
        .stderr(stream())
        .spawn()
        .expect("bash runs");
    let mut status = None;
    let ended = until_or_not(|| {
        status = child.try_wait().expect("a child of ours");
        status.is_some()
    });
    if !ended {
        drop(child.kill());
        drop(child.wait());
    }
    let text = |file: &str| fs::read_to_string(run.path().join(file)).unwrap_or_default();
    let printed = format!(
        "{}\n--- the server's log ---\n{}",
        text("output"),
        text("log")
    );
    outputs::keep(&printed);
    (status.is_some_and(|status| status.success()), printed)
}

#[test]
fn every_command_of_the_guide_works() {
    let sections = sections();
    assert!(sections.iter().any(|(title, _)| *title == "Every day"));
    std::thread::scope(|scope| {
        let runs: Vec<_> = sections
            .iter()
            .map(|(title, script)| (title, scope.spawn(|| run(script))))
            .collect();
        for (title, run) in runs {
            let (succeeded, printed) = run.join().expect("a run that ends");
            assert!(succeeded, "section `{title}`:\n{printed}");
        }
    });
}

#[test]
fn a_command_that_fails_fails_its_section() {
    let (succeeded, printed) = run("keyledger key show nothing\n");
    assert!(!succeeded, "{printed}");
    assert!(printed.contains("there is no key"), "{printed}");
}
