//! Delivery while something is wrong: a target that is slow, a disk that is full under the store or under a target.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::disk_full::{RESERVE_BYTES, create_until_full, fill, small_disk};
use crate::harness::{
    Clients, Event, HttpAnswer, HttpsServer, Server, fresh_directory, get, in_own_mounts,
    mount_tmpfs, skipped, until, whole_trail,
};
use crate::synced::strace_works;

/// Adds a target of this name, which is also its type, and routes every event to it. Gives how many there were before: whether the last of them are
/// meant for it is a matter of moments.
fn add(server: &Server, name: &str, endpoint: &Value) -> usize {
    let add = ["target", "add", name, "--type", name, "--endpoint", "-"];
    server.cli_with_input(&add, &endpoint.to_string()).success();
    let rule = format!("*={name}");
    server
        .cli(&["route", "set", "all", "--rule", &rule])
        .success();
    has_caught_up(server, name);
    trail(server).len()
}

fn target(server: &Server, name: &str) -> Value {
    let show = ["target", "show", name, "--format", "json"];
    serde_json::from_str(&server.cli(&show).success().stdout).expect("a target as JSON")
}

fn has_caught_up(server: &Server, name: &str) {
    until("the target to have everything", || {
        (target(server, name)["lag"]["events"] == 0).then_some(())
    });
}

/// The ids of the events of the trail, in order.
fn trail(server: &Server) -> Vec<String> {
    let events = whole_trail(server);
    events.iter().map(|event| event.id().to_owned()).collect()
}

/// The ids of the events among JSON lines.
fn ids(lines: &str) -> Vec<String> {
    let value = |line: &str| -> Value { serde_json::from_str(line).expect("whole lines of JSON") };
    let ids = lines
        .lines()
        .filter_map(|line| value(line)["id"].as_str().map(str::to_owned));
    ids.collect()
}

/// Those of these events that were received, in the order they were.
fn of(expected: &[String], mut received: Vec<String>) -> Vec<String> {
    received.retain(|id| expected.contains(id));
    received
}

/// A webhook that answers nothing while it is shut, and slowly when it is open.
#[derive(Default)]
struct Door {
    state: Mutex<Behind>,
    moved: Condvar,
}

#[derive(Default)]
struct Behind {
    is_shut: bool,
    requests: usize,
    received: String,
}

impl Door {
    fn shut(&self, is_shut: bool) {
        self.state.lock().expect("no test failed").is_shut = is_shut;
        self.moved.notify_all();
    }

    fn requests(&self) -> usize {
        self.state.lock().expect("no test failed").requests
    }

    fn take(&self, body: &[u8]) -> HttpAnswer {
        let mut state = self.state.lock().expect("no test failed");
        state.requests += 1;
        while state.is_shut {
            state = self.moved.wait(state).expect("no test failed");
        }
        state.received += std::str::from_utf8(body).expect("text");
        drop(state);
        thread::sleep(Duration::from_millis(200));
        HttpAnswer::new(200, "")
    }
}

#[test]
fn a_target_that_answers_slowly_or_not_at_all_delays_nobody_and_loses_nothing() {
    let server = Server::start();
    let door = Arc::new(Door::default());
    let behind = Arc::clone(&door);
    let hook = HttpsServer::start(Clients::All, move |request| behind.take(&request.body));
    let endpoint = json!({
        "url": hook.url(), "ca_certificate": hook.ca_pem(), "format": "json_lines", "timeout_seconds": 300,
    });
    let first = add(&server, "webhook", &endpoint);
    door.shut(true);
    let before = door.requests();
    let key = server.new_key();
    until("a batch to be under way", || {
        (door.requests() > before).then_some(())
    });
    // While that batch is under way two clients are served as if there were no target.
    let mut clients = [server.connect(), server.connect()];
    for _ in 0..200 {
        for client in &mut clients {
            client.ask(get(&key)).success();
        }
    }
    assert_eq!(door.requests(), before + 1, "it has one batch at a time");
    let lag = &target(&server, "webhook")["lag"]["events"];
    assert!(lag.as_u64() >= Some(400), "{lag}");
    door.shut(false);
    for _ in 0..20 {
        clients[0].ask(get(&key)).success();
    }
    has_caught_up(&server, "webhook");
    let received = ids(&door.state.lock().expect("no test failed").received);
    let expected = trail(&server).split_off(first);
    assert!(of(&expected, received) == expected, "all, in order, once");
}

/// A program that keeps what it gets in `lines`, reads of keys once the file `hold` is gone; while `refuse` is there it refuses those for good.
fn keeping_program(folder: &Path) -> Value {
    let script = r#"batch=$(cat); printf '%s\n' "$batch" >now
        case "$batch" in *kmip-key.read*)
            while test -e hold; do sleep 0.05; done
            if test -e refuse; then exit 65; fi;;
        esac; printf '%s\n' "$batch" >>lines"#;
    json!({
        "program": "/bin/sh", "arguments": ["-c", script], "working_directory": folder, "timeout_seconds": 600,
    })
}

/// A server on a small disk of its own, whose target has refused the reading of a key, which it would take now. It is given that event again,
/// does not answer, and the disk becomes full.
struct Filled {
    server: Server,
    /// Where the program works.
    folder: TempDir,
    key: String,
    filler: std::path::PathBuf,
    /// The id of the event.
    parked: String,
    /// How many events there were before the target.
    first: usize,
}

impl Filled {
    fn new() -> Self {
        let server = Server::start_in(small_disk(), RESERVE_BYTES);
        let folder = fresh_directory();
        let first = add(&server, "command", &keeping_program(folder.path()));
        fs::write(folder.path().join("refuse"), "").expect("a file");
        let key = server.new_key();
        let mut connection = server.connect();
        connection.ask(get(&key)).success();
        until("the event to be parked", || {
            (target(&server, "command")["parked"] == 1).then_some(())
        });
        has_caught_up(&server, "command");
        let is_read = |line: &String| line.starts_with("kmip-key.read 200");
        let at = whole_trail(&server)
            .iter()
            .position(|event| event.is_of_kmip() && is_read(&event.line()));
        let at = at.expect("the reading of the key");
        let parked = trail(&server).swap_remove(at);
        fs::remove_file(folder.path().join("refuse")).expect("the file");
        fs::write(folder.path().join("hold"), "").expect("a file");
        fs::remove_file(folder.path().join("now")).expect("the file");
        let retry = ["target", "retry", "command", "--all"];
        server.cli(&retry).success();
        until("it to be under way", || {
            let now = fs::read_to_string(folder.path().join("now"));
            now.is_ok_and(|now| now.contains(&parked)).then_some(())
        });
        let filler = fill(server.path());
        create_until_full(&mut connection);
        fs::remove_file(folder.path().join("hold")).expect("the file");
        Self {
            server,
            folder,
            key,
            filler,
            parked,
            first,
        }
    }

    fn received(&self) -> Vec<String> {
        ids(&fs::read_to_string(self.folder.path().join("lines")).unwrap_or_default())
    }

    /// Reads the key so many times, and waits until the target has that.
    fn reads_arrive(&self, times: usize) {
        let mut connection = self.server.connect();
        for _ in 0..times {
            connection.ask(get(&self.key)).success();
        }
        has_caught_up(&self.server, "command");
    }

    /// How often it has received the event that was parked.
    fn times(&self) -> usize {
        let received = self.received();
        received.iter().filter(|id| **id == self.parked).count()
    }
}

#[test]
fn on_a_full_disk_delivery_goes_on_and_repeats_nothing_over_and_over() {
    if !in_own_mounts() {
        return;
    }
    let mut site = Filled::new();
    // That the target took it cannot be kept: it is given again when it can, and not before.
    site.reads_arrive(20);
    site.reads_arrive(1);
    assert_eq!(site.times(), 1);
    assert_eq!(target(&site.server, "command")["parked"], 1);
    fs::remove_file(&site.filler).expect("the filler");
    until("it to be parked no more", || {
        (target(&site.server, "command")["parked"] == 0).then_some(())
    });
    assert_eq!(site.times(), 2);
    until("the trail to say so", || {
        let events = whole_trail(&site.server);
        let mut actions = events.iter().map(Event::action);
        actions
            .any(|action| action == "kmip-storage.recover")
            .then_some(())
    });
    has_caught_up(&site.server, "command");
    // How far the target is is kept again.
    site.server.kill();
    site.server.start_again();
    site.reads_arrive(1);
    let mut expected = trail(&site.server).split_off(site.first);
    expected.retain(|id| *id != site.parked);
    let received = of(&expected, site.received());
    assert!(received == expected, "complete, in order, once");
}

#[test]
fn a_file_on_a_full_disk_parks_nothing_and_gets_everything_once_there_is_room() {
    if !in_own_mounts() {
        return;
    }
    let server = Server::start();
    let folder = fresh_directory();
    mount_tmpfs(folder.path(), 1 << 20);
    let path = folder.path().join("events.jsonl");
    let first = add(&server, "file", &json!({ "path": path }));
    let filler = fill(folder.path());
    let key = server.new_key();
    let mut connection = server.connect();
    for _ in 0..50 {
        connection.ask(get(&key)).success();
    }
    let failed = until("the failure to show", || {
        let target = target(&server, "file");
        (target["write_status"]["status"] == "failed").then_some(target)
    });
    let reason = failed["write_status"]["reason_for_last_failure"].as_str();
    assert!(
        reason.is_some_and(|reason| reason.contains("make room")),
        "{failed}"
    );
    fs::remove_file(filler).expect("the filler");
    has_caught_up(&server, "file");
    assert_eq!(target(&server, "file")["parked"], 0);
    let text = fs::read_to_string(path).expect("the file");
    let expected = trail(&server).split_off(first);
    assert!(
        of(&expected, ids(&text)) == expected,
        "complete and in order"
    );
}

/// The process that traces a server. It is killed when this is dropped, and with it ends what it held up.
struct Tracer(Pid);

impl Tracer {
    fn of(server: &Server) -> Self {
        let file = format!("/proc/{}/status", server.process_id());
        let status = fs::read_to_string(file).expect("a child of ours");
        let mut lines = status.lines();
        let tracer = lines.find_map(|line| line.strip_prefix("TracerPid:"));
        let tracer = tracer.and_then(|tracer| tracer.trim().parse().ok());
        Self(tracer.and_then(Pid::from_raw).expect("it is traced"))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        kill_process(self.0, Signal::KILL).expect("a process of ours");
    }
}

#[test]
fn a_disk_that_does_not_answer_delays_nobody_and_keeps_no_server_from_stopping() {
    if !strace_works() {
        skipped("strace cannot trace here");
        return;
    }
    let mut server = Server::start();
    let folder = fresh_directory();
    let path = folder.path().join("events.jsonl");
    let first = add(&server, "file", &json!({ "path": path }));
    server.stop();
    let before = fs::read(&path).expect("the file").len();
    server.start_again_hung(&path);
    let tracer = Tracer::of(&server);
    let key = server.new_key();
    let written = || fs::read(&path).expect("the file").len() > before;
    until("a batch to be under way", || written().then_some(()));
    let mut connection = server.connect();
    for _ in 0..50 {
        connection.ask(get(&key)).success();
    }
    let lag = &target(&server, "file")["lag"]["events"];
    assert!(lag.as_u64() >= Some(50), "{lag}");
    server.ask_to_stop();
    // What waits for the disk is there as long as that takes, whatever a process does; nothing else is.
    until("the server to end", || {
        let file = format!("/proc/{}/stat", server.process_id());
        let stat = fs::read_to_string(file).expect("a child of ours");
        stat.contains(") Z ").then_some(())
    });
    drop(tracer);
    assert!(server.stop().success(), "it stops as asked");
    server.start_again();
    has_caught_up(&server, "file");
    let expected = trail(&server).split_off(first);
    let mut received = of(&expected, ids(&fs::read_to_string(path).expect("the file")));
    // The batch that was under way comes again.
    let mut seen = HashSet::new();
    received.retain(|id| seen.insert(id.clone()));
    assert!(received == expected, "complete and in order");
}
