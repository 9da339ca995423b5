//! `keyledger node prepare`: what another node needs, in a directory that is carried to its machine.
//!
//! The number is given and the event durable before a secret is written. Where the files cannot be written then, the same command with the same
//! name goes on with the same number.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::super::reach::{self, Reach};
use super::super::report::{Report, fields, remark};
use super::super::{WrongUse, issue, master};
use super::prepared::{self, Prepared, Undo, Which};
use crate::admin::message::{Node, NodePrepare};
use crate::admin::{Request, Response};
use crate::config::file::Config;
use crate::config::layout::read_public;
use crate::config::sparse::sparse;
use crate::config::{Layout, Overrides, Settings, settings};
use crate::crypto::{Certificate, Secret};
use crate::domain::client::check_label;
use crate::domain::{Clock as _, SystemClock};
use crate::providers::Provider;

/// A node that is to join.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to write what it needs into, absent or empty
    #[arg(value_name = "DIR")]
    into: PathBuf,
    /// Its name among the nodes, which its trail has, too: letters, digits, '.', '_' and '-'
    #[arg(long, value_name = "LABEL")]
    name: String,
    /// A DNS name or address for its server certificate; may be repeated
    #[arg(long = "server-name", value_name = "DNS|IP", required = true)]
    server_names: Vec<String>,
    /// Address and port it serves KMIP on (default: those of this node)
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Leave out the file of the master key, which is then carried to its machine another way
    #[arg(long)]
    without_master_key: bool,
}

/// Prepares a node.
///
/// # Errors
/// The database is a file, something cannot be read or made, or the router refused; nothing is left in the directory then.
pub(super) async fn run(
    layout: &Layout,
    reach: &mut Reach,
    args: &Args,
    report: &Report,
) -> anyhow::Result<()> {
    reach.refuse_unknown()?;
    check_label(&args.name).map_err(|error| WrongUse(format!("--name: {error}")))?;
    let target = Layout::new(args.into.clone());
    prepared::check_empty(target.root(), "name a directory that is absent or empty")?;
    let settings = reach::settings(layout)?;
    if settings.store.url.is_none() {
        bail!(
            "the database of this server is a file, which has one node; nodes share one on a PostgreSQL server (docs/scaling.md)"
        );
    }
    let mut config = derived(layout, &target, args)?;
    let master_key = master_key(&settings, args)?;
    let mut made = gather(&settings, args, master_key)?;
    let node = ask(reach, args, &made).await?;
    config.store.node = Some(node.number);
    made.settings = text(&config, &node)?;
    write(&made, &target).with_context(|| {
        format!(
            "node {} has its number, and its files were not written; mend that and give the command again with the same name",
            node.number
        )
    })?;
    say(&settings, (&made, &config), &node, &target, report)
}

/// The settings of the node: those of this one, with what is its own. Its number is that of nobody yet.
fn derived(layout: &Layout, target: &Layout, args: &Args) -> anyhow::Result<Config> {
    let text = read_public(&layout.config(), "run `keyledger init` first")?;
    let mut config = settings::parse(&text)
        .map_err(|problem| anyhow::anyhow!("{}: {problem}", layout.config().display()))?;
    if let Some(listen) = &args.listen {
        config.server.listen.clone_from(listen);
    }
    config.tls.names.clone_from(&args.server_names);
    let store = &mut config.store;
    if store.password_file.is_some() {
        store.password_file = Some(prepared::PASSWORD.into());
    }
    if store.ca_file.is_some() {
        store.ca_file = Some(prepared::CA.into());
    }
    let checked = Settings::check(target, config.clone(), &Overrides::default());
    checked.map_err(|error| WrongUse(error.to_string()))?;
    Ok(config)
}

/// The file of the master key, where it holds the key and goes with the rest.
fn master_key(settings: &Settings, args: &Args) -> anyhow::Result<Option<Secret>> {
    let place = master::place(settings);
    if args.without_master_key || place.provider()? != Provider::File {
        return Ok(None);
    }
    prepared::content(place.path()).map(Some)
}

/// All that the node needs but its settings, which need its number.
fn gather(
    settings: &Settings,
    args: &Args,
    master_key: Option<Secret>,
) -> anyhow::Result<Prepared> {
    let (layout, store) = (&settings.layout, &settings.store);
    let now = SystemClock.now();
    let issued = issue::authority(layout)?
        .issue_server(
            &args.server_names,
            settings.key_kind,
            now,
            settings.server_days,
        )
        .context("the node's certificate was not made")?;
    let read = |path: &PathBuf| read_public(path, "store.ca-file names it");
    Ok(Prepared {
        which: Which {
            name: args.name.clone(),
            prepared_by: store.node.unwrap_or(1),
        },
        settings: String::new(),
        authorities: read_public(&layout.ca_certificate(), "restore it from its backup")?,
        server: (issued.certificate_pem, issued.key_pem),
        password: store
            .password_file
            .as_deref()
            .map(prepared::content)
            .transpose()?,
        ca: store.ca_file.as_ref().map(read).transpose()?,
        master_key,
    })
}

async fn ask(reach: &mut Reach, args: &Args, made: &Prepared) -> anyhow::Result<Node> {
    let certificate = Certificate::from_pem(&made.server.0)?;
    let request = NodePrepare {
        name: args.name.clone(),
        fingerprint: certificate.fingerprint().to_string(),
        not_after: certificate.not_after(),
        with_master_key: made.master_key.is_some(),
    };
    match reach.run(Request::NodePrepare(request)).await? {
        Response::Node(node) => Ok(node),
        other => Err(reach::unexpected(&other)),
    }
}

fn text(config: &Config, node: &Node) -> anyhow::Result<String> {
    let heading = format!(
        "# Settings of node {} ({}). What is not here has its default: etc/keyledger.example.toml shows all.",
        node.number, node.name
    );
    sparse(config, &heading).map_err(|problem| anyhow::anyhow!("keyledger.toml: {problem}"))
}

fn write(made: &Prepared, target: &Layout) -> anyhow::Result<()> {
    let mut undo = Undo::of(target);
    target.make_directories()?;
    made.write_with_which(target)?;
    undo.keep();
    Ok(())
}

fn say(
    settings: &Settings,
    (made, config): (&Prepared, &Config),
    node: &Node,
    target: &Layout,
    report: &Report,
) -> anyhow::Result<()> {
    let root = target.root().display();
    let has_key = made.master_key.is_some();
    let secrets: Vec<_> = [
        (has_key, "the master key, which opens every key"),
        (made.password.is_some(), "the password of the database"),
        (true, "the private key of the node's certificate"),
    ]
    .into_iter()
    .filter_map(|(is_there, what)| is_there.then_some(what))
    .collect();
    let secrets = secrets.join("; ");
    remark(&format!(
        "{root} holds secrets: {secrets}. Carry it to the node's machine over a safe way, such as scp, and remove it here and there once the node has joined."
    ));
    if !has_key {
        remark(&format!(
            "The master key is not in it: on the node's machine, before it joins, copy {} of this server to {}, mode 0600.",
            settings.layout.master_key().display(),
            target.master_key().display()
        ));
    }
    let elsewhere = elsewhere(config);
    if !elsewhere.is_empty() {
        remark(&format!(
            "Its settings name files that must be on its machine, too: {}.",
            elsewhere.join(", ")
        ));
    }
    let record = serde_json::json!({ "number": node.number, "name": node.name, "directory": target.root(),
        "masterKey": has_key, "files": elsewhere });
    report.record(&record, || {
        let rows = fields(&[
            ("node", Some(format!("{} ({})", node.number, node.name))),
            ("directory", Some(root.to_string())),
            ("server certificate for", Some(config.tls.names.join(", "))),
            ("listens on", Some(config.server.listen.clone())),
        ]);
        format!("{rows}\n\nNext, on the node's machine: `keyledger node join --from {root} --dir DIR`, then `keyledger serve --dir DIR`.")
    })?;
    Ok(())
}

/// Files outside of the directory that the settings name.
fn elsewhere(config: &Config) -> Vec<String> {
    let (master, admin) = (&config.master_key, &config.admin);
    let named = [
        &master.passphrase_file,
        &master.pkcs11.module,
        &master.pkcs11.pin_file,
        &master.command.program,
        &admin.certificate,
        &admin.key,
        &config.telemetry.headers_file,
    ];
    let named = named.into_iter().filter(|name| !name.is_empty());
    named
        .map(|name| Path::new(name).display().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::super::Cli;
    use super::*;

    fn args(listen: Option<&str>) -> Args {
        Args {
            into: "/tmp/kms2".into(),
            name: "kms2".to_owned(),
            server_names: vec!["kms2.example.org".to_owned()],
            listen: listen.map(str::to_owned),
            without_master_key: false,
        }
    }

    #[test]
    fn a_node_has_the_settings_of_this_one_and_its_own_names_and_files() {
        let directory = tempfile::tempdir().unwrap();
        let (layout, target) = (Layout::new(directory.path()), Layout::new("/tmp/kms2"));
        let text = "version = \"v1\"\n[tls]\nnames = [\"kms1\"]\n[kmip]\nbatch-items-max = 7\n[store]\n\
                    url = \"postgres://k@db/k\"\npassword-file = \"/etc/pw\"\nca-file = \"ca\"\n";
        std::fs::write(layout.config(), text).unwrap();
        let config = derived(&layout, &target, &args(Some("0.0.0.0:5700"))).unwrap();
        assert_eq!(config.server.listen, "0.0.0.0:5700");
        assert_eq!(config.tls.names, ["kms2.example.org"]);
        assert_eq!(config.kmip.batch_items_max, 7);
        assert_eq!(config.store.password_file, Some(prepared::PASSWORD.into()));
        assert_eq!(config.store.ca_file, Some(prepared::CA.into()));
        assert!(elsewhere(&config).is_empty());
        let config = derived(&layout, &target, &args(None)).unwrap();
        assert_eq!(config.server.listen, "0.0.0.0:5696");
        let error = derived(&layout, &target, &args(Some("5700"))).unwrap_err();
        assert!(error.is::<WrongUse>(), "{error}");
    }

    #[test]
    fn a_node_needs_a_directory_a_name_and_what_its_certificate_is_for() {
        let whole = [
            "keyledger",
            "node",
            "prepare",
            "d",
            "--name",
            "kms2",
            "--server-name",
            "kms2",
        ];
        Cli::try_parse_from(whole).unwrap();
        for missing in [
            &[
                "keyledger",
                "node",
                "prepare",
                "--name",
                "a",
                "--server-name",
                "b",
            ][..],
            &["keyledger", "node", "prepare", "d", "--server-name", "b"],
            &["keyledger", "node", "prepare", "d", "--name", "a"],
            &["keyledger", "node", "join"],
        ] {
            assert_eq!(Cli::try_parse_from(missing).unwrap_err().exit_code(), 2);
        }
        Cli::try_parse_from(["keyledger", "--dir", "a", "node", "join", "--from", "b"]).unwrap();
    }
}
