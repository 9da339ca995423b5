//! The way to the router: through the control socket of the server that runs on the directory, or over the store itself when none does.
//!
//! Same router, same behaviour, same events: the initiator is the local user either way. While the command line has the store open it
//! holds the directory's lock, so that no server starts in between.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::backup;
use super::confine;
use super::database;
use super::master::{self, PassphraseArgs};
use super::own;
use crate::admin::error::ErrorKind;
use crate::admin::error::LOCKED;
use crate::admin::lock::{DirectoryLock, LockError};
use crate::admin::message::MasterKey;
use crate::admin::socket::{Connection, SocketError};
use crate::admin::{Admin, AdminError, Custodian, Founder, Request, Response, peer};
use crate::audit::Break;
use crate::config::{Layout, Overrides, Settings};
use crate::crypto::{RecipientKey, Secret, SystemRandom};
use crate::domain::{Clock as _, SystemClock};
use crate::ops::{Sealer, Signer};
use crate::providers::{self, KeyPlace, Provider};
use crate::store::{Store, StoreConfig};

/// How long to wait for another command, or for a server that is just starting.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The router, wherever it runs.
pub enum Reach {
    /// In a running server.
    Server(Box<Connection>),
    /// In this process.
    Local(Local),
}

/// What the router is reached for.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// Whatever it does.
    Any,
    /// What only reads.
    Look,
}

/// The router over the store, in this process.
pub struct Local {
    admin: Arc<Admin>,
    /// Whether the trail was found to go on, or a new epoch of it begun: before the first change.
    goes_on: bool,
    /// None where somebody else in this process holds it.
    _lock: Option<DirectoryLock>,
}

impl Reach {
    /// Reaches the router of `layout`.
    ///
    /// # Errors
    /// There is no database, or it is in use by a process that does not answer.
    pub async fn open(layout: &Layout) -> anyhow::Result<Self> {
        Self::reach(layout, None, Use::Any).await
    }

    /// The same for what only reads, before something is typed: who then changes something reaches it again. No connection is kept so long.
    ///
    /// # Errors
    /// Those of [`Reach::open`].
    pub async fn open_to_look(layout: &Layout) -> anyhow::Result<Self> {
        Self::reach(layout, None, Use::Look).await
    }

    /// Reaches the router of `layout` for what needs the master key: it is opened where no server runs.
    ///
    /// # Errors
    /// Those of [`Reach::open`], and the master key's.
    pub async fn open_with_master_key(
        layout: &Layout,
        passphrase: &PassphraseArgs,
    ) -> anyhow::Result<Self> {
        Self::reach(layout, Some(passphrase), Use::Any).await
    }

    /// Reaches the router of `layout` where no server runs and no master key is to be had, whatever the schema of the database.
    ///
    /// # Errors
    /// There is no database, or a process has it.
    pub async fn open_alone(layout: &Layout) -> anyhow::Result<Self> {
        check_database(layout)?;
        let lock = DirectoryLock::acquire(&layout.lock())
            .context("stop the server first: a master key is recovered where none runs")?;
        Self::local(layout, lock, None).await
    }

    /// Has a new master key take the place of a lost one: see [`Admin::recover`].
    ///
    /// # Errors
    /// Those of [`Admin::recover`], and a server that runs.
    pub async fn recover(
        &mut self,
        key: RecipientKey,
        place: &KeyPlace,
        new: (Provider, Option<Secret>),
    ) -> anyhow::Result<MasterKey> {
        let Self::Local(local) = self else {
            bail!("stop the server first: a master key is recovered where none runs");
        };
        local.admin.go_on().await?;
        let recovered = local
            .admin
            .recover(peer::this_user(), key, place, new)
            .await;
        Ok(recovered?)
    }

    async fn reach(
        layout: &Layout,
        passphrase: Option<&PassphraseArgs>,
        wanted: Use,
    ) -> anyhow::Result<Self> {
        if confine::is_missed(layout) {
            // What lies there is not connected to either.
            check_database(layout)?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let socket = layout.socket();
            let connection = match wanted {
                Use::Any => Connection::open(&socket).await?,
                Use::Look => Connection::open_to_look(&socket).await?,
            };
            if let Some(connection) = connection {
                return Ok(Self::Server(Box::new(connection)));
            }
            check_database(layout)?;
            match DirectoryLock::acquire(&layout.lock()) {
                Ok(lock) => return Self::local(layout, lock, passphrase).await,
                Err(LockError::Held { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn local(
        layout: &Layout,
        lock: DirectoryLock,
        passphrase: Option<&PassphraseArgs>,
    ) -> anyhow::Result<Self> {
        // A command works where the settings cannot be read, too.
        let settings = settings(layout);
        let config = store_config(settings.as_ref().ok());
        check_schema(layout, &config)?;
        if let Ok(settings) = &settings {
            // Also for who does not open it: a backup takes its file along.
            master::settle(settings)
                .context("a change of the master key was cut off, and cannot be finished")?;
        }
        let founded = passphrase.map(|passphrase| founder(layout, passphrase));
        let (founder, custodian) = founded.transpose()?.unzip();
        let store = Store::open(&layout.database(), &config, SystemClock.now_ms())?;
        let own = own::held(layout)?;
        if let Some(custodian) = &custodian {
            let recovery = store.master_key().recovery;
            let recipient = recovery.map(|key| key.recipient);
            custodian.custody.set_recovery(recipient);
        }
        let signer = match &founder {
            Some(founder) => Some(sealer(&store, &*founder.master).await),
            None => None,
        };
        let admin = Admin::new(
            store,
            Arc::new(SystemClock),
            Arc::new(SystemRandom),
            None,
            None,
        );
        let admin = admin.with_own(own, own::source_alone(layout.clone()));
        let admin = admin.with_reserved(layout.own_paths().into());
        let admin = match &settings {
            Ok(settings) => settled(admin, settings),
            Err(_) => admin,
        };
        let destruction = settings.as_ref().map(|held| held.destruction.clone());
        let destruction = destruction.map_err(|error| format!("{error:#}"));
        let admin = admin.with_destruction(destruction);
        let scope = settings.map(|settings| settings.scope);
        let admin = admin.with_global_scope(scope.map_err(|error| format!("{error:#}")));
        let admin = match (founder, signer) {
            (Some(founder), signer @ Some(_)) => {
                admin.with_founder(Ok(founder)).with_signer(signer)
            }
            _ => admin,
        };
        let admin = match custodian {
            Some(custodian) => admin.with_custodian(custodian),
            None => admin,
        };
        Ok(Self::Local(Local {
            admin: Arc::new(admin),
            goes_on: false,
            _lock: Some(lock),
        }))
    }

    /// The router that this process runs already.
    #[must_use]
    pub const fn over(admin: Arc<Admin>) -> Self {
        Self::Local(Local {
            admin,
            goes_on: true,
            _lock: None,
        })
    }

    /// Has one request carried out.
    ///
    /// # Errors
    /// The router refused it or could not be reached any more. A [`Break`]: it found that the trail is not what was sealed.
    pub async fn run(&mut self, request: Request) -> anyhow::Result<Response> {
        self.carry_out(request).await.map_err(as_break)
    }

    async fn carry_out(&mut self, request: Request) -> anyhow::Result<Response> {
        match self {
            Self::Server(connection) => Ok(connection.run(&request).await?),
            Self::Local(local) if !local.goes_on && !request.only_reads() => {
                if !matches!(request, Request::NewEpoch(_)) {
                    local.admin.go_on().await?;
                }
                local.goes_on = true;
                Ok(local.admin.run(peer::this_user(), request).await?)
            }
            Self::Local(local) => Ok(local.admin.run(peer::this_user(), request).await?),
        }
    }

    /// Refuses what is to change files and then asks, where the server would not know who does.
    ///
    /// # Errors
    /// It would not.
    pub fn refuse_unknown(&self) -> anyhow::Result<()> {
        match self {
            Self::Server(connection) => Ok(connection.refuse_unknown()?),
            Self::Local(_) => Ok(()),
        }
    }

    /// Ends it: a store that was opened for it is closed cleanly.
    pub async fn close(self) {
        if let Self::Local(Local {
            admin,
            _lock: Some(_lock),
            ..
        }) = self
        {
            admin.store().clone().close().await;
        }
    }
}

/// Whether an error is a refusal: then nothing was changed.
#[must_use]
pub fn is_refusal(error: &anyhow::Error) -> bool {
    refusal(error).is_some()
}

/// Whether an error says for certain that nothing was changed: the request was turned down, not lost, nor was its commit.
#[must_use]
pub fn changed_nothing(error: &anyhow::Error) -> bool {
    let is_known =
        |refused: &AdminError| refused.kind != ErrorKind::Unavailable || refused.code() == LOCKED;
    refusal(error).is_some_and(is_known)
}

/// The router with what it takes from the settings and needs no key for.
fn settled(admin: Admin, settings: &Settings) -> Admin {
    let admin = admin.with_files_beside(backup::reader(settings));
    let admin = admin.with_grace(settings.expired_client_grace_days);
    let admin = admin.with_quantities(settings.administration.config.quantities());
    admin.with_routing_limits(settings.routing.clone())
}

/// What the router said, if an error is a refusal.
#[must_use]
pub fn refusal(error: &anyhow::Error) -> Option<&AdminError> {
    match error.downcast_ref() {
        Some(SocketError::Refused(refused)) => Some(refused),
        _ => error.downcast_ref(),
    }
}

/// What the router found wrong with the trail is a break, as where it is found here.
fn as_break(error: anyhow::Error) -> anyhow::Error {
    match refusal(&error).filter(|refused| refused.is_break()) {
        Some(refused) => Break {
            sequence: None,
            what: refused.message.clone(),
        }
        .into(),
        None => error,
    }
}

/// How a command opens the store, which nobody else has.
pub(super) fn store_config(settings: Option<&Settings>) -> StoreConfig {
    let defaults = StoreConfig::default();
    let set = settings.map_or(&defaults, |settings| &settings.store);
    StoreConfig {
        readers: 1,
        cache_objects: 1000,
        url: set.url.clone(),
        node: set.node,
        password_file: set.password_file.clone(),
        ca_file: set.ca_file.clone(),
        reserve_bytes: set.reserve_bytes,
        ..StoreConfig::default()
    }
}

/// What instances are made with where no server runs.
fn founder(layout: &Layout, passphrase: &PassphraseArgs) -> anyhow::Result<(Founder, Custodian)> {
    let settings = settings(layout)?;
    let custodian = master::open(&settings, passphrase)?;
    let founder = Founder {
        master: Arc::clone(&custodian.custody) as _,
        scope: settings.scope,
        keyring: None,
    };
    Ok((founder, custodian))
}

/// Who signs the trail of a store, or why nobody can.
///
/// # Errors
/// Why, in one line.
pub async fn sealer(store: &Store, master: &dyn providers::MasterKey) -> Signer {
    let opened = Sealer::open(store, master, &SystemRandom).await;
    opened.map(Arc::new).map_err(|error| error.to_string())
}

/// A database is brought up to date only once its master key was compared, which most commands do not have.
///
/// # Errors
/// It is of an older release, or cannot be read.
pub(super) fn check_schema(layout: &Layout, config: &StoreConfig) -> anyhow::Result<()> {
    let found = Store::inspect(&layout.database(), config)?;
    if found.is_older() {
        bail!(
            "the database is of an older release (schema {}, this program's is {}); run `keyledger \
             serve` once, which brings it up to date (nothing was changed)",
            found.schema,
            found.newest
        );
    }
    Ok(())
}

/// The settings of a directory that has been initialised, without overrides.
///
/// # Errors
/// Those of [`Settings::load`].
pub fn settings(layout: &Layout) -> anyhow::Result<Settings> {
    Ok(Settings::load(layout, &Overrides::default())?)
}

/// Refuses a directory without a database.
///
/// # Errors
/// It is one.
pub(super) fn check_database(layout: &Layout) -> anyhow::Result<()> {
    let advice = "run `keyledger init` there, or name the right directory with --dir";
    database::require(layout, advice)?;
    confine::refuse_missed(layout)
}

/// An answer that does not fit the request: a server of another release.
#[must_use]
pub fn unexpected(response: &Response) -> anyhow::Error {
    let name = format!("{response:?}");
    let name: String = name
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    anyhow::anyhow!("the server's answer ({name}) does not fit; is it of another release?")
}
