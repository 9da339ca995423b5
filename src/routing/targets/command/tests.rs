use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::{CommandEndpoint, CommandTarget};
use crate::crypto::{SecretText, SystemRandom};
use crate::domain::SystemClock;
use crate::routing::{
    Batch, Content, Deliver as _, Endpoint as _, Record, Surroundings, Undelivered,
};
use crate::store::Origin;

fn origin() -> Origin {
    Origin {
        name: "node-1".to_owned(),
        epoch: 3,
    }
}

fn batch(records: usize, bytes: usize) -> Batch {
    let record = |number: usize| Record {
        content: Content::Checkpoint(u64::try_from(number).unwrap()),
        json: format!("{{\"{number}\":\"{}\"}}", "x".repeat(bytes)).into_bytes(),
    };
    Batch {
        origin: origin(),
        records: (0..records).map(record).collect(),
    }
}

fn endpoint(script: &str) -> CommandEndpoint {
    serde_json::from_value(json!({"program": "/bin/sh", "arguments": ["-c", script]})).unwrap()
}

fn open(endpoint: &CommandEndpoint) -> CommandTarget {
    let surroundings = Surroundings {
        origin: origin(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        reserved: Arc::new([]),
    };
    endpoint.open(&surroundings).unwrap()
}

async fn run(script: &str) -> Result<(), Undelivered> {
    open(&endpoint(script)).deliver(&batch(2, 1)).await
}

fn retry(outcome: Result<(), Undelivered>) -> String {
    match outcome {
        Err(Undelivered::Retry(reason)) => reason,
        other => panic!("it is to come again: {other:?}"),
    }
}

/// Waits for a condition with a generous limit.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}");
}

/// Whether a process runs, whose number stands in a file; none where there is no number yet.
fn runs(file: &Path) -> Option<bool> {
    let pid: u32 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // One that has ended and waits to be reaped by the system's first process does not run.
    let state = state
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .trim_start()
        .to_owned();
    Some(!state.is_empty() && !state.starts_with('Z'))
}

#[tokio::test]
async fn exit_codes_say_delivered_never_and_later() {
    assert_eq!(run("cat >/dev/null").await, Ok(()));
    let refused =
        run("cat >/dev/null; echo one >&2; printf 'no \\007such\\033[1m form\\n\\n' >&2; exit 65")
            .await;
    let reason = "/bin/sh ended with code 65: no such [1m form";
    assert_eq!(refused, Err(Undelivered::Park(reason.to_owned())));
    assert_eq!(retry(run("exit 1").await), "/bin/sh ended with code 1");
    let killed = retry(run("kill -9 $$").await);
    assert!(killed.contains("signal: 9"), "{killed}");
    let shown = retry(run("head -c 100000 /dev/zero | tr '\\0' x >&2; echo >&2; head -c 900 /dev/zero | tr '\\0' y >&2; exit 2").await);
    assert!(shown.len() < 300, "{} bytes", shown.len());
}

#[tokio::test]
async fn what_cannot_be_started_is_tried_again() {
    for program in ["/no/such/program", "/etc/passwd", "/etc"] {
        let endpoint = CommandEndpoint {
            program: program.to_owned(),
            ..endpoint("")
        };
        let reason = retry(open(&endpoint).deliver(&batch(1, 1)).await);
        assert!(
            reason.starts_with(&format!("{program} cannot be run: ")),
            "{reason}"
        );
    }
    let endpoint = CommandEndpoint {
        working_directory: "/no/such".to_owned(),
        ..endpoint("")
    };
    retry(open(&endpoint).deliver(&batch(1, 1)).await);
}

#[tokio::test]
async fn a_program_gets_the_lines_and_only_the_environment_it_is_given() {
    let directory = TempDir::new().unwrap();
    let script = "cat >lines; env | sort >environment; printf '%s\\n' \"$0\" \"$@\" >arguments; pwd >directory";
    let mut endpoint = endpoint(script);
    endpoint
        .arguments
        .extend(["$HOME `id`".to_owned(), String::new(), "*".to_owned()]);
    endpoint.working_directory = directory.path().display().to_string();
    endpoint.environment = BTreeMap::from([("COLOUR".to_owned(), "blue green".to_owned())]);
    let token = SecretText::new("hunter2".to_owned());
    endpoint.secret_environment = BTreeMap::from([("TOKEN".to_owned(), token)]);
    // More than any pipe holds.
    let batch = batch(100, 4000);
    open(&endpoint).deliver(&batch).await.unwrap();
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let lines: Vec<_> = batch
        .records
        .iter()
        .map(|record| String::from_utf8(record.json.clone()).unwrap())
        .collect();
    assert_eq!(read("lines").lines().collect::<Vec<_>>(), lines);
    assert!(read("lines").ends_with("}\n"));
    assert_eq!(read("arguments"), "$HOME `id`\n\n*\n");
    // The shell adds some of its own.
    let environment = read("environment");
    let environment: Vec<_> = environment
        .lines()
        .filter(|line| {
            !["PWD=", "SHLVL=", "_=", "OLDPWD="]
                .iter()
                .any(|own| line.starts_with(own))
        })
        .collect();
    let path = format!("PATH={}", super::PATH);
    let expected = [
        "COLOUR=blue green",
        "KEYLEDGER_EPOCH=3",
        "KEYLEDGER_ORIGIN=node-1",
        "KEYLEDGER_RECORDS=100",
        &path,
        "TOKEN=hunter2",
    ];
    assert_eq!(environment, expected);
}

#[tokio::test]
async fn secrets_are_not_repeated_from_what_a_program_says() {
    let mut endpoint = endpoint("echo \"cannot log in with $TOKEN\" >&2; exit 1");
    for (secret, shown) in [
        ("hunter2", "with ********"),
        ("first\nhunter2\n", "********"),
    ] {
        let secret = SecretText::new(secret.to_owned());
        endpoint.secret_environment = BTreeMap::from([("TOKEN".to_owned(), secret)]);
        let reason = retry(open(&endpoint).deliver(&batch(1, 1)).await);
        assert!(
            !reason.contains("hunter2") && reason.contains(shown),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
    let directory = TempDir::new().unwrap();
    let mut endpoint =
        endpoint("sleep 1000 & echo $! >child; echo $$ >self; echo waiting >&2; sleep 1000");
    endpoint.working_directory = directory.path().display().to_string();
    endpoint.timeout_seconds = 2;
    // It does not read either, and no pipe holds this.
    let reason = retry(open(&endpoint).deliver(&batch(100, 4000)).await);
    assert_eq!(
        reason,
        "/bin/sh did not end within 2 s and was killed: waiting"
    );
    for name in ["self", "child"] {
        let file = directory.path().join(name);
        until("it to end", || runs(&file) == Some(false)).await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it_and_keeps_nobody_waiting() {
    let directory = TempDir::new().unwrap();
    let mut endpoint = endpoint("sleep 1000 & echo $! >child; exit 0");
    endpoint.working_directory = directory.path().display().to_string();
    // The child holds both ends of the pipes; what is left of the input is nobody's.
    assert_eq!(open(&endpoint).deliver(&batch(100, 4000)).await, Ok(()));
    until("it to end", || {
        runs(&directory.path().join("child")) == Some(false)
    })
    .await;
}

#[tokio::test]
async fn a_delivery_that_is_dropped_leaves_nothing_behind() {
    let directory = TempDir::new().unwrap();
    let mut endpoint = endpoint("sleep 1000 & echo $! >child; echo $$ >self; wait");
    endpoint.working_directory = directory.path().display().to_string();
    let files = ["self", "child"].map(|name| directory.path().join(name));
    let mut target = open(&endpoint);
    {
        let batch = batch(1, 1);
        tokio::select! {
            outcome = target.deliver(&batch) => panic!("it does not end: {outcome:?}"),
            () = until("it to start", || files.iter().all(|file| runs(file) == Some(true))) => {}
        }
    }
    for file in &files {
        until("it to end", || runs(file) == Some(false)).await;
    }
    let pid = fs::read_to_string(&files[0]).unwrap();
    let entry = format!("/proc/{}", pid.trim());
    until("it to be reaped", || !Path::new(&entry).exists()).await;
}

#[tokio::test]
async fn a_program_that_left_its_process_group_is_killed_too() {
    let directory = TempDir::new().unwrap();
    // The group of the server, or of whoever runs the tests.
    let script = "echo $$ >self; exec python3 -c \
                  'import os, time; os.setpgid(0, os.getpgid(os.getppid())); time.sleep(1000)'";
    let mut endpoint = endpoint(script);
    endpoint.working_directory = directory.path().display().to_string();
    endpoint.timeout_seconds = 2;
    let (mut target, batch) = (open(&endpoint), batch(1, 1));
    let delivered = tokio::time::timeout(Duration::from_secs(60), target.deliver(&batch));
    let reason = retry(delivered.await.expect("it does not wait for ever"));
    assert_eq!(reason, "/bin/sh did not end within 2 s and was killed");
    until("it to end", || {
        runs(&directory.path().join("self")) == Some(false)
    })
    .await;
}

type Change = fn(&mut CommandEndpoint);

#[test]
fn wrong_fields_are_named() {
    let right = endpoint("true");
    right.check().unwrap();
    let changed = |change: Change| {
        let mut wrong = right.clone();
        change(&mut wrong);
        wrong.check().unwrap_err()
    };
    let cases: [(Change, &str); 12] = [
        (
            |it| it.program = "sh".to_owned(),
            "program: is not an absolute path",
        ),
        (
            |it| it.program = "/bin/".to_owned(),
            "program: is a directory",
        ),
        (|it| it.program = "/bin/\0".to_owned(), "program: "),
        (
            |it| it.working_directory = ".".to_owned(),
            "working_directory: is not",
        ),
        (
            |it| it.arguments = vec!["a\0".to_owned()],
            "arguments: holds",
        ),
        (
            |it| it.arguments = vec![String::new(); 65],
            "arguments: has more than 64",
        ),
        (
            |it| it.arguments = vec!["x".repeat(70_000)],
            "arguments: has more than 64 KiB",
        ),
        (
            |it| drop(it.environment.insert("A=B".to_owned(), String::new())),
            "environment: holds a name",
        ),
        (
            |it| drop(it.environment.insert("1A".to_owned(), String::new())),
            "environment: holds a name",
        ),
        (
            |it| drop(it.environment.insert(String::new(), String::new())),
            "environment: holds a name",
        ),
        (
            |it| {
                drop(
                    it.secret_environment
                        .insert("KEYLEDGER_X".to_owned(), SecretText::default()),
                )
            },
            "secret_environment: KEYLEDGER_X: names",
        ),
        (
            |it| it.timeout_seconds = 0,
            "timeout_seconds: write a number",
        ),
    ];
    for (change, start) in cases {
        let error = changed(change).to_string();
        assert!(error.starts_with(start), "{error}");
    }
    let twice = changed(|it| {
        it.environment.insert("TOKEN".to_owned(), String::new());
        it.secret_environment
            .insert("TOKEN".to_owned(), SecretText::default());
    });
    assert_eq!(
        twice.to_string(),
        "secret_environment: TOKEN is in environment too: leave it out of one"
    );
}

#[test]
fn secrets_are_named_by_their_variable_and_masked() {
    let mut endpoint = endpoint("true");
    let secret = |text: &str| SecretText::new(text.to_owned());
    endpoint.secret_environment = BTreeMap::from([
        ("A".to_owned(), secret("hunter2")),
        ("B".to_owned(), secret("hunter3")),
    ]);
    let json = serde_json::to_string(&endpoint).unwrap();
    assert!(
        !json.contains("hunter") && json.contains(r#""A":"********""#),
        "{json}"
    );
    let names: Vec<_> = endpoint
        .secrets()
        .into_iter()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["secret_environment.A", "secret_environment.B"]);
}
