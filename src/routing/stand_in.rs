//! What a node that is gone did not deliver: another one delivers it, from that node's trail and from where its targets are.
//!
//! Who does it holds that trail meanwhile, as its own node would: a lock of the session, which goes with it. So nobody else does it at the same
//! time, and the node, when it comes back, goes on from what is kept. It is done in short turns, between which the node may start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::supervisor::{Roster, Supervisor};
use crate::store::{Store, StoreError};

/// How often it is looked for nodes that are gone.
const LOOK: Duration = Duration::from_secs(5);
/// How long one turn takes: a node that starts waits for it.
const TURN: Duration = Duration::from_secs(5);
/// How often it is looked whether everything was delivered.
const STEP: Duration = Duration::from_millis(100);

/// The trails of other nodes, and who feeds the targets from them.
pub trait Leftovers: Send + Sync + 'static {
    /// Which targets there are.
    type Roster: Roster;

    /// The trail of the node of a number.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when somebody else is at it, and what keeps it from being opened.
    fn open(&self, node: u32) -> impl Future<Output = Result<Store, StoreError>> + Send;

    /// Who feeds the targets from it.
    fn supervisor(&self, store: &Store) -> Arc<Supervisor<Self::Roster>>;
}

/// Delivers what nodes have left that gave no sign of life for as long as `silent`, until `stopping` turns true.
pub async fn stand_in(
    store: Store,
    silent: Duration,
    leftovers: impl Leftovers,
    mut stopping: watch::Receiver<bool>,
) {
    if !store.is_shared() {
        return;
    }
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let left = store.left_undelivered(silent).await;
        let left = left.inspect_err(
            |error| tracing::debug!(%error, "What other nodes have left is not known now."),
        );
        let left = left.unwrap_or_default();
        told.retain(|node| left.contains(node));
        for node in left {
            if *stopping.borrow() {
                return;
            }
            match one_turn(node, &leftovers, &stopping, &mut told).await {
                Ok(()) | Err(StoreError::Busy) => {}
                Err(error) if told.insert(node) => {
                    tracing::warn!(node, %error, "What a node has left could not be delivered; it is tried again.");
                }
                Err(error) => {
                    tracing::debug!(node, %error, "What a node has left could still not be delivered.");
                }
            }
        }
    }
}

async fn one_turn(
    node: u32,
    leftovers: &impl Leftovers,
    stopping: &watch::Receiver<bool>,
    told: &mut BTreeSet<u32>,
) -> Result<(), StoreError> {
    let store = leftovers.open(node).await?;
    if told.insert(node) {
        tracing::warn!(
            node,
            "A node gives no sign of life; what it has left is delivered from here."
        );
    }
    let (stop, stopped) = watch::channel(false);
    let feeding = tokio::spawn(leftovers.supervisor(&store).run(stopped));
    let until = Instant::now() + TURN;
    let mut looked = Ok(false);
    while Instant::now() < until && !*stopping.borrow() && matches!(looked, Ok(false)) {
        tokio::time::sleep(STEP).await;
        looked = is_delivered(&store).await;
    }
    stop.send_replace(true);
    if feeding.await.is_err() {
        tracing::error!(node, "Delivering what a node has left failed.");
    }
    store.close().await;
    looked.map(|_| ())
}

/// Whether every target was given all of a trail.
async fn is_delivered(store: &Store) -> Result<bool, StoreError> {
    for target in store.targets_kept().await? {
        let cursor = store.cursor(target).await?;
        if cursor.is_some_and(|cursor| cursor.next < store.head()) {
            return Ok(false);
        }
    }
    Ok(true)
}
