//! No answer leaves before its commit is synced: seen in the system calls of a server at work.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::harness::{
    BatchItem, Connection, Content, Credentials, Received, Server, activate, add_attribute,
    calls_on, check_synced, create, destroy, discover, fresh_directory, get, get_attributes,
    key_template, revoke, skipped, until, whole_trail,
};

/// Connections at work at once, and keys each takes through its life.
const CONNECTIONS: usize = 4;
const KEYS: usize = 3;

/// What was answered: to which port, when, and the line its event must have.
type Answered = (u16, (Duration, Duration), String);

fn now() -> Duration {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since.expect("the clock is after 1970")
}

/// Takes keys through their life, one request after the other.
fn work(mut connection: Connection) -> Vec<Answered> {
    let mut answered = Vec::new();
    let port = connection.local_port();
    // Whatever belongs to the handshake has been sent with the answer to this.
    connection.ask(discover(&[])).success();
    let mut ask = |item: BatchItem, line: &str, uid: Option<&str>| {
        let before = now();
        let answer = connection.ask(item).success();
        let uid = uid.map_or_else(|| answer.uid(), str::to_owned);
        answered.push((port, (before, now()), format!("{line} {uid}")));
        uid
    };
    for _ in 0..KEYS {
        let uid = ask(create(key_template()), "kmip-key.create 201", None);
        let key = Some(&*uid);
        ask(activate(&uid), "kmip-key.activate 200", key);
        ask(get(&uid), "kmip-key.read 200", key);
        let tag = Content::Text("value".to_owned());
        ask(
            add_attribute(&uid, "x-Tag", tag),
            "kmip-key-attributes.add 200",
            key,
        );
        ask(
            get_attributes(&uid, &["State"]),
            "kmip-key-attributes.retrieve 200",
            key,
        );
        ask(revoke(&uid, 1), "kmip-key.revoke 200", key);
        ask(destroy(&uid), "kmip-key.destroy 200", key);
    }
    answered
}

pub(crate) fn strace_works() -> bool {
    let output = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .output();
    output.is_ok_and(|output| output.status.success())
}

/// What strace wrote of a server, which is stopped for that.
fn trace_of(mut server: Server, trace: &Path) -> String {
    let last = format!("{} ", server.process_id());
    assert!(server.stop().success(), "it stops as asked");
    until("the end of the trace", || {
        let text = fs::read_to_string(trace).ok()?;
        let end = text.lines().last()?;
        (end.starts_with(&last) && end.ends_with("+++")).then_some(text)
    })
}

/// The trace of a whole run of the server, and what its clients were answered.
fn traced_run(trace: &Path, connections: usize) -> (String, Vec<Received>) {
    let server = Server::start_traced(trace);
    let demo: Credentials = server.client("demo");
    let open: Vec<_> = (0..connections).map(|_| server.connect_as(&demo)).collect();
    let workers: Vec<_> = open
        .into_iter()
        .map(|connection| thread::spawn(|| work(connection)))
        .collect();
    let answered = workers
        .into_iter()
        .flat_map(|worker| worker.join().expect("a client"));
    let answered: Vec<_> = answered.collect();
    let events = whole_trail(&server);
    let received = answered.into_iter().map(|(port, between, line)| {
        let event = events.iter().find(|event| event.line() == line);
        let event = event.unwrap_or_else(|| panic!("an event: {line}"));
        Received {
            port,
            correlation: event.correlation().to_owned(),
            between,
        }
    });
    let received = received.collect();
    (trace_of(server, trace), received)
}

#[test]
fn no_answer_leaves_before_its_event_is_synced() {
    if !strace_works() {
        skipped("strace cannot trace here");
        return;
    }
    let directory = fresh_directory();
    let trace = directory.path().join("trace");
    for connections in [1, CONNECTIONS] {
        let (text, received) = traced_run(&trace, connections);
        assert_eq!(received.len(), connections * KEYS * 7);
        check_synced(&text, &received).expect("every answer after its sync");
        if connections == 1 {
            check_the_check(&text, &received);
        }
    }
}

#[test]
fn a_file_target_syncs_each_batch_or_never_as_it_says() {
    if !strace_works() {
        skipped("strace cannot trace here");
        return;
    }
    let directory = fresh_directory();
    let trace = directory.path().join("trace");
    let folder = directory.path().canonicalize().expect("a folder");
    let server = Server::start_traced(&trace);
    let files = ["each_batch", "never"].map(|sync| {
        let folder = folder.join(sync);
        fs::create_dir(&folder).expect("a folder");
        let file = folder.join("events.jsonl");
        let path = format!("path={}", file.display());
        let create = ["target", "create", sync, "--type", "file", "--set", &path];
        let set = ["--set", &format!("sync={sync}")];
        server.cli(&[&create[..], &set].concat()).success();
        file
    });
    let route = ["route", "create", "all", "--rule", "*=each_batch,never"];
    server.cli(&route).success();
    let key = server.new_key();
    for file in &files {
        until("the event", || {
            let text = fs::read_to_string(file).ok()?;
            text.contains(&key).then_some(())
        });
    }
    let text = trace_of(server, &trace);
    let [each_batch, never] = files.map(|file| {
        let of_folder = calls_on(&text, file.parent().expect("its folder"));
        (calls_on(&text, &file), of_folder)
    });
    // The test record and at least one batch, each with its own sync; the file's name once.
    let (calls, of_folder) = each_batch;
    assert!(calls.len() >= 4, "{calls:?}");
    assert!(
        calls.chunks(2).all(|pair| pair == ["write", "fdatasync"]),
        "{calls:?}"
    );
    assert_eq!(of_folder, ["fsync"]);
    let (calls, of_folder) = never;
    assert!(calls.len() >= 2, "{calls:?}");
    assert!(calls.iter().all(|call| *call == "write"), "{calls:?}");
    assert!(of_folder.is_empty(), "{of_folder:?}");
}

/// The same trace, doctored, must not pass.
fn check_the_check(text: &str, received: &[Received]) {
    let is_sync = |line: &&str| line.contains(" fsync(") || line.contains(" fdatasync(");
    let is_write = |line: &&str| line.contains(" pwrite64(");
    let joined = |lines: Vec<&str>| lines.join("\n");
    let without_syncs = joined(
        text.lines()
            .filter(|line| !is_sync(line) && !line.contains("sync resumed>"))
            .collect(),
    );
    let (syncs, others): (Vec<_>, Vec<_>) = text.lines().partition(is_sync);
    let syncs_last = joined([others.clone(), syncs.clone()].concat());
    let syncs_first = joined([syncs, others].concat());
    let failed = text.lines().map(|line| match line.rsplit_once(" = 0") {
        Some((call, "")) if is_sync(&line) => format!("{call} = -1 EIO (Input/output error)"),
        _ => line.to_owned(),
    });
    let failed_syncs = failed.collect::<Vec<_>>().join("\n");
    let without_writes = joined(text.lines().filter(|line| !is_write(line)).collect());
    for (what, doctored) in [
        ("no syncs", without_syncs),
        ("syncs after the answers", syncs_last),
        ("syncs before the writes", syncs_first),
        ("failed syncs", failed_syncs),
        ("no writes", without_writes),
    ] {
        assert!(check_synced(&doctored, received).is_err(), "{what}");
    }
}

/// A trace of one answer, line by line.
fn small_trace(lines: &[&str]) -> Result<(), String> {
    let wal = "9</d/\\x2d\\x77\\x61\\x6c>";
    let event: String = (1..=16).map(|byte| format!("\\x{byte:02x}")).collect();
    let text: Vec<_> = lines
        .iter()
        .map(|line| match *line {
            "write" => format!("7 10.1 pwrite64({wal}, \"\\x00{event}\\x00\", 18, 0) = 18"),
            "sync" => format!("7 10.2 fdatasync({wal}) = 0"),
            "sync begins" => format!("7 10.2 fdatasync({wal} <unfinished ...>"),
            "sync ends" => "7 10.4 <... fdatasync resumed>) = 0".to_owned(),
            "other sync" => "7 10.2 fdatasync(8</d/db>) = 0".to_owned(),
            "send" => "8 10.3 writev(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, [], 1) = 9".to_owned(),
            other => panic!("{other}"),
        })
        .collect();
    let answer = Received {
        port: 2,
        correlation: "01020304-0506-0708-090a-0b0c0d0e0f10".to_owned(),
        between: (Duration::from_secs(10), Duration::from_secs(11)),
    };
    check_synced(&text.join("\n"), &[answer])
}

#[test]
fn the_check_of_syncs_sees_every_order() {
    small_trace(&["write", "sync", "send"]).expect("the right order");
    small_trace(&["write", "sync begins", "sync ends", "send"]).expect("the right order");
    for wrong in [
        &["write", "send"][..],
        &["write", "send", "sync"],
        &["sync", "write", "send"],
        &["write", "other sync", "send"],
        &["write", "sync begins", "send", "sync ends"],
        &["sync begins", "write", "sync ends", "send"],
        &["sync", "send"],
        &["write", "sync"],
    ] {
        assert!(small_trace(wrong).is_err(), "{wrong:?}");
    }
}
