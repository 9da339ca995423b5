//! What seals the trail, as others keep it here: the one thing that is written without an event of its own.
//!
//! A checkpoint that made an event would ask for the next checkpoint. What is kept here says nothing about keys and clients; it is
//! signed, and who verifies the trail needs no trust in it.

use super::engine::Connection;

use super::writer::Kept;
use super::{ApplyError, LastSealed, Room, SealedPage, Sequence, Store, StoreError, TrailKey, sql};
use crate::audit::Tree;
use crate::audit::proof::Node;
use crate::audit::tree::{Hash, Subtree};

/// Leaves read at once: a long read would keep the log from being reused.
const LEAVES_MAX: u64 = 5000;

/// What is kept.
#[derive(Debug, Clone)]
pub enum Seal {
    /// The key that signs checkpoints; there is one for each origin, for good.
    Key(TrailKey),
    /// A checkpoint: how many events it seals, and the signed note.
    Checkpoint(u64, String),
    /// Subtrees of the trail's tree, in place of wrong ones.
    Subtrees(Vec<Subtree>),
}

impl Store {
    /// The tree of the first `size` events, from what is kept of it.
    ///
    /// # Errors
    /// The database cannot be read, or a part of the trail is missing.
    pub async fn tree(&self, size: u64) -> Result<Tree, StoreError> {
        let tree = move |db: &Connection| sql::seal::tree(db, size);
        self.inner.readers.read(tree).await
    }

    /// A tree of the trail grown by the leaves that follow, to `size`, with the subtrees that they complete of which another hash is kept.
    ///
    /// # Errors
    /// The database cannot be read, or an event is missing.
    pub async fn grow(
        &self,
        mut tree: Tree,
        size: u64,
    ) -> Result<(Tree, Vec<Subtree>), StoreError> {
        let mut wrong = Vec::new();
        while tree.size() < size {
            let end = size.min(tree.size().saturating_add(LEAVES_MAX));
            let grow = move |db: &Connection| sql::seal::grow(db, tree, end);
            let (grown, more) = self.inner.readers.search(grow).await?;
            tree = grown;
            wrong.extend(more);
        }
        Ok((tree, wrong))
    }

    /// The tree of what comes before the first whole block of the trail that has its events: from what is kept of it, for retention took them.
    ///
    /// # Errors
    /// The database cannot be read, or a part of the tree is missing.
    pub async fn tree_of_removed(&self) -> Result<Tree, StoreError> {
        self.inner.readers.read(sql::seal::tree_of_removed).await
    }

    /// The hashes of nodes of the trail's tree, in their order; each is a node of the tree of some size up to the head.
    ///
    /// # Errors
    /// The database cannot be read, or a part of the trail is missing.
    pub async fn node_hashes(&self, nodes: Vec<Node>) -> Result<Vec<Hash>, StoreError> {
        let hashes = move |db: &Connection| {
            let hash = |node: &Node| sql::seal::node_hash(db, node);
            nodes.iter().map(hash).collect()
        };
        self.inner.readers.read(hashes).await
    }

    /// The key that signs the checkpoints of this origin.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn signing_key(&self) -> Result<Option<TrailKey>, StoreError> {
        let origin = self.origin().name;
        let key = move |db: &Connection| sql::seal::signing_key(db, &origin);
        self.inner.readers.read(key).await
    }

    /// The newest checkpoint that is kept of the current epoch.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        let origin = self.origin();
        let note = move |db: &Connection| sql::seal::checkpoint(db, &origin);
        self.inner.readers.read(note).await
    }

    /// The newest checkpoint of each earlier epoch that seals only events from before the next one began: what it seals is still here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn earlier_checkpoints(&self) -> Result<Vec<String>, StoreError> {
        let epochs = self.epochs();
        let epoch = self.origin().epoch;
        let read = move |db: &Connection| sql::seal::earlier_checkpoints(db, epoch);
        let kept = self.inner.readers.read(read).await?;
        let is_here = |of: u32, size: u64| {
            let mut later = epochs.all.iter().filter(|one| one.number > of);
            later.all(|one| size <= one.first.0)
        };
        let here = kept.into_iter().filter(|(of, size, _)| is_here(*of, *size));
        Ok(here.map(|(_, _, note)| note).collect())
    }

    /// What tells whether the trail goes on from what was sealed last.
    ///
    /// # Errors
    /// The database cannot be read, or what is kept beside it.
    pub async fn last_sealed(&self) -> Result<LastSealed, StoreError> {
        let file = self.inner.beside.clone();
        let read = move |db: &Connection| sql::seal::last_sealed(db, &file);
        self.inner.readers.read(read).await
    }

    /// Keeps a part of the seal. It is durable when this returns; a checkpoint also beside the database, first of all: the file may be
    /// ahead of the database and never behind.
    ///
    /// # Errors
    /// The store is closed, full or failed; nothing was written to the database.
    pub async fn keep(&self, seal: Seal) -> Result<(), ApplyError> {
        if let Seal::Checkpoint(_, note) = &seal {
            self.keep_beside(note.clone()).await?;
        }
        self.keep_part(Kept::Seal(self.origin(), seal)).await
    }

    async fn keep_beside(&self, note: String) -> Result<(), ApplyError> {
        if *self.inner.shared.room.borrow() != Room::Enough {
            return Err(ApplyError::StorageFull);
        }
        let file = self.inner.beside.clone();
        let written = tokio::task::spawn_blocking(move || file.write(&note)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| {
            let what = format!("the checkpoint beside it was not written: {error}");
            StoreError::File(what).into()
        })
    }

    /// Events from a sequence on as the trail is verified: all of them, at most `limit`, up to the first that cannot be read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sealed_events(
        &self,
        from: Sequence,
        limit: usize,
    ) -> Result<SealedPage, StoreError> {
        let (head, shared) = (self.head(), std::sync::Arc::clone(&self.inner.shared));
        let page = move |db: &Connection| sql::seal::page(db, from, head, limit, &shared.interned);
        self.inner.readers.read(page).await
    }
}
