//! What the process gives up, as Linux tells of it, and which TLS it speaks.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Gid, Pid, Signal, Uid, kill_process};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use crate::backup::Site;
use crate::harness::{
    Server, TlsVersion, create, fresh_directory, key_template, program, run_cli, skipped, until,
};
use crate::master_key::token;

/// The capability to take a port below 1024, the only one that is kept: bit 10.
const PORTS: &str = "0000000000000400";

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

/// A line of what Linux tells about the server's process.
fn told(server: &Server, name: &str) -> String {
    let status = format!("/proc/{}/status", server.process_id());
    let status = fs::read_to_string(status).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.expect("a line of it").trim().to_owned()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_server_cannot_gain_privileges_nor_dump_its_memory() {
    let server = Server::start();
    assert_eq!(told(&server, "NoNewPrivs:"), "1");
    assert_eq!(told(&server, "Umask:"), "0027");
    let limits = format!("/proc/{}/limits", server.process_id());
    let limits = fs::read_to_string(limits).expect("limits");
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = cores.expect("a limit").split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    // Who may not dump it may not read it either: its files belong to root.
    let owner = fs::metadata(format!("/proc/{}/mem", server.process_id()));
    assert_eq!(owner.expect("a process").uid(), 0);
    if is_root() {
        assert_eq!(told(&server, "CapPrm:"), PORTS);
        assert_eq!(told(&server, "CapEff:"), PORTS);
    } else {
        assert_eq!(told(&server, "CapEff:"), "0000000000000000");
    }
}

#[test]
fn memory_is_locked_where_the_limit_allows_all_of_it() {
    let bounded = Server::start_under("ulimit -l 64", "");
    assert_eq!(told(&bounded, "VmLck:"), "0 kB");
    let raise = ["-c", "ulimit -l unlimited"];
    let raised = Command::new("sh")
        .args(raise)
        .stderr(Stdio::null())
        .status();
    if !raised.expect("sh runs").success() {
        return skipped("the limit of locked memory cannot be raised here");
    }
    let unbounded = Server::start_under("ulimit -l unlimited", "");
    assert_ne!(told(&unbounded, "VmLck:"), "0 kB");
    unbounded.new_key();
}

fn give(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).expect("root gives files away");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            give(&entry.expect("an entry").path(), user);
        }
    }
}

#[test]
fn root_serves_as_the_owner_of_the_directory() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let server = Server::start_plainly(directory);
    assert!(
        told(&server, "Uid:")
            .split_whitespace()
            .all(|id| id == "65534")
    );
    assert!(
        told(&server, "Gid:")
            .split_whitespace()
            .all(|id| id == "65534")
    );
    assert_eq!(told(&server, "Groups:"), "");
    assert_eq!(told(&server, "CapEff:"), "0000000000000000");
    server.connect().ask(create(key_template())).success();
    let socket = fs::metadata(server.data().join("control.sock"));
    let socket = socket.expect("a control socket");
    assert_eq!(
        (socket.uid(), socket.permissions().mode() & 0o777),
        (NOBODY, 0o600)
    );
}

/// Whose a directory and all in it is, but for what the harness puts there.
fn all_of(path: &Path, user: u32) -> Vec<String> {
    let mut others = Vec::new();
    let found = fs::symlink_metadata(path).expect("a file");
    if found.uid() != user || found.gid() != user {
        others.push(path.display().to_string());
    }
    if found.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            others.extend(all_of(&entry.expect("an entry").path(), user));
        }
    }
    others
}

#[test]
fn what_root_makes_in_a_directory_is_its_owners_and_root_is_named_for_it() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let mut server = Server::start_plainly(directory);
    let path = server.path().to_owned();
    // With a server that runs, and without.
    for round in ["one", "two"] {
        server.cli(&["client", "issue", round]).success();
        server.cli(&["certificate", "renew-server"]).success();
        server.cli(&["instance", "add", round]).success();
        server
            .cli(&[
                "backup-key",
                "new",
                path.join(round).to_str().expect("a text"),
            ])
            .success();
        server
            .cli(&[
                "backup",
                path.join(format!("{round}.backup"))
                    .to_str()
                    .expect("a text"),
            ])
            .success();
        assert_eq!(all_of(&path, NOBODY), Vec::<String>::new());
        let newest = server
            .cli(&["events", "list", "--format", "jsonl"])
            .success()
            .stdout;
        let made = newest.lines().rfind(|line| line.contains("service.create"));
        assert!(
            made.is_some_and(|line| line.contains("\"LocalUser-0\"")),
            "{newest}"
        );
        if round == "one" {
            server.stop();
        }
    }
    let elsewhere = fresh_directory();
    let out = elsewhere.path().join("out.backup");
    let refused = server.cli(&["backup", out.to_str().expect("a text")]);
    refused.refused(&["root works as user", "Permission denied", "out.backup"]);
    server.start_again();
    server.connect().ask(create(key_template())).success();
    // What root restores is root's, since a backup and its key are: it is said how that is put right.
    let (backup, key) = (path.join("two.backup"), path.join("two"));
    let [backup, key] = [&backup, &key].map(|path| path.to_str().expect("a text"));
    let restored = elsewhere.path().join("restored");
    fs::create_dir(&restored).expect("a folder");
    let said = run_cli(&restored, &["restore", backup, "--key", key]).success();
    assert!(said.stderr.contains("chown -R USER:"), "{said:?}");
    assert_eq!(all_of(&restored, 0), Vec::<String>::new());
}

#[test]
fn root_restores_only_where_nobody_can_lead_it_elsewhere() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let site = Site::new();
    site.back_up("one.backup");
    let folder = fresh_directory();
    let (restored, other) = (folder.path().join("restored"), folder.path().join("other"));
    let (data, lock) = (restored.join("data"), restored.join("data/lock"));
    fs::create_dir_all(&data).expect("a folder");
    fs::write(&other, "kept").expect("a file");
    symlink(&other, &lock).expect("a link");
    let restore = || site.restore("one.backup", &restored, &[]);
    for (path, advice) in [
        (&*data, "chown -R root:"),
        (&*restored, "chown -R root:"),
        (folder.path(), "elsewhere"),
    ] {
        chown(path, Some(NOBODY), None).expect("root gives files away");
        restore().refused(&["where nobody else may write", advice]);
        chown(path, Some(0), None).expect("root takes it back");
    }
    fs::set_permissions(&restored, fs::Permissions::from_mode(0o777)).expect("a mode");
    restore().refused(&["where nobody else may write", "chmod -R go-w"]);
    fs::set_permissions(&restored, fs::Permissions::from_mode(0o750)).expect("a mode");
    restore().refused(&["is not empty", "lock"]);
    assert_eq!(fs::read_to_string(&other).expect("a file"), "kept");
    fs::remove_file(&lock).expect("a link");
    restore().success();
}

/// What Linux tells about a command that waits for its standard input.
struct Waiting(String);

impl Waiting {
    const IDS: &str = "65534 65534 65534 65534";

    /// Starts a command of root, and waits until it has become another user, in every respect.
    fn start(directory: &Path, arguments: &[&str]) -> (Child, Self) {
        let mut command = program(directory);
        command.args(arguments).arg("--dir").arg(directory);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let status = Self(format!("/proc/{}/status", child.id()));
        until("another user", || {
            (status.line("Uid:") == Self::IDS).then_some(())
        });
        (child, status)
    }

    fn line(&self, name: &str) -> String {
        let status = fs::read_to_string(&self.0).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line of it").trim().replace('\t', " ")
    }
}

/// How it ends with this on its standard input.
fn told_to(mut child: Child, input: &str) -> Output {
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// What a module of PKCS#11 would find that a command of root is about to load: the owner of the directory names it.
#[test]
fn a_command_of_root_cannot_become_root_again_when_it_loads_what_the_owner_names() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let Some(mut server) = token::served() else {
        return;
    };
    server.stop();
    give(server.path(), NOBODY);
    let add = ["instance", "add", "second", "--pin-file", "-"];
    // It waits for the PIN, and loads nothing before it has it.
    let (child, status) = Waiting::start(server.path(), &add);
    assert_eq!(status.line("Gid:"), Waiting::IDS);
    for sets in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(status.line(sets), "0000000000000000", "{sets}");
    }
    let ended = told_to(child, &format!("{}\n", token::PIN));
    assert!(ended.status.success(), "{ended:?}");
    // The module was loaded by whom the token belongs to, and who asked was root.
    assert_eq!(all_of(server.path(), NOBODY), Vec::<String>::new());
    server.start_again();
    let newest = server.cli(&["events", "list", "--format", "jsonl"]);
    let newest = newest.success().stdout;
    let made = newest.lines().rfind(|line| line.contains("service.create"));
    let made = made.expect("an event");
    assert!(made.contains("\"LocalUser-0\""), "{made}");
}

#[test]
fn what_root_asks_for_is_not_recorded_as_somebody_elses() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let mut server = Server::start_plainly(directory);
    let rotate = ["master-key", "rotate", "--to", "passphrase"];
    let (child, _) = Waiting::start(server.path(), &rotate);
    // The server that knows who asks goes away.
    server.stop();
    server.start_again();
    let ended = told_to(child, "correct horse battery staple\n");
    assert!(!ended.status.success(), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("give the command again"), "{said}");
    let shown = server.cli(&["master-key", "show"]).success().stdout;
    assert!(shown.contains("file"), "{shown}");
}

#[test]
fn what_root_asks_for_is_not_told_to_the_server_of_somebody_else() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let other = Server::start();
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let socket = directory.path().join("data/control.sock");
    symlink(other.data().join("control.sock"), &socket).expect("a link");
    let refused = run_cli(directory.path(), &["client", "disable", "demo"]);
    refused.refused(&["control socket", "another user"]);
    other.new_key();
}

/// A socket on which a user listens: for the system that is whom the thread was that began it.
fn listened_by(user: u32, path: &Path) -> UnixListener {
    let path = path.to_owned();
    let bound = std::thread::spawn(move || {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(user));
        set_thread_res_gid(group, group, group).expect("root is any group");
        set_thread_res_uid(user, user, user).expect("root is any user");
        UnixListener::bind(path).expect("a socket")
    });
    let listener = bound.join().expect("a thread");
    listener.set_nonblocking(true).expect("a socket");
    listener
}

/// A lock that a process of the owner would have.
fn held(path: &Path) -> fs::File {
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(false);
    let lock = options.open(path).expect("a lock");
    chown(path, Some(NOBODY), Some(NOBODY)).expect("root gives files away");
    flock(&lock, FlockOperation::LockExclusive).expect("nobody has it");
    lock
}

/// What the owner's module would find among the descriptors of the process that loads it.
#[test]
fn a_command_of_root_keeps_no_connection_to_who_is_not_the_owner() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let elsewhere = fresh_directory();
    let socket = elsewhere.path().join("socket");
    let listener = UnixListener::bind(&socket).expect("a socket of root");
    symlink(&socket, directory.path().join("data/control.sock")).expect("a link");
    let rotate = ["master-key", "rotate", "--to", "passphrase"];
    let (child, _) = Waiting::start(directory.path(), &rotate);
    let (mut stream, _) = listener.accept().expect("it has connected");
    let limit = Some(Duration::from_secs(60));
    stream.set_read_timeout(limit).expect("a limit");
    let read = stream.read(&mut [0]);
    assert_eq!(read.expect("nobody has the other end"), 0);
    let ended = told_to(child, "correct horse battery staple\n");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("another user"), "{said}");
}

#[test]
fn a_command_of_root_that_asks_no_server_connects_to_none() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let listener = listened_by(NOBODY, &directory.path().join("data/control.sock"));
    for command in [&["init"][..], &["master-key", "recover", "--share", "none"]] {
        assert_ne!(run_cli(directory.path(), command).code, 0);
        let none = listener.accept().expect_err("nobody has connected");
        assert_eq!(none.kind(), ErrorKind::WouldBlock, "{command:?}");
    }
}

#[test]
fn a_server_that_is_just_starting_is_waited_for_by_root() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let _lock = held(&directory.path().join("data/lock"));
    let mut command = program(directory.path());
    let arguments = ["client", "disable", "demo", "--dir"];
    command.args(arguments).arg(directory.path());
    let mut child = command.spawn().expect("it runs");
    // It has begun, and found no socket.
    let limits = format!("/proc/{}/limits", child.id());
    until("its first act", || {
        let limits = fs::read_to_string(&limits).expect("a process");
        let mut lines = limits.lines();
        let cores = lines.find(|line| line.starts_with("Max core file size"))?;
        let words: Vec<_> = cores.split_whitespace().collect();
        (words[4..6] == ["0", "0"]).then_some(())
    });
    let listener = listened_by(NOBODY, &directory.path().join("data/control.sock"));
    let (stream, _) = until("a connection", || listener.accept().ok());
    let peer = socket_peercred(&stream).expect("who has connected");
    child.kill().expect("a child of ours");
    child.wait().expect("a child of ours");
    assert!(peer.uid.is_root(), "{peer:?}");
}

#[test]
fn files_of_certificates_stay_where_the_server_would_not_know_who_replaced_them() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = Server::directory();
    give(directory.path(), NOBODY);
    let mut server = Server::start_plainly(directory);
    let certs = server.path().join("certs");
    let files = || ["ca.pem", "server.pem"].map(|name| fs::read(certs.join(name)).expect("a file"));
    let before = files();
    let lock = held(&server.data().join("certificates.lock"));
    let (own, key) = (certs.join("server.pem"), certs.join("server.key"));
    let [own, key] = [&own, &key].map(|path| path.to_str().expect("a text"));
    let commands = [
        &["certificate", "renew-server"][..],
        &["certificate", "install-server", own, key],
        &["certificate", "rotate-ca"],
    ];
    let signal = |child: &Child, signal| {
        kill_process(Pid::from_child(child), signal).expect("a child of ours");
    };
    let waiting = commands.map(|command| {
        let (child, _) = Waiting::start(server.path(), command);
        signal(&child, Signal::STOP);
        child
    });
    // The server that knows who asks goes away.
    server.stop();
    server.start_again();
    drop(lock);
    for child in waiting {
        signal(&child, Signal::CONT);
        let ended = told_to(child, "");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{said}");
        assert!(said.contains("nothing was changed"), "{said}");
    }
    assert!(files() == before, "no file was replaced");
}

#[test]
fn root_begins_a_site_for_the_owner_of_its_directory() {
    if !is_root() {
        return skipped("only root can become somebody else");
    }
    let directory = fresh_directory();
    give(directory.path(), NOBODY);
    let none = run_cli(directory.path(), &["client", "list"]);
    none.refused(&["no keyledger database", "keyledger init"]);
    run_cli(directory.path(), &["init", "--name", "localhost"]).success();
    assert_eq!(all_of(directory.path(), NOBODY), Vec::<String>::new());
}

#[test]
fn the_modern_policy_speaks_tls_13_only() {
    let modern = Server::start_set("[tls]\npolicy = \"modern\"");
    let demo = modern.client("demo");
    let tried = |server: &Server, version| server.try_connect(Some(&demo), version).is_ok();
    assert!(tried(&modern, TlsVersion::V1_3));
    assert!(!tried(&modern, TlsVersion::V1_2));
    drop(modern);
    let compatible = Server::start_set("[tls]\npolicy = \"compatible\"");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        assert!(tried(&compatible, version), "{version:?}");
    }
}

#[test]
fn systemd_finds_little_that_the_unit_leaves_open() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/keyledger.service");
    // In tenths: 10.0 is a service that may do everything.
    let arguments = [
        "security",
        "--offline=true",
        "--threshold=20",
        "--no-pager",
        unit,
    ];
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.expect("systemd-analyze runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Overall exposure level"), "{text}");
}

#[test]
fn the_unit_and_the_lines_that_providers_may_need_are_read_by_systemd() {
    let unit = include_str!("../../etc/keyledger.service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("#   "));
    let drop_in: String = lines
        .skip_while(|line| *line != "[Service]")
        .map(|line| format!("{line}\n"))
        .collect();
    for set in [
        "PrivateDevices=no",
        "ReadWritePaths=/",
        "ProtectHome=read-only",
        "MemoryDenyWriteExecute=no",
    ] {
        assert!(drop_in.contains(set), "{set}: {drop_in}");
    }
    for set in ["RestartPreventExitStatus=4\n", "StartLimitIntervalSec=0\n"] {
        assert!(unit.contains(set), "{set}");
    }
    let folder = fresh_directory();
    let path = folder.path().join("keyledger.service");
    let program = env!("CARGO_BIN_EXE_keyledger");
    let there = unit.replace("/usr/local/bin/keyledger", program);
    fs::write(&path, there).expect("a file");
    let beside = folder.path().join("keyledger.service.d");
    fs::create_dir(&beside).expect("a folder");
    fs::write(beside.join("provider.conf"), drop_in).expect("a file");
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .expect("systemd-analyze runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said
        .lines()
        .filter(|line| line.contains("keyledger.service"))
        .collect();
    assert_eq!(said, Vec::<&str>::new());
}

#[test]
fn the_log_can_be_json() {
    let server = Server::start_plainly_with(Server::directory(), &["--log-format", "json"]);
    let log = server.log();
    let line = log.lines().find(|line| line.contains("Serving KMIP"));
    let line: serde_json::Value = serde_json::from_str(line.expect(&log)).expect("JSON");
    assert_eq!(line["level"], "INFO");
    assert!(line["address"].is_string(), "{line}");
}
