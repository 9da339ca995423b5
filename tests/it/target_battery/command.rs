//! Programs: what is received is what a program wrote down that read its standard input.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use keyledger::crypto::SecretText;
use keyledger::routing::targets::command::CommandEndpoint;
use keyledger::routing::{Deliver as _, Undelivered};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::checks::{GIVEN_UP, arrives, deliver_at_last};
use super::records::events;
use super::{Received, ReceivingEnd, Site, battery};
use crate::harness::{fresh_directory, skipped};

/// What the program asks for before it takes anything.
const TOKEN: &str = "T0ken-of-the-programs";

/// A program of the operator's, which takes what it is given when it gets the right token.
const TAKES: &str = "
if [ \"$TOKEN\" != T0ken-of-the-programs ]; then
    echo \"$TOKEN is not the token\" >&2
    exit 77
fi
cat >>received
";
const REFUSES: &str = "
echo \"not of my liking, even with $TOKEN\" >&2
exit 65
";
const IS_SILENT: &str = "
sleep 1000
";

pub(crate) struct Program {
    directory: TempDir,
}

impl Program {
    fn path(&self) -> PathBuf {
        self.directory.path().join("hook")
    }

    fn write(&self, script: &str) {
        fs::write(self.path(), script).expect("a file");
    }
}

impl ReceivingEnd for Program {
    type Endpoint = CommandEndpoint;

    fn start() -> Option<Self> {
        let end = Self {
            directory: fresh_directory(),
        };
        end.write(TAKES);
        Some(end)
    }

    fn endpoint(&self) -> CommandEndpoint {
        CommandEndpoint {
            // Not the script itself: the system does not start a file that some child of another test still holds open to write.
            program: "/bin/sh".to_owned(),
            arguments: vec![self.path().display().to_string()],
            environment: BTreeMap::new(),
            secret_environment: BTreeMap::from([(
                "TOKEN".to_owned(),
                SecretText::new(TOKEN.to_owned()),
            )]),
            working_directory: self.directory.path().display().to_string(),
            timeout_seconds: 10,
        }
    }

    fn received(&mut self) -> Vec<Received> {
        let text = fs::read_to_string(self.directory.path().join("received")).unwrap_or_default();
        text.lines()
            .map(|line| Received::of_json(line.as_bytes()))
            .collect()
    }

    fn stop(&mut self) {
        fs::remove_file(self.path()).expect("it is there");
    }

    fn start_again(&mut self) {
        self.write(TAKES);
    }

    fn fall_silent(&mut self) -> bool {
        self.write(IS_SILENT);
        true
    }

    fn refuse(&mut self) -> bool {
        self.write(REFUSES);
        true
    }

    fn wrong(&self) -> Vec<(&'static str, CommandEndpoint)> {
        let right = self.endpoint();
        let relative = CommandEndpoint {
            program: "hook".to_owned(),
            ..right.clone()
        };
        let endless = CommandEndpoint {
            timeout_seconds: 3600,
            ..right.clone()
        };
        let nowhere = CommandEndpoint {
            working_directory: "here".to_owned(),
            ..right
        };
        vec![
            ("program", relative),
            ("timeout_seconds", endless),
            ("working_directory", nowhere),
        ]
    }

    fn locked_out(&self) -> Option<CommandEndpoint> {
        let mut endpoint = self.endpoint();
        let wrong = SecretText::new("wr0ng-token".to_owned());
        endpoint
            .secret_environment
            .insert("TOKEN".to_owned(), wrong);
        Some(endpoint)
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }
}

battery!(Program);

/// Has a tracer look at it that then stops: so it cannot end when it is killed, as if it waited for a disk that does not answer.
const CANNOT_END: &str = "
setsid strace -qq -o /dev/null -p $$ 2>/dev/null &
echo $! >tracer
for turn in $(seq 400); do
    grep -q '^TracerPid:[^0-9]*[1-9]' /proc/$$/status && break
    sleep 0.05
done
grep -q '^TracerPid:[^0-9]*[1-9]' /proc/$$/status || exit 0
echo yes >held
kill -STOP $(cat tracer)
sleep 1000
";

#[test]
fn a_program_that_cannot_end_keeps_nobody_waiting_and_gets_no_company() {
    let mut site = Site::<Program>::start().expect("it starts");
    site.end.write(CANNOT_END);
    let held = site.end.directory.path().join("held");
    let first = events(1);
    let given_up = tokio::time::timeout;
    let outcome = site
        .runtime
        .block_on(async { given_up(GIVEN_UP, site.target.deliver(&first)).await });
    let outcome = outcome.expect("it returns within its own time limits");
    if !held.exists() {
        skipped("strace cannot trace here");
        return;
    }
    let words = "was killed and has not ended";
    let not_ended =
        |outcome: &_| matches!(outcome, Err(Undelivered::Retry(reason)) if reason.contains(words));
    assert!(not_ended(&outcome), "{outcome:?}");
    site.end.write(TAKES);
    let batch = events(1);
    let outcome = site.deliver(&batch);
    assert!(not_ended(&outcome), "{outcome:?}");
    assert!(site.end.received().is_empty());
    let tracer = fs::read_to_string(site.end.directory.path().join("tracer")).expect("a number");
    let tracer = tracer.trim().parse().ok().and_then(Pid::from_raw);
    kill_process(tracer.expect("a number"), Signal::KILL).expect("a process of ours");
    deliver_at_last(&mut site, &batch);
    arrives(&mut site, &[&batch]);
}
