//! Mistakes of the person at the keyboard, and damaged directories: one line that says what and what to do, and nothing lost.

use std::fs;
use std::path::Path;

use keyledger::crypto::authority::{KeyKind, self_signed_client};

use crate::harness::{Server, fresh_directory, get, now, run_cli};

/// A stopped server's directory with a key in it, and what the key was.
struct Kept {
    server: Server,
    uid: String,
    material: Vec<u8>,
}

impl Kept {
    fn new() -> Self {
        let mut server = Server::start();
        let uid = server.new_key();
        let material = server.connect().ask(get(&uid)).success().key_material();
        assert!(server.stop().success());
        Self {
            server,
            uid,
            material,
        }
    }

    /// Damages one file, looks at what `serve` says, and puts the file back: everything must be there again.
    #[track_caller]
    fn damaged(mut self, file: &str, damage: impl FnOnce(&Path), words: &[&str]) {
        let path = self.server.path().join(file);
        let copy = fs::read(&path).expect("the file");
        damage(&path);
        self.refused(words);
        if path.is_dir() {
            fs::remove_dir(&path).expect("a directory of ours");
        }
        // Written in place, so that the file keeps its owner and mode.
        fs::write(&path, copy).expect("the file");
        self.works();
    }

    /// Starting the server fails in one line that holds `words`.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        self.server
            .cli(&["serve", "--listen", "127.0.0.1:0"])
            .refused(words);
    }

    /// The server starts, and the key is what it was.
    #[track_caller]
    fn works(&mut self) {
        self.server.start_again();
        let answer = self.server.connect().ask(get(&self.uid)).success();
        assert_eq!(answer.key_material(), self.material, "nothing is lost");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let mut kept = Kept::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("an address").to_string();
    let port = address.rsplit(':').next().expect("a port");
    kept.server
        .cli(&["serve", "--listen", &address])
        .refused(&[port]);
    drop(holder);
    kept.works();
}

#[test]
fn a_server_certificate_that_is_garbage_is_named() {
    let damage = |path: &Path| fs::write(path, "garbage").expect("a file");
    Kept::new().damaged("certs/server.pem", damage, &["server.pem"]);
}

#[test]
fn a_server_certificate_that_cannot_be_read_is_named() {
    // A directory in its place: the mode alone stops no administrator.
    let damage = |path: &Path| {
        fs::remove_file(path).expect("a file");
        fs::create_dir(path).expect("a directory");
    };
    Kept::new().damaged("certs/server.pem", damage, &["server.pem"]);
}

#[test]
fn a_key_that_is_not_the_certificates_is_named() {
    let damage = |path: &Path| {
        let other = path.with_file_name("clients").join("demo.key");
        let other = fs::read(other).expect("another key");
        fs::write(path, other).expect("a file");
    };
    Kept::new().damaged("certs/server.key", damage, &["server.key"]);
}

#[test]
fn a_wrong_master_key_opens_nothing_and_destroys_nothing() {
    let other = Server::start_fresh();
    let wrong = fs::read(other.data().join("master.key")).expect("another master key");
    let damage = |path: &Path| fs::write(path, wrong).expect("a file");
    Kept::new().damaged("data/master.key", damage, &["master"]);
}

#[test]
fn a_missing_master_key_is_not_made_anew() {
    let damage = |path: &Path| fs::remove_file(path).expect("a file");
    let kept = Kept::new();
    let path = kept.server.data().join("master.key");
    let copy = fs::read(&path).expect("the master key");
    damage(&path);
    kept.refused(&["master"]);
    // Not by quickstart either: a new one beside the old database would hide the loss.
    let again = ["serve", "--quickstart", "--listen", "127.0.0.1:0"];
    kept.server.cli(&again).refused(&["master"]);
    assert!(!path.exists(), "no new master key");
    use std::os::unix::fs::PermissionsExt;
    fs::write(&path, copy).expect("the master key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let mut kept = kept;
    kept.works();
}

#[test]
fn a_database_that_is_garbage_is_named_and_left_alone() {
    let damage = |path: &Path| fs::write(path, vec![0x5a; 8192]).expect("a file");
    Kept::new().damaged("data/keyledger.db", damage, &["keyledger.db"]);
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let damage = |path: &Path| {
        let database = rusqlite::Connection::open(path).expect("the database");
        database
            .pragma_update(None, "user_version", 9999)
            .expect("a version");
        database.close().expect("closed");
    };
    Kept::new().damaged("data/keyledger.db", damage, &["newer"]);
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let server = Server::start();
    let uid = server.new_key();
    server
        .cli(&["serve", "--listen", "127.0.0.1:0"])
        .refused(&["in use by another"]);
    server.connect().ask(get(&uid)).success();
}

#[test]
fn an_unknown_configuration_key_is_named() {
    let damage = |path: &Path| {
        let text = fs::read_to_string(path).expect("the configuration");
        fs::write(path, format!("{text}\n[unheard-of]\nlisten-to = 1\n")).expect("a file");
    };
    Kept::new().damaged("keyledger.toml", damage, &["keyledger.toml", "unheard-of"]);
}

#[test]
fn a_directory_that_was_never_set_up_is_named() {
    let directory = fresh_directory();
    for command in [
        &["serve"][..],
        &["client", "list"],
        &["events", "list"],
        &["key", "list"],
    ] {
        run_cli(directory.path(), command).refused(&["init"]);
    }
    let left = fs::read_dir(directory.path()).expect("a folder").count();
    assert_eq!(left, 0, "nothing was made");
}

#[test]
fn init_does_not_touch_a_directory_that_is_set_up() {
    let mut kept = Kept::new();
    let before = fs::read(kept.server.data().join("master.key")).expect("the master key");
    kept.server.cli(&["init"]).refused(&["already"]);
    let after = fs::read(kept.server.data().join("master.key")).expect("the master key");
    assert_eq!(after, before);
    kept.works();
}

#[test]
fn a_certificate_that_cannot_be_enrolled_is_refused_with_the_reason() {
    let server = Server::start();
    let before = (server.events(), server.cli(&["client", "list"]).success());
    let clients = server.path().join("certs/clients");
    let own = fs::read_to_string(clients.join("demo.pem")).expect("demo's certificate");
    let key = fs::read_to_string(clients.join("demo.key")).expect("demo's key");
    let made = self_signed_client("vcenter", KeyKind::EcdsaP256, now(), 30).expect("made");
    let new = made.certificate_pem;
    for (text, words) in [
        (format!("{new}{own}"), &["chain"][..]),
        (key, &["private key"]),
        (
            format!("{new}{}", String::from_utf8_lossy(made.key_pem.expose())),
            &["private key"],
        ),
        ("garbage".to_owned(), &["certificate"]),
        (String::new(), &["certificate"]),
        (own, &["already enrolled", "demo"]),
    ] {
        let file = server.path().join("offered.pem");
        fs::write(&file, text).expect("a file");
        let file = file.to_str().expect("UTF-8");
        server
            .cli(&["client", "add", "vcenter", file])
            .refused(words);
    }
    server
        .cli(&["client", "add", "vcenter", "missing.pem"])
        .refused(&["missing.pem"]);
    let file = server.path().join("new.pem");
    fs::write(&file, new).expect("a file");
    let file = file.to_str().expect("UTF-8");
    server
        .cli(&["client", "add", "demo", file])
        .refused(&["demo", "--renew"]);
    server
        .cli(&["client", "add", "no/label", file])
        .refused(&["label"]);
    assert_eq!(
        (server.events(), server.cli(&["client", "list"])),
        before,
        "nothing changed"
    );
    server.cli(&["client", "add", "vcenter", file]).success();
}

#[test]
fn a_client_that_does_not_exist_is_named() {
    let server = Server::start();
    for command in ["disable", "enable", "remove"] {
        server
            .cli(&["client", command, "nobody"])
            .refused(&["nobody"]);
    }
    server
        .cli(&["key", "show", "no-such-key"])
        .refused(&["no-such-key"]);
    server
        .cli(&["events", "show", "999999"])
        .refused(&["999999"]);
}
