//! A database that moves from its file to a PostgreSQL server and back: what keys are served from either, and what is left wherever it is cut off.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Nodes, Output, Postgres, Server, activate, get, locate, program, run_cli, until,
};
use crate::retention::old_trail;

/// The database of one server, in its file still, and an empty one.
struct Site {
    server: Server,
    postgres: Postgres,
    /// Keys with their material.
    keys: Vec<(String, Vec<u8>)>,
}

/// Three keys, four clients, two targets, two epochs of the trail, and its beginning removed.
fn prepared() -> (Server, Vec<(String, Vec<u8>)>) {
    let settings = "[trail]\nkeep-days = 30\ncheckpoint-seconds = 1\n";
    let server = Server::start_prepared(settings, |directory| {
        old_trail::begin(directory);
        old_trail::append(directory, 1200);
        run_cli(directory, &["events", "checkpoint"]).success();
    });
    until("old events to go", || {
        let first = server.cli(&["events", "list", "--limit", "1"]).success();
        (!first.stdout.starts_with("0 ")).then_some(())
    });
    for label in ["one", "two", "three"] {
        server.cli(&["client", "issue", label]).success();
    }
    server.cli(&["client", "disable", "three"]).success();
    for name in ["file-1", "file-2"] {
        let endpoint = json!({ "path": server.path().join(name) }).to_string();
        let add = ["target", "add", name, "--type", "file", "--endpoint", "-"];
        server.cli_with_input(&add, &endpoint).success();
    }
    server
        .cli(&["route", "set", "all", "--rule", "*=file-1"])
        .success();
    let key = |_| {
        let uid = server.new_key();
        server.connect().ask(activate(&uid)).success();
        let material = material(&server, &uid);
        (uid, material)
    };
    let keys = (0..3).map(key).collect();
    server.cli(&["events", "checkpoint"]).success();
    let begin = ["events", "new-epoch", "--reason", "a test"];
    server.cli(&begin).success();
    server.new_key();
    (server, keys)
}

fn material(server: &Server, uid: &str) -> Vec<u8> {
    server.connect().ask(get(uid)).success().key_material()
}

impl Site {
    fn new() -> Self {
        let (mut server, keys) = prepared();
        assert!(server.stop().success());
        Self {
            server,
            postgres: Postgres::start(),
            keys,
        }
    }

    fn there(&self) -> Vec<String> {
        let file = self.postgres.password_file();
        let file = file.to_str().expect("a text");
        let url = self.postgres.url();
        [
            "migrate",
            "--to",
            &url,
            "--store-password-file",
            file,
            "--format",
            "json",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn go_there(&self) -> Output {
        let arguments = self.there();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.server.cli(&arguments)
    }

    /// Begins to move the database.
    fn begin(&self, arguments: &[String]) -> Child {
        let mut command = program(self.server.path());
        command.args(arguments).arg("--dir").arg(self.server.path());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// Whether the settings name the server.
    fn is_there(&self) -> bool {
        self.settings()
            .lines()
            .any(|line| line.starts_with("url = "))
    }

    /// Has the server do something before each row, or each statement, that goes into a table once that is made.
    fn before_each(&self, each: &str, table: &str, deed: &str) {
        self.postgres.sql(&format!(
            "CREATE FUNCTION public.deed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {deed} RETURN NEW; END $$;
            CREATE FUNCTION public.made() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = '{table}') THEN
                    CREATE TRIGGER deed BEFORE INSERT ON {table} FOR EACH {each} EXECUTE FUNCTION public.deed();
                END IF;
            END $$;
            CREATE EVENT TRIGGER made ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.made();"
        ));
    }

    /// Waits until the migration waits in the server.
    fn until_it_waits(&self) {
        until("the migration to wait", || {
            let waiting = self
                .postgres
                .sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
            (waiting == "1").then_some(())
        });
    }

    fn as_ever(&self) {
        self.postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keyledger';
            DROP EVENT TRIGGER IF EXISTS made; DROP FUNCTION IF EXISTS public.deed() CASCADE; DROP FUNCTION IF EXISTS public.made()",
        );
    }

    fn go_back(&self) -> Output {
        self.server.cli(&[
            "migrate", "--from", "postgres", "--to", "sqlite", "--format", "json",
        ])
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.server.path().join("keyledger.toml")).expect("the settings")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.server.data().join(name)
    }

    /// Starts the server, and checks that it serves what it did before and goes on.
    fn check(&mut self) {
        self.server.cli(&["events", "verify"]).success();
        self.server.start_again();
        for (uid, material) in &self.keys {
            assert_eq!(&self::material(&self.server, uid), material);
        }
        let located = self.server.connect().ask(locate(Vec::new())).success();
        assert!(located.uids().len() > self.keys.len());
        let clients = self.server.cli(&["client", "list"]).success().stdout;
        for label in ["demo", "one", "two", "three"] {
            assert!(clients.contains(label), "{clients}");
        }
        let targets = self.server.cli(&["target", "list"]).success().stdout;
        assert!(
            targets.contains("file-1") && targets.contains("file-2"),
            "{targets}"
        );
        self.server.new_key();
        self.server.cli(&["events", "checkpoint"]).success();
        self.server.cli(&["events", "verify"]).success();
        assert!(self.server.stop().success());
    }

    /// How often the trail says that the database was moved.
    fn moves(&self) -> Vec<(String, String)> {
        let events = self
            .server
            .cli(&[
                "events",
                "list",
                "--action",
                "database.migrate",
                "--format",
                "jsonl",
            ])
            .success();
        let read = |line| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| {
                event["requestData"][name]
                    .as_str()
                    .expect("a text")
                    .to_owned()
            };
            (text("movedFrom"), text("movedTo"))
        };
        events.stdout.lines().map(read).collect()
    }
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn a_server_goes_to_postgres_and_back_with_its_keys_and_its_trail() {
    let mut site = Site::new();
    let (before, url) = (site.settings(), site.postgres.url());
    assert!(site.file("reserve").exists());
    let moved: Value = serde_json::from_str(&site.go_there().success().stdout).expect("JSON");
    assert_eq!(moved["database"], url);
    let tables = moved["tables"].as_array().expect("tables");
    let rows = |table: &str| {
        let found = tables.iter().find(|one| one["table"] == table);
        found.expect("a table")["rows"].as_u64().expect("a number")
    };
    assert_eq!((rows("client"), rows("object"), rows("origin")), (4, 4, 2));
    assert!(rows("removed_leaves") > 0 && rows("certificate") >= 4);
    assert!(site.is_there());
    assert!(site.file("keyledger.db.migrated").exists());
    assert!(!site.file("keyledger.db").exists() && !site.file("reserve").exists());
    assert_eq!(site.moves(), [("sqlite".to_owned(), url.clone())]);
    // Once more there is nothing to do.
    let again = site.go_there().success().stdout;
    assert!(again.contains("\"moved\": false"), "{again}");
    site.check();
    let back: Value = serde_json::from_str(&site.go_back().success().stdout).expect("JSON");
    assert_eq!(back["kept"], url);
    assert_eq!(site.settings(), before);
    let left = |name: &str| site.file(name).exists();
    assert!(left("keyledger.db") && !left("keyledger.db.moving"));
    let there_and_back = [
        ("sqlite".to_owned(), url.clone()),
        (url, "sqlite".to_owned()),
    ];
    assert_eq!(site.moves(), there_and_back);
    assert!(site.go_back().success().stdout.contains("\"moved\": false"));
    site.check();
    assert!(site.file("reserve").exists());
    // What was left is not started, and not overwritten.
    site.go_there()
        .refused(&["keyledger.db.migrated", "move it away"]);
    fs::remove_file(site.file("keyledger.db.migrated")).expect("a file");
    site.go_there()
        .refused(&["is not empty", "moved into a file"]);
    site.postgres
        .sql("DROP SCHEMA keyledger CASCADE; DROP SCHEMA keyledger_1 CASCADE");
    site.go_there().success();
    site.check();
}

#[test]
fn a_migration_that_is_killed_goes_on_when_it_is_begun_again() {
    let mut site = Site::new();
    for table in ["keyledger.meta", "keyledger.object", "keyledger_1.event"] {
        site.before_each("STATEMENT", table, "PERFORM pg_sleep(1000);");
        site.postgres.sql(
            "DROP SCHEMA IF EXISTS keyledger CASCADE; DROP SCHEMA IF EXISTS keyledger_1 CASCADE",
        );
        let mut child = site.begin(&site.there());
        site.until_it_waits();
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
        site.as_ever();
        assert!(!site.is_there() && site.file("keyledger.db").exists());
        site.server.cli(&["events", "verify"]).success();
    }
    let clients = site.postgres.sql("SELECT count(*) FROM keyledger.client");
    assert_eq!(clients, "4", "the tables before are there");
    killed_again_and_again(&site, &site.there(), |site| site.is_there());
    assert_eq!(site.moves().len(), 1);
    assert!(!site.file("keyledger.db").exists());
    site.check();
    let back = words(&["migrate", "--to", "sqlite"]);
    killed_again_and_again(&site, &back, |site| !site.is_there());
    assert_eq!(site.moves().len(), 2);
    assert!(!site.file("keyledger.db.moving").exists());
    site.check();
}

/// Kills the migration later each time, until it has ended by itself.
fn killed_again_and_again(site: &Site, arguments: &[String], is_done: impl Fn(&Site) -> bool) {
    let mut later = Duration::from_millis(20);
    loop {
        let begun = Instant::now();
        let mut child = site.begin(arguments);
        while begun.elapsed() < later && child.try_wait().expect("a child of ours").is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("a child of ours");
        let ended = child.wait_with_output().expect("a child of ours");
        if ended.status.success() {
            break;
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), None, "{said}");
        later = later * 5 / 4 + Duration::from_millis(20);
    }
    assert!(is_done(site));
}

#[test]
fn a_row_that_changes_on_its_way_is_found_and_nothing_is_switched() {
    let mut site = Site::new();
    let before = site.settings();
    site.before_each("ROW", "keyledger.client", "NEW.label := NEW.label || 'x';");
    let output = site.go_there();
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("the table client"), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert_eq!(site.settings(), before);
    assert!(site.file("keyledger.db").exists() && site.file("reserve").exists());
    site.check();
    site.as_ever();
    site.go_there().success();
    site.check();
}

#[test]
fn a_lost_connection_and_wrong_input_are_told_in_one_line() {
    let mut site = Site::new();
    let cli = |arguments: &[&str]| site.server.cli(arguments);
    let url = site.postgres.url();
    cli(&["migrate", "--to", "mysql"]).refused(&["--to", "sqlite"]);
    cli(&["migrate", "--to", "postgres"]).refused(&["--store-url"]);
    cli(&["migrate", "--to", "postgres://k:secret@db/k"]).refused(&["store.password-file"]);
    cli(&["migrate", "--to", &url, "--node", "1000"]).refused(&["store.node", "1 to 999"]);
    cli(&["migrate", "--to", &url, "--from", "postgres"]).refused(&["--from postgres"]);
    cli(&["migrate", "--to", &url, "--leave-trails"]).refused(&["--leave-trails"]);
    cli(&["migrate", "--to", &url]).refused(&["asks for a password"]);
    cli(&["migrate", "--to", "sqlite"]).success();
    site.before_each("STATEMENT", "keyledger.object", "PERFORM pg_sleep(1000);");
    let child = site.begin(&site.there());
    site.until_it_waits();
    site.go_there()
        .refused(&["is in use by another keyledger process"]);
    site.postgres.stop(true);
    let ended = child.wait_with_output().expect("a child of ours");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(
        (ended.status.code(), said.lines().count()),
        (Some(1), 1),
        "{said}"
    );
    assert!(said.contains("give the same command again"), "{said}");
    assert!(said.contains("was lost"), "{said}");
    site.go_there().refused(&["cannot be reached"]);
    site.postgres.start_again();
    site.as_ever();
    site.server.start_again();
    site.go_there().refused(&["no server runs", "in use"]);
    assert!(site.server.stop().success());
    site.go_there().success();
    let node = ["migrate", "--to", "sqlite", "--node", "2"];
    site.server
        .cli(&node)
        .refused(&["--node is for --to postgres"]);
    site.server = Server::start();
    assert!(site.server.stop().success());
    site.go_there()
        .refused(&["is not empty", "nothing was changed"]);
}

#[test]
fn one_of_two_nodes_goes_back_to_a_file_and_the_other_is_started_no_more() {
    let mut nodes = Nodes::start(2);
    let key = nodes.all[0].new_key();
    let held = material(&nodes.all[1], &key);
    let back = ["migrate", "--to", "sqlite"];
    let leaving = ["migrate", "--to", "sqlite", "--leave-trails"];
    assert!(nodes.all[0].stop().success());
    nodes.all[0]
        .cli(&leaving)
        .refused(&["node 2 is in use", "stop it"]);
    assert!(nodes.all[1].stop().success());
    nodes.all[0]
        .cli(&back)
        .refused(&["node 2 (", "--leave-trails", "nothing was changed"]);
    nodes.all[0].cli(&leaving).success();
    for command in [&["serve", "--check"][..], &["events", "verify"]] {
        nodes.all[1].cli(command).refused(&["moved into a file"]);
    }
    nodes.all[0].start_again();
    assert_eq!(material(&nodes.all[0], &key), held);
    nodes.all[0].cli(&["events", "verify"]).success();
}
