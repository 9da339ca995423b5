//! A lost master key, and the people who bring their shares.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::rotation::{add_target, check_target, shown};
use super::{data, text};
use crate::harness::{Output, Server, fresh_directory, get, run_cli};

/// Recovers with these shares of a folder.
fn recover(server: &Server, shares: &[&Path]) -> Output {
    let mut command = vec!["master-key", "recover"];
    for share in shares {
        command.extend(["--share", text(share)]);
    }
    server.cli(&command)
}

/// Too few shares, one twice, those of another site, one with a slip: each is told, and changes nothing.
fn refuses_wrong_shares(server: &Server, into: &Path, outside: &Path) {
    let share = |index: usize| into.join(format!("share-{index}.txt"));
    // Shares of another site.
    let other = Server::start();
    let theirs = outside.join("theirs");
    other
        .cli(&["master-key", "recovery", "2/2", "--into", text(&theirs)])
        .success();
    let their = |index: usize| theirs.join(format!("share-{index}.txt"));
    let slipped = outside.join("slipped.txt");
    fs::copy(share(2), &slipped).expect("a file");
    let written = fs::read_to_string(&slipped).expect("a share");
    let (start, last) = written.trim_end().split_at(written.trim_end().len() - 1);
    let digit = if last == "0" { "1" } else { "0" };
    fs::write(&slipped, format!("{start}{digit}\n")).expect("a file");
    let before = data(server.path());
    for (shares, says) in [
        (vec![share(1)], "2 shares are needed, and 1 were given"),
        (vec![share(1), share(1)], "given twice"),
        (vec![share(1), their(2)], "different keys"),
        (vec![share(1), slipped], "a slip"),
        (vec![share(1), server.path().join("certs/ca.pem")], "share"),
    ] {
        let shares: Vec<_> = shares.iter().map(|share| &**share).collect();
        recover(server, &shares).refused(&[says]);
    }
    assert_eq!(data(server.path()), before, "nothing was changed");
    // A whole set that is another site's reaches the router: who brought it is on the record, and nothing else.
    recover(server, &[&their(1), &their(2)]).refused(&["this site's is"]);
    let after = data(server.path());
    let of_keys = |(path, _): &&(PathBuf, Vec<u8>)| text(path).contains("master.key");
    let keys = |all: &[(PathBuf, Vec<u8>)]| all.iter().filter(of_keys).cloned().collect::<Vec<_>>();
    assert_eq!(keys(&after), keys(&before));
    let events = server.events();
    let last = events.last().expect("an event");
    assert_eq!(last.action(), "master-key.recover");
    assert_eq!((last.outcome(), last.code()), ("failure", 400));
    assert!(last.initiator().starts_with("LocalUser-"));
}

#[test]
fn two_of_three_bring_back_every_key_and_fewer_or_others_do_not() {
    let mut server = Server::start();
    let outside = fresh_directory();
    let into = outside.path().join("shares");
    let recovery = ["master-key", "recovery", "2/3", "--into", text(&into)];
    let uid = server.new_key();
    add_target(&server);
    server.cli(&recovery).success();
    server.cli(&recovery).refused(&["is not empty"]);
    let share = |index: usize| into.join(format!("share-{index}.txt"));
    let mode = fs::metadata(share(1)).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = shown(&server);
    assert_eq!(
        (&said["recovery"]["threshold"], &said["recovery"]["shares"]),
        (&2.into(), &3.into())
    );
    // What comes later has its copy too, also under another master key.
    server.cli(&["instance", "add", "second"]).success();
    server.cli(&["master-key", "rotate"]).success();
    let material = server.connect().ask(get(&uid)).success().key_material();
    recover(&server, &[&share(1), &share(2)]).refused(&["stop the server first"]);
    server.stop();
    let data_folder = server.data();
    for path in fs::read_dir(&data_folder).expect("a folder") {
        let path = path.expect("an entry").path();
        if text(&path).contains("master.key") {
            fs::remove_file(path).expect("a file");
        }
    }
    server
        .cli(&["serve", "--listen", "127.0.0.1:0", "--log", "off"])
        .refused(&["master.key does not exist"]);
    refuses_wrong_shares(&server, &into, outside.path());
    recover(&server, &[&share(3), &share(1)]).success();
    server.cli(&["serve", "--check"]).success();
    server.start_again();
    let again = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
    check_target(&server);
    server.cli(&["events", "verify"]).success();
    // The shares are good for the next time.
    server.stop();
    fs::remove_file(data_folder.join("master.key")).expect("a file");
    recover(&server, &[&share(2), &share(3)]).success();
    server.start_again();
    server.connect().ask(get(&uid)).success();
    let listed = server
        .cli(&["events", "list", "--format", "jsonl"])
        .success()
        .stdout;
    for (action, count) in [
        ("master-key-recovery.set", 1),
        ("master-key.recover", 3),
        ("master-key.rotate", 1),
    ] {
        let of = format!("\"action\":\"vmware-solutions.{action}\"");
        assert_eq!(listed.matches(&of).count(), count, "{action}");
    }
}

#[test]
fn a_site_begins_with_shares_and_is_told_where_it_has_none() {
    let directory = fresh_directory();
    let outside = fresh_directory();
    let into = outside.path().join("shares");
    let init = [
        "init",
        "--name",
        "localhost",
        "--recovery",
        "2/2",
        "--shares-into",
        text(&into),
    ];
    for wrong in ["1/3", "3/2", "2/17", "two"] {
        let wrong = ["init", "--recovery", wrong];
        assert_eq!(run_cli(directory.path(), &wrong).code, 2);
    }
    run_cli(directory.path(), &init).success();
    fs::remove_file(directory.path().join("data/master.key")).expect("a file");
    let (one, two) = (into.join("share-1.txt"), into.join("share-2.txt"));
    let recover = [
        "master-key",
        "recover",
        "--share",
        text(&one),
        "--share",
        text(&two),
    ];
    run_cli(directory.path(), &recover).success();
    run_cli(directory.path(), &["serve", "--check"]).success();
    // Printed once, where no folder is named: the shares before are worth nothing.
    let printed = run_cli(directory.path(), &["master-key", "recovery", "2/3"]).success();
    assert_eq!(printed.stdout.matches("keyledger-share-v1 ").count(), 3);
    run_cli(directory.path(), &recover).refused(&["this site's is"]);
    // A site without any.
    let mut server = Server::start();
    assert!(shown(&server)["recovery"].is_null());
    server.stop();
    run_cli(server.path(), &recover).refused(&["no recovery shares"]);
}

/// Answers one request at the control socket of a directory in a server's place; an empty answer is none.
fn answered(directory: &Path, answer: &str, arguments: &[&str]) -> Output {
    let socket = directory.join("data/control.sock");
    drop(fs::remove_file(&socket));
    let listener = UnixListener::bind(&socket).expect("a socket");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (stream, _) = listener.accept().expect("a connection");
            let mut request = String::new();
            let mut read = BufReader::new(&stream);
            read.read_line(&mut request).expect("a request");
            (&stream).write_all(answer.as_bytes()).expect("an answer");
        });
        run_cli(directory, arguments)
    })
}

#[test]
fn what_may_have_been_committed_is_not_said_to_be_worth_nothing() {
    let directory = fresh_directory();
    let path = directory.path();
    fs::create_dir(path.join("data")).expect("a folder");
    let unavailable = "{\"refused\":{\"kind\":\"unavailable\",\"message\":\"the disk failed\"}}\n";
    let refused = "{\"refused\":{\"kind\":\"invalid\",\"message\":\"threshold: too many\"}}\n";
    let key = path.join("backup.key");
    for (answer, is_known) in [("", false), (unavailable, false), (refused, true)] {
        let shared = answered(path, answer, &["master-key", "recovery", "2/3"]);
        assert_eq!(shared.stdout.matches("keyledger-share-v1 ").count(), 3);
        let says = [
            "keep them and those from before",
            "worth nothing: destroy them",
        ];
        shared.refused(&[says[usize::from(is_known)]]);
        assert!(
            !shared.stderr.contains(says[usize::from(!is_known)]),
            "{shared:?}"
        );
        // So it is with the key that backups are sealed to.
        let made = answered(path, answer, &["backup-key", "new", text(&key)]);
        assert_eq!(key.exists(), !is_known, "{made:?}");
        drop(fs::remove_file(&key));
    }
}
