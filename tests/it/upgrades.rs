//! A database of every schema there was is brought up to date: keys, clients and the trail are what they were.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::harness::{
    Event, Server, activate, copy, destroy, fresh_directory, get, make_older, migrations, revoke,
    whole_trail,
};

const CESSATION: u32 = 6;
/// The first schema that keeps API keys.
const ADMINISTRATORS_SINCE: usize = 15;
/// The first schema that keeps what seals the trail, in the database and beside it.
const SEALED_SINCE: usize = 7;

/// A directory that was served, and what is in it.
struct Before {
    server: Server,
    active: String,
    destroyed: String,
    material: Vec<u8>,
    events: Vec<Event>,
}

impl Before {
    fn new() -> Self {
        let mut server = Server::start();
        let mut demo = server.connect();
        let [active, destroyed] = std::array::from_fn(|_| server.new_key());
        for uid in [&active, &destroyed] {
            demo.ask(activate(uid)).success();
        }
        demo.ask(revoke(&destroyed, CESSATION)).success();
        demo.ask(destroy(&destroyed)).success();
        let material = demo.ask(get(&active)).success().key_material();
        server.cli(&["client", "issue", "other"]).success();
        server.api_key("ada", "reader", &[]);
        let events = whole_trail(&server);
        assert!(server.stop().success());
        Self {
            server,
            active,
            destroyed,
            material,
            events,
        }
    }

    /// A server on a copy whose database is of this schema.
    fn of_schema(&self, schema: usize) -> Server {
        let directory = fresh_directory();
        copy(self.server.path(), directory.path());
        let database = directory.path().join("data/keyledger.db");
        make_older(&database, schema);
        if schema < SEALED_SINCE {
            fs::remove_file(directory.path().join("data/checkpoint")).expect("a file");
            // That one was written is of a later time, too.
            let db = Connection::open(database).expect("a database");
            let later = "DELETE FROM meta WHERE key != 'master-key-check'";
            db.execute_batch(later).expect("a row");
        }
        Server::start_plainly(directory)
    }
}

fn schema(database: &Path) -> usize {
    let db = Connection::open(database).expect("a database");
    let number = db.pragma_query_value(None, "user_version", |row| row.get(0));
    number.expect("a number")
}

#[test]
fn a_database_of_every_schema_is_brought_up_to_date_with_its_keys_and_its_trail() {
    let before = Before::new();
    let newest = migrations().len();
    for older in 1..=newest {
        let mut server = before.of_schema(older);
        let log = server.log();
        let said = [
            "is of an older release and is brought up to date",
            "was brought up to date",
        ];
        let is_said = said.map(|text| log.contains(text));
        assert_eq!(is_said, [older < newest; 2], "schema {older}: {log}");
        let mut demo = server.connect();
        let material = demo.ask(get(&before.active)).success().key_material();
        assert_eq!(material, before.material, "schema {older}");
        assert_ne!(demo.ask(get(&before.destroyed)).status, 0, "schema {older}");
        server.new_key();
        server.cli(&["client", "disable", "other"]).success();
        if older >= ADMINISTRATORS_SINCE {
            let listed = server
                .cli(&["api-key", "list", "--format", "jsonl"])
                .success();
            assert!(
                listed.stdout.contains(r#""madeBy":[]"#),
                "schema {older}: {listed:?}"
            );
        }
        server.cli(&["events", "verify"]).success();
        let events = whole_trail(&server);
        let (held, since) = events.split_at(before.events.len());
        let ids = |events: &[Event]| {
            events
                .iter()
                .map(|event| event.id().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(held), ids(&before.events), "schema {older}");
        let begins = |event: &Event| event.0["action"] == "vmware-solutions.trail.begin-epoch";
        assert!(
            !since.iter().any(begins),
            "schema {older}: the trail goes on"
        );
        assert!(server.stop().success());
        assert_eq!(schema(&server.data().join("keyledger.db")), newest);
    }
}
