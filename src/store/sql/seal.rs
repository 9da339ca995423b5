//! What seals the trail, in tables: kept subtrees, the signing key, the newest checkpoint; and the trail as it is verified.
//!
//! It hashes and signs no event and judges none: a trail that is damaged is told as it is.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::store::engine::{Connection, OptionalExtension as _, Row, params};

use super::retention;
use crate::audit::Checkpoint;
use crate::audit::proof::Node;
use crate::audit::record;
use crate::audit::tree::{Hash, KEPT_LEVELS, Subtree, Tree, parts};
use crate::crypto::{PublicKey, Wrapped};
use crate::store::beside::{Beside, BesideFile};
use crate::store::interned::Interned;
use crate::store::query::{SealedPage, StoredEvent, TrailKey};
use crate::store::{Epoch, LastSealed, Origin, Sequence, StoreError};

/// Keeps the subtrees that a transaction completed.
pub(in crate::store) fn keep_subtrees(
    db: &Connection,
    subtrees: &[Subtree],
) -> Result<(), StoreError> {
    let sql = "INSERT INTO subtree (level, idx, hash) VALUES (?1, ?2, ?3)
        ON CONFLICT (level, idx) DO UPDATE SET hash = excluded.hash";
    let mut statement = db.prepare_cached(sql)?;
    for Subtree { level, index, hash } in subtrees {
        statement.execute(params![level, index, hash])?;
    }
    Ok(())
}

/// The tree of the first `size` events.
///
/// # Errors
/// [`StoreError::Damaged`] when an event or a kept subtree of it is missing.
pub(in crate::store) fn tree(db: &Connection, size: u64) -> Result<Tree, StoreError> {
    subtree(db, &(0..size))
}

/// The hash of a node of the trail's tree, by the leaves below it.
///
/// # Errors
/// [`StoreError::Damaged`] when an event or a kept subtree of it is missing.
pub(in crate::store) fn node_hash(db: &Connection, node: &Node) -> Result<Hash, StoreError> {
    Ok(subtree(db, node)?.root())
}

/// The part of the trail's tree that has these leaves, as a tree of its own. They are those below one node: then what is kept of the
/// whole is kept of the part.
fn subtree(db: &Connection, leaves_below: &Node) -> Result<Tree, StoreError> {
    let (before, size) = (leaves_below.start, leaves_below.end - leaves_below.start);
    let mut tree = Tree::default();
    for (level, within) in parts(size) {
        let skipped = before >> level;
        push_kept(
            db,
            &mut tree,
            level,
            within.start + skipped..within.end + skipped,
        )?;
    }
    Ok(tree)
}

/// Appends to a tree what is kept of one level; of the lowest, the leaves, which are all of one block.
fn push_kept(
    db: &Connection,
    tree: &mut Tree,
    level: u32,
    indices: Range<u64>,
) -> Result<(), StoreError> {
    let mut completed = Vec::new();
    if level == 0 {
        let leaves = retention::leaves(db, &indices)?;
        let push = |leaf| tree.push(leaf, &mut completed);
        leaves.into_iter().for_each(push);
        return Ok(());
    }
    let kept =
        "SELECT idx, hash FROM subtree WHERE idx >= ?1 AND idx < ?2 AND level = ?3 ORDER BY idx";
    let mut statement = db.prepare_cached(kept)?;
    let mut rows = statement.query(params![indices.start, indices.end, level])?;
    for index in indices {
        let hash = rows.next()?.and_then(|row| hash_at(row, index));
        let hash = hash.ok_or_else(|| missing(level, index))?;
        tree.push_subtree(level, hash, &mut completed);
    }
    Ok(())
}

/// Keeps the subtrees that end after the event `from` and not after `to`, each from what is kept below it: what is kept of a trail that grows
/// while another part of it is missing. Those of which something is missing themselves are left out.
pub(in crate::store) fn keep_grown(db: &Connection, from: u64, to: u64) -> Result<(), StoreError> {
    for level in (KEPT_LEVELS..u64::BITS).step_by(KEPT_LEVELS as usize) {
        for index in from >> level..to >> level {
            keep_whole(db, level, index)?;
        }
    }
    Ok(())
}

/// Keeps anew what lies above these subtrees in a trail of `size` events.
pub(in crate::store) fn keep_above(
    db: &Connection,
    subtrees: &[Subtree],
    size: u64,
) -> Result<(), StoreError> {
    for level in (2 * KEPT_LEVELS..u64::BITS).step_by(KEPT_LEVELS as usize) {
        let below = subtrees.iter().filter(|subtree| subtree.level < level);
        let above: BTreeSet<u64> = below.map(|below| below.node().start >> level).collect();
        for index in above.into_iter().filter(|index| *index < size >> level) {
            keep_whole(db, level, index)?;
        }
    }
    Ok(())
}

/// Keeps a subtree from what is kept one level below it, where all of that is there.
fn keep_whole(db: &Connection, level: u32, index: u64) -> Result<(), StoreError> {
    let mut tree = Tree::default();
    let below = index << KEPT_LEVELS..(index + 1) << KEPT_LEVELS;
    match push_kept(db, &mut tree, level - KEPT_LEVELS, below) {
        Ok(()) => {
            let hash = tree.root();
            keep_subtrees(db, &[Subtree { level, index, hash }])
        }
        Err(StoreError::Damaged(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn hash_at(row: Row<'_>, index: u64) -> Option<Hash> {
    let found: u64 = row.get(0).ok()?;
    row.get(1).ok().filter(|_| found == index)
}

pub(super) fn missing(level: u32, index: u64) -> StoreError {
    StoreError::damaged(match level {
        0 => format!("event {index} of the trail is missing"),
        _ => {
            let Node { start, end } = index << level..(index + 1) << level;
            let last = end - 1;
            format!(
                "what is kept of the trail's tree lacks the hash of the events from {start} to {last}"
            )
        }
    })
}

/// Grows a tree of the trail by the leaves that follow, to `size`. Gives with it the subtrees that they complete of which another hash is kept,
/// or none.
///
/// # Errors
/// [`StoreError::Damaged`] when an event is missing.
pub(in crate::store) fn grow(
    db: &Connection,
    mut tree: Tree,
    size: u64,
) -> Result<(Tree, Vec<Subtree>), StoreError> {
    let sql =
        "SELECT sequence, leaf FROM event WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![tree.size(), size])?;
    let (mut completed, mut wrong) = (Vec::new(), Vec::new());
    while tree.size() < size {
        let leaf = rows.next()?.and_then(|row| hash_at(row, tree.size()));
        let leaf = leaf.ok_or_else(|| missing(0, tree.size()))?;
        tree.push(leaf, &mut completed);
        for subtree in completed.drain(..) {
            let kept = match node_hash(db, &subtree.node()) {
                Ok(kept) => Some(kept),
                Err(StoreError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            if kept != Some(subtree.hash) {
                wrong.push(subtree);
            }
        }
    }
    Ok((tree, wrong))
}

/// The tree of what comes before the first whole block that has its events: nothing, unless some were removed.
pub(in crate::store) fn tree_of_removed(db: &Connection) -> Result<Tree, StoreError> {
    let sql = "SELECT sequence FROM event ORDER BY sequence LIMIT 1";
    let first: Option<u64> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    tree(db, first.unwrap_or(0).next_multiple_of(1 << KEPT_LEVELS))
}

/// Keeps the subtrees of a trail that was written before they were kept. It stops where an event is missing: opening tells of that.
pub(in crate::store) fn keep_all_subtrees(db: &Connection) -> Result<(), StoreError> {
    let mut statement = db.prepare("SELECT sequence, leaf FROM event ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    let (mut tree, mut completed) = (Tree::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let Some(leaf) = hash_at(row, tree.size()) else {
            break;
        };
        tree.push(leaf, &mut completed);
        keep_subtrees(db, &completed)?;
        completed.clear();
    }
    Ok(())
}

/// The signing key of an origin.
pub(in crate::store) fn signing_key(
    db: &Connection,
    origin: &str,
) -> Result<Option<TrailKey>, StoreError> {
    let sql = "SELECT public, wrapped FROM signing_key WHERE origin = ?1";
    let key = db.query_row(sql, [origin], |row| {
        Ok(TrailKey {
            public: PublicKey::from_bytes(row.get(0)?),
            wrapped: Wrapped::from_bytes(row.get(1)?),
        })
    });
    Ok(key.optional()?)
}

/// Keeps the signing key of an origin, once.
pub(in crate::store) fn insert_signing_key(
    db: &Connection,
    origin: &str,
    key: &TrailKey,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO signing_key (origin, public, wrapped) VALUES (?1, ?2, ?3)";
    let (public, wrapped) = (key.public.as_bytes(), key.wrapped.as_bytes());
    db.execute(sql, params![origin, public, wrapped])?;
    Ok(())
}

/// The newest checkpoint of an epoch.
pub(in crate::store) fn checkpoint(
    db: &Connection,
    origin: &Origin,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT note FROM checkpoint WHERE epoch = ?1";
    let note = db.query_row(sql, [origin.epoch], |row| row.get(0));
    Ok(note.optional()?)
}

/// The newest checkpoint of each epoch before this one, and how many events it seals, the oldest first.
pub(in crate::store) fn earlier_checkpoints(
    db: &Connection,
    epoch: u32,
) -> Result<Vec<(u32, u64, String)>, StoreError> {
    let sql = "SELECT epoch, size, note FROM checkpoint WHERE epoch < ?1 ORDER BY epoch";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([epoch], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows)
}

/// How many events the newest checkpoint of an epoch seals.
pub(in crate::store) fn sealed(db: &Connection, epoch: u32) -> Result<u64, StoreError> {
    let sql = "SELECT size FROM checkpoint WHERE epoch = ?1";
    let size = db.query_row(sql, [epoch], |row| row.get(0)).optional()?;
    Ok(size.unwrap_or(0))
}

/// Keeps a checkpoint of `size` events, unless one of more is kept.
pub(in crate::store) fn keep_checkpoint(
    db: &Connection,
    origin: &Origin,
    size: u64,
    note: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO checkpoint (epoch, size, note) VALUES (?1, ?2, ?3) ON CONFLICT (epoch) \
               DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= checkpoint.size";
    db.execute(sql, params![origin.epoch, size, note])?;
    let sql = "INSERT INTO beside (epoch) VALUES (?1) ON CONFLICT DO NOTHING";
    db.execute(sql, [origin.epoch])?;
    Ok(())
}

/// Whether a checkpoint of this epoch was written to the file beside the database.
pub(in crate::store) fn is_kept_beside(
    db: &Connection,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let sql = "SELECT epoch FROM beside WHERE epoch = ?1";
    Ok(db.prepare(sql)?.exists([origin.epoch])?)
}

/// What tells whether the trail goes on from what was sealed last.
pub(in crate::store) fn last_sealed(
    db: &Connection,
    file: &BesideFile,
) -> Result<LastSealed, StoreError> {
    let epochs = super::epochs(db)?;
    let head = super::head(db, &epochs)?;
    let (epoch, name) = (epochs.of(head), epochs.name);
    let origin = Origin { name, epoch };
    let is_kept_beside = is_kept_beside(db, &origin)?;
    let beside = file.read(is_kept_beside).map_err(|error| {
        StoreError::File(format!("the checkpoint beside the database: {error}"))
    })?;
    let checkpoint = checkpoint(db, &origin)?;
    let root = |note: Option<&str>| match note.and_then(Checkpoint::unverified) {
        Some(sealed) if sealed.size <= head.0 => match tree(db, sealed.size) {
            Ok(tree) => Ok(Some(tree.root())),
            Err(StoreError::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        },
        Some(_) | None => Ok(None),
    };
    let note = match &beside {
        Beside::Note(note) => Some(note.as_str()),
        Beside::Nothing | Beside::Missing | Beside::Unreadable(_) => None,
    };
    Ok(LastSealed {
        head: head.0,
        key: signing_key(db, &origin.name)?.map(|key| key.public),
        checkpoint_root: root(checkpoint.as_deref())?,
        beside_root: root(note)?,
        was_sealed: is_kept_beside || checkpoint.is_some(),
        origin,
        checkpoint,
        beside,
        is_kept_beside,
    })
}

/// Begins an epoch whose first event is the one of this sequence.
pub(in crate::store) fn begin_epoch(
    db: &Connection,
    name: &str,
    epoch: Epoch,
    created: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO origin (epoch, name, first_sequence, created) VALUES (?1, ?2, ?3, ?4)";
    db.execute(sql, params![epoch.number, name, epoch.first.0, created])?;
    Ok(())
}

/// Events from a sequence on, all of them, up to the first that cannot be read.
pub(in crate::store) fn page(
    db: &Connection,
    from: Sequence,
    head: Sequence,
    limit: usize,
    interned: &Interned,
) -> Result<SealedPage, StoreError> {
    let sql = "SELECT sequence, record, leaf FROM event WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![from.0, head.0, limit])?;
    let mut page = SealedPage {
        events: Vec::new(),
        unreadable: None,
        head,
    };
    while let Some(row) = rows.next()? {
        let sequence = Sequence(row.get(0)?);
        let record = row.value(1)?.as_blob().unwrap_or_default();
        match (record::decode(record, interned), row.get(2)) {
            (Ok(event), Ok(leaf_hash)) => page.events.push(StoredEvent {
                sequence,
                leaf_hash,
                event: Arc::new(event),
            }),
            (Err(error), _) => {
                page.unreadable = Some((sequence, error.to_string()));
                break;
            }
            (_, Err(_)) => {
                page.unreadable = Some((sequence, "its hash is damaged".to_owned()));
                break;
            }
        }
    }
    Ok(page)
}
