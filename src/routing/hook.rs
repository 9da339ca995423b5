//! The audit hook: a program that embeds this crate receives each event once it is durable.
//!
//! In order, without gaps, from a sequence of its choosing, and never at the cost of a request: the hook runs on a thread of its own, behind
//! the writer, and may take as long as it likes. Within one attachment an event that was taken does not come again. What outlasts the
//! process is the program's to keep: the sequence to go on from.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::follower::{FollowError, Follower};
use super::retry::wait_after;
use crate::crypto::SystemRandom;
use crate::store::{Sequence, Store, StoreError, StoredEvent};

/// Events read at once: what a hook keeps in memory at most.
const PAGE: usize = 256;

/// Why a hook did not take an event.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// Receives each event after it is durable.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::{Sender, channel};
///
/// use keyledger::admin::foundation::{Founding, found};
/// use keyledger::crypto::SystemRandom;
/// use keyledger::domain::{Clock as _, Initiator, Scope, SystemClock};
/// use keyledger::providers::MasterKey as _;
/// use keyledger::providers::file::FileMasterKey;
/// use keyledger::routing::{AuditHook, HookError, attach};
/// use keyledger::store::{InitMeta, Sequence, Store, StoreConfig, StoredEvent};
///
/// /// Hands each event on as the bytes that are sealed in the trail.
/// struct Lines(Sender<(Sequence, Vec<u8>)>);
///
/// impl AuditHook for Lines {
///     fn receive(&mut self, event: &StoredEvent) -> Result<(), HookError> {
///         let mut json = Vec::new();
///         event.event.write_json(&mut json);
///         Ok(self.0.send((event.sequence, json))?)
///     }
/// }
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let directory = tempfile::tempdir()?;
/// # let master = FileMasterKey::create(&directory.path().join("master.key"), &SystemRandom)?;
/// # let (origin_name, master_key_check) = ("node".to_owned(), master.check_value());
/// # let meta = InitMeta { origin_name, master_key_check, created: SystemClock.now() };
/// # let config = StoreConfig { reserve_bytes: 0, ..StoreConfig::default() };
/// # let scope = Scope {
/// #     crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
/// #     account: Scope::DEFAULT_ACCOUNT.to_owned(),
/// #     location: Scope::DEFAULT_LOCATION.to_owned(),
/// #     instance: String::new(),
/// # };
/// let store = Store::create(&directory.path().join("keyledger.db"), &config, &meta)?;
/// let (sender, received) = channel();
/// let attachment = attach(&store, Sequence(0), Lines(sender))?;
///
/// // Something happens: an instance is made.
/// let initiator = Initiator::local_user(1000, "ada");
/// let (clock, random) = (&SystemClock, &SystemRandom);
/// found(&store, Founding { name: "default", scope, profile: None, initiator, master: &master, clock, random }).await?;
///
/// let (sequence, json) = received.recv()?;
/// assert_eq!(sequence, Sequence(0));
/// assert!(String::from_utf8(json)?.contains("vmware-solutions.service.create"));
///
/// // Where to attach the next time.
/// assert_eq!(attachment.stop().await, Sequence(1));
/// # store.close().await;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait AuditHook: Send + 'static {
    /// Receives the event that follows the one before. It may block: it has a thread of its own.
    ///
    /// # Errors
    /// The event was not taken. It comes again after a wait, and none after it before it was taken. A panic counts as an error; the hook is
    /// then called again as the panic left it.
    fn receive(&mut self, event: &StoredEvent) -> Result<(), HookError>;
}

impl<F> AuditHook for F
where
    F: FnMut(&StoredEvent) -> Result<(), HookError> + Send + 'static,
{
    fn receive(&mut self, event: &StoredEvent) -> Result<(), HookError> {
        self(event)
    }
}

/// How far a hook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The sequence of the first event that it has not taken.
    pub next: Sequence,
    /// Failures since the last event that it took.
    pub failures: u32,
    /// The latest failure; it stays when it is over.
    pub last_failure: Option<String>,
}

/// A hook that is attached. To drop it asks the hook to stop and does not wait for it.
#[derive(Debug)]
#[must_use = "dropped, it stops the hook"]
pub struct Attachment {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl Attachment {
    /// How far the hook is; moves with each event and each failure.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Stops the hook once it has returned from the event it is at, if any, and gives the sequence to attach from the next time. To be
    /// called before the store is closed.
    pub async fn stop(self) -> Sequence {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("The task that follows the trail for the audit hook failed.");
        }
        self.progress.borrow().next
    }
}

/// Has a hook receive every event of the store from this sequence on. Within a Tokio runtime with its timer.
///
/// # Errors
/// The sequence is beyond the end of the trail or was removed by retention, or no thread could be started.
pub fn attach(
    store: &Store,
    from: Sequence,
    hook: impl AuditHook,
) -> Result<Attachment, FollowError> {
    let follower = Follower::new(store, from)?;
    let (stop, stopping) = watch::channel(false);
    let (progress, seen) = watch::channel(Progress {
        next: from,
        failures: 0,
        last_failure: None,
    });
    let progress = Arc::new(progress);
    let (pages, received) = mpsc::channel(1);
    let receiver = Receiver {
        hook,
        progress: Arc::clone(&progress),
        stopping: stopping.clone(),
    };
    std::thread::Builder::new()
        .name("audit-hook".to_owned())
        .spawn(move || receiver.serve(received))?;
    let task = tokio::spawn(follow(follower, pages, progress, stopping));
    Ok(Attachment {
        stop,
        progress: seen,
        task,
    })
}

/// Events for the hook, and where to say what kept it from the first it did not take.
type Page = (Vec<StoredEvent>, oneshot::Sender<Option<String>>);

/// Reads page after page and waits after failures, until it is told to stop.
async fn follow(
    mut follower: Follower,
    pages: mpsc::Sender<Page>,
    progress: Arc<watch::Sender<Progress>>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let page = tokio::select! {
            biased;
            () = stopped(&mut stopping) => return,
            page = follower.page(PAGE) => page,
        };
        let failure = match page {
            Ok(events) => {
                let (reply, answer) = oneshot::channel();
                if pages.send((events, reply)).await.is_err() {
                    return;
                }
                let Ok(failure) = answer.await else { return };
                failure
            }
            Err(FollowError::Store(StoreError::Closed)) => return,
            Err(error) => Some(error.to_string()),
        };
        follower.advance(progress.borrow().next);
        let Some(failure) = failure else { continue };
        let failures = note_failure(&progress, &failure);
        tokio::select! {
            () = stopped(&mut stopping) => return,
            () = tokio::time::sleep(wait_after(failures, &SystemRandom)) => {}
        }
    }
}

/// Keeps a failure and says it once, however often the same event fails. Gives the number of failures in a row.
fn note_failure(progress: &watch::Sender<Progress>, failure: &str) -> u32 {
    let failure = failure.replace(['\n', '\r'], " ");
    let mut noted = (0, Sequence(0));
    progress.send_modify(|progress| {
        progress.failures = progress.failures.saturating_add(1);
        progress.last_failure = Some(failure.clone());
        noted = (progress.failures, progress.next);
    });
    let (failures, sequence) = noted;
    if failures == 1 {
        tracing::warn!(%sequence, failure, "The audit hook did not get past an event; it is tried again.");
    } else {
        tracing::debug!(%sequence, failure, failures, "The audit hook did not get past an event.");
    }
    failures
}

/// The hook on its thread.
struct Receiver<H> {
    hook: H,
    progress: Arc<watch::Sender<Progress>>,
    stopping: watch::Receiver<bool>,
}

impl<H: AuditHook> Receiver<H> {
    fn serve(mut self, mut pages: mpsc::Receiver<Page>) {
        while let Some((events, reply)) = pages.blocking_recv() {
            let failure = events.iter().try_for_each(|event| self.hand_over(event));
            // Who reads pages waits for the reply, unless the runtime has ended.
            drop(reply.send(failure.err()));
        }
    }

    /// Gives one event to the hook. One that comes after the stop is left for the next attachment.
    fn hand_over(&mut self, event: &StoredEvent) -> Result<(), String> {
        if *self.stopping.borrow() || self.stopping.has_changed().is_err() {
            return Ok(());
        }
        // A hook that panicked may be in a state of its own making: its documentation says so.
        match catch_unwind(AssertUnwindSafe(|| self.hook.receive(event))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(panic) => return Err(panic_text(&*panic)),
        }
        let next = event.sequence.plus(1);
        let was_failing = self.progress.borrow().failures > 0;
        self.progress.send_modify(|progress| {
            progress.next = next;
            progress.failures = 0;
        });
        if was_failing {
            tracing::info!(sequence = %event.sequence, "The audit hook goes on.");
        }
        Ok(())
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("no text"))
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the attachment was dropped: that is a stop too.
    drop(stopping.wait_for(|stop| *stop).await);
}
