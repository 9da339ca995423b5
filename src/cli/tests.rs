//! The command line: its arguments, and what it makes on disk.

use clap::CommandFactory as _;

use super::issue::{Order, issue};
use super::master::PassphraseArgs;
use super::reach::Reach;
use super::*;
use crate::admin::message::{EventsFrom, MasterKey, MasterKeyRequest, Rotation};
use crate::admin::{Request, Response};
use crate::audit::Action;
use crate::config::Settings;
use crate::crypto::Authority;
use crate::routing::{HookError, attach};
use crate::store::{Sequence, StoredEvent};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    let before = Cli::try_parse_from(["keyledger", "--dir", "d", "client", "list"]).unwrap();
    let after = Cli::try_parse_from(["keyledger", "client", "list", "--dir", "d"]).unwrap();
    assert_eq!(before.dir, after.dir);
    let jsonl = [
        "keyledger",
        "events",
        "list",
        "--format",
        "jsonl",
        "--action",
        "kmip-key.*",
    ];
    assert_eq!(Cli::try_parse_from(jsonl).unwrap().format, Format::Jsonl);
}

#[test]
fn a_filter_that_no_event_can_match_is_wrong_use() {
    for (flag, value) in [("--action", "kmip-kex.*"), ("--outcome", "maybe")] {
        let line = ["keyledger", "events", "list", flag, value];
        let error = Cli::try_parse_from(line).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(value), "{error}");
    }
}

/// A directory with a configuration that asks for keys that are quickly made.
fn directory() -> (tempfile::TempDir, Layout) {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let config = "version = \"v1\"\n[tls]\nkey-kind = \"ecdsa-p256\"\nnames = [\"kms\"]\n";
    std::fs::write(layout.config(), config).unwrap();
    (directory, layout)
}

fn arguments() -> init::Args {
    init::Args {
        instance: "default".into(),
        ..init::Args::default()
    }
}

pub(super) async fn initialised() -> (tempfile::TempDir, Layout, Settings) {
    let (directory, layout) = directory();
    let (settings, lock) = init::initialise(&layout, &arguments()).await.unwrap();
    drop(lock);
    (directory, layout, settings)
}

#[tokio::test]
async fn init_makes_what_is_promised_and_never_a_second_time() {
    let (_directory, layout, _) = initialised().await;
    for path in [
        "certs/ca.pem",
        "certs/server.pem",
        "certs/server.key",
        "data/keyledger.db",
        "data/master.key",
        "data/ca.key",
        "data/lock",
    ] {
        assert!(layout.root().join(path).is_file(), "{path}");
    }
    let before = std::fs::read(layout.master_key()).unwrap();
    let error = init::initialise(&layout, &arguments())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds the data of a server already and is not touched"),
        "{error}"
    );
    assert_eq!(std::fs::read(layout.master_key()).unwrap(), before);
}

#[tokio::test]
async fn an_init_that_was_cut_off_goes_on_with_the_keys_it_made() {
    let (_directory, layout, _) = initialised().await;
    let files = [
        layout.master_key(),
        layout.ca_certificate(),
        layout.server_key(),
    ];
    let before = files.clone().map(|path| std::fs::read(path).unwrap());
    for end in ["", "-wal", "-shm"] {
        let path = layout.data().join(format!("keyledger.db{end}"));
        drop(std::fs::remove_file(path));
    }
    drop(init::initialise(&layout, &arguments()).await.unwrap());
    assert_eq!(files.map(|path| std::fs::read(path).unwrap()), before);
    assert!(layout.database().exists());
}

#[tokio::test]
async fn flags_do_not_contradict_a_configuration_that_exists() {
    let (_directory, layout) = directory();
    let args = init::Args {
        location: Some("eu-de".into()),
        ..arguments()
    };
    let error = init::initialise(&layout, &args).await.unwrap_err();
    assert!(error.is::<WrongUse>(), "{error}");
    assert!(!layout.data().exists());
}

#[tokio::test]
async fn an_issued_client_is_enrolled_and_a_refused_one_leaves_no_file() {
    let (_directory, layout, settings) = initialised().await;
    let mut reach = Reach::open(&layout).await.unwrap();
    let order = |label: &str| Order {
        label: label.into(),
        ..Order::default()
    };
    let delivered = issue(&mut reach, &settings, order("demo")).await.unwrap();
    assert!(delivered.certificate.is_file() && delivered.key.is_file());
    assert_eq!(delivered.client.certificates[0].trust, "issued");

    let error = issue(&mut reach, &settings, order("demo"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("exists already and is not overwritten"),
        "{error}"
    );
    let foreign = Order {
        instance: Some("none".into()),
        ..order("other")
    };
    assert!(issue(&mut reach, &settings, foreign).await.is_err());
    assert!(!layout.client_key("other").exists() && !layout.client_certificate("other").exists());
    let Response::Clients(clients) = reach.run(Request::ClientList).await.unwrap() else {
        panic!("not clients");
    };
    assert_eq!(clients.len(), 1);
    reach.close().await;
    // Closed, the directory is free again.
    Reach::open(&layout).await.unwrap().close().await;
}

#[tokio::test]
async fn a_ca_whose_key_is_another_ones_issues_nothing() {
    let (_directory, layout, settings) = initialised().await;
    let other = Authority::create("Other", 1_800_000_000, 10, settings.key_kind).unwrap();
    std::fs::write(layout.ca_key(), other.key_pem().expose()).unwrap();
    let mut reach = Reach::open(&layout).await.unwrap();
    let order = Order {
        label: "demo".into(),
        ..Order::default()
    };
    let error = issue(&mut reach, &settings, order).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("does not belong to its certificate"),
        "{error:#}"
    );
    reach.close().await;
}

#[tokio::test]
async fn a_directory_without_a_database_says_what_to_do() {
    let (_directory, layout) = directory();
    let Err(error) = Reach::open(&layout).await else {
        panic!("opened")
    };
    assert!(
        error.to_string().contains("run `keyledger init` there"),
        "{error}"
    );
}

#[tokio::test]
async fn a_program_that_embeds_the_server_receives_its_events() {
    use rustix::process::{Signal, getpid, kill_process};
    use tokio::signal::unix::{SignalKind, signal};

    let (_directory, layout, _) = initialised().await;
    let args = serve::Args {
        listen: Some("127.0.0.1:0".into()),
        log: "error".into(),
        ..serve::Args::default()
    };
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let hook = move |event: &StoredEvent| -> Result<(), HookError> {
        Ok(sender.send((event.sequence, event.event.action))?)
    };
    // Listened for here too, so that a signal that comes too early for the server does not end the tests.
    let _held = signal(SignalKind::terminate()).unwrap();
    let mut first = None;
    let stop = async {
        first = received.recv().await;
        for _ in 0..600 {
            kill_process(getpid(), Signal::TERM).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let attached = |store: &crate::store::Store| Ok(attach(store, Sequence(0), hook)?);
    tokio::select! {
        biased;
        served = serve::run_with_hook(&layout, args, attached) => served.unwrap(),
        () = stop => panic!("the server does not stop"),
    }
    // It ended because it was told to, although that is not logged here.
    assert_eq!(first, Some((Sequence(0), Action::ServiceCreate)));
    // Stopped before the store was closed: the hook is gone, and the directory is free.
    assert_eq!(received.recv().await, None);
    Reach::open(&layout).await.unwrap().close().await;
}

async fn rotated(reach: &mut Reach) -> anyhow::Result<MasterKey> {
    let rotation = Rotation {
        provider: None,
        secret: None,
    };
    let request = Request::MasterKey(MasterKeyRequest::Rotate(rotation));
    match reach.run(request).await? {
        Response::MasterKey(shown) => Ok(*shown),
        other => panic!("not a master key: {other:?}"),
    }
}

async fn opened(layout: &Layout) -> Reach {
    let passphrase = PassphraseArgs::default();
    let reach = Reach::open_with_master_key(layout, &passphrase).await;
    reach.unwrap()
}

#[tokio::test]
async fn a_rotation_that_cannot_be_read_back_is_recorded_once_as_what_it_is() {
    let (_directory, layout, _) = initialised().await;
    let mut reach = opened(&layout).await;
    let before = std::fs::read(layout.master_key()).unwrap();
    // What the rotation commits brings along what cannot be read.
    let db = rusqlite::Connection::open(layout.database()).unwrap();
    let damage = "CREATE TRIGGER damage AFTER UPDATE ON data_key BEGIN
        INSERT INTO signing_key (origin, public, wrapped) VALUES (CAST(X'FF' AS TEXT), X'00', X'00'); END";
    db.execute_batch(damage).unwrap();
    let error = rotated(&mut reach).await.unwrap_err();
    assert!(error.to_string().contains("the change is made"), "{error}");
    assert!(!reach::changed_nothing(&error));
    let mend = "DROP TRIGGER damage; DELETE FROM signing_key WHERE public = X'00'";
    db.execute_batch(mend).unwrap();
    drop(db);
    let events = EventsFrom {
        limit: 100,
        ..EventsFrom::default()
    };
    let Response::Events(page) = reach.run(Request::Events(events)).await.unwrap() else {
        panic!("not events");
    };
    let told = page
        .events
        .iter()
        .map(|event| serde_json::from_str::<serde_json::Value>(&event.json).unwrap());
    let rotations: Vec<_> = told
        .filter(|event| event["action"] == Action::MasterKeyRotate.name())
        .map(|event| event["outcome"].clone())
        .collect();
    assert_eq!(rotations, ["success"]);
    reach.close().await;
    assert_ne!(std::fs::read(layout.master_key()).unwrap(), before);
    opened(&layout).await.close().await;
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_by_a_command_that_needs_no_master_key_too() {
    let (_directory, layout, _) = initialised().await;
    let mut reach = opened(&layout).await;
    let shown = rotated(&mut reach).await.unwrap();
    reach.close().await;
    // As it is between the commit and the last step.
    let path = layout.master_key();
    let new = std::fs::read(&path).unwrap();
    let next = layout
        .data()
        .join(format!("master.key.{}.next", shown.check_value));
    std::fs::rename(&path, &next).unwrap();
    std::fs::rename(shown.retired.unwrap(), &path).unwrap();
    assert_ne!(std::fs::read(&path).unwrap(), new);
    Reach::open(&layout).await.unwrap().close().await;
    assert_eq!(std::fs::read(&path).unwrap(), new);
    assert!(!next.exists());
    opened(&layout).await.close().await;
}

/// Every option of a command and of those below it, and whether it takes something else than the name of a file.
fn options(command: &clap::Command) -> Vec<(String, bool)> {
    let own = command.get_arguments().map(|argument| {
        let name = argument
            .get_long()
            .unwrap_or_else(|| argument.get_id().as_str());
        let is_file = |names: &[clap::builder::Str]| names.iter().any(|name| name.contains("FILE"));
        let takes = argument.get_action().takes_values();
        let takes_text = takes && !argument.get_value_names().is_some_and(is_file);
        (format!("{} {name}", command.get_name()), takes_text)
    });
    let below = command.get_subcommands().flat_map(options);
    own.chain(below).collect()
}

#[test]
fn no_secret_is_an_argument() {
    let all = options(&Cli::command());
    assert!(all.len() > 50, "{}", all.len());
    for (option, takes_text) in all {
        let words = ["password", "passphrase", "secret", "token", "pin", "share"];
        let name = option.rsplit(' ').next().unwrap_or_default();
        let is_secret = name.split('-').any(|part| words.contains(&part));
        // The certificate that a client pins.
        let is_public = option == "kmip pin";
        assert!(!is_secret || is_public || !takes_text, "{option}");
    }
}
