//! The connection of a session, and the runtime that moves it.
//!
//! The runtime runs only while something is waited for. What arrives in between is read then; that the other end is gone as well.

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Connection, SimpleQueryMessage, Socket};

use super::super::address::{Address, Place};
use super::super::error::ServerError;
use super::super::tls::Stream;

type Driver = Connection<Socket, Stream<Socket>>;

/// What every session is set to. A lock is not waited for without end, and a node that went away is noticed by the server: its transaction
/// ends, and its locks go. Every statement has one plan, by the index it was written for. What is answered as committed must be on disk, and on the disk of those the server waits for.
const SETTINGS: &str = "\
    SET standard_conforming_strings = on; \
    SET client_min_messages = warning; \
    SET default_transaction_isolation = 'read committed'; \
    SET idle_in_transaction_session_timeout = '60s'; \
    SET lock_timeout = '10s'; \
    SET jit = off; \
    SET plan_cache_mode = force_generic_plan; \
    SET max_parallel_workers_per_gather = 0; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write'); \
    SELECT set_config(known.name, wanted.value, false) FROM pg_settings AS known JOIN (VALUES \
        ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '10000'), \
        ('client_connection_check_interval', '5000'), ('idle_session_timeout', '0')) AS wanted (name, value) \
        ON wanted.name = known.name; \
    SELECT pg_backend_pid()";

/// What warns of a commit whose wait for standbys was ended: such warnings have no SQL state of their own.
const WAIT_ENDED: &str = "SyncRepWaitForLSN";

/// A connection that stands.
pub(super) struct Link {
    poller: Poller,
    client: Client,
    heard: Arc<Heard>,
    backend: i32,
}

/// What the server said without being asked.
#[derive(Default)]
struct Heard {
    /// Whether there was a notification since the last look.
    notice: AtomicBool,
    /// There is something to look at: a notification, or the end.
    news: Notify,
    /// Whether somebody ended the wait for standbys since that was last forgotten.
    is_unconfirmed: AtomicBool,
    end: Mutex<Option<ServerError>>,
}

impl Link {
    /// Connects, and sets the session up.
    pub(super) fn open(
        address: &Address,
        search_path: &str,
        name: &str,
    ) -> Result<Self, ServerError> {
        let poller = Poller::new()?;
        let (client, driver) = poller.run(first_open(address, name))?;
        let heard = Arc::new(Heard::default());
        poller.spawn(drive(driver, Arc::clone(&heard)));
        let path = search_path.replace('\'', "''");
        let sql = format!("SELECT set_config('search_path', '{path}', false); {SETTINGS}");
        let mut link = Self {
            poller,
            client,
            heard,
            backend: 0,
        };
        let asked = link.client.simple_query(&sql);
        let answer =
            link.run(async { tokio::time::timeout(address.connect_timeout(), asked).await });
        let answer = answer.map_err(|_| ServerError::unanswered())?;
        let answer = answer.map_err(|error| link.error(&error))?;
        let process = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        link.backend = process.ok_or_else(|| {
            ServerError::Settings("the database's server does not tell its process".to_owned())
        })?;
        Ok(link)
    }

    /// What is committed from now on counts.
    pub(super) fn begin_confirming(&self) {
        self.heard.is_unconfirmed.store(false, Ordering::Release);
    }

    /// Whether the server has said since that a commit may be on no standby, though they were to be waited for.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.heard.is_unconfirmed.load(Ordering::Acquire)
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn backend_pid(&self) -> i32 {
        self.backend
    }

    /// Waits for a future of the connection.
    pub(super) fn run<T: Send>(&self, job: impl Future<Output = T> + Send) -> T {
        self.poller.run(job)
    }

    /// A statement's error. Where the connection is gone, it is what the connection ended with.
    pub(super) fn error(&self, error: &tokio_postgres::Error) -> ServerError {
        if error.is_closed()
            && let Some(end) = &*self
                .heard
                .end
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        {
            return end.clone();
        }
        ServerError::of_statement(error)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.run(async {
            // Twice: once for what has arrived to be seen, once for it to be read.
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        });
        self.client.is_closed()
    }

    pub(super) fn wait_for_notice(&self, timeout: Duration) -> Result<bool, ServerError> {
        let (heard, client) = (&*self.heard, &self.client);
        let notice = async {
            while !heard.notice.swap(false, Ordering::AcqRel) && !client.is_closed() {
                heard.news.notified().await;
            }
        };
        let came = self.run(async { tokio::time::timeout(timeout, notice).await.is_ok() });
        if !self.client.is_closed() {
            return Ok(came);
        }
        let end = self
            .heard
            .end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Err(end.unwrap_or_else(closed))
    }
}

fn closed() -> ServerError {
    ServerError::Lost {
        state: None,
        words: "the server closed it".to_owned(),
    }
}

/// Moves the connection until it ends.
async fn drive(mut driver: Driver, heard: Arc<Heard>) {
    let end = loop {
        match poll_fn(|context| driver.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => {
                heard.notice.store(true, Ordering::Release);
                heard.news.notify_one();
            }
            Some(Ok(AsyncMessage::Notice(notice))) => {
                let words = notice.message();
                tracing::debug!(words, "The database's server gave a notice.");
                if notice.routine() == Some(WAIT_ENDED) {
                    heard.is_unconfirmed.store(true, Ordering::Release);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break ended(&error),
            None => break closed(),
        }
    };
    *heard.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    heard.news.notify_one();
}

fn ended(error: &tokio_postgres::Error) -> ServerError {
    if error.is_closed() {
        return closed();
    }
    ServerError::of_statement(error)
}

/// The first server that lets us in.
async fn first_open(address: &Address, name: &str) -> Result<(Client, Driver), ServerError> {
    let mut failures = Vec::new();
    for place in address.places() {
        match open(address, place, name).await {
            Ok(opened) => return Ok(opened),
            Err(error) => failures.push(error),
        }
    }
    Err(together(failures))
}

/// What a server refused is told before what could not be reached: only that is not over by itself.
fn together(failures: Vec<ServerError>) -> ServerError {
    let mut all = String::new();
    for failure in failures {
        let ServerError::Unreachable(words) = failure else {
            return failure;
        };
        let between = if all.is_empty() { "" } else { "; " };
        // Writing to a text does not fail.
        if write!(all, "{between}{words}").is_err() {
            break;
        }
    }
    ServerError::Unreachable(all)
}

async fn open(
    address: &Address,
    place: &Place,
    name: &str,
) -> Result<(Client, Driver), ServerError> {
    let Some((host, port)) = place.name() else {
        return open_at(address, place, None, name).await;
    };
    let (shown, limit) = (place.to_string(), address.connect_timeout());
    let found = tokio::time::timeout(limit, tokio::net::lookup_host((host, port))).await;
    let found = found
        .map_err(|_| {
            ServerError::unreachable_at(&shown, "its name could not be looked up in time")
        })?
        .map_err(|error| ServerError::unreachable_at(&shown, &error.to_string()))?;
    let mut last = None;
    for at in found {
        match open_at(address, place, Some(at.ip()), name).await {
            Ok(opened) => return Ok(opened),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| ServerError::unreachable_at(&shown, "its name has no address")))
}

async fn open_at(
    address: &Address,
    place: &Place,
    at: Option<IpAddr>,
    name: &str,
) -> Result<(Client, Driver), ServerError> {
    let (shown, limit) = (place.to_string(), address.connect_timeout());
    let config = address.config(place, at, name);
    match tokio::time::timeout(limit, config.connect(address.connector())).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(ServerError::of_host(&shown, &error)),
        Err(_) => {
            let words = format!("no answer within {} s", limit.as_secs());
            Err(ServerError::unreachable_at(&shown, &words))
        }
    }
}

/// A runtime of one thread: the one that waits.
pub(super) struct Poller(Option<Runtime>);

impl Poller {
    fn new() -> Result<Self, ServerError> {
        let built = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build();
        let failed =
            |error| ServerError::Settings(format!("no connection can be waited for: {error}"));
        built.map(Some).map(Self).map_err(failed)
    }

    fn runtime(&self) -> &Runtime {
        self.0
            .as_ref()
            .expect("the runtime is there until it is dropped")
    }

    fn spawn(&self, job: impl Future<Output = ()> + Send + 'static) {
        self.runtime().spawn(job);
    }

    /// Waits for a future. Inside another runtime a thread of its own does, for a runtime's thread must not wait.
    fn run<T: Send>(&self, job: impl Future<Output = T> + Send) -> T {
        let runtime = self.runtime();
        if Handle::try_current().is_err() {
            return runtime.block_on(job);
        }
        let joined = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(job)).join());
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Poller {
    /// Without waiting, which is not allowed everywhere. The connection closes.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
