//! The Merkle tree over the leaf hashes of a trail (RFC 6962 §2.1), as it grows.
//!
//! Of a tree of any size only the hashes of its largest complete subtrees are held, one for each bit that is set in its size: that is
//! enough to append and to know the root. Where hashes are kept is decided elsewhere. Signed state depends on it: a change here
//! invalidates every checkpoint.

use std::ops::Range;

use crate::crypto::digest::{node_hash, sha256};

/// Levels of the tree from one kept subtree to the next: 256 leaves, 65 536 and so on.
pub const KEPT_LEVELS: u32 = 8;

/// The hash of a subtree.
pub type Hash = [u8; 32];

/// A complete subtree worth keeping, so that the tree of an earlier size is known without all of its leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    /// It has 2^level leaves; a multiple of [`KEPT_LEVELS`].
    pub level: u32,
    /// How many of its level lie before it.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Subtree {
    /// The leaves below it.
    #[must_use]
    pub const fn node(&self) -> Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }
}

/// A tree that grows to the right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The hashes of the largest complete subtrees, from the left.
    subtrees: Vec<Hash>,
}

impl Tree {
    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. Subtrees that it completes and that are worth keeping are added to `completed`.
    pub fn push(&mut self, leaf: Hash, completed: &mut Vec<Subtree>) {
        self.push_subtree(0, leaf, completed);
    }

    /// Appends a whole subtree of 2^`level` leaves; the size must be a multiple of that, which the caller sees to.
    pub fn push_subtree(&mut self, level: u32, hash: Hash, completed: &mut Vec<Subtree>) {
        debug_assert_eq!(self.size.trailing_zeros().min(level), level);
        let (mut at, mut hash) = (level, hash);
        while self.size >> at & 1 == 1
            && let Some(left) = self.subtrees.pop()
        {
            hash = node_hash(&left, &hash);
            at += 1;
            if at.is_multiple_of(KEPT_LEVELS) {
                completed.push(Subtree {
                    level: at,
                    index: self.size >> at,
                    hash,
                });
            }
        }
        self.subtrees.push(hash);
        self.size += 1 << level;
    }

    /// The tree of `size` leaves whose largest complete subtrees have these hashes, from the left; none where they are of another number.
    #[must_use]
    pub fn of_subtrees(size: u64, subtrees: &[Hash]) -> Option<Self> {
        let wanted = usize::try_from(size.count_ones()).ok()?;
        (subtrees.len() == wanted).then(|| Self {
            size,
            subtrees: subtrees.to_vec(),
        })
    }

    /// The root; of an empty tree, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        joined(&self.subtrees)
    }

    /// The root of the tree of `size` leaves that this one is the left part of, by the hashes of what is right of it, from the left:
    /// those that `proof::around` names. None where they are too few or too many.
    #[must_use]
    pub fn root_with(&self, size: u64, right: &[Hash]) -> Option<Hash> {
        if self.size == 0 || self.size >= size {
            return (self.size == size && right.is_empty()).then(|| self.root());
        }
        let (mut left, mut right) = (self.subtrees.as_slice(), right.iter().rev());
        // What is joined on the way up, the lowest last; left ones are marked.
        let mut above = Vec::new();
        let (mut first, mut end) = (0, size);
        while self.size < end {
            let middle = first + split(end - first);
            if self.size <= middle {
                above.push((false, right.next()?));
                end = middle;
            } else {
                let (subtree, rest) = left.split_first()?;
                above.push((true, subtree));
                (left, first) = (rest, middle);
            }
        }
        let join = |below: Hash, (is_left, hash): (bool, &Hash)| match is_left {
            true => node_hash(hash, &below),
            false => node_hash(&below, hash),
        };
        let root = above.into_iter().rev().fold(joined(left), join);
        right.next().is_none().then_some(root)
    }
}

/// The root over subtrees from the left, each larger than the next.
fn joined(subtrees: &[Hash]) -> Hash {
    let mut from_the_right = subtrees.iter().rev();
    let Some(last) = from_the_right.next() else {
        return sha256(&[]);
    };
    from_the_right.fold(*last, |right, left| node_hash(left, &right))
}

/// How many of the leaves of a node lie below its left child: the largest power of two that is smaller than their number, of which there
/// are at least two.
#[must_use]
pub const fn split(leaves: u64) -> u64 {
    debug_assert!(leaves > 1);
    1 << (leaves - 1).ilog2()
}

/// What of a tree of `size` leaves is kept subtrees, from the left: each level with the first and the end of its indices. Level 0, the
/// leaves themselves, comes last.
pub fn parts(size: u64) -> impl Iterator<Item = (u32, Range<u64>)> {
    let levels = (0..u64::BITS / KEPT_LEVELS).rev();
    levels.filter_map(move |step| {
        let level = step * KEPT_LEVELS;
        let above = size.checked_shr(level + KEPT_LEVELS).unwrap_or(0);
        let range = above << KEPT_LEVELS..size >> level;
        (!range.is_empty()).then_some((level, range))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::leaf_hash;

    /// The leaves of the reference test of Certificate Transparency, and the roots of its trees of one to eight leaves.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaf(number: u64) -> Hash {
        leaf_hash(&number.to_be_bytes())
    }

    /// The root as RFC 6962 §2.1 defines it, by recursion over all leaves.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [only] => *only,
            several => {
                let (left, right) = several.split_at(several.len().next_power_of_two() / 2);
                node_hash(&defined(left), &defined(right))
            }
        }
    }

    #[test]
    fn roots_match_the_reference_test() {
        let mut tree = Tree::default();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(tree.root()), empty);
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            tree.push(leaf_hash(&hex::decode(leaf).unwrap()), &mut Vec::new());
            assert_eq!(hex::encode(tree.root()), root, "{} leaves", tree.size());
        }
    }

    #[test]
    fn every_size_has_the_root_of_the_definition() {
        let (mut tree, mut leaves) = (Tree::default(), Vec::new());
        for number in 0..600 {
            assert_eq!(tree.root(), defined(&leaves), "{number} leaves");
            tree.push(leaf(number), &mut Vec::new());
            leaves.push(leaf(number));
        }
    }

    #[test]
    fn a_tree_is_the_same_from_what_is_kept_of_it() {
        let (mut whole, mut kept) = (Tree::default(), Vec::new());
        for number in 0..70_000 {
            whole.push(leaf(number), &mut kept);
        }
        assert_eq!(kept.len(), 70_000 / 256 + 1);
        for size in [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000] {
            let mut again = Tree::default();
            for (level, indices) in parts(size) {
                for index in indices {
                    let of_kept = |one: &&Subtree| (one.level, one.index) == (level, index);
                    let hash = match level {
                        0 => leaf(index),
                        _ => kept.iter().find(of_kept).unwrap().hash,
                    };
                    again.push_subtree(level, hash, &mut Vec::new());
                }
            }
            assert_eq!(again.size(), size);
            let mut direct = Tree::default();
            (0..size).for_each(|number| direct.push(leaf(number), &mut Vec::new()));
            assert_eq!(again, direct, "{size} leaves");
        }
    }

    #[test]
    fn the_largest_size_has_parts_of_every_level() {
        assert_eq!(parts(u64::MAX).count(), 8);
        assert_eq!(parts(0).count(), 0);
    }
}
