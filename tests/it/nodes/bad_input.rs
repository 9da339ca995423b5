//! What can be wrong with a database that nodes share, each told in one line that says what to do.

use std::fs;

use tempfile::TempDir;

use crate::harness::{Network, Nodes, Postgres, fresh_directory, run_cli};

/// A directory with these settings of the store.
fn directory(store: &str) -> TempDir {
    let directory = fresh_directory();
    let text = format!("version = \"v1\"\n\n[tls]\nkey-kind = \"ecdsa-p256\"\n\n[store]\n{store}");
    fs::write(directory.path().join("keyledger.toml"), text).expect("a configuration");
    directory
}

fn store(postgres: &Postgres, url: &str) -> String {
    let password = postgres.password_file();
    format!(
        "url = \"{url}\"\npassword-file = \"{}\"\n",
        password.display()
    )
}

#[test]
fn a_database_that_cannot_be_used_is_told_in_one_line() {
    let mut postgres = Postgres::start();
    let url = postgres.url();
    let (server, _) = url.rsplit_once('/').expect("a URL");
    let other = format!("{server}/nothing");
    let refused = |store: &str, words: &[&str]| {
        let directory = directory(store);
        run_cli(directory.path(), &["init"]).refused(words);
        assert!(!directory.path().join("data/keyledger.db").exists());
    };
    refused(
        &store(&postgres, &other),
        &["nothing", "check the URL or create it"],
    );
    let unknown = url.replace("keyledger@", "nobody@");
    refused(
        &store(&postgres, &unknown),
        &["does not let us in", "pg_hba.conf"],
    );
    let file = postgres.password_file();
    let right = fs::read(&file).expect("the password");
    fs::write(&file, "wrong\n").expect("a password");
    refused(
        &store(&postgres, &url),
        &["does not let us in", "password-file"],
    );
    fs::write(&file, right).expect("the password");
    postgres.sql("CREATE ROLE poor LOGIN PASSWORD 'x'");
    postgres.sql("GRANT CONNECT ON DATABASE keyledger TO poor");
    let poor = directory("");
    let secret = poor.path().join("secret");
    fs::write(&secret, "x\n").expect("a password");
    run_mode(&secret);
    let poor = format!(
        "url = \"{}\"\npassword-file = \"{}\"\n",
        url.replace("keyledger@", "poor@"),
        secret.display()
    );
    refused(&poor, &["may not do this", "give it the rights"]);
    postgres.stop(true);
    refused(&store(&postgres, &url), &["cannot be reached", "127.0.0.1"]);
}

#[test]
fn a_database_of_another_ca_or_another_name_is_not_talked_to() {
    let Some(network) = Network::new() else {
        return;
    };
    let address = network.address();
    let mut postgres = Postgres::start_in(network);
    let mine = fresh_directory();
    let earlier = mine.path().join("earlier.pem");
    fs::copy(postgres.ca_file(), &earlier).expect("a file");
    let with_ca = |postgres: &Postgres, ca: &std::path::Path| {
        let store = store(postgres, &postgres.url());
        format!("{store}ca-file = \"{}\"\n", ca.display())
    };
    let init = |store: &str| {
        let directory = directory(store);
        run_cli(directory.path(), &["init"])
    };
    // None of those that the machine trusts.
    init(&store(&postgres, &postgres.url())).refused(&["is not accepted", &address]);
    postgres.certify_for("db.example.org");
    init(&with_ca(&postgres, &postgres.ca_file())).refused(&["is not accepted", &address]);
    postgres.certify_for(&address);
    init(&with_ca(&postgres, &earlier)).refused(&["is not accepted", &address]);
    let right = with_ca(&postgres, &postgres.ca_file());
    let weaker = right.replace("/keyledger\"\n", "/keyledger?sslmode=require\"\n");
    init(&weaker).refused(&["sslmode"]);
    assert_eq!(
        postgres.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'keyledger%'"),
        "0",
        "nothing was made"
    );
    init(&right).success();
}

fn run_mode(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
}

#[test]
fn a_database_of_others_and_a_number_that_is_taken_are_refused() {
    let mut nodes = Nodes::start(1);
    // A second machine that begins anew over the same database.
    let second = directory(&store(&nodes.postgres, &nodes.postgres.url()));
    run_cli(second.path(), &["init"]).refused(&["keyledger database already", "node join"]);
    // The same node, from a copy of its directory.
    let copy = fresh_directory();
    crate::harness::copy(nodes.all[0].path(), copy.path());
    run_cli(copy.path(), &["serve", "--listen", "127.0.0.1:0"])
        .refused(&["node 1 is in use by another process", "another node number"]);
    // A name that a node has.
    let _joined = nodes.prepared("twice");
    let prepared = fresh_directory();
    let into = prepared.path().join("p");
    let into = into.to_str().expect("UTF-8");
    let prepare = ["node", "prepare", into, "--name", "twice"];
    let prepare = [&prepare[..], &["--server-name", "127.0.0.1"]].concat();
    nodes.all[0].cli(&prepare).refused(&[
        "node 2 has it and has joined already",
        "choose another name",
    ]);
    // A later release was there.
    assert!(nodes.all[0].stop().success());
    nodes.postgres.sql(
        "INSERT INTO keyledger.migration SELECT 'later-' || n, 0 FROM generate_series(1, 3) AS n",
    );
    run_cli(nodes.all[0].path(), &["serve", "--listen", "127.0.0.1:0"])
        .refused(&["newer", "use a newer keyledger"]);
}
