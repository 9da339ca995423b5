//! The seal of the trail as an administrator asks for it: the newest checkpoint, the key, the events as they are verified.
//!
//! Nothing here judges the trail: whoever verifies it does so with what is handed over.

use super::message::{self, Response, SealedFrom, TreeHashes, TreeNodes};
use super::{Admin, AdminError};
use crate::audit::proof::{NODES_MAX, Node};
use crate::ops::verifier_key;
use crate::store::{Epoch, Sequence, StoreError};

/// The most events one page holds.
const PER_PAGE_MAX: usize = 1000;

/// Makes a checkpoint where there are events that none seals.
pub(super) async fn checkpoint(admin: &Admin) -> Result<Response, AdminError> {
    let sealer = admin.sealer()?;
    let made = sealer.checkpoint(&admin.store).await;
    made.map_err(|error| {
        if error.is_break() {
            AdminError::broken_trail(error.to_string())
        } else {
            AdminError::unavailable(error.to_string())
        }
    })?;
    seal(admin).await
}

/// What is kept of the seal.
pub(super) async fn seal(admin: &Admin) -> Result<Response, AdminError> {
    let (key, epochs) = (admin.store.signing_key().await?, admin.store.epochs());
    let first = admin.store.first().await?.0;
    let epoch = |one: &Epoch| message::Epoch {
        epoch: one.number,
        first: one.first.0,
    };
    Ok(Response::Seal(message::Seal {
        public_key: key.map(|key| verifier_key(&admin.store, &key.public).to_string()),
        checkpoint: admin.store.checkpoint().await?,
        earlier: admin.store.earlier_checkpoints().await?,
        origin: epochs.name.clone(),
        epochs: epochs.all.iter().map(epoch).collect(),
        first,
    }))
}

/// A page of the trail as it is verified.
pub(super) async fn events(admin: &Admin, request: SealedFrom) -> Result<Response, AdminError> {
    let limit = request.limit.clamp(1, PER_PAGE_MAX);
    let page = admin.store.sealed_events(Sequence(request.from), limit);
    let page = page.await?;
    let unreadable = page
        .unreadable
        .map(|(sequence, problem)| message::Unreadable {
            sequence: sequence.0,
            problem,
        });
    Ok(Response::SealedEvents(message::SealedEvents {
        events: page.events.iter().map(super::events::event).collect(),
        unreadable,
        head: page.head.0,
    }))
}

/// Hashes of the trail's tree.
pub(super) async fn tree_hashes(admin: &Admin, request: TreeNodes) -> Result<Response, AdminError> {
    let (nodes, head) = (request.nodes, admin.store.head().0);
    if nodes.len() > NODES_MAX {
        let problem = format!("nodes: at most {NODES_MAX} can be asked for at once");
        return Err(AdminError::invalid(problem));
    }
    if let Some(wrong) = nodes.iter().find(|node| !is_node(node) || node.end > head) {
        let (first, end) = (wrong.start, wrong.end);
        let problem = format!("nodes: {first} to {end} is no node of the tree of {head} events");
        return Err(AdminError::invalid(problem));
    }
    let hashes = admin.store.node_hashes(nodes).await;
    let hashes = hashes.map_err(|error| match error {
        StoreError::Damaged(what) => {
            AdminError::broken_trail(format!("the trail is damaged: {what}"))
        }
        error => error.into(),
    })?;
    let hashes = hashes.iter().map(hex::encode).collect();
    Ok(Response::TreeHashes(TreeHashes { hashes }))
}

/// Whether the leaves are those below one node of the tree of some size.
fn is_node(leaves: &Node) -> bool {
    let count = leaves.end.saturating_sub(leaves.start);
    let whole = count.checked_next_power_of_two();
    count > 0 && whole.is_some_and(|whole| leaves.start.is_multiple_of(whole))
}
