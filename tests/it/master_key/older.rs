//! A database of an older schema.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::data;
use crate::harness::{Server, create, get, key_template, make_older, run_cli};

/// The number of a schema of old.
const OLD: usize = 2;

fn schema(path: &Path) -> usize {
    let db = Connection::open(path).expect("a database");
    let number = db.pragma_query_value(None, "user_version", |row| row.get(0));
    number.expect("a number")
}

#[test]
fn an_older_database_is_brought_up_to_date_by_its_own_master_key_only() {
    let mut server = Server::start();
    let uid = server.connect().ask(create(key_template())).success().uid();
    server.stop();
    let directory = server.path().to_owned();
    let database = directory.join("data/keyledger.db");
    make_older(&database, OLD);
    let older = fs::read(&database).expect("the database");
    // Another master key: refused, whatever was asked.
    let key = directory.join("data/master.key");
    let right = fs::read_to_string(&key).expect("the master key");
    let wrong = format!("keyledger-master-key-v1:{}\n", "5a".repeat(32));
    fs::write(&key, wrong).expect("a file");
    let before = data(&directory);
    for command in [
        &["serve", "--listen", "127.0.0.1:0", "--log", "off"][..],
        &["serve", "--check"],
    ] {
        run_cli(&directory, command).refused(&["is not the master key of the database"]);
    }
    // Commands that have no master key leave it alone, too.
    run_cli(&directory, &["client", "list"]).refused(&["older release", "keyledger serve"]);
    run_cli(&directory, &["instance", "add", "b"]).refused(&["older release", "keyledger serve"]);
    assert_eq!(data(&directory), before);
    fs::write(&key, right).expect("a file");
    // A look with the right one changes nothing.
    let before = data(&directory);
    let said = run_cli(&directory, &["serve", "--check"]).success().stdout;
    assert!(
        said.contains("in order; the next start brings schema 2 to"),
        "{said}"
    );
    assert_eq!(data(&directory), before);
    assert_eq!(fs::read(&database).expect("the database"), older);
    server.start_again();
    let material = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(material.len(), 32);
    server.ask_for_credential("vc", "secret-word");
    server.stop();
    assert!(schema(&database) > OLD);
}

#[test]
fn a_check_changes_nothing_of_a_database_that_a_crash_has_left() {
    let mut server = Server::start();
    server.new_key();
    server.kill();
    let directory = server.path().to_owned();
    let database = directory.join("data/keyledger.db");
    let log = directory.join("data/keyledger.db-wal");
    let content = || {
        (
            fs::read(&database).expect("a file"),
            fs::read(&log).expect("a file"),
        )
    };
    let before = content();
    assert!(
        !before.1.is_empty(),
        "the log was not moved into the database"
    );
    run_cli(&directory, &["serve", "--check"]).success();
    assert_eq!(content(), before);
    server.start_again();
}
