//! `keyledger migrate`: the database of a directory moved from its file to a PostgreSQL server, or back.
//!
//! It is copied, every row of the copy is compared, and its trail is verified; only then the settings name the other one. The old one is kept and
//! is not started any more. A migration that was cut off, wherever, goes on when the command is given again.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::database::{self, Set, StoreArgs};
use super::reach::{self, Reach};
use super::report::{Report, fields, remark};
use super::{WrongUse, verify};
use crate::admin::lock::DirectoryLock;
use crate::admin::{Admin, peer};
use crate::audit::{Break, Verified};
use crate::config::draft::Draft;
use crate::config::file::Config;
use crate::config::settings::parse;
use crate::config::switch::with_store;
use crate::config::{Layout, Overrides, Settings};
use crate::crypto::SystemRandom;
use crate::domain::{Clock as _, SystemClock};
use crate::store::{
    Compared, Comparison, Migration, Progress, Sequence, Store, Unfinished, set_aside,
};

/// Where the database goes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it goes: `sqlite`, the file of this directory; `postgres`, with --store-url; or the URL itself, postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "ENGINE|URL")]
    to: String,
    /// Where it is, as a check: `sqlite`, `postgres` or the URL
    #[arg(long, value_name = "ENGINE|URL")]
    from: Option<String>,
    /// The empty PostgreSQL database that it goes to, as postgres://USER@HOST/DATABASE
    #[arg(long = "store-url", value_name = "URL")]
    url: Option<String>,
    /// The number of this node among those that may share it, 1 to 999 (default: 1)
    #[arg(long, alias = "store-node", value_name = "N")]
    node: Option<u32>,
    /// A file with the password of the database's user in one line, which only its owner may read
    #[arg(long = "store-password-file", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with the CAs, in PEM form, that the database's certificate is checked with (default: those of the system)
    #[arg(long = "store-ca-file", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// With --to sqlite: leave the trails of other nodes where they are. No node is started there any more
    #[arg(long)]
    leave_trails: bool,
}

/// What a place is called that is a file.
const FILE: &str = "sqlite";
const SERVER: &str = "postgres";
/// From one remark of how far it is to the next.
const PACE: Duration = Duration::from_secs(5);
const AGAIN: &str = "nothing was switched, and the database is used as before; once that is mended, give the same command again, and the migration goes on";
const SWITCHED: &str =
    "the settings name the new database, which is whole; give the same command again to finish";

/// A place as a flag names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File,
    /// A server, with its URL where that was given.
    Server(Option<String>),
}

/// What was moved, for the report.
struct Moved {
    tables: Vec<Compared>,
    verified: Verified,
}

/// Moves the database.
///
/// # Errors
/// It cannot be moved, was cut off, or the copy is not the same (a [`Break`]); nothing was switched then, unless the error says so.
pub async fn run(layout: &Layout, args: Args, report: &Report) -> anyhow::Result<()> {
    let to = Place::read("--to", &args.to)?;
    reach::check_database(layout)?;
    let _lock = DirectoryLock::acquire(&layout.lock())
        .context("a database is moved while no server runs on it")?;
    let settings = reach::settings(layout)?;
    check_from(&args, &settings)?;
    match (&settings.store.url, &to) {
        (None, Place::File) => nothing_to_do(&settings, report),
        (None, Place::Server(url)) => {
            let url = url.clone().or_else(|| args.url.clone()).ok_or_else(|| {
                WrongUse(
                    "--to postgres: name the database with --store-url, or give its URL as --to"
                        .to_owned(),
                )
            })?;
            to_server(&settings, &args, url, report).await
        }
        (Some(held), Place::Server(url)) => {
            if let Some(other) = url
                .as_ref()
                .or(args.url.as_ref())
                .filter(|url| *url != held)
            {
                let advice =
                    "a database goes from one server to another by the tools of PostgreSQL";
                return Err(
                    WrongUse(format!("--to {other}: the settings name {held}; {advice}")).into(),
                );
            }
            finish_server(&settings, report).await
        }
        (Some(_), Place::File) => to_file(&settings, &args, report).await,
    }
}

impl Place {
    fn read(flag: &str, text: &str) -> Result<Self, WrongUse> {
        match text {
            FILE => Ok(Self::File),
            SERVER => Ok(Self::Server(None)),
            url if url.contains("://") => Ok(Self::Server(Some(url.to_owned()))),
            _ => Err(WrongUse(format!(
                "{flag}: write {FILE}, {SERVER} or the URL of a PostgreSQL database"
            ))),
        }
    }
}

fn check_from(args: &Args, settings: &Settings) -> Result<(), WrongUse> {
    let held = &settings.store.url;
    let Some(from) = &args.from else {
        return Ok(());
    };
    // What has been switched already is on its way to where it goes.
    let is_finishing = Place::read("--to", &args.to)? != Place::File && held.is_some();
    let is_it = match Place::read("--from", from)? {
        Place::File => held.is_none() || is_finishing,
        Place::Server(None) => held.is_some() || args.to == FILE,
        Place::Server(url) => held.is_none() && args.to == FILE || url == *held,
    };
    if is_it {
        return Ok(());
    }
    let name = database::name(settings);
    Err(WrongUse(format!("--from {from}: the database is {name}")))
}

fn nothing_to_do(settings: &Settings, report: &Report) -> anyhow::Result<()> {
    let name = database::name(settings);
    let record = json!({ "database": name, "moved": false });
    report.record(&record, || {
        format!("the database is {name} already; there was nothing to do")
    })?;
    Ok(())
}

/// From the file to a server.
async fn to_server(
    settings: &Settings,
    args: &Args,
    url: String,
    report: &Report,
) -> anyhow::Result<()> {
    let layout = &settings.layout;
    if args.leave_trails {
        return Err(WrongUse("--leave-trails is for --to sqlite".to_owned()).into());
    }
    let (text, new) = switched(settings, &|config, set| {
        let (node, files) = (args.node.unwrap_or(1), (&args.password_file, &args.ca_file));
        let store = StoreArgs::of(url.clone(), node, files.0.clone(), files.1.clone());
        store.settle(&mut config.store, set)
    })?;
    let aside = aside(layout);
    if aside.symlink_metadata().is_ok() {
        bail!(
            "{} is there, from an earlier migration: move it away first, for the file goes to that name (nothing was changed)",
            aside.display()
        );
    }
    reach::check_schema(layout, &settings.store)?;
    let migration = Migration::to_server(&layout.database(), &new.store, SystemClock.now())?;
    let tables = copied(&migration)?;
    let store = migration.open(
        &layout.database(),
        &reach::store_config(Some(&new)),
        SystemClock.now_ms(),
    );
    let store = store.context(AGAIN)?;
    let verified = verified(&new, &store).await;
    store.close().await;
    let verified = verified?;
    let unfinished = migration.verified().context(AGAIN)?;
    write(layout, &text).context(AGAIN)?;
    finish(&new, unfinished).await.context(SWITCHED)?;
    let moved = Moved { tables, verified };
    say(settings, &new, Some(&moved), report)
}

/// What is left of a migration to the server that the settings name: the copy was verified.
async fn finish_server(settings: &Settings, report: &Report) -> anyhow::Result<()> {
    let Some(unfinished) = Unfinished::of(&settings.store)? else {
        return nothing_to_do(settings, report);
    };
    if !unfinished.is_verified() {
        bail!(
            "{} is not whole, and the settings name it: take url, node, password-file and ca-file out of [store] in {}, then give the command again",
            database::name(settings),
            settings.layout.config().display()
        );
    }
    let path = settings.layout.database();
    if path.exists() && !unfinished.is_of(&path)? {
        bail!(
            "{} has gone on since it was copied, and {} lacks that: take url, node, password-file and ca-file out of [store] in {}, then give the command \
             again, which makes the copy anew (nothing was changed)",
            path.display(),
            database::name(settings),
            settings.layout.config().display()
        );
    }
    finish(settings, unfinished).await.context(SWITCHED)?;
    say(settings, settings, None, report)
}

/// Puts the file aside and begins what is on the server.
async fn finish(settings: &Settings, unfinished: Unfinished) -> anyhow::Result<()> {
    let path = settings.layout.database();
    if path.exists() {
        set_aside(&path, &aside(&settings.layout), SystemClock.now())?;
    }
    let config = reach::store_config(Some(settings));
    let store = unfinished.open(&path, &config, SystemClock.now_ms())?;
    let name = database::name(settings);
    let recorded = record(settings, &store, (FILE, &name), unfinished.head()).await;
    store.close().await;
    recorded?;
    Ok(unfinished.finish()?)
}

/// From a server to the file.
async fn to_file(settings: &Settings, args: &Args, report: &Report) -> anyhow::Result<()> {
    let given = [
        ("--store-url", args.url.is_some()),
        ("--node", args.node.is_some()),
        ("--store-password-file", args.password_file.is_some()),
        ("--store-ca-file", args.ca_file.is_some()),
    ];
    if let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given) {
        return Err(WrongUse(format!(
            "{flag} is for --to postgres: the settings say where the database is"
        ))
        .into());
    }
    let layout = &settings.layout;
    let (text, new) = switched(settings, &|_, _| Ok(()))?;
    if went(settings)? {
        write(layout, &text)?;
        return say(settings, &new, None, report);
    }
    let path = layout.database();
    let now = SystemClock.now();
    let migration = Migration::to_file(&path, &settings.store, now, args.leave_trails)?;
    let tables = copied(&migration)?;
    let config = reach::store_config(Some(&new));
    let store = migration.open(&path, &config, SystemClock.now_ms());
    let store = store.context(AGAIN)?;
    let head = store.head();
    let name = database::name(settings);
    let done = match verified(&new, &store).await {
        Ok(verified) => {
            let recorded = record(&new, &store, (&name, FILE), head).await;
            recorded.map(|()| verified)
        }
        Err(error) => Err(error),
    };
    store.close().await;
    let verified = done?;
    migration
        .leave(&path)
        .context("the copy is whole and is not used yet; give the same command again to go on")?;
    write(layout, &text).context(SWITCHED)?;
    let moved = Moved { tables, verified };
    say(settings, &new, Some(&moved), report)
}

/// Whether the database is in the file already and only the settings do not say so.
fn went(settings: &Settings) -> anyhow::Result<bool> {
    let path = settings.layout.database();
    if !path.exists() {
        return Ok(false);
    }
    let unfinished = Unfinished::of(&settings.store)?;
    Ok(unfinished.is_some_and(|unfinished| unfinished.went_to(&path).unwrap_or(false)))
}

/// The text of the settings as `change` has it, and what it says.
fn switched(
    settings: &Settings,
    change: &dyn Fn(&mut Config, &mut Set) -> anyhow::Result<()>,
) -> anyhow::Result<(String, Settings)> {
    let file = settings.layout.config();
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let (mut config, mut set) = (Config::default(), Set::new());
    change(&mut config, &mut set)?;
    let new = with_store(&text, &set).map_err(|problem| {
        anyhow::anyhow!("{}: {problem}; write it as in the example, then give the command again (nothing was changed)", file.display())
    })?;
    let config = parse(&new).map_err(anyhow::Error::msg)?;
    let checked = Settings::check(&settings.layout, config, &Overrides::default());
    Ok((new, checked.map_err(|error| WrongUse(error.to_string()))?))
}

/// Has the settings say what is new, in one step.
fn write(layout: &Layout, text: &str) -> anyhow::Result<()> {
    // Where the name is a link, what it leads to is replaced.
    let file = fs::canonicalize(layout.config()).context("cannot find the settings")?;
    let mut draft = Draft::begin(&file, true, &SystemRandom)?;
    draft
        .write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(draft.finish()?)
}

/// Copies and compares.
fn copied(migration: &Migration) -> anyhow::Result<Vec<Compared>> {
    migration.copy(&mut pace("copied")).context(AGAIN)?;
    match migration.compare(&mut pace("compared")).context(AGAIN)? {
        Comparison::Same(tables) => Ok(tables),
        Comparison::Differs(what) => {
            let found = Break {
                sequence: None,
                what,
            };
            Err(anyhow::Error::from(found)
                .context("the copy is not the same; nothing was switched, and the same command makes it anew"))
        }
    }
}

/// Says how far it is, now and then.
fn pace(done: &'static str) -> impl FnMut(Progress) {
    let mut said = Instant::now();
    move |progress| {
        if said.elapsed() >= PACE {
            said = Instant::now();
            let Progress { table, rows } = progress;
            remark(&format!("{done}: {rows} rows of the table {table}"));
        }
    }
}

fn router(settings: &Settings, store: &Store) -> Admin {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let admin = Admin::new(store.clone(), clock, random, None, None);
    let admin = admin.with_destruction(Ok(settings.destruction.clone()));
    admin.with_global_scope(Ok(settings.scope.clone()))
}

/// Verifies the trail of the copy as `events verify` does.
async fn verified(settings: &Settings, store: &Store) -> anyhow::Result<Verified> {
    let mut reach = Reach::over(Arc::new(router(settings, store)));
    let verified = verify::trail(&mut reach, Vec::new(), None).await;
    reach.close().await;
    verified.context("the trail of the copy, which is that of the database, was not verified; nothing was switched")
}

/// Records the move, unless it was recorded before: the trail is longer then than what was copied.
async fn record(
    settings: &Settings,
    store: &Store,
    (from, to): (&str, &str),
    copied: Sequence,
) -> anyhow::Result<()> {
    if store.head() > copied {
        return Ok(());
    }
    let admin = router(settings, store);
    admin.go_on().await?;
    Ok(admin.record_move(peer::this_user(), from, to).await?)
}

/// What the file is called once the database is on a server.
fn aside(layout: &Layout) -> PathBuf {
    let mut name = layout.database().into_os_string();
    name.push(".migrated");
    PathBuf::from(name)
}

fn say(
    old: &Settings,
    new: &Settings,
    moved: Option<&Moved>,
    report: &Report,
) -> anyhow::Result<()> {
    let kept = match new.store.url {
        Some(_) => aside(&new.layout).display().to_string(),
        None => database::name(old),
    };
    let tables = moved.map(|moved| {
        let table = |one: &Compared| json!({ "table": one.table, "rows": one.rows, "sha256": hex::encode(one.sha256) });
        moved.tables.iter().map(table).collect::<Vec<_>>()
    });
    let rows = moved.map(|moved| moved.tables.iter().map(|one| one.rows).sum::<u64>());
    let events = moved.map(|moved| moved.verified.end);
    let root = moved.map(|moved| hex::encode(moved.verified.root));
    let database = database::name(new);
    let record = json!({ "moved": true, "database": database, "kept": kept, "tables": tables, "events": events, "root": root });
    report.record(&record, || {
        let rows = fields(&[
            ("database", Some(database.clone())),
            ("rows compared", rows.map(|rows| rows.to_string())),
            ("events verified", events.map(|events| events.to_string())),
            ("root of the trail", root.clone()),
            ("kept, unused", Some(kept.clone())),
        ]);
        format!("{rows}\n\nNext: `keyledger serve`. What is kept holds every key as it was: destroy it once the new one has a backup.")
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    fn args(words: &[&str]) -> Args {
        let line = ["keyledger", "migrate"].iter().chain(words);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Migrate(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn settings(url: Option<&str>) -> Settings {
        let mut config = Config::default();
        config.store.url = url.map(str::to_owned);
        Settings::check(&Layout::new("d"), config, &Overrides::default()).unwrap()
    }

    #[test]
    fn a_place_is_an_engine_or_a_url() {
        let url = "postgres://k@db/k";
        for (text, place) in [
            ("sqlite", Some(Place::File)),
            ("postgres", Some(Place::Server(None))),
            (url, Some(Place::Server(Some(url.to_owned())))),
            ("mysql", None),
            ("", None),
        ] {
            assert_eq!(Place::read("--to", text).ok(), place, "{text}");
        }
    }

    #[test]
    fn where_it_is_must_be_so_or_have_been_before_a_cut() {
        let url = "postgres://k@db/k";
        for (held, to, from, is_it) in [
            (None, "postgres", "sqlite", true),
            (None, url, "postgres", false),
            (None, "sqlite", "postgres", true),
            (None, "sqlite", url, true),
            (Some(url), "sqlite", "postgres", true),
            (Some(url), "sqlite", url, true),
            (Some(url), "sqlite", "postgres://k@db/other", false),
            (Some(url), "sqlite", "sqlite", false),
            (Some(url), "postgres", "sqlite", true),
        ] {
            let checked = check_from(&args(&["--to", to, "--from", from]), &settings(held));
            assert_eq!(checked.is_ok(), is_it, "{held:?} {to} {from}");
        }
    }
}
