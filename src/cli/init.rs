//! `keyledger init`: everything a new server needs, in one directory.
//!
//! The database comes last, so that a directory with a database is complete. What an interrupted run left is used again; nothing that
//! exists is ever replaced. One on a server is looked at first: where it cannot be made, nothing else is.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::database::{self, Set, StoreArgs};
use super::master::{self, PassphraseArgs};
use super::master_key::{self, Numbers, SharesArgs};
use super::reach::Reach;
use super::report::{Report, fields, remark};
use super::{WrongUse, confine, issue, reach};
use crate::admin::foundation::{self, Founding};
use crate::admin::lock::DirectoryLock;
use crate::admin::peer;
use crate::config::file::{Config, example_with, quoted, quoted_list};
use crate::config::layout::{write_private, write_public};
use crate::config::{Layout, Overrides, Settings, names, settings};
use crate::crypto::authority::AUTHORITY_DAYS;
use crate::crypto::{Authority, Random as _, SystemRandom};
use crate::domain::client::check_label;
use crate::domain::location::generates_events;
use crate::domain::{Clock as _, SystemClock};
use crate::providers::{self, MasterKey};
use crate::store::{InitMeta, Store};

/// What is said of a location without events.
pub(super) const NO_EVENTS: &str = "No events are generated in this location: keys are served and the trail is written, and \
                                    nothing is routed to targets.";

/// What a new server is made with. What is not given keeps its default.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Address and port KMIP is served on
    #[arg(long, env = "KEYLEDGER_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
    /// A DNS name or address of the server's certificate; may be repeated (default: this machine's)
    #[arg(long = "name", value_name = "DNS|IP")]
    pub names: Vec<String>,
    /// The name of the first instance
    #[arg(long, default_value = foundation::INSTANCE, value_name = "NAME")]
    pub instance: String,
    /// Where this server is, as events name it
    #[arg(long)]
    pub location: Option<String>,
    /// The account events belong to
    #[arg(long)]
    pub account: Option<String>,
    /// Where the master key comes from
    #[arg(long, value_enum, value_name = "PROVIDER")]
    pub master_key: Option<Provider>,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) passphrase: PassphraseArgs,
    /// Share out a recovery key: how many shares are needed of how many, such as 2/3
    #[arg(long, value_name = "NEEDED/SHARES")]
    pub recovery: Option<Numbers>,
    /// A new directory for the recovery shares, one file each; otherwise they are printed once
    #[arg(long, value_name = "DIR", requires = "recovery")]
    pub shares_into: Option<PathBuf>,
}

/// Where a new master key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Provider {
    /// A file that holds it
    File,
    /// A file that a passphrase opens
    Passphrase,
    /// A token, as keyledger.toml says which
    Pkcs11,
    /// A program, as keyledger.toml says which
    Command,
}

impl Provider {
    /// The provider that is meant.
    #[must_use]
    pub const fn provider(self) -> providers::Provider {
        match self {
            Self::File => providers::Provider::File,
            Self::Passphrase => providers::Provider::Passphrase,
            Self::Pkcs11 => providers::Provider::Pkcs11,
            Self::Command => providers::Provider::Command,
        }
    }
}

/// Makes the directory and says what to do next.
///
/// # Errors
/// It has data already, a value cannot be used, or a file cannot be made.
pub async fn run(layout: &Layout, args: Args, report: &Report) -> anyhow::Result<()> {
    let (settings, lock) = initialise(layout, &args).await?;
    drop(lock);
    share_out(layout, &args).await?;
    let location = &settings.scope.location;
    if !generates_events(location) {
        remark(&format!("{location}: {NO_EVENTS}"));
    }
    let made = serde_json::json!({
        "directory": layout.root(),
        "listen": settings.listen.to_string(),
        "names": settings.names,
        "instance": args.instance,
        "ca": layout.ca_certificate(),
    });
    report.record(&made, || {
        let path = |path: PathBuf| Some(path.display().to_string());
        let rows = fields(&[
            ("configuration", path(layout.config())),
            ("CA certificate", path(layout.ca_certificate())),
            ("server certificate for", Some(settings.names.join(", "))),
            ("master key", path(layout.master_key())),
            ("database", Some(database::name(&settings))),
        ]);
        let key = layout.master_key();
        format!(
            "{rows}\n\nBack up {} now, apart from the database: without it no key can be read.\n\
             Next: `keyledger client issue LABEL` or `keyledger client add LABEL FILE.pem`, then \
             `keyledger serve`.",
            key.display()
        )
    })?;
    Ok(())
}

/// Hands out recovery shares, where they are asked for.
async fn share_out(layout: &Layout, args: &Args) -> anyhow::Result<()> {
    let Some(numbers) = args.recovery else {
        return Ok(());
    };
    let shares = SharesArgs {
        numbers,
        into: args.shares_into.clone(),
    };
    let mut reach = Reach::open_with_master_key(layout, &args.passphrase).await?;
    let done = master_key::share_out(&mut reach, &shares).await;
    reach.close().await;
    done.context(
        "the directory is ready; its recovery shares are not: `keyledger master-key recovery` makes some",
    )?;
    Ok(())
}

/// Makes the directory; the lock on it is handed on.
///
/// # Errors
/// As [`run`].
pub async fn initialise(layout: &Layout, args: &Args) -> anyhow::Result<(Settings, DirectoryLock)> {
    confine::refuse_missed(layout)?;
    check_empty(layout)?;
    check_label(&args.instance).map_err(|error| WrongUse(format!("--instance: {error}")))?;
    let (settings, text) = settle(layout, args)?;
    database::refuse_present(&settings)?;
    layout.make_directories()?;
    let lock = DirectoryLock::acquire(&layout.lock())?;
    check_empty(layout)?;
    // First what may be refused: a passphrase that is too short leaves directories and the lock, and neither a key nor settings.
    let master = master::create(&settings, &args.passphrase)?;
    if let Some(text) = text {
        write_private(&layout.config(), text.as_bytes())?;
    }
    make_certificates(&settings)?;
    make_database(&settings, &*master.custody, &args.instance).await?;
    Ok((settings, lock))
}

fn check_empty(layout: &Layout) -> anyhow::Result<()> {
    if layout.database().symlink_metadata().is_err() {
        return Ok(());
    }
    bail!(
        "{} holds the data of a server already and is not touched; run `keyledger serve --dir {}`, \
         or name another directory with --dir",
        layout.data().display(),
        layout.root().display()
    )
}

/// The settings in force, and the text of a configuration file where there is none yet.
fn settle(layout: &Layout, args: &Args) -> anyhow::Result<(Settings, Option<String>)> {
    let Args {
        listen,
        names,
        instance: _,
        location,
        account,
        master_key,
        store,
        passphrase: _,
        recovery: _,
        shares_into: _,
    } = args;
    let given = !names.is_empty()
        || location.is_some()
        || account.is_some()
        || listen.is_some()
        || *store != StoreArgs::default()
        || master_key.is_some();
    if layout.config().exists() {
        if given {
            let file = layout.config();
            let advice = "it is used as it stands; set the values there instead of by flags";
            return Err(WrongUse(format!("{} exists: {advice}", file.display())).into());
        }
        return Ok((Settings::load(layout, &Overrides::default())?, None));
    }
    let mut config = Config::default();
    let mut set = Set::new();
    if let Some(listen) = listen {
        config.server.listen.clone_from(listen);
        set.push(("listen", quoted(listen)));
    }
    config.tls.names = if names.is_empty() {
        names::of_this_machine()
    } else {
        names.clone()
    };
    set.push(("names", quoted_list(&config.tls.names)));
    if let Some(location) = location {
        config.service.location.clone_from(location);
        set.push(("location", quoted(location)));
    }
    if let Some(account) = account {
        config.service.account.clone_from(account);
        set.push(("account", quoted(account)));
    }
    if let Some(provider) = master_key {
        let name = provider.provider().name();
        config.master_key.provider = name.to_owned();
        set.push(("provider", quoted(name)));
    }
    store.settle(&mut config.store, &mut set)?;
    let settings = Settings::check(layout, config, &Overrides::default());
    let settings = settings.map_err(|error| WrongUse(error.to_string()))?;
    let text = example_with(&set);
    // What is written must read back as what was checked.
    settings::parse(&text).map_err(|problem| anyhow::anyhow!("keyledger.toml: {problem}"))?;
    Ok((settings, Some(text)))
}

/// CA and server certificate, each where it is missing.
fn make_certificates(settings: &Settings) -> anyhow::Result<()> {
    let layout = &settings.layout;
    let now = SystemClock.now();
    let authority = if layout.ca_certificate().exists() {
        issue::authority(layout)?
    } else {
        let made = Authority::create(&ca_name()?, now, AUTHORITY_DAYS, settings.key_kind)?;
        // A key without its certificate is of an interrupted run and signed nothing.
        drop(std::fs::remove_file(layout.ca_key()));
        write_private(&layout.ca_key(), made.key_pem().expose())?;
        write_public(&layout.ca_certificate(), made.certificate_pem().as_bytes())?;
        made
    };
    if layout.server_certificate().exists() {
        return Ok(());
    }
    let issued = authority
        .issue_server(
            &settings.names,
            settings.key_kind,
            now,
            settings.server_days,
        )
        .context("the server's certificate was not made")?;
    if layout.server_key().exists() {
        bail!(
            "{} is there without server.pem; put its certificate beside it or move it away",
            layout.server_key().display()
        );
    }
    write_private(&layout.server_key(), issued.key_pem.expose())?;
    write_public(
        &layout.server_certificate(),
        issued.certificate_pem.as_bytes(),
    )?;
    Ok(())
}

/// Database and first instance.
async fn make_database(
    settings: &Settings,
    master: &dyn MasterKey,
    instance: &str,
) -> anyhow::Result<()> {
    let layout = &settings.layout;
    let meta = InitMeta {
        origin_name: format!("node-{}", random_suffix()?),
        master_key_check: master.check_value(),
        created: SystemClock.now(),
    };
    let created = Store::create(&layout.database(), &settings.store, &meta);
    let store = match &settings.store.url {
        Some(_) => created.context(
            "the database was not made; mend that, there or in keyledger.toml, and run `keyledger init` again without other flags than --dir",
        )?,
        None => created?,
    };
    let founded = found(settings, &store, master, instance).await;
    let signed = reach::sealer(&store, master).await;
    store.close().await;
    founded?;
    signed.map_err(anyhow::Error::msg)?;
    Ok(())
}

/// Makes the first instance.
///
/// # Errors
/// The store, the master key or the random source failed.
pub async fn found(
    settings: &Settings,
    store: &Store,
    master: &dyn MasterKey,
    instance: &str,
) -> anyhow::Result<()> {
    let founding = Founding {
        name: instance,
        scope: settings.scope.clone(),
        profile: None,
        initiator: peer::this_user(),
        master,
        clock: &SystemClock,
        random: &SystemRandom,
    };
    foundation::found(store, founding).await?;
    Ok(())
}

/// A name for a CA of ours that no other has.
///
/// # Errors
/// The random source failed.
pub fn ca_name() -> anyhow::Result<String> {
    Ok(format!("Keyledger CA {}", random_suffix()?))
}

/// Eight hexadecimal digits that tell one CA or node from another.
fn random_suffix() -> anyhow::Result<String> {
    let mut bytes = [0; 4];
    SystemRandom.fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
