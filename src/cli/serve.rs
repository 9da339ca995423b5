//! `keyledger serve`: opens everything, says where it listens, serves until it is told to stop.
//!
//! Everything that can be wrong is found before the first connection is taken, in an order that changes nothing: settings, lock, master
//! key, database, data keys, certificates, address. Standard output has the one line programs wait for, `listening on ADDRESS`; the
//! log goes to standard error.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::background::{Background, Beside};
use super::master::{self, PassphraseArgs};
use super::opening::{Opened, open};
use super::report::{self, Report};
use super::stop::{signals, told_to_stop};
use super::telemetry::Exporting;
use super::{
    administration, backup, confine, database, delivery, init, own, quickstart, telemetry,
};
use crate::admin::lock::{DirectoryLock, LockError};
use crate::admin::metrics::Counted;
use crate::admin::socket::{self, ControlSocket};
use crate::admin::{Admin, Founder};
use crate::config::{Layout, Overrides, Settings};
use crate::crypto::{Random as _, SystemRandom};
use crate::domain::{Clients, OwnCertificates, SystemClock, location};
use crate::ops::service::Parts;
use crate::ops::{Keyring, Service, Signer, epoch, seal};
use crate::providers::MasterKey;
use crate::routing::roster::StoreRoster;
use crate::routing::{Attachment, Progress, Supervisor};
use crate::server::identity::{Gatekeeper, OnSighting};
use crate::server::listener::Serving;
use crate::server::{self, Directory};
use crate::server::{Listener, descriptors, tls};
use crate::store::{LastSealed, Store};

/// Descriptors kept from connections: control connections, and files that the store and the commands open for a moment.
const DESCRIPTORS_KEPT: usize = socket::CONNECTIONS_MAX + 16;

/// Descriptors kept from connections for each target there may be: files, pipes to a program, connections.
const DESCRIPTORS_PER_TARGET: usize = 8;

/// How long a stop waits for an audit hook that is at an event.
const HOOK_STOP: Duration = Duration::from_secs(10);

/// Who signs the trail; none as long as the server is locked.
pub(super) type Signing = watch::Receiver<Option<Signer>>;

/// How to serve.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Make what is missing first, with a client `demo`, and say how to connect
    #[arg(long)]
    pub quickstart: bool,
    /// Check settings, keys, database and certificates, then end without listening
    #[arg(long, conflicts_with = "quickstart")]
    pub check: bool,
    /// Start locked: serve no keys until `keyledger unlock` gives the passphrase of the master key
    #[arg(long, conflicts_with = "quickstart")]
    pub locked: bool,
    /// Address and port KMIP is served on; port 0 takes a free one
    #[arg(long, env = "KEYLEDGER_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or a tracing filter
    #[arg(
        long,
        env = "KEYLEDGER_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,
    /// How the log is written
    #[arg(
        long,
        env = "KEYLEDGER_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Text
    )]
    pub log_format: LogFormat,
    #[command(flatten)]
    pub(super) passphrase: PassphraseArgs,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document a line
    Json,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// What is wrong and what to do; nothing was changed then.
pub async fn run(layout: &Layout, args: Args, _report: &Report) -> anyhow::Result<()> {
    run_with(layout, args, |_| Ok(None)).await
}

/// Serves as [`run`] does, with the audit hook that `attach` attaches to the store before the first connection is taken. For programs that
/// embed this crate.
///
/// The hook is stopped after the last connection; what it has not received by then is for its next attachment.
///
/// # Errors
/// Those of [`run`] and of `attach`.
pub async fn run_with_hook(
    layout: &Layout,
    args: Args,
    attach: impl FnOnce(&Store) -> anyhow::Result<Attachment>,
) -> anyhow::Result<()> {
    run_with(layout, args, |store| attach(store).map(Some)).await
}

async fn run_with(
    layout: &Layout,
    args: Args,
    attach: impl FnOnce(&Store) -> anyhow::Result<Option<Attachment>>,
) -> anyhow::Result<()> {
    start_log(&args.log, args.log_format)?;
    confine::refuse_missed(layout)?;
    let overrides = Overrides {
        listen: args.listen.clone(),
    };
    let lock = if args.quickstart {
        quickstart::prepare(layout, &args.passphrase).await?
    } else {
        None
    };
    let settings = Settings::load(layout, &overrides)?;
    if args.check {
        return check(&settings, &args);
    }
    seed_early();
    descriptors::raise_limit();
    // Held until the store is closed: whoever takes it next may open the database.
    let lock = lock.map_or_else(|| take_lock(layout), Ok)?;
    let opened = open(settings, &args).await?;
    let store = opened.store.clone();
    let instances = store.clients().instances();
    let theirs = instances.iter().map(|held| &*held.scope.location);
    say_where_no_events_are(std::iter::once(&*opened.settings.scope.location).chain(theirs));
    let served = match attach(&store) {
        Ok(hook) => {
            let hook_at = hook.as_ref().map(Attachment::progress);
            let served = serve(opened, args.quickstart, hook_at).await;
            stop_hook(hook).await;
            served
        }
        Err(error) => Err(error),
    };
    store.close().await;
    drop(lock);
    served
}

/// A hook that does not come back from an event keeps no server from stopping.
async fn stop_hook(hook: Option<Attachment>) {
    let Some(hook) = hook else { return };
    if tokio::time::timeout(HOOK_STOP, hook.stop()).await.is_err() {
        tracing::warn!("The audit hook is still at an event; the server stops without it.");
    }
}

/// Says in one line in which of these locations no events are generated, if in any.
fn say_where_no_events_are<'a>(locations: impl Iterator<Item = &'a str>) {
    let without: BTreeSet<_> = locations
        .filter(|name| !location::generates_events(name))
        .collect();
    if without.is_empty() {
        return;
    }
    let locations = without.into_iter().collect::<Vec<_>>().join(", ");
    tracing::warn!(locations, "{}", init::NO_EVENTS);
}

/// Draws the first random bytes beside the rest of the start: gathering entropy takes some 50 ms once, and the first client would wait
/// for it.
fn seed_early() {
    let seed = || {
        if SystemRandom.fill(&mut [0]).is_err() {
            tracing::error!("The source of random bytes failed.");
        }
    };
    let thread = std::thread::Builder::new().name("seed".to_owned());
    if let Err(error) = thread.spawn(seed) {
        tracing::debug!(%error, "The random source is seeded by its first user.");
    }
}

fn start_log(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    // The Kafka client logs what its target tells whoever feeds it, several lines each time.
    let filter = tracing_subscriber::EnvFilter::try_new(format!("rskafka=off,{filter}"))
        .map_err(|error| super::WrongUse(format!("--log {filter}: {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let log = log.with_target(false);
    let set = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // A test may have set one already.
    drop(set);
    Ok(())
}

fn take_lock(layout: &Layout) -> anyhow::Result<DirectoryLock> {
    let advice = "run `keyledger init` there, or `keyledger serve --quickstart`";
    database::require(layout, advice)?;
    Ok(DirectoryLock::acquire(&layout.lock())?)
}

/// `serve --check`: everything but listening. Changes nothing: an older database stays as it is.
fn check(settings: &Settings, args: &Args) -> anyhow::Result<()> {
    let layout = &settings.layout;
    say_where_no_events_are(std::iter::once(&*settings.scope.location));
    let lock = match take_lock(layout).map_err(|error| error.downcast::<LockError>()) {
        Ok(lock) => Some(lock),
        Err(Ok(LockError::Held { .. })) => None,
        Err(Ok(error)) => return Err(error.into()),
        Err(Err(error)) => return Err(error),
    };
    master::check_provider(settings)?;
    let master = if master::starts_locked(settings, args.locked, &args.passphrase)? {
        None
    } else {
        Some(master::open(settings, &args.passphrase)?.custody)
    };
    let own = own::held(layout)?;
    let nobody = Arc::new(Nobody(watch::Sender::new(0)));
    let gatekeeper = gatekeeper(nobody, settings, &own, Box::new(drop));
    tls::server_config(own::pair(layout)?, settings.tls_policy, gatekeeper)?;
    administration::own_pair(settings)?;
    telemetry::open(settings)?;
    let Some(_lock) = lock else {
        let text = "settings and keys are in order; the database was not opened, for another \
                    process has it";
        return Ok(report::line(text)?);
    };
    let Some(master) = master else {
        let found = Store::inspect(&layout.database(), &settings.store)?;
        master::locked(settings, &found)?;
        let text = "settings, database and certificates are in order; the master key was not opened, for the server starts locked";
        return Ok(report::line(text)?);
    };
    let found = master::inspect(settings, &*master)?;
    Keyring::of(&found.data_keys, &*master)?;
    if let Some((origin, key)) = &found.signing_key {
        seal::unwrap(origin, key, &*master)?;
    }
    let text = "settings, keys, database and certificates are in order";
    if found.is_older() {
        let (schema, newest) = (found.schema, found.newest);
        let older = format!("{text}; the next start brings schema {schema} to {newest}");
        return Ok(report::line(&older)?);
    }
    report::line(text)?;
    let sealed = Store::inspect_seal(&layout.database(), &settings.store)?;
    Ok(tell_of_epoch(&sealed)?)
}

/// Says in one line where the trail does not go on from what was sealed last, and what the next start does about it.
fn tell_of_epoch(sealed: &LastSealed) -> std::io::Result<()> {
    match epoch::interruption(sealed) {
        _ if !epoch::agrees_with_itself(sealed) => report::line(
            "the trail does not hold what its last checkpoint seals and is not signed: run `keyledger events verify`",
        ),
        Some(finding) => {
            let (found, next) = (finding.sentence(), epoch::next_epoch(sealed));
            report::line(&format!(
                "the next start begins epoch {next} of the trail: {found}"
            ))
        }
        None => Ok(()),
    }
}

/// A directory without clients, for certificates that are only looked at.
struct Nobody(watch::Sender<u64>);

impl Directory for Nobody {
    fn clients(&self) -> Arc<Clients> {
        Arc::default()
    }

    fn clients_changed(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

fn gatekeeper(
    directory: impl Directory,
    settings: &Settings,
    own: &OwnCertificates,
    on_sighting: OnSighting,
) -> Arc<Gatekeeper> {
    let authorities = own::ders(&own.authorities);
    let clock = Arc::new(SystemClock);
    let gatekeeper = Gatekeeper::new(directory, clock, authorities, on_sighting);
    let gatekeeper = gatekeeper.with_grace(settings.expired_client_grace_days);
    Arc::new(gatekeeper.refusing_lapsed_lists(settings.refuse_lapsed_revocation_lists))
}

/// Who lets clients in and has the service told whom it saw.
fn admission(opened: &Opened, service: &Arc<Service>) -> Arc<Gatekeeper> {
    let witness = Arc::clone(service);
    let on_sighting = Box::new(move |sighting| witness.sighted(sighting));
    let store = opened.store.clone();
    gatekeeper(store, &opened.settings, &opened.own, on_sighting)
}

async fn serve(
    opened: Opened,
    is_quickstart: bool,
    hook_at: Option<watch::Receiver<Progress>>,
) -> anyhow::Result<()> {
    let (service, exporting) = behaviour(&opened)?;
    let gatekeeper = admission(&opened, &service);
    let layout = &opened.settings.layout;
    let policy = opened.settings.tls_policy;
    let tls = tls::server_config(own::pair(layout)?, policy, Arc::clone(&gatekeeper))?;
    let presented = Arc::clone(tls.presented());
    let source = own::source(layout.clone(), presented, Arc::clone(&gatekeeper));
    let listener = Listener::bind(&opened.settings.listen.to_string()).await?;
    let address = listener.address();
    let master: Arc<dyn MasterKey> = Arc::clone(&opened.custodian.custody) as _;
    let deliveries = delivery::supervisor(&opened.store, &master, &opened.settings);
    let counted = Counted::of(&service, &gatekeeper);
    let admin = router(&opened, &service, address, &deliveries, counted);
    let admin = Arc::new(admin.with_own(opened.own.clone(), source));
    before_serving(&admin, opened.was_put_back).await?;
    let demo = if is_quickstart {
        Some(quickstart::demo(&opened.settings, Arc::clone(&admin)).await?)
    } else {
        None
    };
    let signer = admin.signer();
    let socket = ControlSocket::bind(&opened.settings.layout.socket())?;
    let (stop, stopping) = watch::channel(false);
    let (finish, finished) = oneshot::channel::<()>();
    let recorder = recorder(&service, finished);
    let beside = Beside {
        admin: Arc::clone(&admin),
        deliveries: Arc::clone(&deliveries),
        hook_at,
        exporting,
    };
    let background = Background::start(&opened, &service, beside, &stopping);
    let deliveries = tokio::spawn(deliveries.run(stopping.clone()));
    let api = administration::start(&opened.settings, &admin, tls.presented(), &stopping).await?;
    let control = tokio::spawn(socket.serve(admin, stopped(stopping.clone())));
    let limits = limits(&opened.settings);
    let serving = tokio::spawn(listener.run(
        Serving {
            tls,
            gatekeeper,
            service,
            limits,
        },
        stopping,
    ));
    let signal = signals().context("cannot wait for signals")?;
    if let Some(demo) = demo {
        let ca = opened.own.authorities.first();
        report::line(&quickstart::welcome(&opened.settings, address, ca, &demo))?;
    }
    report::line(&format!("listening on {address}"))?;
    tracing::info!(%address, directory = %opened.settings.layout.root().display(), "Serving KMIP.");
    told_to_stop(signal).await;
    stop.send_replace(true);
    serving.await.context("the listener failed")?;
    control.await.context("the control socket failed")?;
    api.await.context("the administration API failed")?;
    // Nobody shakes hands any more: what was counted last is recorded.
    drop(finish);
    recorder.await.context("recording refusals failed")?;
    background.ended().await?;
    deliveries.await.context("delivering events failed")?;
    seal_all(&opened.store, &signer).await;
    Ok(())
}

/// Files that somebody changed while no server ran are on the record before anybody is served, and in a database that was put back no recovery
/// window ends at once.
async fn before_serving(admin: &Admin, was_put_back: bool) -> anyhow::Result<()> {
    if let Err(error) = admin.note_own_certificates().await {
        tracing::error!(%error, "Whether the server's certificates are those of the last time is not known.");
    }
    if was_put_back {
        let postponed = admin.postpone_put_back().await;
        postponed.context("recovery windows of a database that was put back cannot begin anew")?;
    }
    Ok(())
}

/// The limits of the listener, with as many connections as there are descriptors for.
fn limits(settings: &Settings) -> server::Config {
    let mut limits = settings.limits.clone();
    let for_targets = settings.routing.targets_max * DESCRIPTORS_PER_TARGET;
    let for_api = settings.administration.config.connections_max;
    descriptors::fit(&mut limits, DESCRIPTORS_KEPT + for_targets + for_api);
    limits
}

/// Records what was sighted until it is told to finish, or whoever could tell it is gone.
fn recorder(service: &Arc<Service>, finished: oneshot::Receiver<()>) -> JoinHandle<()> {
    let service = Arc::clone(service);
    tokio::spawn(async move {
        let finished = async { drop(finished.await) };
        service.record_sightings(finished).await;
    })
}

/// The last checkpoint, when nothing is recorded any more: it seals every event.
async fn seal_all(store: &Store, signer: &Signing) {
    let sealer = signer.borrow().clone();
    if let Some(Ok(sealer)) = sealer
        && let Err(error) = sealer.checkpoint(store).await
    {
        tracing::error!(%error, "The trail could not be sealed by a last checkpoint.");
    }
}

/// The router of administrative requests, as this server runs it.
fn router(
    opened: &Opened,
    service: &Service,
    address: SocketAddr,
    deliveries: &Arc<Supervisor<StoreRoster>>,
    counted: Counted,
) -> Admin {
    let admin = Admin::new(
        opened.store.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
        None,
        Some(address.to_string()),
    );
    let founder = Founder {
        master: Arc::clone(&opened.custodian.custody) as _,
        scope: opened.settings.scope.clone(),
        keyring: Some(Arc::clone(&opened.keyring)),
    };
    let admin = admin.with_routing_limits(opened.settings.routing.clone());
    let administration = &opened.settings.administration.config;
    let admin = admin.with_quantities(administration.quantities());
    let admin = admin.with_files_beside(backup::reader(&opened.settings));
    let admin = admin.with_destruction(Ok(opened.settings.destruction.clone()));
    let admin = admin.with_grace(opened.settings.expired_client_grace_days);
    let admin = admin.with_reserved(opened.settings.layout.own_paths().into());
    let admin = admin.with_pending(Arc::clone(service.pending()));
    let admin = admin.with_custodian(opened.custodian.clone());
    let admin = admin.with_global_scope(Ok(opened.settings.scope.clone()));
    let admin = admin.with_signer(opened.signer.clone());
    let deliveries = Arc::clone(deliveries);
    let admin = admin.with_standings(Arc::new(move |target| deliveries.standing(target)));
    let admin = admin.with_spans(service.spans().clone());
    admin.with_counted(counted).with_founder(Ok(founder))
}

/// KMIP over what was opened, and the export of what is asked of it.
fn behaviour(opened: &Opened) -> anyhow::Result<(Arc<Service>, Option<Exporting>)> {
    let settings = &opened.settings;
    let (exporter, spans) = telemetry::open(settings)?.unzip();
    let service = Service::new(Parts {
        store: opened.store.clone(),
        keyring: Arc::clone(&opened.keyring),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        config: settings.kmip.clone(),
        limits: settings.limits.message(),
        answers: settings.limits.budget(),
        global_scope: Arc::new(settings.scope.global()),
        spans: spans.unwrap_or_default(),
    });
    Ok((service, telemetry::start(exporter)))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that whoever could stop us is gone: that is a stop too.
    drop(stopping.wait_for(|stop| *stop).await);
}
