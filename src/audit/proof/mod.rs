//! Proofs over the trail's tree (RFC 6962 §2.1.1 and §2.1.2): that an event is in it, that it is an earlier tree grown, and that a
//! contiguous range of events is in it.
//!
//! Here it is decided which nodes of the tree a proof is made of and what follows from their hashes; whoever keeps the tree gives them.
//! A node is named by the leaves below it. [`text`] writes proofs as documents.

pub mod text;

use std::ops::Range;

use super::tree::{Hash, split};
use crate::crypto::digest::{node_hash, sha256};

/// A node of a tree, by the leaves below it; never empty.
pub type Node = Range<u64>;

/// The most nodes of one proof that an event is included or a tree consistent: two for each level.
pub const NODES_MAX: usize = 128;

/// The nodes whose hashes prove that the leaf `index` is in the tree of `size` leaves, from the leaf's sibling up to the root's child.
/// None where it is not.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Node>> {
    let (mut first, mut end) = (0, size);
    let mut nodes = Vec::new();
    while end - first > 1 {
        let middle = first + split(end - first);
        if index < middle {
            nodes.push(middle..end);
            end = middle;
        } else {
            nodes.push(first..middle);
            first = middle;
        }
    }
    nodes.reverse();
    (index < size).then_some(nodes)
}

/// The root of the tree of `size` leaves in which `leaf` is the one of this index, by the hashes that [`inclusion`] names. None where
/// they are too few or too many.
#[must_use]
pub fn root_by_inclusion(leaf: Hash, index: u64, size: u64, hashes: &[Hash]) -> Option<Hash> {
    let nodes = inclusion(index, size)?;
    let join = |below: Hash, (node, hash): (&Node, &Hash)| {
        if node.start > index {
            node_hash(&below, hash)
        } else {
            node_hash(hash, &below)
        }
    };
    (nodes.len() == hashes.len()).then(|| nodes.iter().zip(hashes).fold(leaf, join))
}

/// The nodes whose hashes prove that the tree of `size` leaves is that of `old` leaves grown, in the order of RFC 6962 §2.1.2. None where
/// it is smaller; no node where nothing is to be proved, of an empty tree and of the same.
#[must_use]
pub fn consistency(old: u64, size: u64) -> Option<Vec<Node>> {
    if old > size {
        return None;
    }
    let (mut first, mut end) = (0, size);
    let mut nodes = Vec::new();
    if old == 0 {
        return Some(nodes);
    }
    while old < end {
        let middle = first + split(end - first);
        if old <= middle {
            nodes.push(middle..end);
            end = middle;
        } else {
            nodes.push(first..middle);
            first = middle;
        }
    }
    // A whole old tree is known by its root.
    if first > 0 {
        nodes.push(first..end);
    }
    nodes.reverse();
    Some(nodes)
}

/// Whether the tree of `new` (size and root) is that of `old` grown, by the hashes that [`consistency`] names.
#[must_use]
pub fn is_consistent(old: (u64, Hash), new: (u64, Hash), hashes: &[Hash]) -> bool {
    let Some(nodes) = consistency(old.0, new.0).filter(|nodes| nodes.len() == hashes.len()) else {
        return false;
    };
    if old.0 == 0 {
        return old.1 == sha256(&[]);
    }
    let mut parts = nodes.iter().zip(hashes);
    // Below the first node lies the right end of the old tree, unless all of that is one node.
    let is_whole = nodes.first().is_none_or(|node| node.start == old.0);
    let seed = if is_whole {
        Some(old.1)
    } else {
        parts.next().map(|(_, hash)| *hash)
    };
    let Some(seed) = seed else { return false };
    let join = |(before, after): (Hash, Hash), (node, hash): (&Node, &Hash)| {
        if node.start >= old.0 {
            (before, node_hash(&after, hash))
        } else {
            (node_hash(hash, &before), node_hash(hash, &after))
        }
    };
    parts.fold((seed, seed), join) == (old.1, new.1)
}

/// The nodes left and right of a range of leaves in the tree of `size` leaves, both from the left: with the leaves of the range their
/// hashes give the root, and no fewer do. What is left of it are always complete subtrees. None where the range is empty or not in the
/// tree.
#[must_use]
pub fn around(range: &Range<u64>, size: u64) -> Option<(Vec<Node>, Vec<Node>)> {
    if range.is_empty() || range.end > size {
        return None;
    }
    let (mut first, mut left) = (0, Vec::new());
    for level in (0..u64::BITS)
        .rev()
        .filter(|level| range.start >> level & 1 == 1)
    {
        left.push(first..first + (1 << level));
        first += 1 << level;
    }
    let (mut first, mut end, mut right) = (0, size, Vec::new());
    while range.end < end {
        let middle = first + split(end - first);
        if range.end <= middle {
            right.push(middle..end);
            end = middle;
        } else {
            first = middle;
        }
    }
    right.reverse();
    Some((left, right))
}

#[cfg(test)]
mod tests;
