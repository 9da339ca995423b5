//! The workers of all targets: started, exchanged and stopped as targets come, change and go.
//!
//! It knows which targets there are from a [`Roster`] and asks again whenever that moves; nobody restarts anything. What was kept of a target that
//! is gone is forgotten.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::retry::wait_after;
use super::standing::Standing;
use super::target::Deliver;
use super::worker::{Assignment, Means, Worker};
use crate::domain::TargetId;
use crate::store::{Delivered, Store, StoreError};

/// How long a worker may take to bring the batch in hand to its end. After that it is broken off, and the batch comes again.
const STOP: Duration = Duration::from_secs(10);

/// How long it waits before it starts again what has failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Which targets there are.
pub trait Roster: Send + Sync + 'static {
    /// What delivers to them.
    type Deliver: Deliver + Sync + 'static;

    /// Moves when there is another target, one less, or one that was changed.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Every target, with a number that is another one whenever the target was changed.
    fn targets(&self) -> Vec<(TargetId, u64)>;

    /// Gets ready to deliver to a target.
    ///
    /// # Errors
    /// Why nothing can be delivered to it for now, in one line without secrets. It is asked for again.
    fn assignment(
        &self,
        target: TargetId,
    ) -> impl Future<Output = Result<Assignment<Self::Deliver>, String>> + Send;
}

/// Runs the workers.
pub struct Supervisor<R> {
    store: Store,
    means: Means,
    roster: R,
    posts: Mutex<BTreeMap<TargetId, Post>>,
    /// A worker has ended, or who could not be fed may be by now.
    ended: Arc<Notify>,
}

/// Tells that a worker has ended, however it did.
struct Ended(Arc<Notify>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// A target and who feeds it.
struct Post {
    /// The number of the target as it was when this began.
    version: u64,
    standing: watch::Receiver<Standing>,
    /// None where the target cannot be fed.
    worker: Option<Running>,
}

impl Post {
    /// Why nobody feeds it, if nobody does.
    fn unfed(&self) -> Option<String> {
        let held = || self.standing.borrow().held.clone();
        self.worker.is_none().then(held).flatten()
    }

    /// Whether its worker has ended and nobody asked it to: it failed.
    fn has_ended(&self) -> bool {
        let worker = self.worker.as_ref();
        worker.is_some_and(|worker| worker.task.is_finished())
    }
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl<R: Roster> Supervisor<R> {
    /// Will feed the targets of a roster with the events of a store.
    #[must_use]
    pub fn new(store: &Store, means: Means, roster: R) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            means,
            roster,
            posts: Mutex::default(),
            ended: Arc::default(),
        })
    }

    /// How a target stands, if it is fed.
    #[must_use]
    pub fn standing(&self, target: TargetId) -> Option<Standing> {
        let posts = self.posts();
        posts
            .get(&target)
            .map(|post| post.standing.borrow().clone())
    }

    /// Has targets that could not be fed tried again soon.
    pub fn look_again(&self) {
        self.ended.notify_one();
    }

    /// Feeds the targets until `stopping` turns true, and returns when every worker has ended: within a bound, whatever the targets do.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut changed = self.roster.changed();
        let (mut failing, mut tries) = (false, 0_u32);
        loop {
            changed.mark_unchanged();
            let reconciled = self.reconcile().await;
            if let Err(error) = &reconciled
                && !failing
            {
                tracing::error!(%error, "The targets could not be brought up to date; it is tried again.");
            }
            failing = reconciled.is_err();
            let some_unfed = reconciled.unwrap_or(false);
            tries = if some_unfed {
                tries.saturating_add(1)
            } else {
                0
            };
            let next_try = wait_after(tries, &*self.means.random);
            let again = async {
                if !failing {
                    tokio::select! {
                        () = self.ended.notified() => {}
                        () = tokio::time::sleep(next_try), if some_unfed => return,
                    }
                }
                tokio::time::sleep(AGAIN).await;
            };
            tokio::select! {
                biased;
                // Errors mean that whoever could stop us, or change targets, is gone.
                _ = stopping.wait_for(|stop| *stop) => break,
                there = changed.changed() => if there.is_err() { break },
                () = again => {}
            }
        }
        let posts = std::mem::take(&mut *self.posts());
        end(posts.into_values().collect()).await;
    }

    /// Starts who is missing, exchanges who is of yesterday or has ended by itself, stops who has nobody to feed. Says whether a target is left
    /// that nobody feeds.
    async fn reconcile(&self) -> Result<bool, StoreError> {
        let targets: BTreeMap<_, _> = self.roster.targets().into_iter().collect();
        let outdated = {
            let mut posts = self.posts();
            let is_outdated = |(target, post): &(&TargetId, &Post)| {
                targets.get(target) != Some(&post.version) || post.has_ended()
            };
            let outdated: Vec<_> = posts
                .iter()
                .filter(is_outdated)
                .map(|(target, _)| *target)
                .collect();
            outdated
                .into_iter()
                .filter_map(|target| posts.remove(&target))
                .collect()
        };
        end(outdated).await;
        for target in self.store.targets_kept().await? {
            if !targets.contains_key(&target) {
                // What is not forgotten now is when targets change the next time.
                let forgotten = self
                    .store
                    .keep_delivered(target, Delivered::Forgotten)
                    .await;
                drop(forgotten.inspect_err(
                    |error| tracing::debug!(%error, "A target that is gone was not forgotten."),
                ));
            }
        }
        let mut some_unfed = false;
        for (target, version) in targets {
            let unfed = match self.posts().get(&target) {
                Some(post) if post.worker.is_some() => continue,
                Some(post) => post.unfed(),
                None => None,
            };
            let post = self.start(target, version, unfed).await?;
            some_unfed |= post.worker.is_none();
            self.posts().insert(target, post);
        }
        Ok(some_unfed)
    }

    /// Starts to feed a target; `unfed` is why nobody could the last time.
    async fn start(
        &self,
        target: TargetId,
        version: u64,
        unfed: Option<String>,
    ) -> Result<Post, StoreError> {
        self.begin(target).await?;
        let assignment = match self.roster.assignment(target).await {
            Ok(assignment) => assignment,
            Err(reason) => {
                if unfed.as_ref() != Some(&reason) {
                    tracing::error!(%target, reason, "Nothing is delivered to a target; it is tried again.");
                }
                return self.unfed(target, version, reason).await;
            }
        };
        let worker = Worker::new(&self.store, self.means.clone(), assignment).await?;
        let (stop, stopping) = watch::channel(false);
        let standing = worker.standing();
        let ended = Ended(Arc::clone(&self.ended));
        let task = tokio::spawn(async move {
            let _ended = ended;
            worker.run(stopping).await;
        });
        let worker = Some(Running { stop, task });
        Ok(Post {
            version,
            standing,
            worker,
        })
    }

    /// Keeps where a new target begins, in a database of several nodes: another one goes on from there where this one ends before it delivers
    /// anything, be it that nothing can be delivered to it here.
    async fn begin(&self, target: TargetId) -> Result<(), StoreError> {
        if !self.store.is_shared() || self.store.cursor(target).await?.is_some() {
            return Ok(());
        }
        let advanced = Delivered::Advanced {
            from: None,
            to: self.store.cursor_at_head(),
            parked: Vec::new(),
        };
        // What is not kept now is with the first batch.
        let kept = self.store.keep_delivered(target, advanced).await;
        drop(
            kept.inspect_err(
                |error| tracing::debug!(%error, "Where a target begins was not kept."),
            ),
        );
        Ok(())
    }

    /// A target that nothing can be delivered to.
    async fn unfed(
        &self,
        target: TargetId,
        version: u64,
        reason: String,
    ) -> Result<Post, StoreError> {
        let kept = self.store.cursor(target).await?;
        let standing = Standing {
            next: kept.map_or_else(|| self.store.head(), |kept| kept.next),
            held: Some(reason),
            ..Standing::default()
        };
        Ok(Post {
            version,
            standing: watch::Sender::new(standing).subscribe(),
            worker: None,
        })
    }

    fn posts(&self) -> std::sync::MutexGuard<'_, BTreeMap<TargetId, Post>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends workers, all at the same time.
async fn end(posts: Vec<Post>) {
    let workers: Vec<_> = posts.into_iter().filter_map(|post| post.worker).collect();
    for worker in &workers {
        worker.stop.send_replace(true);
    }
    let deadline = tokio::time::Instant::now() + STOP;
    for mut worker in workers {
        match tokio::time::timeout_at(deadline, &mut worker.task).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("A worker that delivers events failed."),
            Err(_) => {
                tracing::warn!("A target has not answered; the batch it has in hand comes again.");
                worker.task.abort();
            }
        }
    }
}
